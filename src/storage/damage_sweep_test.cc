// A log cut at every byte of its last batches, and with every byte of a batch flipped: what comes
// back, through the whole log and not only its files, is the longest good prefix and no wrong byte.
#include <gtest/gtest.h>

#include <algorithm>
#include <array>

#include "storage/simulated_test_support.h"

namespace gregor::storage {
namespace {

using model::Offset;
using test::Bytes;
using test::stored_batch;
using test::sim::CrashKind;

// Where a batch has what its CRC covers: all but the first bytes, which the log gives it.
constexpr std::size_t length_at = 8;
constexpr std::size_t epoch_at = 12;
constexpr std::size_t magic_at = 16;
constexpr int records = 2;

struct Piece {
  std::int64_t base = 0;
  std::size_t position = 0;
  Bytes bytes;
};

class DamageSweepTest : public ::testing::Test {
 protected:
  static constexpr std::size_t count = 9;

  DamageSweepTest() {
    config_->index_interval_bytes = 150;
    constexpr std::array codecs{model::Codec::none, model::Codec::lz4, model::Codec::none};
    for (std::size_t i = 0; i < count; ++i) {
      Piece piece;
      piece.base = static_cast<std::int64_t>(i) * records;
      piece.position = whole_.size();
      piece.bytes = stored_batch(piece.base, {.records = records,
                                              .timestamp = 1000 + piece.base,
                                              .value_bytes = 5 + 3 * i,
                                              .codec = codecs.at(i % codecs.size()),
                                              .filling = static_cast<char>('a' + i)});
      test::append_to(whole_, piece.bytes);
      pieces_.push_back(std::move(piece));
    }
  }

  /// A process that has just died left `bytes` as the only segment.
  void leave(ByteView bytes) {
    auto& files = host_.files();
    if (!test::exists(files, host_.log_folder())) {
      ASSERT_TRUE(host_.open(config_).has_value());
      host_.restart();
    }
    for (const auto* suffix : {".index", ".timeindex"}) {
      ASSERT_TRUE(files.remove(host_.segment_path(0, suffix)).has_value());
    }
    test::write_file(files, host_.segment_path(0, ".log"), bytes);
  }
  void open() {
    const auto opened = host_.open(config_);
    ASSERT_TRUE(opened.has_value()) << opened.error().detail;
  }
  [[nodiscard]] Bytes all() {
    const auto bytes = host_.read_all(Offset(0), host_.log().log_end());
    EXPECT_TRUE(bytes.has_value()) << bytes.error().detail;
    return bytes ? *bytes : Bytes();
  }
  /// The first `count` batches.
  [[nodiscard]] Bytes prefix(std::size_t batches) const {
    Bytes bytes;
    for (std::size_t i = 0; i < batches; ++i) test::append_to(bytes, pieces_[i].bytes);
    return bytes;
  }
  [[nodiscard]] std::size_t whole_batches(std::size_t size) const {
    std::size_t batches = 0;
    while (batches < count && pieces_[batches].position + pieces_[batches].bytes.size() <= size) {
      ++batches;
    }
    return batches;
  }
  [[nodiscard]] std::size_t batch_of(std::size_t position) const {
    std::size_t batch = count - 1;
    while (pieces_[batch].position > position) --batch;
    return batch;
  }

  test::SimulatedHost host_;
  std::shared_ptr<config::TopicConfig> config_ = std::make_shared<config::TopicConfig>();
  std::vector<Piece> pieces_;
  Bytes whole_;
};

TEST_F(DamageSweepTest,
       a_log_cut_at_each_byte_of_its_last_two_batches_goes_on_behind_the_last_whole) {
  for (std::size_t size = pieces_[count - 2].position; size <= whole_.size(); ++size) {
    leave(ByteView(whole_).first(size));
    open();
    const std::size_t kept = whole_batches(size);
    const Bytes expected = prefix(kept);
    const Offset end(static_cast<std::int64_t>(kept) * records);
    ASSERT_EQ(host_.log().log_end(), end) << size;
    ASSERT_EQ(host_.loaded().cut_bytes, size - expected.size());
    ASSERT_TRUE(all() == expected) << size;
    ASSERT_TRUE(test::read_file(host_.files(), host_.segment_path(0, ".log")) == expected);
    const auto appended = host_.append(test::make_batch({.value_bytes = 100}));
    ASSERT_TRUE(appended.has_value());
    ASSERT_EQ(appended->offsets.first, end);
    const Bytes longer = all();
    host_.crash(CrashKind::kill);
    open();
    ASSERT_TRUE(all() == longer) << size;
    host_.restart();
  }
}

TEST_F(DamageSweepTest, a_flipped_byte_of_the_last_two_batches_ends_the_log_before_its_batch) {
  for (std::size_t at = pieces_[count - 2].position; at < whole_.size(); ++at) {
    const std::size_t batch = batch_of(at);
    const std::size_t within = at - pieces_[batch].position;
    for (const unsigned flip : {0x01U, 0x02U, 0x03U, 0x80U, 0xffU}) {
      Bytes damaged = whole_;
      damaged[at] ^= static_cast<std::byte>(flip);
      leave(damaged);
      open();
      const Bytes found = all();
      if (within >= length_at && (within < epoch_at || within >= magic_at)) {
        ASSERT_TRUE(found == prefix(batch)) << at << " " << flip;
      } else if (within >= epoch_at) {
        // The format has nothing that would tell a wrong leader epoch.
        ASSERT_TRUE(found == damaged) << at << " " << flip;
      } else {
        // Nor a base offset, but for those of its neighbours. The batch itself is as it was.
        const bool is_kept = found.size() == prefix(batch + 1).size();
        const bool is_cut = found == prefix(batch);
        ASSERT_TRUE(is_cut || (is_kept && std::equal(found.begin(), found.end(), damaged.begin())))
            << at << " " << flip;
      }
      ASSERT_TRUE(test::read_file(host_.files(), host_.segment_path(0, ".log")) == found);
      host_.restart();
      open();
      ASSERT_EQ(host_.loaded().cut_bytes, 0U);
      ASSERT_TRUE(all() == found);
      host_.restart();
    }
  }
}

/// Damage of a log that was closed in order: nothing looks at it before it is read.
class RestingDamageTest : public DamageSweepTest {
 protected:
  static constexpr std::size_t damaged_batch = 4;

  void SetUp() override {
    leave(whole_);
    open();
    host_.stop();
    // Entries are of offsets and positions: the first batch behind the damage that has one.
    const Bytes index = test::read_file(host_.files(), host_.segment_path(0, ".index"));
    for (std::size_t at = 0; at + 8 <= index.size() && reachable_from_ == 0; at += 8) {
      const std::size_t batch = batch_of(load_be<std::uint32_t>(index.data() + at + 4));
      if (batch > damaged_batch) reachable_from_ = batch;
    }
    ASSERT_GT(reachable_from_, damaged_batch + 1);
    ASSERT_LT(reachable_from_, count);
  }
  void damage(std::size_t at, unsigned flip) {
    Bytes damaged = whole_;
    damaged[at] ^= static_cast<std::byte>(flip);
    test::write_file(host_.files(), host_.segment_path(0, ".log"), damaged);
  }
  /// The batch that is found for an offset.
  [[nodiscard]] Result<Bytes> read_one(std::int64_t offset) {
    const auto read =
        host_.wait(host_.log().read({Offset(offset), host_.log().log_end(), 1, true}));
    if (!read) return fail(read.error());
    Bytes bytes(read->size);
    if (read->slices.empty()) return bytes;
    const auto& slice = read->slices.front();
    const auto got = slice.file->read_at(slice.position, bytes);
    if (!got) return fail(got.error());
    return bytes;
  }
  /// What is served for batch `asked` is that batch, but for what no CRC covers; or it is refused.
  /// @return whether it was served
  bool is_served(std::size_t asked) {
    const auto read = read_one(pieces_[asked].base);
    if (!read) {
      EXPECT_EQ(read.error().code, ErrorCode::corrupt_message) << read.error().detail;
      return false;
    }
    const Bytes& own = pieces_[asked].bytes;
    const bool is_right = read->size() == own.size() &&
                          std::equal(own.begin() + magic_at, own.end(), read->begin() + magic_at);
    EXPECT_TRUE(is_right) << "batch " << asked;
    if (asked != damaged_batch) {
      EXPECT_TRUE(*read == own) << "batch " << asked;
    }
    return true;
  }

  std::size_t reachable_from_ = 0;
};

TEST_F(RestingDamageTest, a_flipped_byte_in_the_middle_is_never_served_and_hides_nothing_else) {
  const Piece& piece = pieces_[damaged_batch];
  for (std::size_t within = 0; within < piece.bytes.size(); ++within) {
    for (const unsigned flip : {0x01U, 0x02U, 0x80U, 0xffU}) {
      damage(piece.position + within, flip);
      open();
      for (std::size_t asked = 0; asked < count; ++asked) {
        const bool served = is_served(asked);
        const bool is_covered = within >= length_at && (within < epoch_at || within >= magic_at);
        if (asked == damaged_batch && is_covered) {
          ASSERT_FALSE(served) << within << " " << flip;
        }
        // A header that is wrong may hide those that follow, up to the next that the index knows.
        const bool is_behind = asked > damaged_batch && asked < reachable_from_;
        const bool may_be_hidden = is_behind && within < model::batch_layout::header_bytes;
        if (asked != damaged_batch && !may_be_hidden) {
          ASSERT_TRUE(served) << "batch " << asked << ", byte " << within << ", flip " << flip;
        }
        ASSERT_FALSE(HasFailure()) << within << " " << flip;
      }
      host_.stop();
    }
  }
}

}  // namespace
}  // namespace gregor::storage
