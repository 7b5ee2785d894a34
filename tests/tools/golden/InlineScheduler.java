// Runs what Kafka's log hands to the background (flush after a roll, deletion) at once, in the caller;
// periodic jobs never run.

import java.util.concurrent.Delayed;
import java.util.concurrent.FutureTask;
import java.util.concurrent.ScheduledFuture;
import java.util.concurrent.TimeUnit;
import org.apache.kafka.server.util.Scheduler;

final class InlineScheduler implements Scheduler {
  private static final class Job extends FutureTask<Void> implements ScheduledFuture<Void> {
    Job(Runnable task) {
      super(task, null);
    }

    @Override
    public long getDelay(TimeUnit unit) {
      return 0;
    }

    @Override
    public int compareTo(Delayed other) {
      return 0;
    }
  }

  @Override
  public void startup() {}

  @Override
  public void shutdown() {}

  @Override
  public ScheduledFuture<?> schedule(String name, Runnable task, long delayMs, long periodMs) {
    Job job = new Job(task);
    if (periodMs <= 0) job.run();
    return job;
  }

  @Override
  public void resizeThreadPool(int size) {}
}
