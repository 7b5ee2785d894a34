// The tree against a naive model: random changes, multis that fail, restore. The rules themselves
// are in conformance.h.
#include "metadata/tree.h"

#include <gtest/gtest.h>

#include <random>

#include "metadata/request.h"
#include "znode/path.h"

namespace gregor::metadata {
namespace {

using znode::CreateMode;

std::string dump(const Tree& tree, const std::string& path = "/") {
  std::string text;
  std::vector<std::string> todo{path};
  while (!todo.empty()) {
    const auto at = todo.back();
    todo.pop_back();
    const auto* node = tree.find(at);
    const auto stat = node->stat();
    text += at + "=" + node->data + "@" + std::to_string(stat.version) + "," +
            std::to_string(stat.cversion) + "," + std::to_string(stat.czxid) + "," +
            std::to_string(stat.mzxid) + "," + std::to_string(stat.pzxid) + "," +
            std::to_string(stat.ephemeral_owner) + "\n";
    for (const auto& child : node->children) todo.push_back((at == "/" ? at : at + "/") + child);
  }
  return text;
}

znode::Operation random_operation(std::mt19937_64& random) {
  static const std::vector<std::string> paths{"/a", "/b", "/a/x", "/a/y", "/b/x", "/a/x/1"};
  const auto& path = paths[random() % paths.size()];
  const auto version =
      random() % 3 == 0 ? static_cast<std::int32_t>(random() % 3) : znode::any_version;
  switch (random() % 6) {
    case 0:
      return znode::op::Set{path, std::to_string(random() % 100), version};
    case 1:
      return znode::op::Delete{path, version};
    case 2:
      return znode::op::Check{path, version};
    case 3:
      return znode::op::Create{path, "s", CreateMode::persistent_sequential};
    case 4:
      return znode::op::Create{path, "e", CreateMode::ephemeral};
    default:
      return znode::op::Create{path, "p", CreateMode::persistent};
  }
}

// A multi that fails leaves no trace; one that succeeds is the same as its operations one by one
// (but for the zxid).
TEST(Tree, MultiEqualsItsOperationsOrNothing) {
  std::mt19937_64 random(42);
  Tree tree;
  int failed = 0;
  for (int round = 0; round < 5000; ++round) {
    std::vector<znode::Operation> operations;
    for (std::uint64_t i = 0; i <= random() % 4; ++i)
      operations.push_back(random_operation(random));
    const std::string before = dump(tree);
    const auto zxid = tree.zxid();
    Tree copy = tree;
    const auto applied =
        tree.apply(operations, {static_cast<std::int64_t>(1 + random() % 3), round});
    if (!applied) {
      ++failed;
      EXPECT_EQ(dump(tree), before);
      EXPECT_EQ(tree.zxid(), zxid);
      // The operation named is the first that fails.
      operations.resize(applied.error().operation);
      EXPECT_TRUE(copy.apply(operations, {1, round}));
    } else {
      EXPECT_LE(tree.zxid(), zxid + 1);
    }
    if (round % 50 == 49) tree.end_session(static_cast<std::int64_t>(1 + random() % 3), round);
  }
  EXPECT_GT(failed, 500);
}

// What take_changed_paths names is enough to keep a copy up to date.
TEST(Tree, ChangedPathsAreEnoughForACopy) {
  std::mt19937_64 random(43);
  Tree tree;
  std::map<std::string, TreeNode> saved;
  saved["/"] = TreeNode{};
  for (int round = 0; round < 3000; ++round) {
    const std::vector<znode::Operation> operations{random_operation(random),
                                                   random_operation(random)};
    if (!tree.apply(operations, {1, round})) continue;
    for (const auto& path : tree.take_changed_paths()) {
      if (const auto* node = tree.find(path)) {
        saved[path] = *node;
      } else {
        saved.erase(path);
      }
    }
  }
  Tree copy;
  copy.restore_zxid(tree.zxid());
  for (const auto& [path, node] : saved) EXPECT_TRUE(copy.restore(path, node)) << path;
  EXPECT_EQ(dump(copy), dump(tree));
  EXPECT_GT(copy.size(), 20u);
}

TEST(Tree, RestoreRefusesWhatCanNotBe) {
  Tree tree;
  EXPECT_FALSE(tree.restore("/a/b", {}));
  EXPECT_FALSE(tree.restore("a", {}));
  TreeNode ephemeral;
  ephemeral.ephemeral_owner = 5;
  EXPECT_TRUE(tree.restore("/e", ephemeral));
  EXPECT_FALSE(tree.restore("/e", ephemeral));
  EXPECT_FALSE(tree.restore("/e/child", {}));
  EXPECT_FALSE(tree.restore("/", {}));
  EXPECT_EQ(tree.ephemeral_owners(), std::vector<std::int64_t>({5}));
}

TEST(Request, WireBytesAreThoseOfZooKeeper) {
  EXPECT_EQ(wire_bytes({{znode::op::Delete{"/ab"}}}), 8u + 4 + 3 + 4);
  EXPECT_EQ(wire_bytes({{znode::op::Delete{"/ab"}, znode::op::Check{"/c", 1}}}),
            8u + (9 + 11) + (9 + 10) + 9);
}

}  // namespace
}  // namespace gregor::metadata
