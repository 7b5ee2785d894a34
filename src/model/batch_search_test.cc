// Lookups by time inside of a batch.
#include "model/batch_search.h"

#include <gtest/gtest.h>

#include "model/test_batches.h"

namespace gregor::model {
namespace {

using test::Bytes;

Bytes batch_of(std::initializer_list<std::int64_t> timestamps, BatchOptions options) {
  options.base_offset = Offset(50);
  BatchBuilder builder(options);
  for (std::int64_t timestamp : timestamps) builder.add({.timestamp = TimestampMs(timestamp)});
  return *builder.finish();
}

std::optional<FoundRecord> found_at(const Bytes& batch, std::int64_t at_least,
                                    std::int64_t from = 0) {
  const auto found = find_timestamp(*RecordBatchView::parse(batch),
                                    {.at_least = TimestampMs(at_least), .from = Offset(from)});
  EXPECT_TRUE(found);
  return found ? *found : std::nullopt;
}

FoundRecord record(std::int64_t offset, std::int64_t timestamp) {
  return {Offset(offset), TimestampMs(timestamp)};
}

TEST(BatchSearchTest, FirstAtOrAfterATimestamp) {
  for (Codec codec : test::all_codecs) {
    const Bytes batch = batch_of({100, 300, 200, 300}, {.codec = codec});
    EXPECT_EQ(found_at(batch, 0), record(50, 100));
    EXPECT_EQ(found_at(batch, 100), record(50, 100));
    EXPECT_EQ(found_at(batch, 101), record(51, 300));
    EXPECT_EQ(found_at(batch, 300), record(51, 300));
    EXPECT_EQ(found_at(batch, 301), std::nullopt);
    EXPECT_EQ(found_at(batch, 101, 52), record(52, 200));
    EXPECT_EQ(found_at(batch, 0, 54), std::nullopt);
  }
}

TEST(BatchSearchTest, FirstOfTheMaxTimestamp) {
  for (Codec codec : test::all_codecs) {
    const Bytes batch = batch_of({100, 300, 200, 300}, {.codec = codec});
    EXPECT_EQ(*find_max_timestamp(*RecordBatchView::parse(batch)), record(51, 300));
  }
  const Bytes none = batch_of({-1, -1}, {});
  EXPECT_EQ(*find_max_timestamp(*RecordBatchView::parse(none)), std::nullopt);
}

TEST(BatchSearchTest, AppendTimeIsThatOfAllRecords) {
  const Bytes batch = batch_of({100, 300}, {.timestamp_type = TimestampType::log_append_time,
                                            .append_time = TimestampMs(900)});
  EXPECT_EQ(found_at(batch, 500), record(50, 900));
  EXPECT_EQ(found_at(batch, 500, 51), record(51, 900));
  EXPECT_EQ(*find_max_timestamp(*RecordBatchView::parse(batch)), record(50, 900));
}

TEST(BatchSearchTest, ABatchThatCanNotBeReadIsAnError) {
  const Bytes batch = test::with_records(batch_of({100}, {}), Codec::gzip, test::noise(50));
  const auto view = RecordBatchView::parse(batch);
  EXPECT_EQ(find_timestamp(*view, {}).error().code, ErrorCode::corrupt_message);
  EXPECT_EQ(find_max_timestamp(*view).error().code, ErrorCode::corrupt_message);
  EXPECT_TRUE(find_timestamp(*view, {.at_least = TimestampMs(101)}));  // the header says no
}

}  // namespace
}  // namespace gregor::model
