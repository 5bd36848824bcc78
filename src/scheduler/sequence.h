// What the scheduler knows of one sequence. Plain data, owned by the Scheduler.
#pragma once

#include <cstdint>
#include <vector>

#include "base/ids.h"
#include "kvcache/block_hash.h"
#include "kvcache/block_pool.h"

namespace vivace::scheduler {

struct SequenceTag {};
using SequenceId = base::Id<SequenceTag>;

enum class SequenceState { kUnused, kWaiting, kRunning };

struct Sequence {
  SequenceId id;
  SequenceState state = SequenceState::kUnused;
  std::int64_t arrival = 0;  // order of Add
  int prompt_tokens = 0;
  int max_tokens = 0;
  bool all_prompt_logits = false;
  bool was_admitted = false;
  int cached_tokens = 0;        // hits of the first admission
  int computed = 0;             // positions whose K and V are in its blocks
  int prompt_logits_given = 0;  // positions whose logits were planned and committed, with all_prompt_logits
  int planned_rows = 0;         // of the outstanding plan
  int named_blocks = 0;         // leading blocks that carry (or were refused) their name
  std::vector<std::int32_t> tokens;      // prompt and generated
  std::vector<kvcache::BlockId> blocks;  // page table
  kvcache::BlockHash root;
  std::vector<kvcache::BlockHash>
      names;  // chain over the leading full blocks of tokens, as far as needed yet

  int length() const { return static_cast<int>(tokens.size()); }
  int remaining() const { return length() - computed; }
  int length_limit() const { return prompt_tokens + max_tokens; }
};

}  // namespace vivace::scheduler
