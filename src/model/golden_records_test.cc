// Batches made by Apache Kafka's own classes (tests/golden/records, see the README there): our
// reading of them, written as Kafka's tool writes its own, must be the same text; they must pass
// our validation; and what we build from the records must be the same bytes.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <fstream>

#include "model/test_batches.h"

namespace gregor::model {
namespace {

using test::Bytes;

struct GoldenFile {
  std::string name;
  Bytes bytes;
  std::string json;
};

GoldenFile read_file(const std::filesystem::path& path) {
  GoldenFile golden{path.stem().string(), {}, {}};
  std::ifstream file(path);
  for (std::string line; std::getline(file, line);) {
    if (line.starts_with("hex ")) golden.bytes = test::from_hex(line.substr(4));
    if (line.starts_with("json ")) golden.json = line.substr(5);
  }
  return golden;
}

std::vector<GoldenFile> all_files() {
  std::vector<GoldenFile> files;
  const std::filesystem::path folder = GREGOR_SOURCE_DIR "/tests/golden/records";
  for (const auto& entry : std::filesystem::directory_iterator(folder)) {
    if (entry.path().extension() == ".txt") files.push_back(read_file(entry.path()));
  }
  std::sort(files.begin(), files.end(), [](auto& a, auto& b) { return a.name < b.name; });
  return files;
}

std::string base64(const std::optional<ByteView>& bytes) {
  if (!bytes) return "null";
  constexpr std::string_view alphabet =
      "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  std::string out = "\"";
  for (std::size_t i = 0; i < bytes->size(); i += 3) {
    const std::size_t size = std::min<std::size_t>(3, bytes->size() - i);
    unsigned group = 0;
    for (std::size_t j = 0; j < 3; ++j) {
      group = (group << 8) | (j < size ? std::to_integer<unsigned>((*bytes)[i + j]) : 0);
    }
    for (std::size_t j = 0; j < 4; ++j) {
      out += j <= size ? alphabet[(group >> (18 - 6 * j)) & 63] : '=';
    }
  }
  return out + '"';
}

std::int32_t sequence_at(const RecordBatchView& batch, std::int32_t delta) {
  if (batch.base_sequence() < 0) return -1;
  const auto sum = std::int64_t{batch.base_sequence()} + delta;
  return static_cast<std::int32_t>(sum & 0x7fffffff);
}

std::string json_of(const RecordBatchView& batch, const RecordView& record) {
  std::string headers;
  HeaderCursor cursor = record.headers();
  while (const auto header = cursor.next()) {
    headers += fmt::format(R"({}{{"key":"{}","value":{}}})", headers.empty() ? "" : ",",
                           header->key, base64(header->value));
  }
  return fmt::format(
      R"({{"offset":{},"timestamp":{},"sequence":{},"key":{},"value":{},"headers":[{}]}})",
      (batch.base_offset() + record.offset_delta()).value(),
      record_timestamp(batch, record).value(), sequence_at(batch, record.offset_delta()),
      base64(record.key()), base64(record.value()), headers);
}

std::string json_of(const RecordBatchView& batch) {
  const bool is_append_time = batch.timestamp_type() == TimestampType::log_append_time;
  std::string out = fmt::format(
      R"({{"baseOffset":{},"batchLength":{},"magic":{},"partitionLeaderEpoch":{},)"
      R"("crc":{},"attributes":{},)"
      R"("compression":"{}","timestampType":"{}","transactional":{},"control":{},)"
      R"("deleteHorizonMs":{},)",
      batch.base_offset().value(), batch.batch_length(), batch.magic(),
      batch.leader_epoch().value(), batch.crc(), batch.attributes(), codec_name(*batch.codec()),
      is_append_time ? "LogAppendTime" : "CreateTime", batch.is_transactional(), batch.is_control(),
      batch.has_delete_horizon() ? fmt::to_string(batch.base_timestamp().value()) : "null");
  out += fmt::format(
      R"("lastOffsetDelta":{},"baseTimestamp":{},"maxTimestamp":{},"producerId":{},)"
      R"("producerEpoch":{},)"
      R"("baseSequence":{},"recordCount":{},"lastOffset":{},"lastSequence":{},"records":[)",
      batch.last_offset_delta(), batch.base_timestamp().value(), batch.max_timestamp().value(),
      batch.producer_id().value(), batch.producer_epoch().value(), batch.base_sequence(),
      batch.record_count(), batch.last_offset().value(),
      sequence_at(batch, batch.last_offset_delta()));
  const auto records = inflate_records(batch);
  EXPECT_TRUE(records);
  RecordCursor cursor(*records);
  int count = 0;
  for (auto record = cursor.next(); record && *record; record = cursor.next()) {
    out += (count++ == 0 ? "" : ",") + json_of(batch, **record);
  }
  EXPECT_TRUE(cursor.rest().empty());
  EXPECT_EQ(count, batch.record_count());
  return out + "]}";
}

/// Calls `visit(batch)` for each batch of the file; all of them must be good.
template <class Visit>
void for_each_batch(const GoldenFile& file, Visit visit) {
  BatchCursor cursor(file.bytes);
  for (auto batch = cursor.next(); batch && *batch; batch = cursor.next()) {
    EXPECT_TRUE(check_batch((*batch)->bytes())) << file.name;
    visit(**batch);
  }
  EXPECT_TRUE(cursor.rest().empty()) << file.name;
}

bool is_old(const GoldenFile& file) { return file.name.starts_with("old-magic-"); }

TEST(GoldenRecordsTest, ThereAreAllOfThem) { EXPECT_GE(all_files().size(), 30U); }

TEST(GoldenRecordsTest, WeReadWhatKafkaReads) {
  for (const GoldenFile& file : all_files()) {
    if (is_old(file)) continue;
    std::string json;
    for_each_batch(file, [&json](const RecordBatchView& batch) {
      json += (json.empty() ? "" : ",") + json_of(batch);
    });
    EXPECT_EQ(R"({"batches":[)" + json + "]}", file.json) << file.name;
  }
}

TEST(GoldenRecordsTest, WhatAClientMaySendPassesValidation) {
  int validated = 0;
  for (const GoldenFile& file : all_files()) {
    if (is_old(file)) continue;
    for_each_batch(file, [&](const RecordBatchView& batch) {
      const bool has_all_offsets = batch.record_count() == batch.last_offset_delta() + 1;
      if (batch.is_control() || !has_all_offsets || batch.has_delete_horizon()) return;
      Bytes sent(batch.bytes().begin(), batch.bytes().end());
      set_base_offset(sent, Offset(0));
      set_leader_epoch(sent, LeaderEpoch(-1));
      const auto facts = validate_batch(sent, test::options_now());
      ASSERT_TRUE(facts) << file.name << ": " << facts.error().error.detail;
      EXPECT_EQ(facts->codec, batch.codec());
      if (batch.timestamp_type() == TimestampType::create_time) {
        EXPECT_EQ(facts->max_timestamp, batch.max_timestamp()) << file.name;
        EXPECT_FALSE(facts->header_needs_fix) << file.name;
      }
      ++validated;
    });
  }
  EXPECT_GE(validated, 30);
}

Bytes rebuilt(const RecordBatchView& batch) {
  BatchBuilder builder({.codec = Codec::none,
                        .base_offset = batch.base_offset(),
                        .leader_epoch = batch.leader_epoch(),
                        .timestamp_type = batch.timestamp_type(),
                        .append_time = batch.max_timestamp(),
                        .producer_id = batch.producer_id(),
                        .producer_epoch = batch.producer_epoch(),
                        .base_sequence = batch.base_sequence(),
                        .is_transactional = batch.is_transactional(),
                        .is_control = batch.is_control()});
  RecordCursor cursor(batch.records());
  for (auto record = cursor.next(); record && *record; record = cursor.next()) {
    std::vector<HeaderView> headers;
    HeaderCursor header_cursor = (*record)->headers();
    while (const auto header = header_cursor.next()) headers.push_back(*header);
    builder.add({.timestamp = batch.base_timestamp() + (*record)->timestamp_delta(),
                 .key = (*record)->key(),
                 .value = (*record)->value(),
                 .headers = headers,
                 .offset_delta = (*record)->offset_delta()});
  }
  return *builder.finish();
}

TEST(GoldenRecordsTest, WhatWeBuildIsWhatKafkaBuilds) {
  int compared = 0;
  for (const GoldenFile& file : all_files()) {
    if (is_old(file)) continue;
    for_each_batch(file, [&](const RecordBatchView& batch) {
      if (batch.codec() != Codec::none || batch.has_delete_horizon() || batch.record_count() == 0) {
        return;
      }
      EXPECT_EQ(test::to_hex(rebuilt(batch)), test::to_hex(batch.bytes())) << file.name;
      ++compared;
    });
  }
  EXPECT_GE(compared, 8);
}

TEST(GoldenRecordsTest, RecompressingKeepsTheRecords) {
  for (const GoldenFile& file : all_files()) {
    if (is_old(file)) continue;
    for_each_batch(file, [&](const RecordBatchView& batch) {
      for (Codec codec : test::all_codecs) {
        const auto other = recompress(batch, {.codec = codec});
        ASSERT_TRUE(other) << file.name;
        const auto view = check_batch(*other);
        ASSERT_TRUE(view) << file.name;
        EXPECT_EQ(view->codec(), codec);
        EXPECT_EQ(*inflate_records(*view), *inflate_records(batch)) << file.name;
      }
    });
  }
}

TEST(GoldenRecordsTest, FormatsBeforeV2AreNamedAsSuch) {
  int count = 0;
  for (const GoldenFile& file : all_files()) {
    if (!is_old(file)) continue;
    ++count;
    EXPECT_EQ(RecordBatchView::parse(file.bytes).error().code,
              ErrorCode::unsupported_for_message_format);
    EXPECT_EQ(single_produced_batch(file.bytes, {}).error().error.code, ErrorCode::invalid_record);
  }
  EXPECT_EQ(count, 2);
}

}  // namespace
}  // namespace gregor::model
