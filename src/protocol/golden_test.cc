// Independent proof: bytes and JSON made by Apache Kafka's own classes (tests/golden/README.md).
// Our decode then encode must give the same bytes, and our JSON the same content, for each API in
// each version.
#include <gtest/gtest.h>

#include <cmath>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <iterator>
#include <optional>
#include <random>
#include <string>
#include <vector>

#include "protocol/registry.h"

#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wconversion"
#pragma GCC diagnostic ignored "-Wshadow"
#include <boost/json/src.hpp>
#pragma GCC diagnostic pop

namespace gregor::protocol {
namespace {

namespace fs = std::filesystem;
namespace json = boost::json;

struct Instance {
  std::string hex;
  std::string known;  // bytes without unknown tags; only in unknown-tags/
  std::string json;
  int line = 0;
};

std::optional<std::string> after(const std::string& line, const std::string& word) {
  if (!line.starts_with(word)) return std::nullopt;
  return line.substr(std::min(line.size(), word.size() + 1));
}

std::vector<Instance> read_instances(const fs::path& path) {
  std::ifstream file(path);
  std::vector<Instance> result;
  std::string line;
  for (int number = 1; std::getline(file, line); ++number) {
    if (const auto hex = after(line, "hex"))
      result.push_back({.hex = *hex, .known = {}, .json = {}, .line = number});
    if (result.empty()) continue;
    if (const auto known = after(line, "known")) result.back().known = *known;
    if (const auto text = after(line, "json")) result.back().json = *text;
  }
  return result;
}

std::vector<std::byte> from_hex(const std::string& text) {
  std::vector<std::byte> result;
  for (std::size_t i = 0; i + 1 < text.size(); i += 2) {
    result.push_back(static_cast<std::byte>(std::stoi(text.substr(i, 2), nullptr, 16)));
  }
  return result;
}

std::string to_hex(ByteView bytes) {
  std::string result;
  for (const std::byte byte : bytes) {
    result += "0123456789abcdef"[std::to_integer<unsigned>(byte) >> 4];
    result += "0123456789abcdef"[std::to_integer<unsigned>(byte) & 15];
  }
  return result;
}

/// Same content: members in any order; doubles may differ in the last bits, for the parser rounds.
bool same(const json::value& a, const json::value& b) {
  if (a.is_double() && b.is_double()) {
    const double x = a.get_double(), y = b.get_double();
    return x == y || std::abs(x - y) <= 1e-14 * std::abs(x);
  }
  if (a.is_array() && b.is_array()) {
    const auto &x = a.get_array(), &y = b.get_array();
    return std::equal(x.begin(), x.end(), y.begin(), y.end(), same);
  }
  if (a.is_object() && b.is_object()) {
    const auto &x = a.get_object(), &y = b.get_object();
    if (x.size() != y.size()) return false;
    return std::all_of(x.begin(), x.end(), [&](const auto& member) {
      const json::value* other = y.if_contains(member.key());
      return other != nullptr && same(member.value(), *other);
    });
  }
  return a == b;
}

bool same_content(const std::string& ours, const std::string& kafkas) {
  json::error_code ours_bad, kafkas_bad;
  const json::value a = json::parse(ours, ours_bad), b = json::parse(kafkas, kafkas_bad);
  return !ours_bad && !kafkas_bad && same(a, b);
}

/// The folder of a message's files and the start of their names.
fs::path file_of(const MessageInfo& info, int version) {
  const std::string suffix = "-v" + std::to_string(version) + ".txt";
  const std::string name(info.name);
  const fs::path root(GREGOR_GOLDEN_DIR);
  if (info.kind == MessageKind::header) return root / "headers" / (name + suffix);
  if (info.kind == MessageKind::record) return root / "internal" / (name + suffix);
  const std::string kind = info.kind == MessageKind::request ? "request" : "response";
  return root / name.substr(0, name.size() - kind.size()) / (kind + suffix);
}

void check(const MessageInfo& info, int version, const Instance& instance,
           const std::string& where) {
  const std::vector<std::byte> in = from_hex(instance.hex);
  Reader reader(in);
  Writer writer;
  const auto json = info.reencode(reader, static_cast<ApiVersion>(version), writer);
  ASSERT_TRUE(json.has_value()) << where << ": " << json.error().detail;
  EXPECT_EQ(reader.remaining(), 0U) << where;
  EXPECT_EQ(to_hex(writer.bytes()), instance.known.empty() ? instance.hex : instance.known)
      << where;
  EXPECT_TRUE(same_content(*json, instance.json))
      << where << "\nours   " << *json << "\nKafka  " << instance.json;
}

class Golden : public testing::Test {
 protected:
  void SetUp() override {
    ASSERT_TRUE(fs::exists(fs::path(GREGOR_GOLDEN_DIR) / "README.md"))
        << "no golden files: " << GREGOR_GOLDEN_DIR;
  }
};

TEST_F(Golden, every_version_of_every_message) {
  int versions = 0, instances = 0;
  for (const MessageInfo* info : all_messages()) {
    for (int version = info->version_lowest; version <= info->version_highest; ++version) {
      const fs::path path = file_of(*info, version);
      const auto all = read_instances(path);
      ASSERT_GE(all.size(), 3U) << path;
      ++versions;
      for (const Instance& one : all) {
        check(*info, version, one, path.string() + ":" + std::to_string(one.line));
        ++instances;
      }
    }
  }
  std::cout << "golden: " << all_messages().size() << " messages, " << versions
            << " versions of them, " << instances << " instances equal to Kafka's\n";
}

TEST_F(Golden, our_defaults_are_kafkas) {
  for (const MessageInfo* info : all_messages()) {
    for (int version = info->version_lowest; version <= info->version_highest; ++version) {
      const fs::path path = file_of(*info, version);
      const auto all = read_instances(path);
      ASSERT_FALSE(all.empty()) << path;
      Writer writer;
      ASSERT_TRUE(info->encode_default(writer, static_cast<ApiVersion>(version)).has_value())
          << path;
      EXPECT_EQ(to_hex(writer.bytes()), all[0].hex) << path;
    }
  }
}

TEST_F(Golden, unknown_tags_are_dropped) {
  int files = 0;
  for (const MessageInfo* info : all_messages()) {
    if (info->flexible_from > info->version_highest) continue;
    const std::string name =
        std::string(info->name) + "-v" + std::to_string(info->version_highest) + ".txt";
    const fs::path path = fs::path(GREGOR_GOLDEN_DIR) / "unknown-tags" / name;
    const auto all = read_instances(path);
    ASSERT_FALSE(all.empty()) << path;
    ++files;
    for (const Instance& one : all) {
      EXPECT_FALSE(one.known.empty()) << path;
      check(*info, info->version_highest, one, path.string() + ":" + std::to_string(one.line));
    }
  }
  EXPECT_GT(files, 100);
}

/// Every message file cut at every byte: an error each time, for a body that is a byte too short is
/// no body.
TEST_F(Golden, cut_anywhere_is_an_error) {
  for (const MessageInfo* info : all_messages()) {
    const int version = info->version_highest;
    for (const Instance& one : read_instances(file_of(*info, version))) {
      const std::vector<std::byte> in = from_hex(one.hex);
      if (in.size() > 2000) continue;  // quadratic; the large ones add no new kind of field
      for (std::size_t size = 0; size < in.size(); ++size) {
        Reader reader(ByteView(in).first(size));
        Writer writer;
        EXPECT_FALSE(info->reencode(reader, static_cast<ApiVersion>(version), writer).has_value())
            << info->name << " v" << version << " cut to " << size;
      }
    }
  }
}

/// Kafka's messages with a few bytes changed at random (the same ones in each run): whatever
/// decodes must encode, and that must decode to the same JSON again.
TEST_F(Golden, damaged_messages_are_refused_or_consistent) {
  std::mt19937 random(20240607);
  int decoded = 0, refused = 0;
  for (const MessageInfo* info : all_messages()) {
    const ApiVersion version = info->version_highest;
    for (const Instance& one : read_instances(file_of(*info, version))) {
      for (int round = 0; round < 20; ++round) {
        std::vector<std::byte> in = from_hex(one.hex);
        for (auto i = random() % 3 + 1; i > 0 && !in.empty(); --i) {
          in[random() % in.size()] = static_cast<std::byte>(random());
        }
        Reader reader(in);
        Writer first, second;
        const auto json = info->reencode(reader, version, first);
        ++(json ? decoded : refused);
        if (!json) continue;
        Reader again(first.bytes());
        const auto same = info->reencode(again, version, second);
        ASSERT_TRUE(same.has_value()) << info->name << ": " << same.error().detail;
        EXPECT_EQ(*same, *json) << info->name;
      }
    }
  }
  EXPECT_GT(decoded, 1000);
  EXPECT_GT(refused, 1000);
}

TEST(GoldenComparison, sees_differences) {
  EXPECT_TRUE(same_content(R"({"a":1,"b":[1.0,"x"]})", R"({"b":[1.0,"x"],"a":1})"));
  EXPECT_FALSE(same_content(R"({"a":1})", R"({"a":2})"));
  EXPECT_FALSE(same_content(R"({"a":1})", R"({"a":1,"b":null})"));
  EXPECT_FALSE(same_content(R"({"a":[1]})", R"({"a":[1,2]})"));
  EXPECT_FALSE(same_content("{", "{"));
}

}  // namespace
}  // namespace gregor::protocol
