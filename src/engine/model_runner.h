// A loaded and compiled model that computes steps: checkpoint, program, weights and executor in one. Knows no
// requests and no text. Ownership: owns all of it, the worker team included; the checkpoint must outlive the
// runner. Thread safety: Run and Logits on one thread at a time (worker 0 of the team); the facts are
// immutable.
#pragma once

#include <memory>
#include <optional>
#include <span>
#include <string>

#include "base/worker_team.h"
#include "checkpoint/checkpoint.h"
#include "engine/artifact_use.h"
#include "engine/engine_config.h"
#include "engine/start_log.h"
#include "engine/tuner.h"
#include "kvcache/block_pool.h"
#include "models/model_config.h"
#include "program/program.h"
#include "runtime/executor.h"
#include "runtime/weight_store.h"
#include "sampling/logit_scan.h"
#include "tensor/step_view.h"
#include "vivace/status.h"

namespace vivace::engine {

class ModelRunner {
 public:
  /// Compiles the model of `file` and makes it ready to run. Writes the dumps that config asks for. Errors
  /// name the tensor, the option or the file. `start` gets the phases graph to cache, and their lines.
  /// `artifact` may be null; packed weights that it has are used in place, so it must outlive the runner.
  static Result<std::unique_ptr<ModelRunner>> Create(const checkpoint::Checkpoint& file,
                                                     const EngineConfig& config, StartLog& start,
                                                     ArtifactUse* artifact = nullptr);

  /// The first half of Create: compiles, and finds out how large the KV cache becomes. Nothing is packed, and
  /// nothing can run yet. `team`, when there is one, runs the steps (and outlives the runner) instead of an
  /// own.
  static Result<std::unique_ptr<ModelRunner>> Prepare(const checkpoint::Checkpoint& file,
                                                      const EngineConfig& config, StartLog& start,
                                                      ArtifactUse* artifact = nullptr,
                                                      base::WorkerTeam* team = nullptr);
  /// After Prepare: the weights lie packed in the artifact, so that Load is short.
  bool has_image() const { return image_.has_value(); }
  /// The second half, on any thread: packs the weights on `packers`, takes the memory of steps and KV cache.
  Status Load(const checkpoint::Checkpoint& file, const EngineConfig& config, StartLog& start,
              base::WorkerTeam& packers);

  /// Computes a step of at most max_rows rows; see runtime::Executor.
  void Run(const tensor::StepView& step) { executor_->Run(step); }
  /// Writes zeros over these blocks of the KV cache, in all layers.
  void CleanBlocks(std::span<const kvcache::BlockId> blocks);
  std::span<const float> Logits(int index) { return executor_->Logits(index); }
  /// kDataLoss: the model's file became shorter while it is mapped, so that steps may have read zeros.
  Status CheckFile() const { return file_->faulted() ? file_->CheckUnchanged() : Status::Ok(); }

  // What `explain` measures on: the same program, executor and team that steps run on.
  const program::Program& program() const { return program_; }
  runtime::Executor& executor() { return *executor_; }
  const Tuner& tuner() const { return *tuner_; }
  /// Measures tile plans as `limits` say and runs by those that are best; Tuner::Tune's line.
  std::string Retune(const StepLimits& steps, const SearchLimits& limits) {
    return tuner_->Tune(*executor_, program_, team_.size(), steps, limits);
  }
  const runtime::WeightStore& weights() const { return *weights_; }
  base::WorkerTeam& team() { return team_; }

  /// The maxima of the same row, where the program makes them.
  std::optional<sampling::UnitMaxima> Maxima(int index);

  const models::ModelConfig& model() const { return model_; }
  int level() const { return program_.level; }
  int vocabulary() const { return program_.vocabulary; }
  int max_model_len() const { return max_model_len_; }
  std::int64_t kv_bytes() const { return kv_bytes_; }
  std::size_t packed_bytes() const { return weights_->packed_bytes(); }
  int kv_blocks() const { return kv_blocks_; }
  std::int64_t kv_block_bytes() const { return kv_bytes_ / kv_blocks_; }
  int captured_plans() const { return executor_->captured_plans(); }
  /// What computes the KV cache: equal only when cached keys and values have equal bits.
  const std::string& fingerprint() const { return fingerprint_; }

 private:
  /// With a team of its own where none is given.
  ModelRunner(const base::WorkerPlacement& workers, base::WorkerTeam* team)
      : own_team_(team == nullptr ? std::make_unique<base::WorkerTeam>(workers) : nullptr),
        team_(team == nullptr ? *own_team_ : *team) {}
  Status Compile(const checkpoint::Checkpoint& file, const EngineConfig& config, StartLog& start,
                 const ArtifactUse* artifact);
  /// Searches plans as the config says, and lets the artifact carry what is known of this program.
  void TunePlans(const EngineConfig& config, StartLog& start, ArtifactUse* artifact);
  /// --dtype must be what the weights are.
  Status CheckDtype(const checkpoint::Checkpoint& file, const std::string& wanted) const;
  Status ResolveLength(const EngineConfig& config);
  /// Sets the number of KV cache blocks. May lower max_model_len_ when the config lets it.
  Status SizeCache(const checkpoint::Checkpoint& file, const EngineConfig& config, const base::Log& log);

  const checkpoint::Checkpoint* file_ = nullptr;  // set by Load
  models::ModelConfig model_;
  program::Program program_;
  const std::unique_ptr<base::WorkerTeam> own_team_;  // may be null
  base::WorkerTeam& team_;
  ArtifactUse* artifact_ = nullptr;                  // may be null
  std::optional<std::span<const std::byte>> image_;  // of packed weights, in the artifact
  std::unique_ptr<runtime::WeightStore> weights_;
  std::unique_ptr<runtime::Executor> executor_;
  std::unique_ptr<Tuner> tuner_;
  int max_model_len_ = 0;
  int kv_blocks_ = 0;
  std::int64_t kv_bytes_ = 0;
  std::string fingerprint_;
};

}  // namespace vivace::engine
