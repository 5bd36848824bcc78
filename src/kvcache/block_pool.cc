#include "kvcache/block_pool.h"

#include <algorithm>
#include <bit>

#include "base/check.h"

namespace vivace::kvcache {

BlockPool::BlockPool(int blocks) {
  VIVACE_CHECK(blocks >= 1 && blocks <= 1 << 30);
  blocks_.resize(static_cast<std::size_t>(blocks));
  table_.assign(std::bit_ceil(static_cast<std::size_t>(blocks) * 2), -1);
  for (std::int32_t i = 0; i < blocks; ++i) PushBack(blank_, i);
  free_count_ = blocks;
  to_clean_.reserve(blocks_.size());
}

const BlockPool::Block& BlockPool::At(BlockId block) const {
  VIVACE_CHECK(block.value >= 0 && block.value < capacity());
  return blocks_[static_cast<std::size_t>(block.value)];
}

BlockPool::Block& BlockPool::At(BlockId block) {
  return const_cast<Block&>(static_cast<const BlockPool&>(*this).At(block));
}

void BlockPool::PushBack(FreeList& list, std::int32_t index) {
  Block& block = At({index});
  block.previous = list.back;
  block.next = -1;
  if (list.back >= 0) {
    At({list.back}).next = index;
  } else {
    list.front = index;
  }
  list.back = index;
}

void BlockPool::PushFront(FreeList& list, std::int32_t index) {
  Block& block = At({index});
  block.previous = -1;
  block.next = list.front;
  if (list.front >= 0) {
    At({list.front}).previous = index;
  } else {
    list.back = index;
  }
  list.front = index;
}

// A cached block goes behind those that were used before it; a blank one before those whose memory was not
// touched yet, or not for longer.
void BlockPool::PutBack(std::int32_t index) {
  if (At({index}).named) {
    PushBack(cached_, index);
  } else {
    PushFront(blank_, index);
  }
}

void BlockPool::Remove(FreeList& list, std::int32_t index) {
  const Block& block = At({index});
  if (block.previous >= 0) {
    At({block.previous}).next = block.next;
  } else {
    list.front = block.next;
  }
  if (block.next >= 0) {
    At({block.next}).previous = block.previous;
  } else {
    list.back = block.previous;
  }
}

AllocateOutcome BlockPool::Allocate(BlockId& block) {
  if (free_count_ == 0) return AllocateOutcome::kPoolFull;
  const std::int32_t index = blank_.front >= 0 ? blank_.front : cached_.front;
  Block& taken = At({index});
  Remove(ListOf(taken), index);
  if (taken.named) EraseName(index);
  taken.references = 1;
  --free_count_;
  block = {index};
  return AllocateOutcome::kOk;
}

void BlockPool::AddReference(BlockId block) {
  Block& held = At(block);
  if (held.references == 0) {
    VIVACE_CHECK(held.named);  // nobody can know the contents of a blank block
    Remove(cached_, block.value);
    --free_count_;
  }
  ++held.references;
}

void BlockPool::Release(BlockId block) {
  Block& held = At(block);
  VIVACE_CHECK(held.references > 0);
  if (--held.references > 0) return;
  PutBack(block.value);
  ++free_count_;
  if (!held.spoilt) return;
  held.spoilt = false;
  ListForCleaning(block.value);
}

void BlockPool::Spoil(BlockId block) {
  Block& spoilt = At(block);
  VIVACE_CHECK(spoilt.references > 0 || spoilt.named);  // else there is nothing in it that anyone reads
  if (spoilt.named) Forget(block.value);
  if (spoilt.references > 0) {
    spoilt.spoilt = true;
  } else {
    ListForCleaning(block.value);
  }
}

void BlockPool::ListForCleaning(std::int32_t index) {
  if (std::find(to_clean_.begin(), to_clean_.end(), BlockId{index}) == to_clean_.end())
    to_clean_.push_back({index});
}

// The slot of that name, or the empty slot where it would go. The table is at most half full, so the walk
// ends.
std::size_t BlockPool::SlotOf(const BlockHash& name) const {
  const std::size_t mask = table_.size() - 1;
  std::size_t slot = name.words[0] & mask;
  while (table_[slot] >= 0 && blocks_[static_cast<std::size_t>(table_[slot])].name != name)
    slot = (slot + 1) & mask;
  return slot;
}

void BlockPool::SetName(BlockId block, const BlockHash& name) {
  Block& held = At(block);
  VIVACE_CHECK(held.references > 0 && !held.named);
  const std::size_t slot = SlotOf(name);
  if (table_[slot] >= 0 || held.spoilt) return;
  table_[slot] = block.value;
  held.named = true;
  held.name = name;
  ++named_count_;
}

std::optional<BlockHash> BlockPool::NameOf(BlockId block) const {
  const Block& known = At(block);
  return known.named ? std::optional<BlockHash>(known.name) : std::nullopt;
}

std::optional<BlockId> BlockPool::FindCached(const BlockHash& name) const {
  const std::int32_t index = table_[SlotOf(name)];
  return index >= 0 ? std::optional<BlockId>(BlockId{index}) : std::nullopt;
}

// Takes the name out of the table and moves later entries of the same run back, so that no tombstones are
// needed.
void BlockPool::EraseName(std::int32_t index) {
  const std::size_t mask = table_.size() - 1;
  std::size_t hole = SlotOf(At({index}).name);
  VIVACE_CHECK(table_[hole] == index);
  for (std::size_t slot = (hole + 1) & mask; table_[slot] >= 0; slot = (slot + 1) & mask) {
    const std::size_t home = blocks_[static_cast<std::size_t>(table_[slot])].name.words[0] & mask;
    const bool may_move = ((slot - home) & mask) >= ((slot - hole) & mask);
    if (!may_move) continue;
    table_[hole] = table_[slot];
    hole = slot;
  }
  table_[hole] = -1;
  At({index}).named = false;
  --named_count_;
}

// A free block moves from the cached ones to the blank ones.
void BlockPool::Forget(std::int32_t index) {
  const bool free = At({index}).references == 0;
  if (free) Remove(cached_, index);
  EraseName(index);
  if (free) PutBack(index);
}

void BlockPool::ForgetNames() {
  for (std::int32_t i = 0; i < capacity(); ++i) {
    if (At({i}).named) Forget(i);
  }
}

int BlockPool::CheckList(const FreeList& list, bool named) const {
  int count = 0;
  std::int32_t previous = -1;
  for (std::int32_t i = list.front; i >= 0; i = At({i}).next) {
    VIVACE_CHECK(At({i}).references == 0 && At({i}).named == named && At({i}).previous == previous);
    VIVACE_CHECK(++count <= capacity());
    previous = i;
  }
  VIVACE_CHECK(list.back == previous);
  return count;
}

void BlockPool::CheckInvariants() const {
  int unreferenced = 0, named = 0, in_table = 0;
  for (std::int32_t i = 0; i < capacity(); ++i) {
    const Block& block = At({i});
    VIVACE_CHECK(block.references >= 0);
    unreferenced += block.references == 0 ? 1 : 0;
    named += block.named ? 1 : 0;
    if (block.named) VIVACE_CHECK(table_[SlotOf(block.name)] == i);
    VIVACE_CHECK(!block.spoilt || (!block.named && block.references > 0));
  }
  for (const std::int32_t index : table_) in_table += index >= 0 ? 1 : 0;
  VIVACE_CHECK(unreferenced == free_count_ && named == named_count_ && in_table == named);
  for (const BlockId block : to_clean_) {
    VIVACE_CHECK(!At(block).named && std::count(to_clean_.begin(), to_clean_.end(), block) == 1);
  }
  VIVACE_CHECK(CheckList(blank_, false) + CheckList(cached_, true) == free_count_);
}

}  // namespace vivace::kvcache
