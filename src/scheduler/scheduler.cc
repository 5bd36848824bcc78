// Scheduler: how sequences enter and leave, and what a step's result changes. What a step computes is decided
// in plan.cc.
#include "scheduler/scheduler.h"

#include <fmt/core.h>

#include <algorithm>

#include "base/check.h"
#include "tensor/kv_layout.h"

namespace vivace::scheduler {
namespace {

constexpr int kBlockTokens = tensor::KvLayout::kBlockTokens;
static_assert(sizeof(kvcache::BlockId) == sizeof(std::int32_t),
              "block_values() reads a page table as numbers");

// The last token is never computed, so it needs no place in the cache.
std::int64_t BlocksForLimit(std::int64_t tokens) {
  return (tokens - 1 + kBlockTokens - 1) / kBlockTokens;
}

}  // namespace

Scheduler::Scheduler(SchedulerConfig config) : config_(std::move(config)), pool_(config_.blocks) {
  VIVACE_CHECK(config_.max_model_len >= 1 && config_.max_batched_tokens >= 1 && config_.max_num_seqs >= 1 &&
               config_.max_chunk_tokens >= 0);
  config_.max_num_seqs = std::min(config_.max_num_seqs, config_.max_batched_tokens);
  running_.reserve(static_cast<std::size_t>(config_.max_num_seqs));
  plan_entries_.reserve(static_cast<std::size_t>(config_.max_num_seqs));
}

Sequence& Scheduler::Get(SequenceId id) {
  VIVACE_CHECK(id.value >= 0 && static_cast<std::size_t>(id.value) < sequences_.size());
  return sequences_[static_cast<std::size_t>(id.value)];
}

const Sequence& Scheduler::Get(SequenceId id) const {
  return const_cast<Scheduler&>(*this).Get(id);
}

Result<SequenceId> Scheduler::Add(const SequenceRequest& request) {
  const auto prompt = static_cast<std::int64_t>(request.prompt.size());
  if (prompt == 0) return InvalidArgument("the prompt is empty: give at least one token");
  if (request.max_tokens < 1) {
    return InvalidArgument(fmt::format("max_tokens is {}: it must be at least 1", request.max_tokens));
  }
  const std::int64_t limit = prompt + request.max_tokens;
  if (limit > config_.max_model_len) {
    return InvalidArgument(
        fmt::format("a prompt of {} tokens and max_tokens {} exceed the model length of {} tokens: shorten "
                    "one of them or raise --max-model-len",
                    prompt, request.max_tokens, config_.max_model_len));
  }
  if (BlocksForLimit(limit) > pool_.capacity()) {
    return InvalidArgument(
        fmt::format("a prompt of {} tokens and max_tokens {} need {} KV cache blocks but there are {}: "
                    "shorten one of them or give the cache more memory",
                    prompt, request.max_tokens, BlocksForLimit(limit), pool_.capacity()));
  }
  Sequence sequence;
  sequence.state = SequenceState::kWaiting;
  sequence.prompt_tokens = static_cast<int>(prompt);
  sequence.max_tokens = request.max_tokens;
  sequence.all_prompt_logits = request.all_prompt_logits;
  sequence.tokens.assign(request.prompt.begin(), request.prompt.end());
  sequence.root = hasher_.Root(config_.program_fingerprint, request.cache_salt);
  if (unused_ids_.empty()) MakeId();
  waiting_.push_back(unused_ids_.back());
  // From here on nothing takes memory.
  sequence.id = unused_ids_.back();
  unused_ids_.pop_back();
  sequence.arrival = arrivals_++;
  return (Get(sequence.id) = std::move(sequence)).id;
}

// Room for every id that there is: giving one back takes no memory.
void Scheduler::MakeId() {
  unused_ids_.reserve(sequences_.size() + 1);
  sequences_.emplace_back();
  unused_ids_.push_back({static_cast<std::int32_t>(sequences_.size() - 1)});
}

void Scheduler::Cancel(SequenceId id) {
  VIVACE_CHECK(!plan_outstanding_);
  Sequence& sequence = Get(id);
  VIVACE_CHECK(sequence.state != SequenceState::kUnused);
  if (sequence.state == SequenceState::kWaiting) {
    waiting_.erase(std::find(waiting_.begin(), waiting_.end(), id));
  } else {
    running_.erase(std::find(running_.begin(), running_.end(), id));
  }
  Retire(sequence);
  ++stats_.cancelled;
}

// The caller takes it out of its queue.
void Scheduler::Retire(Sequence& sequence) {
  ReleaseBlocks(sequence);
  const SequenceId id = sequence.id;
  sequence = Sequence();
  unused_ids_.push_back(id);
}

// Its blocks, and whatever else goes by the names of their contents: another sequence may have computed the
// same.
void Scheduler::Spoil(const Sequence& sequence) {
  for (const kvcache::BlockId block : sequence.blocks) pool_.Spoil(block);
  for (const kvcache::BlockHash& name : sequence.names) {
    if (const auto block = pool_.FindCached(name)) pool_.Spoil(*block);
  }
}

// Ends first, so that they are evicted before the beginnings that more sequences can use.
void Scheduler::ReleaseBlocks(Sequence& sequence) {
  for (auto block = sequence.blocks.rbegin(); block != sequence.blocks.rend(); ++block) pool_.Release(*block);
  sequence.blocks.clear();
  sequence.computed = 0;
}

void Scheduler::Commit(const StepResult& result) {
  VIVACE_CHECK(plan_outstanding_);
  plan_outstanding_ = false;
  pool_.Cleaned();
  std::size_t next_result = 0;
  bool any_finished = false;
  for (const SequencePlan& entry : plan_entries_) {
    Sequence& sequence = Get(entry.id);
    sequence.computed += entry.rows;
    sequence.planned_rows = 0;
    sequence.prompt_logits_given =
        std::max(sequence.prompt_logits_given, std::min(sequence.computed, sequence.prompt_tokens));
    stats_.scheduled_rows += entry.rows;
    NameFullBlocks(sequence);
    if (!entry.samples) continue;
    VIVACE_CHECK(next_result < result.sequences.size());
    const SequenceResult& sampled = result.sequences[next_result++];
    VIVACE_CHECK(sampled.id == entry.id);
    VIVACE_CHECK(sampled.finished || !sampled.corrupt);
    if (sampled.finished) {
      if (sampled.corrupt) Spoil(sequence);
      Retire(sequence);
      any_finished = true;
      ++stats_.finished;
      continue;
    }
    sequence.tokens.push_back(sampled.token);
    VIVACE_CHECK(sequence.length() <
                 sequence.length_limit());  // the engine finishes a sequence that has all its tokens
  }
  VIVACE_CHECK(next_result == result.sequences.size());
  if (any_finished) {
    std::erase_if(running_, [this](SequenceId id) { return Get(id).state == SequenceState::kUnused; });
  }
}

void Scheduler::Discard() {
  VIVACE_CHECK(plan_outstanding_);
  plan_outstanding_ = false;
  for (const SequencePlan& entry : plan_entries_) Get(entry.id).planned_rows = 0;
}

void Scheduler::NameFullBlocks(Sequence& sequence) {
  if (!config_.prefix_caching) return;
  for (; (sequence.named_blocks + 1) * kBlockTokens <= sequence.computed; ++sequence.named_blocks) {
    pool_.SetName(sequence.blocks[static_cast<std::size_t>(sequence.named_blocks)],
                  NameOf(sequence, sequence.named_blocks));
  }
}

const kvcache::BlockHash& Scheduler::NameOf(Sequence& sequence, int block) {
  const auto wanted = static_cast<std::size_t>(block);
  while (sequence.names.size() <= wanted) {
    const kvcache::BlockHash& parent = sequence.names.empty() ? sequence.root : sequence.names.back();
    const auto tokens =
        std::span(sequence.tokens).subspan(sequence.names.size() * kBlockTokens, kBlockTokens);
    sequence.names.push_back(hasher_.Next(parent, tokens));
  }
  return sequence.names[wanted];
}

SchedulerStats Scheduler::stats() const {
  SchedulerStats stats = stats_;
  stats.running = static_cast<int>(running_.size());
  stats.waiting = static_cast<int>(waiting_.size());
  stats.blocks_total = pool_.capacity();
  stats.blocks_held = pool_.held_count();
  return stats;
}

}  // namespace vivace::scheduler
