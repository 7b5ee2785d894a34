#include "sim/batch_maker.h"

#include <gtest/gtest.h>

#include "model/batch_validation.h"

namespace gregor::sim {
namespace {

constexpr std::int64_t now_ms = 1'700'000'000'000;
constexpr std::size_t batch_bytes_max = 4'000;

// As a broker judges a produced batch.
bool is_acceptable(ByteView bytes) {
  const auto single = model::single_produced_batch(bytes, {.zstd_allowed = true});
  if (!single) return false;
  model::ValidationOptions options;
  options.now = model::TimestampMs(now_ms);
  options.timestamp_before_max_ms = INT64_MAX;
  options.timestamp_after_max_ms = INT64_MAX;
  return model::validate_batch(*single, options).has_value();
}

TEST(BatchMaker, ValidBatchesAreValidAndFit) {
  for (const auto codec : {model::Codec::none, model::Codec::gzip, model::Codec::snappy,
                           model::Codec::lz4, model::Codec::zstd}) {
    ProducerPlan plan;
    plan.codec = codec;
    plan.records_max = 20;
    plan.payload_bytes_max = 1'500;
    BatchMaker maker(plan, batch_bytes_max, runtime::simulated::Prng(1));
    std::uint64_t next = 1;
    for (int i = 0; i < 100; ++i) {
      const MadeBatch made = maker.make({}, now_ms);
      EXPECT_TRUE(is_acceptable(made.bytes));
      EXPECT_LE(made.bytes.size(), batch_bytes_max + 64);
      EXPECT_TRUE(made.sent.is_valid);
      EXPECT_EQ(counter_of(made.sent.first), next);
      next += static_cast<std::uint64_t>(made.sent.count);
    }
  }
}

// A broker that takes one of these would be blamed for the maker's mistake, and the other way
// round.
TEST(BatchMaker, InvalidBatchesAreInvalidOrLargerThanASegment) {
  for (const auto codec : {model::Codec::none, model::Codec::gzip, model::Codec::lz4}) {
    ProducerPlan plan;
    plan.codec = codec;
    plan.records_max = 5;
    plan.payload_bytes_max = 300;
    BatchMaker maker(plan, batch_bytes_max, runtime::simulated::Prng(2));
    for (int i = 0; i < 300; ++i) {
      const MadeBatch made = maker.make_invalid({}, now_ms);
      EXPECT_FALSE(made.sent.is_valid);
      EXPECT_TRUE(made.bytes.size() > 64 * 1024 || !is_acceptable(made.bytes)) << "batch " << i;
    }
  }
}

}  // namespace
}  // namespace gregor::sim
