// Runs a program on steps: every worker replays a plan, a flat array of bound phases, with one barrier after
// each phase or group of joined phases. All memory is taken in Create; a step neither allocates nor calls the
// system as long as the workers are awake. Ownership: owns the activation buffers, the KV cache and the
// rotary tables; the program, the weights and the team must outlive it. Thread safety: one thread at a time,
// the team's worker 0.
#pragma once

#include <cstddef>
#include <memory>
#include <span>
#include <vector>

#include "base/worker_team.h"
#include "program/program.h"
#include "runtime/anonymous_memory.h"
#include "runtime/bind_phase.h"
#include "runtime/captured_plan.h"
#include "runtime/phase_sets.h"
#include "runtime/rope_table.h"
#include "runtime/weight_store.h"
#include "tensor/step_view.h"
#include "vivace/status.h"

namespace vivace::runtime {

struct ExecutorConfig {
  int max_rows = 512;       // tokens of a step
  int max_sequences = 64;   // of a step
  int max_logit_rows = 64;  // of one run of the last layer; steps may ask for more, see Logits
  int max_positions = 0;    // of a sequence
  int kv_blocks = 0;
  CaptureMode capture = CaptureMode::kFullAndPiecewise;
  std::vector<int> capture_sizes = {};  // rows of the steps that are captured; empty: 1 .. max_sequences
};

class Executor {
 public:
  static Result<std::unique_ptr<Executor>> Create(const program::Program& program, const WeightStore& weights,
                                                  base::WorkerTeam& team, const ExecutorConfig& config);

  /// Computes the step: K and V of all rows go to the cache. step.attention_tiles is not read. The arrays
  /// that step points to must live until the next Run.
  void Run(const tensor::StepView& step);
  /// Run, and the seconds that each phase took until its barrier, by phase of all layers in execution order
  /// (phase_count of them); 0 for those that did not run. Joined phases count with the one that ends them.
  void RunTimed(const tensor::StepView& step, std::span<double> seconds);
  /// Tiles steps of the specialisation's rows by its plans from now on, where the program has a
  /// specialisation of the same rows. Changes no bit.
  void Retile(const program::Specialisation& specialisation);
  /// Logits [vocabulary] of the last Run's row step.logit_rows[index]. Valid until the next call. Rows beyond
  /// max_logit_rows run the last layer again, a slice at a time: ask in ascending order.
  std::span<const float> Logits(int index);

  /// The row of program.maxima beside Logits(index), in its slice: kernels::MaximaRows of the vocabulary.
  /// Empty when the program makes none.
  std::span<const std::byte> Maxima(int index);

  /// How the last step ran.
  PlanKind last_plan() const { return last_plan_; }
  const tensor::KvLayout& kv() const { return kv_; }
  /// The KV cache, in kv()'s layout.
  std::span<std::byte> kv_memory() const { return {kv_memory_.data(), kv_memory_.size()}; }
  std::size_t phase_count() const { return sets_.facts().size(); }
  std::size_t workspace_bytes() const { return workspace_.size(); }
  /// Plans of steps that were captured in Create, and the seconds that this took.
  int captured_plans() const { return piecewise_plans_.size() + decode_plans_.size(); }
  double capture_seconds() const { return capture_seconds_; }

 private:
  Executor(const program::Program& program, base::WorkerTeam& team, const ExecutorConfig& config);
  Status Allocate();
  std::size_t SplitBytes() const;
  Status Bind(const WeightStore& weights);
  void Capture();
  void CaptureRows(int rows);
  void FillTiles(const tensor::StepView& step);
  CapturedPlan& PlanFor(const tensor::StepView& step);
  std::span<const std::byte> LogitRow(program::BufferId id, int index);
  void RunSlice(int first_logit);
  void Walk(const CapturedPlan& plan, int first_interval, int last_interval);
  void WalkAs(int worker, const CapturedPlan& plan, int first_interval, int last_interval);

  const program::Program& program_;
  base::WorkerTeam& team_;
  const ExecutorConfig config_;
  tensor::KvLayout kv_;
  std::vector<RopeTable> ropes_;  // by Program::ropes
  WidenedVectors widened_;
  AnonymousMemory workspace_;  // buffers, then one scratch area per worker, then what attention splits need
  AnonymousMemory kv_memory_;
  std::vector<std::byte*> buffers_;  // by BufferId
  std::byte* scratch_ = nullptr;     // [workers][kScratchBytes]
  kernels::AttentionSplits splits_;
  PhaseSets sets_;
  int last_layer_interval_ = 0;        // the last layer's first, of every plan
  std::vector<CapturedPlan> counted_;  // of steps without a captured plan, by set
  PlanTable decode_plans_;             // of uniform decode steps
  PlanTable piecewise_plans_;          // of all steps
  PlanKind last_plan_ = PlanKind::kCounted;
  double capture_seconds_ = 0;
  std::vector<tensor::AttentionTile> tiles_;
  base::TaskRanges ranges_[2];  // taken in turn, so that one barrier per phase is enough
  std::span<double> timing_;    // of RunTimed, else empty; worker 0 writes it

  tensor::StepView step_;  // the last step, and the slice of logit rows in the buffer
  const std::int32_t* logit_rows_ = nullptr;
  int logit_count_ = 0;
  int slice_first_ = 0;
};

}  // namespace vivace::runtime
