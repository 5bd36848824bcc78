#include "kvcache/block_hash.h"

#include <gtest/gtest.h>

#include <numeric>
#include <vector>

namespace vivace::kvcache {
namespace {

std::vector<std::int32_t> Tokens(int first) {
  std::vector<std::int32_t> tokens(16);
  std::iota(tokens.begin(), tokens.end(), first);
  return tokens;
}

TEST(BlockHasher, GivesTheSameNameForTheSameChain) {
  BlockHasher a, b;
  b.Root("other", "x");  // what was hashed before does not matter
  EXPECT_EQ(a.Next(a.Root("p", "s"), Tokens(0)), b.Next(b.Root("p", "s"), Tokens(0)));
}

TEST(BlockHasher, RootDependsOnProgramAndSaltAndWhereTheyMeet) {
  BlockHasher hasher;
  const BlockHash root = hasher.Root("ab", "c");
  EXPECT_NE(root, hasher.Root("a", "bc"));
  EXPECT_NE(root, hasher.Root("ab", ""));
  EXPECT_NE(root, hasher.Root("", "abc"));
}

TEST(BlockHasher, NameDependsOnEveryTokenAndOnTheParent) {
  BlockHasher hasher;
  const BlockHash root = hasher.Root("p", "");
  const BlockHash first = hasher.Next(root, Tokens(0));
  for (std::size_t i = 0; i < 16; ++i) {
    auto tokens = Tokens(0);
    tokens[i] ^= 1 << 20;
    EXPECT_NE(first, hasher.Next(root, tokens)) << i;
  }
  EXPECT_NE(first, hasher.Next(first, Tokens(0)));
}

TEST(BlockHasher, IsSha256OfTagParentAndTokens) {
  // sha256(b"B" + 16 zero bytes + 64 zero bytes), first 16 bytes
  BlockHasher hasher;
  const BlockHash hash = hasher.Next(BlockHash{}, std::vector<std::int32_t>(16, 0));
  EXPECT_EQ(hash.words[0], 0x187bb6954232cba0u);
  EXPECT_EQ(hash.words[1], 0x35805c0e2601b78eu);
}

}  // namespace
}  // namespace vivace::kvcache
