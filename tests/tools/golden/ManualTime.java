// A clock that moves only when told to, so that nothing in the golden files depends on when they were made.

import java.util.function.Supplier;
import org.apache.kafka.common.utils.Time;

final class ManualTime implements Time {
  static final long START_MS = 1_700_000_000_123L;

  private long now = START_MS;

  void advance(long milliseconds) {
    now += milliseconds;
  }

  @Override
  public long milliseconds() {
    return now;
  }

  @Override
  public long nanoseconds() {
    return now * 1_000_000;
  }

  @Override
  public void sleep(long milliseconds) {
    advance(milliseconds);
  }

  @Override
  public void waitObject(Object object, Supplier<Boolean> condition, long deadlineMs) {
    throw new UnsupportedOperationException();
  }
}
