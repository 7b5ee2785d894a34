// Writes tests/golden/records: record batches made by Kafka's MemoryRecordsBuilder in every codec, with what
// Kafka itself reads back from them. The json line names the header fields as record batch format v2 does.
// Usage: java -cp <classes>:<jars of one release> GoldenRecords <release> <output folder>

import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Random;
import org.apache.kafka.common.compress.Compression;
import org.apache.kafka.common.header.Header;
import org.apache.kafka.common.header.internals.RecordHeader;
import org.apache.kafka.common.message.LeaderChangeMessage;
import org.apache.kafka.common.record.CompressionType;
import org.apache.kafka.common.record.ControlRecordType;
import org.apache.kafka.common.record.DefaultRecordBatch;
import org.apache.kafka.common.record.EndTransactionMarker;
import org.apache.kafka.common.record.MemoryRecords;
import org.apache.kafka.common.record.MemoryRecordsBuilder;
import org.apache.kafka.common.record.MutableRecordBatch;
import org.apache.kafka.common.record.Record;
import org.apache.kafka.common.record.RecordBatch;
import org.apache.kafka.common.record.SimpleRecord;
import org.apache.kafka.common.record.TimestampType;
import org.apache.kafka.common.utils.BufferSupplier;
import org.apache.kafka.common.utils.Utils;

public final class GoldenRecords {
  private static final long TIMESTAMP_MS = 1_700_000_000_123L;
  private static final int BUFFER_BYTES = 256 * 1024;
  private static final ObjectMapper MAPPER = new ObjectMapper();

  private final String release;
  private final Path folder;

  private GoldenRecords(String release, Path root) throws IOException {
    this.release = release;
    folder = Files.createDirectories(root.resolve("records"));
  }

  public static void main(String[] arguments) throws IOException {
    GoldenRecords golden = new GoldenRecords(arguments[0], Path.of(arguments[1]));
    for (CompressionType type : CompressionType.values()) golden.writeCodec(type);
    golden.write("gzip-level-9", simple(Compression.gzip().level(9).build(), 10));
    golden.write("lz4-level-17", simple(Compression.lz4().level(17).build(), 10));
    golden.write("zstd-level-19", simple(Compression.zstd().level(19).build(), 10));
    golden.writeControl();
    golden.writeUnusual();
    golden.writeCompacted();
  }

  private void writeCodec(CompressionType type) throws IOException {
    Compression codec = Compression.of(type).build();
    write(type.name + "-simple", simple(codec, 0));
    write(type.name + "-varied", varied(codec));
    write(type.name + "-log-append-time", logAppendTime(codec));
    write(type.name + "-idempotent", withProducer(codec, false, Integer.MAX_VALUE - 1));
    write(type.name + "-transactional", withProducer(codec, true, 17));
    if (type != CompressionType.NONE) write(type.name + "-long", longer(codec));
  }

  private static MemoryRecordsBuilder builder(Compression codec, TimestampType type, long offset) {
    long now = type == TimestampType.LOG_APPEND_TIME ? TIMESTAMP_MS + 999 : RecordBatch.NO_TIMESTAMP;
    return MemoryRecords.builder(
        ByteBuffer.allocate(BUFFER_BYTES), RecordBatch.CURRENT_MAGIC_VALUE, codec, type, offset, now, 7);
  }

  private static MemoryRecords simple(Compression codec, long offset) {
    MemoryRecordsBuilder builder = builder(codec, TimestampType.CREATE_TIME, offset);
    for (int i = 0; i < 3; i++) builder.append(TIMESTAMP_MS + i, bytes("key-" + i), bytes("value " + i));
    return builder.build();
  }

  /** Null and empty keys and values, headers of every kind, timestamps that go back, a high offset. */
  private static MemoryRecords varied(Compression codec) {
    MemoryRecordsBuilder builder = builder(codec, TimestampType.CREATE_TIME, 3_000_000_000_000L);
    Header plain = new RecordHeader("trace", bytes("0123456789"));
    Header nothing = new RecordHeader("null value", (byte[]) null);
    Header empty = new RecordHeader("", new byte[0]);
    Header foreign = new RecordHeader("schlüssel-日本-🦀", new byte[] {0, -1, 127, -128});
    builder.append(TIMESTAMP_MS, (byte[]) null, bytes("no key"));
    builder.append(TIMESTAMP_MS + 100_000, bytes("tombstone"), null);
    builder.append(TIMESTAMP_MS - 5, (byte[]) null, null, new Header[] {plain});
    builder.append(TIMESTAMP_MS, new byte[0], new byte[0], new Header[] {nothing, empty});
    builder.append(TIMESTAMP_MS + 1, bytes("k"), bytes("v"), new Header[] {plain, plain, foreign});
    builder.append(0, bytes("ж".repeat(40)), bytes("x".repeat(300)));
    return builder.build();
  }

  private static MemoryRecords logAppendTime(Compression codec) {
    MemoryRecordsBuilder builder = builder(codec, TimestampType.LOG_APPEND_TIME, 42);
    for (int i = 0; i < 3; i++) builder.append(TIMESTAMP_MS - 10 * i, bytes("key"), bytes("value " + i));
    return builder.build();
  }

  private static MemoryRecords withProducer(Compression codec, boolean transactional, int sequence) {
    SimpleRecord[] records = new SimpleRecord[4];
    for (int i = 0; i < records.length; i++) {
      records[i] = new SimpleRecord(TIMESTAMP_MS + i, bytes("k" + i), bytes("value " + i));
    }
    return transactional
        ? MemoryRecords.withTransactionalRecords(100, codec, 4001, (short) 5, sequence, 3, records)
        : MemoryRecords.withIdempotentRecords(100, codec, 4001, (short) 5, sequence, 3, records);
  }

  /** More than 64 KiB of records, so that every codec needs more than one of its blocks. */
  private static MemoryRecords longer(Compression codec) {
    Random random = new Random(4711);
    MemoryRecordsBuilder builder = builder(codec, TimestampType.CREATE_TIME, 1000);
    for (int i = 0; i < 70; i++) {
      byte[] noise = new byte[40];
      random.nextBytes(noise);
      byte[] value = new byte[1000];
      for (int at = 0; at < value.length; at++) value[at] = noise[(at * (1 + i % 7)) % 40];
      builder.append(TIMESTAMP_MS + i, bytes("key-" + i), value);
    }
    return builder.build();
  }

  private void writeControl() throws IOException {
    EndTransactionMarker commit = new EndTransactionMarker(ControlRecordType.COMMIT, 12);
    EndTransactionMarker abort = new EndTransactionMarker(ControlRecordType.ABORT, 0);
    long producer = 4001;
    write(
        "control-commit",
        MemoryRecords.withEndTransactionMarker(60, TIMESTAMP_MS, 3, producer, (short) 5, commit));
    write(
        "control-abort",
        MemoryRecords.withEndTransactionMarker(61, TIMESTAMP_MS, 3, producer, (short) 6, abort));
    LeaderChangeMessage leader = new LeaderChangeMessage().setLeaderId(2);
    ByteBuffer buffer = ByteBuffer.allocate(1024);
    write(
        "control-leader-change",
        MemoryRecords.withLeaderChangeMessage(0, TIMESTAMP_MS, 4, buffer, leader));
  }

  private void writeUnusual() throws IOException {
    Compression none = Compression.NONE;
    MemoryRecordsBuilder gaps = builder(none, TimestampType.CREATE_TIME, 500);
    gaps.appendWithOffset(500, TIMESTAMP_MS, bytes("a"), bytes("1"));
    gaps.appendWithOffset(507, TIMESTAMP_MS, bytes("b"), bytes("2"));
    gaps.appendWithOffset(100_000, TIMESTAMP_MS, bytes("c"), bytes("3"));
    write("offset-gaps", gaps.build());

    MemoryRecordsBuilder far = builder(none, TimestampType.CREATE_TIME, Long.MAX_VALUE - 10);
    far.append(0, bytes("a"), bytes("1"));
    far.append(Long.MAX_VALUE, bytes("b"), bytes("2"));
    write("far-ends", far.build());

    MemoryRecordsBuilder timeless = builder(none, TimestampType.CREATE_TIME, 0);
    timeless.append(RecordBatch.NO_TIMESTAMP, bytes("a"), bytes("1"));
    write("no-timestamp", timeless.build());

    ByteBuffer several = ByteBuffer.allocate(BUFFER_BYTES);
    long offset = 20;
    for (CompressionType type : CompressionType.values()) {
      several.put(simple(Compression.of(type).build(), offset).buffer());
      offset += 5;
    }
    write("several-batches", MemoryRecords.readableRecords(several.flip()));

    for (byte magic = 0; magic < 2; magic++) {
      MemoryRecordsBuilder old =
          MemoryRecords.builder(
              ByteBuffer.allocate(1024), magic, none, TimestampType.CREATE_TIME, 0);
      old.append(magic == 0 ? RecordBatch.NO_TIMESTAMP : TIMESTAMP_MS, bytes("key"), bytes("value"));
      write("old-magic-" + magic, old.build());
    }
  }

  /** What the log cleaner leaves behind: gaps, a delete horizon, a batch without records. */
  private void writeCompacted() throws IOException {
    ByteBuffer source = ByteBuffer.allocate(BUFFER_BYTES);
    source.put(varied(Compression.NONE).buffer());
    source.put(varied(Compression.lz4().build()).buffer());
    source.put(withProducer(Compression.NONE, false, 8).buffer());
    MemoryRecords records = MemoryRecords.readableRecords(source.flip());
    MemoryRecords.RecordFilter filter =
        new MemoryRecords.RecordFilter(TIMESTAMP_MS, 86_400_000) {
          @Override
          protected BatchRetentionResult checkBatchRetention(RecordBatch batch) {
            return new BatchRetentionResult(BatchRetention.RETAIN_EMPTY, batch.producerId() < 0);
          }

          @Override
          protected boolean shouldRetainRecord(RecordBatch batch, Record record) {
            return batch.producerId() < 0 && record.offset() % 2 == 1;
          }
        };
    ByteBuffer target = ByteBuffer.allocate(BUFFER_BYTES);
    records.filterTo(filter, target, BufferSupplier.NO_CACHING);
    write("compacted", MemoryRecords.readableRecords(target.flip()));
  }

  private void write(String name, MemoryRecords records) throws IOException {
    byte[] raw = Utils.toArray(records.buffer());
    ObjectNode root = MAPPER.createObjectNode();
    ArrayNode batches = root.putArray("batches");
    int position = 0;
    for (MutableRecordBatch batch : records.batches()) {
      batches.add(describe(batch, ByteBuffer.wrap(raw, position, batch.sizeInBytes()).slice()));
      position += batch.sizeInBytes();
    }
    if (position != raw.length) throw new IllegalStateException("bytes left over in " + name);
    String text = "# Apache Kafka " + release + ", record batches: " + name + "\n";
    text += "hex " + GoldenMessages.hex(raw) + "\njson " + MAPPER.writeValueAsString(root) + "\n";
    Files.writeString(folder.resolve(name + ".txt"), text);
  }

  static ObjectNode describe(RecordBatch batch, ByteBuffer raw) {
    ObjectNode node = MAPPER.createObjectNode();
    node.put("baseOffset", raw.getLong(0));
    node.put("batchLength", raw.getInt(8));
    node.put("magic", batch.magic());
    if (batch instanceof DefaultRecordBatch) {
      batch.ensureValid();
      node.put("partitionLeaderEpoch", batch.partitionLeaderEpoch());
      node.put("crc", batch.checksum());
      node.put("attributes", raw.getShort(21));
      node.put("compression", batch.compressionType().name);
      node.put("timestampType", batch.timestampType().name);
      node.put("transactional", batch.isTransactional());
      node.put("control", batch.isControlBatch());
      node.put("deleteHorizonMs", batch.deleteHorizonMs().isPresent() ? batch.deleteHorizonMs().getAsLong() : null);
      node.put("lastOffsetDelta", raw.getInt(23));
      node.put("baseTimestamp", raw.getLong(27));
      node.put("maxTimestamp", batch.maxTimestamp());
      node.put("producerId", batch.producerId());
      node.put("producerEpoch", batch.producerEpoch());
      node.put("baseSequence", batch.baseSequence());
      node.put("recordCount", batch.countOrNull());
      node.put("lastOffset", batch.lastOffset());
      node.put("lastSequence", batch.lastSequence());
    }
    ArrayNode list = node.putArray("records");
    for (Record record : batch) list.add(describe(record));
    return node;
  }

  private static ObjectNode describe(Record record) {
    ObjectNode node = MAPPER.createObjectNode();
    node.put("offset", record.offset());
    node.put("timestamp", record.timestamp());
    node.put("sequence", record.sequence());
    node.put("key", record.hasKey() ? Utils.toArray(record.key()) : null);
    node.put("value", record.hasValue() ? Utils.toArray(record.value()) : null);
    ArrayNode headers = node.putArray("headers");
    for (Header header : record.headers()) {
      headers.addObject().put("key", header.key()).put("value", header.value());
    }
    return node;
  }

  private static byte[] bytes(String text) {
    return text.getBytes(StandardCharsets.UTF_8);
  }
}
