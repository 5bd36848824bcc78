#include "kvcache/block_pool.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <random>
#include <set>

namespace vivace::kvcache {
namespace {

BlockHash Name(std::uint64_t number) {
  return {{number, number * 7}};
}

BlockId Take(BlockPool& pool) {
  BlockId block;
  EXPECT_EQ(pool.Allocate(block), AllocateOutcome::kOk);
  return block;
}

TEST(BlockPool, GivesEachBlockOnceAndThenSaysFull) {
  BlockPool pool(3);
  std::set<BlockId> taken = {Take(pool), Take(pool), Take(pool)};
  EXPECT_EQ(taken.size(), 3u);
  BlockId block;
  EXPECT_EQ(pool.Allocate(block), AllocateOutcome::kPoolFull);
  EXPECT_EQ(pool.free_count(), 0);
  pool.CheckInvariants();
}

TEST(BlockPool, FreeingASharedBlockKeepsItForTheOtherHolder) {
  BlockPool pool(1);
  const BlockId block = Take(pool);
  pool.AddReference(block);
  pool.Release(block);
  EXPECT_EQ(pool.references(block), 1);
  EXPECT_EQ(pool.free_count(), 0);
  pool.Release(block);
  EXPECT_EQ(pool.free_count(), 1);
  pool.CheckInvariants();
}

TEST(BlockPool, FindsANamedBlockWhileHeldAndAfterItIsFree) {
  BlockPool pool(2);
  const BlockId block = Take(pool);
  EXPECT_EQ(pool.FindCached(Name(1)), std::nullopt);
  pool.SetName(block, Name(1));
  EXPECT_EQ(pool.FindCached(Name(1)), block);
  pool.Release(block);
  EXPECT_EQ(pool.FindCached(Name(1)), block);
  pool.AddReference(block);
  EXPECT_EQ(pool.references(block), 1);
  EXPECT_EQ(pool.free_count(), 1);
  pool.CheckInvariants();
}

TEST(BlockPool, TakesBlankBlocksBeforeCachedOnes) {
  BlockPool pool(3);
  const BlockId named = Take(pool);
  pool.SetName(named, Name(1));
  pool.Release(named);
  EXPECT_NE(Take(pool), named);
  EXPECT_NE(Take(pool), named);
  EXPECT_EQ(pool.FindCached(Name(1)), named);
  EXPECT_EQ(Take(pool), named);
  EXPECT_EQ(pool.FindCached(Name(1)), std::nullopt);
  pool.CheckInvariants();
}

TEST(BlockPool, TakesAFreedBlankBlockBeforeOnesThatWereNeverUsed) {
  BlockPool pool(8);
  const BlockId a = Take(pool), b = Take(pool), c = Take(pool);
  pool.Release(b);
  pool.Release(a);
  EXPECT_EQ(Take(pool), a);
  EXPECT_EQ(Take(pool), b);
  EXPECT_GT(Take(pool).value, c.value);
  pool.CheckInvariants();
}

TEST(BlockPool, EvictsTheLeastRecentlyUsedFirst) {
  BlockPool pool(3);
  const BlockId a = Take(pool), b = Take(pool), c = Take(pool);
  for (const auto& [block, name] : {std::pair(a, 1), {b, 2}, {c, 3}}) pool.SetName(block, Name(name));
  for (const BlockId block : {a, b, c}) pool.Release(block);
  pool.AddReference(a);  // used again: now the most recent
  pool.Release(a);
  EXPECT_EQ(Take(pool), b);
  EXPECT_EQ(Take(pool), c);
  EXPECT_EQ(Take(pool), a);
  pool.CheckInvariants();
}

TEST(BlockPool, TheFirstBlockOfANameKeepsIt) {
  BlockPool pool(2);
  const BlockId first = Take(pool), second = Take(pool);
  pool.SetName(first, Name(1));
  pool.SetName(second, Name(1));
  EXPECT_EQ(pool.FindCached(Name(1)), first);
  EXPECT_EQ(pool.named_count(), 1);
  pool.Release(second);
  EXPECT_EQ(Take(pool), second);  // it was blank
  pool.CheckInvariants();
}

TEST(BlockPool, ForgettingNamesLeavesHoldersAlone) {
  BlockPool pool(2);
  const BlockId held = Take(pool), cached = Take(pool);
  pool.SetName(held, Name(1));
  pool.SetName(cached, Name(2));
  pool.Release(cached);
  pool.ForgetNames();
  EXPECT_EQ(pool.FindCached(Name(1)), std::nullopt);
  EXPECT_EQ(pool.FindCached(Name(2)), std::nullopt);
  EXPECT_EQ(pool.references(held), 1);
  EXPECT_EQ(pool.free_count(), 1);
  pool.CheckInvariants();
}

TEST(BlockPool, ASpoiltBlockIsFoundByNobodyAndCleanedWhenItsLastHolderLetsGo) {
  BlockPool pool(3);
  const BlockId shared = Take(pool), cached = Take(pool);
  pool.SetName(shared, Name(1));
  pool.SetName(cached, Name(2));
  pool.AddReference(shared);
  pool.Release(cached);
  pool.Spoil(shared);
  pool.Spoil(shared);
  EXPECT_EQ(pool.FindCached(Name(1)), std::nullopt);
  pool.SetName(shared, Name(1));
  EXPECT_EQ(pool.FindCached(Name(1)), std::nullopt) << "it gets no name again";
  pool.Release(shared);
  EXPECT_TRUE(pool.to_clean().empty()) << "somebody holds it still";
  pool.Release(shared);
  pool.Spoil(cached);
  EXPECT_EQ(pool.FindCached(Name(2)), std::nullopt);
  pool.CheckInvariants();
  ASSERT_EQ(pool.to_clean().size(), 2u);
  EXPECT_EQ(pool.to_clean()[0], shared);
  EXPECT_EQ(pool.to_clean()[1], cached);
  pool.Cleaned();
  EXPECT_TRUE(pool.to_clean().empty());
  EXPECT_EQ(Take(pool), cached);  // a blank block like any other
  pool.SetName(cached, Name(2));
  EXPECT_EQ(pool.FindCached(Name(2)), cached);
  pool.CheckInvariants();
}

TEST(BlockPoolDeathTest, ReleasingAFreeBlockIsABug) {
  BlockPool pool(1);
  const BlockId block = Take(pool);
  pool.Release(block);
  EXPECT_DEATH(pool.Release(block), "references > 0");
}

// Against a plain model: names that clash in the table, random holders.
TEST(BlockPool, AgreesWithAModelOverRandomOperations) {
  std::mt19937 random(7);
  BlockPool pool(24);
  std::vector<BlockId> holders;  // one entry a reference
  std::map<std::uint64_t, BlockId> names;
  std::map<BlockId, std::uint64_t> name_of;
  for (int step = 0; step < 20000; ++step) {
    const unsigned choice = random() % 4;
    if (choice == 0) {
      BlockId block;
      const auto outcome = pool.Allocate(block);
      const std::set<BlockId> held(holders.begin(), holders.end());
      ASSERT_EQ(outcome == AllocateOutcome::kPoolFull, held.size() == 24u);
      if (outcome == AllocateOutcome::kPoolFull) continue;
      ASSERT_EQ(held.count(block), 0u);
      if (name_of.count(block) != 0) names.erase(name_of[block]);
      name_of.erase(block);
      holders.push_back(block);
    } else if (choice == 1 && !holders.empty()) {
      std::swap(holders[random() % holders.size()], holders.back());
      pool.Release(holders.back());
      holders.pop_back();
    } else if (choice == 2 && !holders.empty()) {
      const BlockId block = holders[random() % holders.size()];
      const std::uint64_t number =
          (random() % 8) << (random() % 2 * 32) | random() % 3;  // many share low bits
      if (name_of.count(block) != 0) continue;
      pool.SetName(block, Name(number));
      if (names.try_emplace(number, block).second) name_of[block] = number;
    } else if (choice == 3 && !names.empty()) {
      const auto at = std::next(names.begin(), static_cast<long>(random() % names.size()));
      ASSERT_EQ(pool.FindCached(Name(at->first)), at->second);
      pool.AddReference(at->second);
      holders.push_back(at->second);
    }
    pool.CheckInvariants();
    ASSERT_EQ(pool.named_count(), static_cast<int>(names.size()));
  }
}

}  // namespace
}  // namespace vivace::kvcache
