// The text that says what Kafka's classes find in a golden log directory: every batch, every index entry,
// producer states, aborted transactions, epochs, and the answers to some lookups.

import java.io.File;
import java.io.IOException;
import java.util.Arrays;
import java.util.Comparator;
import java.util.List;
import java.util.Map;
import kafka.log.UnifiedLog;
import org.apache.kafka.common.record.FileLogInputStream.FileChannelRecordBatch;
import org.apache.kafka.common.record.FileRecords;
import org.apache.kafka.common.record.FileRecords.TimestampAndOffset;
import org.apache.kafka.storage.internals.checkpoint.LeaderEpochCheckpointFile;
import org.apache.kafka.storage.internals.epoch.LeaderEpochFileCache;
import org.apache.kafka.storage.internals.log.AbortedTxn;
import org.apache.kafka.storage.internals.log.EpochEntry;
import org.apache.kafka.storage.internals.log.LogConfig;
import org.apache.kafka.storage.internals.log.LogDirFailureChannel;
import org.apache.kafka.storage.internals.log.OffsetIndex;
import org.apache.kafka.storage.internals.log.OffsetPosition;
import org.apache.kafka.storage.internals.log.ProducerStateEntry;
import org.apache.kafka.storage.internals.log.ProducerStateManager;
import org.apache.kafka.storage.internals.log.TimeIndex;
import org.apache.kafka.storage.internals.log.TimestampOffset;
import org.apache.kafka.storage.internals.log.TransactionIndex;
import scala.Option;

final class StorageListing {
  private StorageListing() {}

  /** The files of one partition; nothing may have them open. */
  static void files(File partition, LogConfig config, StringBuilder out) throws IOException {
    line(out, "partition", partition.getName());
    line(out, "config", config.segmentSize, config.maxIndexSize, config.indexInterval);
    LogDirFailureChannel failures = new LogDirFailureChannel(1);
    File epochs = LeaderEpochCheckpointFile.newFile(partition);
    for (EpochEntry entry : new LeaderEpochCheckpointFile(epochs, failures).read()) {
      line(out, "epoch", entry.epoch, entry.startOffset);
    }
    for (File file : sorted(partition)) {
      long base = base(file);
      if (file.getName().endsWith(".log")) batches(file, base, out);
      if (file.getName().endsWith(".index")) offsetIndex(file, base, out);
      if (file.getName().endsWith(".timeindex")) timeIndex(file, base, out);
      if (file.getName().endsWith(".txnindex")) aborted(file, base, out);
      if (file.getName().endsWith(".snapshot")) producers(file, base, out);
    }
  }

  private static void batches(File file, long base, StringBuilder out) throws IOException {
    line(out, "segment", base, file.length());
    try (FileRecords records = FileRecords.open(file, false)) {
      for (FileChannelRecordBatch batch : records.batches()) {
        batch.ensureValid();
        line(
            out,
            "batch",
            batch.position(),
            batch.sizeInBytes(),
            batch.baseOffset(),
            batch.lastOffset(),
            batch.partitionLeaderEpoch(),
            batch.maxTimestamp(),
            batch.compressionType().name);
      }
    }
  }

  private static void offsetIndex(File file, long base, StringBuilder out) throws IOException {
    if (file.length() == 0) return; // Kafka can't map an empty file; it has no entries
    OffsetIndex index = new OffsetIndex(file, base, -1, false);
    for (int i = 0; i < index.entries(); i++) {
      OffsetPosition entry = index.entry(i);
      line(out, "offset", base, entry.offset, entry.position);
    }
    index.closeHandler();
  }

  private static void timeIndex(File file, long base, StringBuilder out) throws IOException {
    if (file.length() == 0) return;
    TimeIndex index = new TimeIndex(file, base, -1, false);
    for (int i = 0; i < index.entries(); i++) {
      TimestampOffset entry = index.entry(i);
      line(out, "time", base, entry.timestamp, entry.offset);
    }
    index.closeHandler();
  }

  private static void aborted(File file, long base, StringBuilder out) throws IOException {
    TransactionIndex index = new TransactionIndex(base, file);
    for (AbortedTxn entry : index.allAbortedTxns()) {
      line(
          out,
          "aborted",
          base,
          entry.producerId(),
          entry.firstOffset(),
          entry.lastOffset(),
          entry.lastStableOffset());
    }
    index.close();
  }

  private static void producers(File file, long base, StringBuilder out) throws IOException {
    line(out, "snapshot", base, file.length());
    for (ProducerStateEntry entry : ProducerStateManager.readSnapshot(file)) {
      line(
          out,
          "producer",
          entry.producerId(),
          entry.producerEpoch(),
          entry.lastSeq(),
          entry.lastDataOffset(),
          entry.lastOffsetDelta(),
          entry.lastTimestamp(),
          entry.coordinatorEpoch(),
          entry.currentTxnFirstOffset().orElse(-1));
    }
  }

  /** What the open log answers; the timestamps are taken around every segment's largest one. */
  static void lookups(UnifiedLog log, StringBuilder out) throws IOException {
    line(out, "log", log.topicPartition(), log.logStartOffset(), log.logEndOffset());
    line(out, "last-stable", log.lastStableOffset());
    for (long special = -3; special <= -1; special++) find(log, special, out);
    for (var segment : log.logSegments()) {
      for (long step : new long[] {-3000, -1, 0, 1}) {
        find(log, segment.largestTimestamp() + step, out);
      }
    }
    if (log.leaderEpochCache().isEmpty()) return;
    LeaderEpochFileCache epochs = log.leaderEpochCache().get();
    for (int epoch = -1; epoch <= 8; epoch++) {
      Map.Entry<Integer, Long> end = epochs.endOffsetFor(epoch, log.logEndOffset());
      line(out, "epoch-end", epoch, end.getKey(), end.getValue());
    }
  }

  private static void find(UnifiedLog log, long timestamp, StringBuilder out) {
    Option<TimestampAndOffset> found = log.fetchOffsetByTimestamp(timestamp, Option.empty());
    if (found.isEmpty()) {
      line(out, "find", timestamp, "none");
    } else {
      line(out, "find", timestamp, found.get().offset, found.get().timestamp);
    }
  }

  private static List<File> sorted(File folder) {
    File[] files = folder.listFiles();
    Arrays.sort(files, Comparator.comparing(File::getName));
    return List.of(files);
  }

  private static long base(File file) {
    String name = file.getName().replaceAll("[.].*", "");
    return name.matches("[0-9]{20}") ? Long.parseLong(name) : -1;
  }

  private static void line(StringBuilder out, Object... words) {
    for (int i = 0; i < words.length; i++) out.append(i == 0 ? "" : " ").append(words[i]);
    out.append('\n');
  }
}
