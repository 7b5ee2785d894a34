// Values for the primitive types of Kafka's schemas, drawn from a generator seeded with a text.
// java.util.Random is specified bit for bit, so every JDK draws the same.

import java.nio.ByteBuffer;
import java.util.Random;
import org.apache.kafka.common.Uuid;
import org.apache.kafka.common.compress.Compression;
import org.apache.kafka.common.record.MemoryRecords;
import org.apache.kafka.common.record.SimpleRecord;

final class Values {
  private static final long TIMESTAMP_MS = 1_700_000_000_123L;
  private static final int LENGTHY = 16_400; // length + 1 takes three bytes as a varint
  private static final String[] WORDS = {
    "orders", "group-1", "client.id", "payments_eu", "a", "rack-b", "127.0.0.1", "SASL_SSL"
  };
  private static final String[] EXTREME_STRINGS = {
    "",
    "Ünïcødé-ж-日本語-🦀", // two, three and four bytes a character
    "quote\" backslash\\ slash/ tab\t line\n zero\u0000 bell\u0007 del\u007f sep\u2028",
    "x".repeat(126), // the longest whose compact length takes one byte
    "y".repeat(127), // the shortest whose compact length takes two
    "ж".repeat(100), // 200 bytes, 100 characters
  };

  private final Random random;

  Values(String seed) {
    long hash = 1125899906842597L;
    for (int i = 0; i < seed.length(); i++) hash = 31 * hash + seed.charAt(i);
    random = new Random(hash);
  }

  boolean chance(int oneIn) {
    return random.nextInt(oneIn) == 0;
  }

  int below(int limit) {
    return random.nextInt(limit);
  }

  /** @param setterType what the setter takes; null for the elements of an array of primitives */
  Object make(String type, Class<?> setterType, Plan.Kind kind) {
    boolean extreme = kind == Plan.Kind.extreme || (kind == Plan.Kind.mixed && chance(4));
    boolean small = kind == Plan.Kind.long_array;
    return switch (type) {
      case "bool" -> chance(2);
      case "int8" -> (byte) number(extreme, small, Byte.MIN_VALUE, Byte.MAX_VALUE);
      case "int16" -> (short) number(extreme, small, Short.MIN_VALUE, Short.MAX_VALUE);
      case "uint16" -> (int) number(extreme, small, 0, 65535);
      case "int32" -> (int) number(extreme, small, Integer.MIN_VALUE, Integer.MAX_VALUE);
      case "uint32" -> number(extreme, small, 0, 0xffffffffL);
      case "int64" -> number(extreme, small, Long.MIN_VALUE, Long.MAX_VALUE);
      case "float64" -> real(extreme);
      case "uuid" -> uuid(extreme);
      case "string" -> string(extreme, small);
      case "bytes" -> asBytes(bytes(extreme ? 200 : below(small ? 2 : 12)), setterType);
      case "records" -> records(extreme);
      default -> throw new IllegalStateException("type " + type);
    };
  }

  Object empty(String type) {
    return switch (type) {
      case "string" -> "";
      case "records" -> MemoryRecords.EMPTY;
      default -> throw new IllegalStateException("no empty value of type " + type);
    };
  }

  Object lengthy(String type, Class<?> setterType) {
    if (type.equals("string")) return "z".repeat(LENGTHY);
    return asBytes(bytes(LENGTHY), setterType);
  }

  private long number(boolean extreme, boolean small, long lowest, long highest) {
    if (small) return below(100);
    if (extreme) {
      long[] ends = {lowest, highest, lowest + 1, highest - 1, 0};
      return ends[below(ends.length)];
    }
    long drawn = random.nextLong();
    // Mostly few bits, sometimes all of them; folded into the range.
    drawn >>= below(4) == 0 ? 0 : 40 + below(20);
    if (lowest <= drawn && drawn <= highest) return drawn;
    return Math.floorMod(drawn, highest + 1);
  }

  private double real(boolean extreme) {
    double[] ends = {
      Double.MAX_VALUE, -Double.MAX_VALUE, Double.MIN_VALUE, -0.0, 0.0, 0.1, 1e21, 9007199254740993.0
    };
    return extreme ? ends[below(ends.length)] : (below(2_000_001) - 1_000_000) / 8.0;
  }

  private Uuid uuid(boolean extreme) {
    long[] ends = {0, -1, Long.MIN_VALUE, Long.MAX_VALUE};
    if (extreme) return new Uuid(ends[below(4)], ends[below(4)]);
    return new Uuid(random.nextLong(), random.nextLong());
  }

  private String string(boolean extreme, boolean small) {
    if (extreme) return EXTREME_STRINGS[below(EXTREME_STRINGS.length)];
    if (small) return Integer.toString(below(100));
    return WORDS[below(WORDS.length)] + (chance(2) ? "" : "-" + below(1000));
  }

  byte[] bytes(int length) {
    byte[] bytes = new byte[length];
    random.nextBytes(bytes);
    return bytes;
  }

  /** Kafka's classes hold a blob that is worth zero copy as a ByteBuffer, any other as an array. */
  private static Object asBytes(byte[] bytes, Class<?> setterType) {
    return setterType == ByteBuffer.class ? ByteBuffer.wrap(bytes) : bytes;
  }

  private MemoryRecords records(boolean extreme) {
    if (extreme || chance(4)) return MemoryRecords.EMPTY;
    SimpleRecord[] records = new SimpleRecord[1 + below(3)];
    for (int i = 0; i < records.length; i++) {
      byte[] key = chance(3) ? null : bytes(4);
      records[i] = new SimpleRecord(TIMESTAMP_MS + i, key, bytes(below(16)));
    }
    return MemoryRecords.withRecords(below(1000), Compression.NONE, below(5), records);
  }
}
