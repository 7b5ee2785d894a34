// Writes tests/golden/storage: three small log directories made by Kafka 3.9.1's own log classes.
//   closed/     stopped cleanly
//   crashed/    the same directory as it lay before the stop, with two torn tails
//   recovered/  crashed/ after Kafka loaded, recovered and cleanly closed it
// Usage: java -cp <classes>:<jars of Kafka 3.9.1 with the server> GoldenStorage <output folder>

import java.io.File;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Properties;
import java.util.stream.Stream;
import java.util.concurrent.ConcurrentHashMap;
import kafka.log.UnifiedLog;
import kafka.server.BrokerTopicStats;
import kafka.server.RequestLocal;
import kafka.server.checkpoints.OffsetCheckpointFile;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.Uuid;
import org.apache.kafka.common.compress.Compression;
import org.apache.kafka.common.record.CompressionType;
import org.apache.kafka.common.record.ControlRecordType;
import org.apache.kafka.common.record.EndTransactionMarker;
import org.apache.kafka.common.record.MemoryRecords;
import org.apache.kafka.common.record.SimpleRecord;
import org.apache.kafka.common.utils.Utils;
import org.apache.kafka.metadata.properties.MetaProperties;
import org.apache.kafka.metadata.properties.MetaPropertiesVersion;
import org.apache.kafka.metadata.properties.PropertiesUtils;
import org.apache.kafka.server.common.MetadataVersion;
import org.apache.kafka.storage.internals.checkpoint.CleanShutdownFileHandler;
import org.apache.kafka.storage.internals.log.AppendOrigin;
import org.apache.kafka.storage.internals.log.LogConfig;
import org.apache.kafka.storage.internals.log.LogDirFailureChannel;
import org.apache.kafka.storage.internals.log.LogOffsetsListener;
import org.apache.kafka.storage.internals.log.LogStartOffsetIncrementReason;
import org.apache.kafka.storage.internals.log.ProducerStateManagerConfig;
import org.apache.kafka.storage.internals.log.VerificationGuard;
import scala.Option;
import scala.jdk.javaapi.CollectionConverters;

public final class GoldenStorage {
  private static final long TIMESTAMP_MS = ManualTime.START_MS;
  private static final int PARTITIONS = 4;
  private static final int DAY_MS = 86_400_000;
  private static final String CLUSTER_ID = "Z29sZGVuLWNsdXN0ZXItMQ";
  private static final Uuid TOPIC_ID = new Uuid(0x0123456789abcdefL, 0xfedcba9876543210L);

  private final Path folder;
  private final LogDirFailureChannel failures = new LogDirFailureChannel(1);
  private final ManualTime time = new ManualTime();
  private final List<UnifiedLog> logs = new ArrayList<>();

  private GoldenStorage(Path folder) throws IOException {
    this.folder = Files.createDirectories(folder);
  }

  public static void main(String[] arguments) throws Exception {
    Path root = Path.of(arguments[0]);
    Path crashed = root.resolve("crashed");
    GoldenStorage closed = new GoldenStorage(root.resolve("closed"));
    closed.open(new long[PARTITIONS], new long[PARTITIONS], true);
    closed.fill();
    closed.writeCheckpoints();
    closed.writeMetaProperties();
    copy(closed.folder, crashed);
    closed.stop();
    tear(crashed);
    closed.forgetRecoveryPoint(crashed, 1);

    GoldenStorage recovered = new GoldenStorage(root.resolve("recovered"));
    copy(crashed, recovered.folder);
    recovered.open(
        recovered.read("recovery-point-offset-checkpoint"),
        recovered.read("log-start-offset-checkpoint"),
        false);
    long[] watermarks = recovered.read("replication-offset-checkpoint");
    for (int p = 0; p < PARTITIONS; p++) recovered.logs.get(p).updateHighWatermark(watermarks[p]);
    recovered.stop();
  }

  /** Small segments and a dense index, so that a few kilobytes show every rule. */
  static LogConfig config(int partition) {
    Properties properties = new Properties();
    properties.put("segment.bytes", "2000");
    properties.put("segment.index.bytes", "1024");
    properties.put("index.interval.bytes", "300");
    if (partition == 3) properties.put("message.timestamp.type", "LogAppendTime");
    return new LogConfig(properties);
  }

  private void open(long[] recoveryPoints, long[] starts, boolean clean) throws IOException {
    for (int p = 0; p < PARTITIONS; p++) {
      File directory = folder.resolve("golden-" + p).toFile();
      logs.add(
          UnifiedLog.apply(
              directory,
              config(p),
              starts[p],
              recoveryPoints[p],
              new InlineScheduler(),
              new BrokerTopicStats(false),
              time,
              DAY_MS,
              new ProducerStateManagerConfig(DAY_MS, false),
              DAY_MS,
              failures,
              clean,
              Option.apply(TOPIC_ID),
              true,
              new ConcurrentHashMap<>(),
              false,
              LogOffsetsListener.NO_OP_OFFSETS_LISTENER));
    }
  }

  private void fill() throws IOException {
    fillAsLeader(logs.get(0), 0);
    fillAsFollower(logs.get(1));
    fillWithTransactions(logs.get(2));
    fillAsLeader(logs.get(3), 3);
  }

  /** One batch per append, each codec in turn, leader epochs 0, 2 and 7, timestamps that also go back. */
  private void fillAsLeader(UnifiedLog log, int partition) {
    CompressionType[] codecs = CompressionType.values();
    for (int i = 0; i < 38; i++) {
      time.advance(1000);
      int epoch = i < 9 ? 0 : i < 20 ? 2 : 7;
      log.maybeAssignEpochStartOffset(epoch, log.logEndOffset());
      Compression codec = Compression.of(codecs[(i + partition) % codecs.length]).build();
      long timestamp = TIMESTAMP_MS + 1000 * i - (i % 4 == 3 ? 2500 : 0);
      append(log, MemoryRecords.withRecords(codec, records(1 + i % 4, 25 * i, timestamp)), epoch);
    }
  }

  /** Three batches per append as a follower gets them: epochs inside, offsets with gaps. */
  private void fillAsFollower(UnifiedLog log) {
    long offset = 5;
    for (int i = 0; i < 12; i++) {
      ByteBuffer buffer = ByteBuffer.allocate(4096);
      for (int b = 0; b < 3; b++) {
        SimpleRecord[] records = records(1 + b, 20 * i, TIMESTAMP_MS + 700 * i + 100 * (b % 2));
        buffer.put(MemoryRecords.withRecords(offset, Compression.NONE, i / 5, records).buffer());
        offset += records.length + (b == 1 ? 3 : 0);
      }
      log.appendAsFollower(MemoryRecords.readableRecords(buffer.flip()), i / 5);
    }
  }

  /** Producer 1000 commits, 1001 aborts, 1002 is idempotent only, 1003 stays open; start offset 12. */
  private void fillWithTransactions(UnifiedLog log) throws IOException {
    int[] sequences = new int[4];
    log.maybeAssignEpochStartOffset(1, 0);
    for (int i = 0; i < 24; i++) {
      int producer = i % 4;
      if (producer == 3 && i < 16) continue;
      SimpleRecord[] records = records(2, 60, TIMESTAMP_MS + 10 * i);
      long id = 1000 + producer;
      short epoch = (short) producer;
      int sequence = sequences[producer];
      sequences[producer] += records.length;
      Compression none = Compression.NONE;
      MemoryRecords batch =
          producer == 2
              ? MemoryRecords.withIdempotentRecords(none, id, epoch, sequence, records)
              : MemoryRecords.withTransactionalRecords(none, id, epoch, sequence, records);
      append(log, batch, 1);
      if (i % 8 == 4) endTransaction(log, 1000, (short) 0, ControlRecordType.COMMIT);
      if (i % 8 == 5) endTransaction(log, 1001, (short) 1, ControlRecordType.ABORT);
    }
    log.updateHighWatermark(log.logEndOffset());
    log.maybeIncrementLogStartOffset(12, LogStartOffsetIncrementReason.ClientRecordDeletion);
  }

  private static void append(UnifiedLog log, MemoryRecords records, int epoch) {
    append(log, records, epoch, AppendOrigin.CLIENT);
  }

  private static void append(UnifiedLog log, MemoryRecords records, int epoch, AppendOrigin origin) {
    MetadataVersion version = MetadataVersion.latestProduction();
    RequestLocal local = RequestLocal.NoCaching();
    log.appendAsLeader(records, epoch, origin, version, local, VerificationGuard.SENTINEL);
  }

  private static void endTransaction(
      UnifiedLog log, long producer, short epoch, ControlRecordType type) {
    EndTransactionMarker marker = new EndTransactionMarker(type, 9);
    MemoryRecords batch =
        MemoryRecords.withEndTransactionMarker(0, TIMESTAMP_MS + 5, 1, producer, epoch, marker);
    append(log, batch, 1, AppendOrigin.COORDINATOR);
  }

  private static SimpleRecord[] records(int count, int padding, long timestamp) {
    SimpleRecord[] records = new SimpleRecord[count];
    for (int i = 0; i < count; i++) {
      byte[] key = ("key-" + i).getBytes(StandardCharsets.UTF_8);
      byte[] value = ("v".repeat(padding % 90) + padding + "." + i).getBytes(StandardCharsets.UTF_8);
      records[i] = new SimpleRecord(timestamp + 7 * (count - i), key, value);
    }
    return records;
  }

  private void writeCheckpoints() throws IOException {
    Map<TopicPartition, Object> recoveryPoints = new LinkedHashMap<>();
    Map<TopicPartition, Object> starts = new LinkedHashMap<>();
    Map<TopicPartition, Object> watermarks = new LinkedHashMap<>();
    for (int p = 0; p < PARTITIONS; p++) {
      UnifiedLog log = logs.get(p);
      recoveryPoints.put(log.topicPartition(), log.recoveryPoint());
      watermarks.put(log.topicPartition(), log.highWatermark());
      long first = log.logSegments().iterator().next().baseOffset();
      if (log.logStartOffset() > first) starts.put(log.topicPartition(), log.logStartOffset());
    }
    write("recovery-point-offset-checkpoint", recoveryPoints);
    write("log-start-offset-checkpoint", starts);
    write("replication-offset-checkpoint", watermarks);
  }

  private void write(String name, Map<TopicPartition, Object> offsets) throws IOException {
    File file = folder.resolve(name).toFile();
    new OffsetCheckpointFile(file, failures).write(CollectionConverters.asScala(offsets));
  }

  private long[] read(String name) throws IOException {
    long[] offsets = new long[PARTITIONS];
    File file = folder.resolve(name).toFile();
    CollectionConverters.asJava(new OffsetCheckpointFile(file, failures).read())
        .forEach((partition, offset) -> offsets[partition.partition()] = (Long) offset);
    return offsets;
  }

  /** The date in the comment that java.util.Properties writes is replaced: it would change each time. */
  private void writeMetaProperties() throws IOException {
    MetaProperties properties =
        new MetaProperties.Builder()
            .setVersion(MetaPropertiesVersion.V0)
            .setClusterId(CLUSTER_ID)
            .setNodeId(7)
            .build();
    Path file = folder.resolve("meta.properties");
    PropertiesUtils.writePropertiesFile(properties.toProperties(), file.toString(), false);
    List<String> lines = new ArrayList<>();
    for (String line : Files.readAllLines(file)) {
      boolean date = line.startsWith("#") && line.length() > 1;
      lines.add(date ? "#Tue Nov 14 22:13:20 UTC 2023" : line);
    }
    Files.write(file, lines);
  }

  /** A clean stop in the order of Kafka's LogManager, with the listing of what then must be there. */
  private void stop() throws Exception {
    StringBuilder listing = new StringBuilder();
    StringBuilder lookups = new StringBuilder();
    for (UnifiedLog log : logs) {
      log.flush(true);
      StorageListing.lookups(log, lookups);
    }
    writeCheckpoints();
    for (UnifiedLog log : logs) log.close();
    new CleanShutdownFileHandler(folder.toString()).write(57);
    for (int p = 0; p < PARTITIONS; p++) {
      StorageListing.files(folder.resolve("golden-" + p).toFile(), config(p), listing);
    }
    String head = "# Apache Kafka 3.9.1's classes read this from " + folder.getFileName() + "\n";
    Files.writeString(folder.resolveSibling(folder.getFileName() + ".txt"), head + listing + lookups);
    if (failures.hasOfflineLogDir(folder.toString())) {
      throw new IOException("Kafka took " + folder + " offline");
    }
  }

  /** golden-0 ends in half a batch, golden-3 in a whole one with a wrong bit. */
  private static void tear(Path crashed) throws IOException {
    byte[] batch =
        Utils.toArray(
            MemoryRecords.withRecords(1000, Compression.NONE, 7, records(2, 30, TIMESTAMP_MS))
                .buffer());
    byte[] half = new byte[batch.length / 2];
    System.arraycopy(batch, 0, half, 0, half.length);
    Files.write(lastSegment(crashed.resolve("golden-0")), half, StandardOpenOption.APPEND);
    batch[batch.length - 3] ^= 1;
    Files.write(lastSegment(crashed.resolve("golden-3")), batch, StandardOpenOption.APPEND);
  }

  /** Makes Kafka recover every segment of the partition, not just the last one. */
  private void forgetRecoveryPoint(Path crashed, int partition) throws IOException {
    Path file = crashed.resolve("recovery-point-offset-checkpoint");
    OffsetCheckpointFile checkpoint = new OffsetCheckpointFile(file.toFile(), failures);
    Map<TopicPartition, Object> offsets =
        new LinkedHashMap<>(CollectionConverters.asJava(checkpoint.read()));
    offsets.put(new TopicPartition("golden", partition), 0L);
    checkpoint.write(CollectionConverters.asScala(offsets));
  }

  private static Path lastSegment(Path partition) throws IOException {
    try (Stream<Path> files = Files.list(partition)) {
      return files.filter(file -> file.toString().endsWith(".log")).sorted().reduce((a, b) -> b).get();
    }
  }

  private static void copy(Path from, Path to) throws IOException {
    try (Stream<Path> paths = Files.walk(from)) {
      for (Path path : paths.sorted().toList()) {
        Path target = to.resolve(from.relativize(path).toString());
        if (Files.isDirectory(path)) Files.createDirectories(target);
        else Files.copy(path, target);
      }
    }
  }
}
