// Compressed streams made to hurt: bombs, lies about sizes, cut and garbled ones. Each must be
// refused with little memory and time; what is measured is printed.
#include <gtest/gtest.h>
#include <lz4frame.h>
#include <snappy.h>

#include <ctime>
#include <fstream>
#include <iostream>

#include "model/test_batches.h"
#include "model/varint.h"

namespace gregor::model {
namespace {

using test::Bytes;
using test::from_hex;
using test::operator+;

constexpr std::size_t mebibyte = std::size_t{1} << 20;

/// Growth of the process's peak memory, in bytes, since it was made; 0 where the kernel does not
/// tell.
class PeakMemory {
 public:
  PeakMemory() {
    std::ofstream("/proc/self/clear_refs") << "5";  // sets the peak back to what is in use
    start_ = peak();
  }
  [[nodiscard]] std::size_t grown() const { return peak() - start_; }

 private:
  static std::size_t peak() {
    std::ifstream status("/proc/self/status");
    for (std::string word; status >> word;) {
      std::size_t kib = 0;
      if (word == "VmHWM:" && status >> kib) return kib * 1024;
    }
    return 0;
  }
  std::size_t start_ = 0;
};

double cpu_seconds() { return static_cast<double>(std::clock()) / CLOCKS_PER_SEC; }

/// One record whose value is said to have 2^30 bytes, which are zeros.
Bytes huge_record() { return from_hex("9480808008 00 00 00 01 8080808008"); }

struct Bomb {
  const char* name;
  Codec codec;
  Bytes (*make)();
};

Bytes gzip_bomb() {
  Bytes bomb = *compress(Codec::gzip, 9, huge_record());
  const Bytes zeros = *compress(Codec::gzip, 9, Bytes(8 * mebibyte));
  for (int i = 0; i < 128; ++i) bomb = std::move(bomb) + zeros;  // 1 GiB
  return bomb;
}
Bytes lz4_bomb() { return *compress(Codec::lz4, {}, huge_record() + Bytes(200 * mebibyte)); }
Bytes snappy_bomb() { return *compress(Codec::snappy, {}, huge_record() + Bytes(200 * mebibyte)); }
Bytes bare_snappy_bomb() {
  const Bytes plain = huge_record() + Bytes(200 * mebibyte);
  std::string block;
  snappy::Compress(reinterpret_cast<const char*>(plain.data()), plain.size(), &block);
  return Bytes(as_bytes(block).begin(), as_bytes(block).end());
}
/// Blocks that repeat one byte 2^17 times, 4 bytes each: 1 GiB in 32 KiB.
Bytes zstd_bomb_of_window(const char* window) {
  Bytes bomb = *compress(Codec::zstd, {}, huge_record());
  bomb = std::move(bomb) + from_hex(std::string("28b52ffd 00 ") + window);
  for (int i = 0; i < 8192; ++i) bomb = std::move(bomb) + from_hex("020010 00");
  return std::move(bomb) + from_hex("030000 00");
}
Bytes zstd_bomb() { return zstd_bomb_of_window("58"); }  // window 2 MiB, as level 3 has

TEST(PeakMemoryTest, SeesWhatIsTouched) {
  const PeakMemory memory;
  { const Bytes touched(32 * mebibyte, std::byte{1}); }
  if (!std::ofstream("/proc/self/clear_refs").good()) GTEST_SKIP() << "no clear_refs here";
  EXPECT_GE(memory.grown(), 30 * mebibyte);
}

class BombTest : public testing::TestWithParam<Bomb> {};

TEST_P(BombTest, IsRefusedWithLittleMemoryAndTime) {
  const Bytes batch = test::with_records(test::make_batch(1), GetParam().codec, GetParam().make());
  ValidationOptions options = test::options_now();
  options.batch_bytes_max = batch.size();
  const PeakMemory memory;
  const double before = cpu_seconds();
  const auto facts = validate_batch(batch, options);
  const double seconds = cpu_seconds() - before;
  std::cout << batch.size() << " bytes: " << seconds << " s, " << memory.grown() / 1024 << " KiB\n";
  ASSERT_FALSE(facts);
  EXPECT_EQ(facts.error().error.code, ErrorCode::message_too_large) << facts.error().error.detail;
  EXPECT_LT(seconds, 3.0);
  EXPECT_LT(memory.grown(), 8 * mebibyte);
}

INSTANTIATE_TEST_SUITE_P(All, BombTest,
                         testing::Values(Bomb{"Gzip", Codec::gzip, gzip_bomb},
                                         Bomb{"Lz4", Codec::lz4, lz4_bomb},
                                         Bomb{"Snappy", Codec::snappy, snappy_bomb},
                                         Bomb{"BareSnappy", Codec::snappy, bare_snappy_bomb},
                                         Bomb{"Zstd", Codec::zstd, zstd_bomb}),
                         [](const auto& row) { return row.param.name; });

TEST(BombTest, AZstdWindowTakesNoMoreThanTheLimit) {
  const Bytes batch =
      test::with_records(test::make_batch(1), Codec::zstd, zstd_bomb_of_window("88"));
  ValidationOptions options = test::options_now();
  options.inflated_bytes_max = 16 * mebibyte;
  const PeakMemory memory;
  const auto facts = validate_batch(batch, options);
  ASSERT_FALSE(facts);
  EXPECT_EQ(facts.error().error.code, ErrorCode::message_too_large);
  EXPECT_LT(memory.grown(), 48 * mebibyte);  // AddressSanitizer adds its share
}

/// A mebibyte of `piece` over and over.
Bytes repeated(ByteView piece) {
  Bytes out;
  while (out.size() < mebibyte) out = std::move(out) + piece;
  return out;
}

TEST(BombTest, AMebibyteOfEmptyStreamsTakesLittleTime) {
  const std::pair<Codec, Bytes> streams[] = {
      {Codec::gzip, repeated(*compress(Codec::gzip, {}, {}))},
      {Codec::zstd, repeated(from_hex("28b52ffd 00 88 010000"))},  // windows of 128 MiB
      {Codec::zstd, repeated(from_hex("502a4d18 00000000"))},
      {Codec::snappy,
       from_hex("82534e4150505900 00000001 00000001") + repeated(from_hex("00000001 00"))}};
  for (const auto& [codec, stream] : streams) {
    const double before = cpu_seconds();
    const auto plain = decompress(codec, stream, mebibyte);
    const double seconds = cpu_seconds() - before;
    std::cout << codec_name(codec) << ": " << seconds << " s\n";
    EXPECT_LT(seconds, 3.0) << codec_name(codec);
    ASSERT_TRUE(plain) << codec_name(codec) << plain.error().detail;
    EXPECT_TRUE(plain->empty());
  }
}

TEST(BombTest, AHundredMebibytesOfHeadersTakeLittleTime) {
  constexpr std::int32_t headers = 50'000'000;
  Bytes body = from_hex("00 00 00 01 01");
  append_varint(body, headers);
  body.resize(body.size() + 2 * std::size_t{headers});  // empty key, empty value
  Bytes record;
  append_varint(record, static_cast<std::int32_t>(body.size()));
  record = std::move(record) + body;
  const Bytes batch =
      test::with_records(test::make_batch(1), Codec::zstd, *compress(Codec::zstd, 1, record));
  const double before = cpu_seconds();
  EXPECT_EQ(test::code_of(batch), ErrorCode::none);
  const double seconds = cpu_seconds() - before;
  std::cout << batch.size() << " bytes: " << seconds << " s\n";
  EXPECT_LT(seconds, 3.0);
}

ErrorCode code_of_stream(Codec codec, ByteView compressed) {
  const auto plain = decompress(codec, compressed, inflated_bytes_max_default);
  return plain ? ErrorCode::none : plain.error().code;
}

struct Lie {
  const char* name;
  Codec codec;
  const char* hex;
};

class LieTest : public testing::TestWithParam<Lie> {};

TEST_P(LieTest, IsCorruptAndTakesNoMemory) {
  const Bytes stream = from_hex(GetParam().hex);
  const PeakMemory memory;
  EXPECT_EQ(code_of_stream(GetParam().codec, stream), ErrorCode::corrupt_message);
  EXPECT_LT(memory.grown(), mebibyte);
}

#define XERIAL "82534e4150505900 00000001 00000001 "
INSTANTIATE_TEST_SUITE_P(
    All, LieTest,
    testing::Values(
        Lie{"GzipEmpty", Codec::gzip, ""}, Lie{"GzipGarbage", Codec::gzip, "0102030405060708090a"},
        Lie{"GzipIsLz4", Codec::gzip, "04224d18604082 00000000"},
        Lie{"GzipIsZlib", Codec::gzip, "789c030000000001"}, Lie{"SnappyEmpty", Codec::snappy, ""},
        Lie{"SnappyBlockClaims2GiB", Codec::snappy, "ffffffff07 00 61"},
        Lie{"SnappyBlockClaims4GiB", Codec::snappy, "ffffffff0f 00 61"},
        Lie{"SnappyLengthUnterminated", Codec::snappy, "ffffffffff"},
        Lie{"SnappyChunk7fffffff", Codec::snappy, XERIAL "7fffffff 01 00 61"},
        Lie{"SnappyChunkMinusOne", Codec::snappy, XERIAL "ffffffff 01 00 61"},
        Lie{"SnappyChunkZero", Codec::snappy, XERIAL "00000000"},
        Lie{"SnappyChunkOneBeyond", Codec::snappy, XERIAL "00000004 01 00 61"},
        Lie{"SnappyChunkLengthCut", Codec::snappy, XERIAL "0000"},
        Lie{"SnappyChunkClaims1GiB", Codec::snappy, XERIAL "00000007 8080808004 00 61"},
        Lie{"SnappyVersionZero", Codec::snappy,
            "82534e4150505900 00000000 00000001 00000003 01 00 61"},
        Lie{"SnappyHeaderCut", Codec::snappy, "82534e4150505900 00000001"},
        Lie{"SnappyBytesBehindEmptyBlock", Codec::snappy, "00 61"}, Lie{"Lz4Empty", Codec::lz4, ""},
        Lie{"Lz4Magic", Codec::lz4, "04224d19604082 00000000"},
        Lie{"Lz4HeaderChecksum", Codec::lz4, "04224d18604083 00000000"},
        Lie{"Lz4HeaderChecksumOfOldKafka", Codec::lz4, "04224d1860401d 00000000"},
        Lie{"Lz4NoEndMark", Codec::lz4, "04224d18604082 01000080 61"},
        Lie{"Lz4Concatenated", Codec::lz4,
            "04224d18604082 01000080 61 00000000 04224d18604082 00000000"},
        Lie{"Lz4Trailing", Codec::lz4, "04224d18604082 01000080 61 00000000 00"},
        Lie{"Lz4BlockAboveDeclared", Codec::lz4, "04224d18604082 01000100 61"},
        Lie{"Lz4BlockClaims2GiB", Codec::lz4, "04224d18604082 ffffff7f 61 00000000"},
        Lie{"Lz4DictionaryId", Codec::lz4, "04224d1861400100000000 01000080 61 00000000"},
        Lie{"ZstdEmpty", Codec::zstd, ""},
        Lie{"ZstdMagic", Codec::zstd, "28b52ffe 00 58 2b0000 78"},
        Lie{"ZstdWindow2To31", Codec::zstd, "28b52ffd 00 a8 2b0000 78"},
        Lie{"ZstdDictionaryId", Codec::zstd, "28b52ffd 01 58 07 2b0000 78"},
        Lie{"ZstdContentSizeLie", Codec::zstd, "28b52ffd a0 00000040 2b0000 78"},
        Lie{"ZstdTrailing", Codec::zstd, "28b52ffd 00 58 2b0000 78 00"},
        Lie{"ZstdReservedBlock", Codec::zstd, "28b52ffd 00 58 2f0000 78"},
        Lie{"ZstdSkippableCut", Codec::zstd, "502a4d18 ffffffff aa"}),
    [](const auto& row) { return row.param.name; });

TEST(LieTest, Lz4LinkedBlocksAreRefused) {
  // The Java client decompresses each block on its own: it could not read this.
  LZ4F_preferences_t preferences{};
  preferences.frameInfo.blockMode = LZ4F_blockLinked;
  preferences.frameInfo.blockSizeID = LZ4F_max64KB;
  const Bytes plain = test::text(200000);
  Bytes frame(LZ4F_compressFrameBound(plain.size(), &preferences));
  frame.resize(
      LZ4F_compressFrame(frame.data(), frame.size(), plain.data(), plain.size(), &preferences));
  EXPECT_EQ(code_of_stream(Codec::lz4, frame), ErrorCode::corrupt_message);
  // A single block can't refer to another one.
  frame.resize(LZ4F_compressFrame(frame.data(), frame.size(), plain.data(), 1000, &preferences));
  EXPECT_EQ(code_of_stream(Codec::lz4, frame), ErrorCode::none);
}

TEST(LieTest, GzipChecksumsAndTails) {
  const Bytes good = *compress(Codec::gzip, {}, test::text(1000));
  Bytes bad = good;
  bad[bad.size() - 1] ^= std::byte{1};  // ISIZE
  EXPECT_EQ(code_of_stream(Codec::gzip, bad), ErrorCode::corrupt_message);
  bad = good;
  bad[bad.size() - 8] ^= std::byte{1};  // CRC-32
  EXPECT_EQ(code_of_stream(Codec::gzip, bad), ErrorCode::corrupt_message);
  EXPECT_EQ(code_of_stream(Codec::gzip, good + from_hex("00")), ErrorCode::corrupt_message);
  EXPECT_EQ(code_of_stream(Codec::gzip, good + from_hex("1f8b")), ErrorCode::corrupt_message);
}

TEST(LieTest, EachCodecRefusesTheStreamsOfTheOthers) {
  const Bytes plain = test::text(1000);
  for (Codec written : test::real_codecs) {
    for (Codec read : test::real_codecs) {
      if (read == written) continue;
      EXPECT_NE(code_of_stream(read, *compress(written, {}, plain)), ErrorCode::none)
          << codec_name(written) << " read as " << codec_name(read);
    }
  }
}

TEST(LieTest, ABatchCutAtEachByteOfItsStreamIsRefused) {
  for (Codec codec : test::all_codecs) {
    const Bytes batch = test::make_batch(20, {.codec = codec});
    ASSERT_EQ(test::code_of(batch), ErrorCode::none);
    for (std::size_t size = batch_layout::header_bytes; size < batch.size(); ++size) {
      Bytes cut(batch.begin(), batch.begin() + static_cast<std::ptrdiff_t>(size));
      test::reseal(cut);
      const ErrorCode code = test::code_of(cut);
      EXPECT_TRUE(code == ErrorCode::corrupt_message || code == ErrorCode::invalid_record)
          << codec_name(codec) << ' ' << size;
    }
  }
}

TEST(LieTest, GarbledStreamsNeverDoHarm) {
  std::mt19937 random(11);
  std::size_t refused = 0;
  constexpr int rounds = 4000;
  for (Codec codec : test::all_codecs) {
    const Bytes good = test::make_batch(50, {.codec = codec});
    for (int round = 0; round < rounds; ++round) {
      Bytes bad = good;
      const auto changes = 1 + random() % 4;
      for (std::size_t i = 0; i < changes; ++i) {
        const std::size_t at =
            batch_layout::header_bytes + random() % (bad.size() - batch_layout::header_bytes);
        bad[at] = static_cast<std::byte>(random());
      }
      test::reseal(bad);
      const ErrorCode code = test::code_of(bad);
      if (code != ErrorCode::none) ++refused;
      ASSERT_TRUE(code == ErrorCode::none || code == ErrorCode::corrupt_message ||
                  code == ErrorCode::invalid_record || code == ErrorCode::message_too_large);
    }
  }
  // A changed value or timestamp is a good batch; most changes are not.
  EXPECT_GT(refused, std::size_t{rounds});
}

}  // namespace
}  // namespace gregor::model
