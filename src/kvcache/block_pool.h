// The KV cache's blocks: who holds which, and which of the free ones still hold a known prefix. Knows no
// memory and no model. A block is *held* (references > 0), *cached* (free, but its contents can be found by
// hash) or *blank* (free, contents unknown). Allocation takes blank blocks first, the last freed one before
// those that were never used, so that memory is touched no further than it must be; then the least recently
// used cached one. A block whose contents may be no numbers is *spoilt*: nobody finds it by name any more,
// and once nobody holds it, it is among those to clean. One thread; all memory is taken in the constructor.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "base/ids.h"
#include "kvcache/block_hash.h"

namespace vivace::kvcache {

struct BlockTag {};
using BlockId = base::Id<BlockTag>;

enum class AllocateOutcome { kOk, kPoolFull };

class BlockPool {
 public:
  /// blocks >= 1.
  explicit BlockPool(int blocks);

  int capacity() const { return static_cast<int>(blocks_.size()); }
  /// Blocks that Allocate can still give: blank and cached.
  int free_count() const { return free_count_; }
  int held_count() const { return capacity() - free_count_; }
  /// Blocks that FindCached can find, held or not.
  int named_count() const { return named_count_; }
  int references(BlockId block) const { return At(block).references; }

  /// Gives a block with one reference and no name.
  AllocateOutcome Allocate(BlockId& block);
  /// One more holder; revives a cached block.
  void AddReference(BlockId block);
  /// One holder less. A block without holders is cached when it has a name (as the most recently used), else
  /// blank. Release a sequence's blocks last to first, so that the ends of prefixes are evicted before their
  /// beginnings.
  void Release(BlockId block);
  /// Names a held, full, computed block. When another block has the name already, that one keeps it and this
  /// one stays nameless.
  void SetName(BlockId block, const BlockHash& name);
  /// The block of that name, held or free; takes no reference.
  std::optional<BlockId> FindCached(const BlockHash& name) const;
  /// The name of a block that has one.
  std::optional<BlockHash> NameOf(BlockId block) const;
  /// The contents of a held or cached block may be no numbers: it loses its name, and is to be cleaned when
  /// its last holder has let go.
  void Spoil(BlockId block);
  /// Spoilt blocks that were let go, each once: they must be cleaned before anything is written there again.
  std::span<const BlockId> to_clean() const { return to_clean_; }
  void Cleaned() { to_clean_.clear(); }
  /// Forgets every name; held blocks stay held.
  void ForgetNames();

  /// Aborts when lists, counts and names do not agree. O(blocks).
  void CheckInvariants() const;

 private:
  struct Block {
    int references = 0;
    bool named = false;
    bool spoilt = false;  // held, and to be cleaned afterwards
    BlockHash name;
    std::int32_t previous = -1;  // neighbours in its free list
    std::int32_t next = -1;
  };
  struct FreeList {  // front is taken first
    std::int32_t front = -1;
    std::int32_t back = -1;
  };

  const Block& At(BlockId block) const;
  Block& At(BlockId block);
  FreeList& ListOf(const Block& block) { return block.named ? cached_ : blank_; }
  void PushBack(FreeList& list, std::int32_t index);
  void PushFront(FreeList& list, std::int32_t index);
  void PutBack(std::int32_t index);
  void Remove(FreeList& list, std::int32_t index);
  std::size_t SlotOf(const BlockHash& name) const;
  void EraseName(std::int32_t index);
  void Forget(std::int32_t index);
  void ListForCleaning(std::int32_t index);
  int CheckList(const FreeList& list, bool named) const;

  std::vector<Block> blocks_;
  FreeList blank_;
  FreeList cached_;  // least recently used in front
  int free_count_ = 0;
  int named_count_ = 0;
  std::vector<std::int32_t>
      table_;                      // open addressing by name: block index or -1; a power of two >= 2 * blocks
  std::vector<BlockId> to_clean_;  // at most all
};

}  // namespace vivace::kvcache
