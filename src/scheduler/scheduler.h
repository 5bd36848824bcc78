// Decides which tokens of which sequences the next step computes, and in which KV cache blocks. A state
// machine without threads, clock or model: the engine calls Next, runs the plan, samples, and calls Commit.
//
// Policy: first come, first served. Each step first serves every running sequence that needs one token
// (decode), then fills the token budget with chunks of prompts, oldest first, then admits waiting sequences;
// one whose next block is computed in this very step waits for it, to share it. When the pool is full the
// youngest running sequence gives up its blocks and waits again at its place in the queue; its tokens,
// generated ones included, are computed again (no answer changes). One thread. A step in which no sequence is
// added or finished does not allocate. Memory that runs out: Add and Next pass std::bad_alloc on, and Add
// then has changed nothing; Next may have, so every sequence is to be cancelled after it. All others take no
// memory.
#pragma once

#include <cstdint>
#include <deque>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/ids.h"
#include "kvcache/block_hash.h"
#include "kvcache/block_pool.h"
#include "scheduler/sequence.h"
#include "vivace/status.h"

namespace vivace::scheduler {

struct SchedulerConfig {
  int blocks = 0;                // in the KV cache pool
  int max_model_len = 0;         // tokens of a sequence, prompt and answer together
  int max_batched_tokens = 512;  // rows of a step
  int max_num_seqs = 64;         // running at once; at most max_batched_tokens counts
  int max_chunk_tokens = 0;      // rows of one sequence in a step; 0: as many as the budget allows
  bool prefix_caching = true;
  std::string program_fingerprint;  // what computes the cache: see kvcache::BlockHasher::Root
};

struct SequenceRequest {
  std::span<const std::int32_t> prompt;  // copied; at least one token
  int max_tokens = 0;                    // generated at most; at least one
  std::string_view cache_salt = {};      // prefix-cache hits only among equal salts
  bool all_prompt_logits =
      false;  // logits of every prompt row are wanted (prompt log-probabilities); takes no prefix-cache hit
};

/// One sequence's share of a step: rows first_position .. first_position + rows - 1.
struct SequencePlan {
  SequenceId id;
  int first_position = 0;  // everything before it is in the cache
  int rows = 0;
  int logit_rows = 0;     // the last so many rows need logits: 0, 1 or (prompt log-probabilities) up to rows
  bool samples = false;   // the last row's logits give the next token: Commit wants a result
  int cached_tokens = 0;  // prompt tokens that came from the prefix cache when it first ran
  std::span<const std::int32_t> tokens;      // [rows]
  std::span<const kvcache::BlockId> blocks;  // page table; covers at least first_position + rows positions

  /// The page table as plain numbers, for tensor::SequenceView.
  const std::int32_t* block_values() const { return &blocks.data()->value; }
};

/// Valid until the next call of a member that is not const. Decodes come first, then chunks; each oldest
/// first.
struct Plan {
  std::span<const SequencePlan> sequences;
  int rows = 0;
  int logit_rows = 0;
  /// Blocks of corrupt sequences: to be overwritten with zeros before the plan runs, all layers of them.
  std::span<const kvcache::BlockId> blocks_to_clean;
  bool empty() const { return sequences.empty(); }
};

/// What sampling gave for one sequence of the plan.
struct SequenceResult {
  SequenceId id;
  std::int32_t token = 0;
  bool finished = false;  // the engine's decision: stop token, stop string, length, error. Ends the sequence
                          // and frees its blocks
  bool corrupt = false;   // finished because a number of its logits was none: its blocks leave the prefix
                          // cache, whoever else holds them, and are cleaned before they are used again
};

/// One result for each entry of the plan with `samples`, in the plan's order.
struct StepResult {
  std::span<const SequenceResult> sequences;
};

struct SchedulerStats {
  int running = 0, waiting = 0;
  int blocks_total = 0, blocks_held = 0;
  std::int64_t prefix_queries = 0, prefix_hits = 0;  // tokens, at each sequence's first admission
  std::int64_t preemptions = 0, finished = 0, cancelled = 0;
  std::int64_t scheduled_rows = 0;
};

class Scheduler {
 public:
  /// The config's numbers must be in range (blocks, lengths and budgets >= 1): the engine resolves them.
  explicit Scheduler(SchedulerConfig config);

  /// Queues a sequence. kInvalidArgument: empty prompt, or one that can never fit the model length or the
  /// pool. Ids are small numbers; one is used again only after its sequence has finished or was cancelled.
  Result<SequenceId> Add(const SequenceRequest& request);
  /// The next id that Add gives is below this.
  std::size_t id_bound() const { return sequences_.size() + 1; }
  /// Ends a sequence, waiting or running; its blocks are free at once. Not between Next and Commit or
  /// Discard.
  void Cancel(SequenceId id);

  /// The next step. Not empty as long as any sequence lives. Each plan that is not empty is answered by one
  /// Commit or Discard.
  const Plan& Next();
  /// The plan ran: counts its rows as computed, names full blocks for the prefix cache, appends tokens,
  /// removes finished sequences.
  void Commit(const StepResult& result);
  /// The plan did not run: nothing was computed.
  void Discard();

  bool idle() const { return running_.empty() && waiting_.empty(); }
  /// Prompt and generated tokens of a living sequence.
  std::span<const std::int32_t> Tokens(SequenceId id) const { return Get(id).tokens; }
  SchedulerStats stats() const;
  const kvcache::BlockPool& pool() const { return pool_; }

  /// Aborts when sequences, queues, blocks and names do not agree.
  void CheckInvariants() const;

 private:
  Sequence& Get(SequenceId id);
  const Sequence& Get(SequenceId id) const;
  void MakeId();
  void Retire(Sequence& sequence);
  void Spoil(const Sequence& sequence);
  void ReleaseBlocks(Sequence& sequence);
  // Next
  int PlanRunning();
  void AdmitWaiting(int budget);
  bool Admit(Sequence& sequence);
  void StartRunning(Sequence& sequence, int cached_blocks);
  int CountCachedBlocks(Sequence& sequence);
  bool NextBlockIsComing(Sequence& sequence, int cached);
  int BlocksPromised() const;
  int Grow(Sequence& sequence, int rows);
  int GrowOrPreempt(std::size_t index, int rows);
  void PreemptYoungest();
  int ChunkRows(const Sequence& sequence, int budget) const;
  void EmitEntries(bool decodes);
  // Commit
  void NameFullBlocks(Sequence& sequence);
  const kvcache::BlockHash& NameOf(Sequence& sequence, int block);
  void CheckRunning(const Sequence& sequence) const;

  SchedulerConfig config_;
  kvcache::BlockPool pool_;
  kvcache::BlockHasher hasher_;
  std::vector<Sequence> sequences_;  // by SequenceId
  std::vector<SequenceId> unused_ids_;
  // Both by arrival, and every running sequence arrived before every waiting one: admission takes the oldest
  // waiting, preemption the youngest running.
  std::vector<SequenceId> running_;
  std::deque<SequenceId> waiting_;
  std::vector<SequencePlan> plan_entries_;
  Plan plan_;
  bool plan_outstanding_ = false;
  std::int64_t arrivals_ = 0;
  SchedulerStats stats_;
};

}  // namespace vivace::scheduler
