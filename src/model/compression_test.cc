// The codecs: round trips, the exact forms that are written, the forms that are read.
#include "model/compression.h"

#include <gtest/gtest.h>
#include <lz4frame.h>
#include <snappy.h>

#include "model/test_batches.h"

namespace gregor::model {
namespace {

using test::Bytes;
using test::from_hex;
using test::operator+;

constexpr std::size_t no_limit = std::size_t{1} << 32;

TEST(CodecTest, NamesAndBits) {
  for (Codec codec : test::all_codecs) {
    EXPECT_EQ(codec_by_name(codec_name(codec)), codec);
    EXPECT_EQ(codec_from_bits(static_cast<int>(codec)), codec);
  }
  EXPECT_EQ(codec_name(Codec::zstd), "zstd");
  EXPECT_EQ(codec_by_name("producer"), std::nullopt);
  EXPECT_EQ(codec_by_name(""), std::nullopt);
  EXPECT_EQ(codec_from_bits(5), std::nullopt);
  EXPECT_EQ(codec_from_bits(-1), std::nullopt);
}

class RoundTripTest : public testing::TestWithParam<Codec> {};

TEST_P(RoundTripTest, EachSizeComesBack) {
  for (std::size_t size : {0, 1, 2, 6, 7, 63, 64, 65, 1000, 16383, 32767, 32768, 32769, 65535,
                           65536, 65537, 131072, 200000, 1048576}) {
    for (const Bytes& plain : {test::text(size), test::noise(size), Bytes(size)}) {
      const auto compressed = compress(GetParam(), {}, plain);
      ASSERT_TRUE(compressed);
      const auto back = decompress(GetParam(), *compressed, size);
      ASSERT_TRUE(back) << size << ": " << back.error().detail;
      EXPECT_EQ(*back, plain) << size;
    }
  }
}

TEST_P(RoundTripTest, SmallWindowsGiveTheSameBytes) {
  const Bytes plain = test::text(100000);
  const Bytes compressed = *compress(GetParam(), {}, plain);
  for (std::size_t window : {1, 7, 4096, 65536, 1 << 20}) {
    auto stream = make_decompressor(GetParam(), compressed, no_limit);
    ASSERT_TRUE(stream);
    Bytes out;
    Bytes piece(window);
    for (;;) {
      const auto size = (*stream)->read(piece);
      ASSERT_TRUE(size);
      if (*size == 0) break;
      out.insert(out.end(), piece.begin(), piece.begin() + static_cast<std::ptrdiff_t>(*size));
    }
    EXPECT_EQ(out, plain) << window;
    EXPECT_EQ((*stream)->inflated_bytes(), plain.size());
    EXPECT_EQ((*stream)->read(piece).value(), 0U);  // the end stays the end
  }
}

TEST_P(RoundTripTest, EachLevelIsReadable) {
  const Bytes plain = test::text(5000);
  for (int level : {-200000, -1, 0, 1, 2, 3, 6, 9, 10, 12, 17, 22, 1000}) {
    const auto compressed = compress(GetParam(), level, plain);
    ASSERT_TRUE(compressed) << level;
    EXPECT_EQ(*decompress(GetParam(), *compressed, no_limit), plain) << level;
  }
}

TEST_P(RoundTripTest, TheLimitIsExact) {
  const Bytes plain = test::text(70000);
  const Bytes compressed = *compress(GetParam(), {}, plain);
  EXPECT_TRUE(decompress(GetParam(), compressed, 70000));
  const auto refused = decompress(GetParam(), compressed, 69999);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, ErrorCode::message_too_large);
}

INSTANTIATE_TEST_SUITE_P(All, RoundTripTest, testing::ValuesIn(test::all_codecs),
                         [](const auto& row) { return std::string(codec_name(row.param)); });

TEST(SnappyTest, XerialFramesOf32KiBAreWritten) {
  const Bytes plain = test::noise(70000);
  const Bytes framed = *compress(Codec::snappy, {}, plain);
  EXPECT_EQ(test::to_hex(ByteView(framed).first(16)), "82534e41505059000000000100000001");
  std::vector<std::size_t> sizes;
  for (std::size_t at = 16; at < framed.size();) {
    const auto length = static_cast<std::size_t>(load_be<std::int32_t>(framed.data() + at));
    std::size_t plain_size = 0;
    ASSERT_TRUE(snappy::GetUncompressedLength(reinterpret_cast<const char*>(framed.data()) + at + 4,
                                              length, &plain_size));
    sizes.push_back(plain_size);
    at += 4 + length;
  }
  EXPECT_EQ(sizes, (std::vector<std::size_t>{32768, 32768, 70000 - 65536}));
}

TEST(SnappyTest, BareBlocksAreRead) {
  for (std::size_t size : {0, 1, 100, 65536, 300000}) {
    const Bytes plain = test::text(size);
    std::string block;
    snappy::Compress(reinterpret_cast<const char*>(plain.data()), plain.size(), &block);
    const auto back = decompress(Codec::snappy, as_bytes(block), no_limit);
    ASSERT_TRUE(back) << size;
    EXPECT_EQ(*back, plain);
  }
}

TEST(SnappyTest, NoWriterIsDenserThanTheLimitOfABlock) {
  // The densest block there is: zeros. It must pass the check of what a block can inflate to.
  const Bytes plain(1 << 20);
  std::string block;
  snappy::Compress(reinterpret_cast<const char*>(plain.data()), plain.size(), &block);
  EXPECT_TRUE(decompress(Codec::snappy, as_bytes(block), no_limit));
}

TEST(Lz4Test, TheFrameHeaderIsJavas) {
  // Independent blocks of 64 KiB, no content size, no checksums; then the header's checksum.
  for (std::size_t size : {0, 10, 200000}) {
    const Bytes frame = *compress(Codec::lz4, {}, test::text(size));
    EXPECT_EQ(test::to_hex(ByteView(frame).first(7)), "04224d18604082");
    EXPECT_EQ(test::to_hex(ByteView(frame).last(4)), "00000000");
  }
}

TEST(Lz4Test, OtherWritersFramesAreRead) {
  const Bytes plain = test::text(300000);
  for (auto block : {LZ4F_max64KB, LZ4F_max256KB, LZ4F_max1MB, LZ4F_max4MB}) {
    for (int checks = 0; checks < 2; ++checks) {
      LZ4F_preferences_t preferences{};
      preferences.frameInfo.blockSizeID = block;
      preferences.frameInfo.blockMode = LZ4F_blockIndependent;
      preferences.frameInfo.contentSize = checks != 0 ? plain.size() : 0;
      preferences.frameInfo.contentChecksumFlag =
          checks != 0 ? LZ4F_contentChecksumEnabled : LZ4F_noContentChecksum;
      preferences.frameInfo.blockChecksumFlag =
          checks != 0 ? LZ4F_blockChecksumEnabled : LZ4F_noBlockChecksum;
      Bytes frame(LZ4F_compressFrameBound(plain.size(), &preferences));
      frame.resize(
          LZ4F_compressFrame(frame.data(), frame.size(), plain.data(), plain.size(), &preferences));
      const auto back = decompress(Codec::lz4, frame, no_limit);
      ASSERT_TRUE(back) << block << ' ' << checks << ' ' << back.error().detail;
      EXPECT_EQ(*back, plain);
    }
  }
}

TEST(GzipTest, MembersBackToBackAreRead) {
  const Bytes one = *compress(Codec::gzip, {}, as_bytes("hello "));
  const Bytes empty = *compress(Codec::gzip, {}, {});
  const Bytes two = *compress(Codec::gzip, {}, as_bytes("world"));
  EXPECT_EQ(as_text(*decompress(Codec::gzip, one + empty + two + empty, no_limit)), "hello world");
}

TEST(GzipTest, ALongExtraFieldIsRead) {
  const Bytes plain = *compress(Codec::gzip, {}, as_bytes("hello"));
  Bytes member(plain.begin(), plain.begin() + 10);
  member[3] = std::byte{4};  // FEXTRA
  member = member + from_hex("ffff") + Bytes(65535) + ByteView(plain).subspan(10);
  EXPECT_EQ(as_text(*decompress(Codec::gzip, member, no_limit)), "hello");
}

TEST(ZstdTest, FramesBackToBackAndSkippableOnesAreRead) {
  const Bytes one = *compress(Codec::zstd, {}, as_bytes("hello "));
  const Bytes two = *compress(Codec::zstd, {}, as_bytes("world"));
  const Bytes skippable = from_hex("502a4d18 03000000 aabbcc");
  EXPECT_EQ(as_text(*decompress(Codec::zstd, one + skippable + two, no_limit)), "hello world");
}

TEST(ZstdTest, WindowsOf128MiBAreReadLargerOnesAreNot) {
  // No content size; window descriptor; one last RLE block of 5 bytes 'x'.
  const auto frame = [](const char* window) {
    return from_hex(std::string("28b52ffd 00 ") + window + " 2b0000 78");
  };
  EXPECT_EQ(as_text(*decompress(Codec::zstd, frame("88"), no_limit)), "xxxxx");  // 2^27
  const auto refused = decompress(Codec::zstd, frame("90"), no_limit);           // 2^28
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, ErrorCode::corrupt_message);
  EXPECT_FALSE(decompress(Codec::zstd, frame("a8"), no_limit));  // 2^31
}

}  // namespace
}  // namespace gregor::model
