// Scheduler: what the next step computes. Running sequences are served oldest first, and only younger ones
// are preempted for them, so the oldest sequence advances in every step and nobody starves.
#include <algorithm>

#include "base/check.h"
#include "scheduler/scheduler.h"
#include "tensor/kv_layout.h"

namespace vivace::scheduler {
namespace {

constexpr int kBlockTokens = tensor::KvLayout::kBlockTokens;

int BlocksFor(int tokens) {
  return (tokens + kBlockTokens - 1) / kBlockTokens;
}

}  // namespace

const Plan& Scheduler::Next() {
  VIVACE_CHECK(!plan_outstanding_);
  plan_entries_.clear();
  plan_ = Plan();
  AdmitWaiting(PlanRunning());
  EmitEntries(true);
  EmitEntries(false);
  plan_.sequences = plan_entries_;
  plan_.blocks_to_clean = pool_.to_clean();
  plan_outstanding_ = !plan_.empty();
  return plan_;
}

// Gives every running sequence its rows; returns the budget that is left. Decodes have their row reserved
// before any prompt takes its chunk: there are never more running sequences than budget, so the oldest prompt
// gets at least one row.
int Scheduler::PlanRunning() {
  int decodes = 0;
  for (const SequenceId id : running_) decodes += Get(id).remaining() == 1 ? 1 : 0;
  int chunk_budget = config_.max_batched_tokens - decodes;
  for (std::size_t i = 0; i < running_.size(); ++i) {  // shrinks at its end when a sequence is preempted
    Sequence& sequence = Get(running_[i]);
    if (sequence.remaining() == 1) {
      sequence.planned_rows = GrowOrPreempt(i, 1);
      continue;
    }
    const int wanted = ChunkRows(sequence, chunk_budget);
    sequence.planned_rows = wanted > 0 ? GrowOrPreempt(i, wanted) : 0;
    chunk_budget -= sequence.planned_rows;
  }
  return chunk_budget;
}

int Scheduler::ChunkRows(const Sequence& sequence, int budget) const {
  const int rows = std::min(sequence.remaining(), budget);
  return config_.max_chunk_tokens > 0 ? std::min(rows, config_.max_chunk_tokens) : rows;
}

// Takes blocks for up to `rows` more positions; returns for how many the sequence now has room, at most rows.
int Scheduler::Grow(Sequence& sequence, int rows) {
  while (static_cast<int>(sequence.blocks.size()) * kBlockTokens < sequence.computed + rows) {
    kvcache::BlockId block;
    if (pool_.Allocate(block) == kvcache::AllocateOutcome::kPoolFull) break;
    sequence.blocks.push_back(block);
  }
  return std::min(rows, static_cast<int>(sequence.blocks.size()) * kBlockTokens - sequence.computed);
}

// The same for running_[index]; when not even one row has room, younger sequences give way. 0: it is the
// youngest, and keeps its blocks until an older one finishes or needs them.
int Scheduler::GrowOrPreempt(std::size_t index, int rows) {
  Sequence& sequence = Get(running_[index]);
  int granted = Grow(sequence, rows);
  while (granted == 0 && index + 1 < running_.size()) {
    PreemptYoungest();
    granted = Grow(sequence, rows);
  }
  VIVACE_CHECK(granted > 0 || index > 0);  // alone, any sequence that Add accepted fits
  return granted;
}

void Scheduler::PreemptYoungest() {
  Sequence& sequence = Get(running_.back());
  waiting_.push_front(sequence.id);  // may throw: first
  running_.pop_back();
  ReleaseBlocks(sequence);
  sequence.planned_rows = 0;
  sequence.state = SequenceState::kWaiting;
  ++stats_.preemptions;
}

void Scheduler::AdmitWaiting(int budget) {
  while (budget > 0 && !waiting_.empty() && static_cast<int>(running_.size()) < config_.max_num_seqs) {
    Sequence& sequence = Get(waiting_.front());
    if (!Admit(sequence)) return;  // first come, first served: nobody passes it
    waiting_.pop_front();
    running_.push_back(sequence.id);
    sequence.planned_rows = Grow(sequence, ChunkRows(sequence, budget));
    budget -= sequence.planned_rows;
  }
}

// Admits when no prefix is about to be there, and the pool has room for all known tokens beyond what running
// prompts still need, and a block to grow for each running sequence.
bool Scheduler::Admit(Sequence& sequence) {
  const int cached = CountCachedBlocks(sequence);
  if (NextBlockIsComing(sequence, cached)) return false;
  int needed = BlocksFor(sequence.length()) - cached;
  for (int i = 0; i < cached; ++i) {
    const auto block = pool_.FindCached(NameOf(sequence, i));
    if (pool_.references(*block) == 0) ++needed;  // reviving it takes it from the free ones
  }
  if (!running_.empty()) needed += BlocksPromised() + static_cast<int>(running_.size());
  // A sequence preempted in this step stays out: the pool was empty, and of what it gave an older one took
  // some.
  if (needed > pool_.free_count()) return false;
  StartRunning(sequence, cached);
  return true;
}

// Leading full blocks that the pool still has. The last token is always computed, because its logits are
// wanted.
int Scheduler::CountCachedBlocks(Sequence& sequence) {
  if (!config_.prefix_caching || sequence.all_prompt_logits) return 0;
  const int most = (sequence.length() - 1) / kBlockTokens;
  int cached = 0;
  while (cached < most && pool_.FindCached(NameOf(sequence, cached))) ++cached;
  return cached;
}

// A running sequence computes in this step the very block that this one would compute first: after the step
// it is a prefix hit. So of several choices of one prompt only the first computes it.
bool Scheduler::NextBlockIsComing(Sequence& sequence, int cached) {
  if (!config_.prefix_caching || sequence.all_prompt_logits) return false;
  if (cached >= (sequence.length() - 1) / kBlockTokens) return false;
  for (const SequenceId id : running_) {
    Sequence& other = Get(id);
    const int full = (other.computed + other.planned_rows) / kBlockTokens;
    if (other.computed / kBlockTokens > cached || full <= cached) continue;
    if (NameOf(other, cached) == NameOf(sequence, cached)) return true;
  }
  return false;
}

int Scheduler::BlocksPromised() const {
  int promised = 0;
  for (const SequenceId id : running_) {
    const Sequence& sequence = Get(id);
    promised += std::max(0, BlocksFor(sequence.length()) - static_cast<int>(sequence.blocks.size()));
  }
  return promised;
}

void Scheduler::StartRunning(Sequence& sequence, int cached_blocks) {
  const auto limit = static_cast<std::size_t>(sequence.length_limit());
  sequence.tokens.reserve(limit);
  sequence.blocks.reserve(limit / kBlockTokens + 1);
  sequence.names.reserve(limit / kBlockTokens + 1);
  for (int i = 0; i < cached_blocks; ++i) {
    const auto block = pool_.FindCached(NameOf(sequence, i));
    pool_.AddReference(*block);
    sequence.blocks.push_back(*block);
  }
  sequence.computed = cached_blocks * kBlockTokens;
  sequence.named_blocks = cached_blocks;
  sequence.state = SequenceState::kRunning;
  if (sequence.was_admitted) return;
  sequence.was_admitted = true;
  sequence.cached_tokens = sequence.computed;
  stats_.prefix_queries += sequence.length();
  stats_.prefix_hits += sequence.computed;
}

// Appends the entries of sequences that need one row (decodes) or more.
void Scheduler::EmitEntries(bool decodes) {
  for (const SequenceId id : running_) {
    const Sequence& sequence = Get(id);
    const int rows = sequence.planned_rows;
    if (rows == 0 || (sequence.remaining() == 1) != decodes) continue;
    SequencePlan entry;
    entry.id = id;
    entry.first_position = sequence.computed;
    entry.rows = rows;
    entry.samples = rows == sequence.remaining();
    entry.logit_rows = entry.samples ? 1 : 0;
    if (sequence.all_prompt_logits && sequence.prompt_logits_given < sequence.prompt_tokens) {
      // Nothing is generated before all prompt logits are given, so these rows are of the prompt.
      const int first_wanted = std::max(sequence.computed, sequence.prompt_logits_given);
      entry.logit_rows = std::max(entry.logit_rows, sequence.computed + rows - first_wanted);
    }
    entry.cached_tokens = sequence.cached_tokens;
    entry.tokens = std::span(sequence.tokens)
                       .subspan(static_cast<std::size_t>(sequence.computed), static_cast<std::size_t>(rows));
    entry.blocks = sequence.blocks;
    plan_entries_.push_back(entry);
    plan_.rows += rows;
    plan_.logit_rows += entry.logit_rows;
  }
}

}  // namespace vivace::scheduler
