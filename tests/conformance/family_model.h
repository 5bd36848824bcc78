// A tiny model of tests/goldens/families, run without the engine, so that its facts and weights can be
// changed before it is built. For tests; one thread.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "base/worker_team.h"
#include "checkpoint/checkpoint.h"
#include "chunk_step.h"
#include "compiler/compiler.h"
#include "models/model_config.h"
#include "runtime/executor.h"
#include "runtime/weight_store.h"

namespace vivace::conformance {

/// What transformers computed: see tests/goldens/gen_families.py.
struct FamilyGolden {
  int vocabulary = 0;
  std::vector<std::int32_t> prompt, greedy;
  std::vector<float> margins;   // of the greedy tokens
  std::vector<float> logprobs;  // [prompt + greedy][vocabulary]

  /// Prompt, then the greedy tokens but the last: what is fed.
  std::vector<std::int32_t> Tokens() const;
  /// The row of the token at `position`.
  std::span<const float> Row(int position) const;
};
FamilyGolden ReadFamilyGolden(const std::string& folder);

class FamilyModel {
 public:
  using ChangeConfig = std::function<void(models::ModelConfig&)>;

  /// `file` must outlive the model. `change` is applied to the facts before the graph is built.
  static Result<std::unique_ptr<FamilyModel>> Create(const checkpoint::Checkpoint& file, int level,
                                                     tensor::DType kv_type,
                                                     const ChangeConfig& change = nullptr);
  static Result<std::unique_ptr<FamilyModel>> Create(const checkpoint::Checkpoint& file,
                                                     const compiler::CompileOptions& options,
                                                     const ChangeConfig& change = nullptr);

  /// Log-probabilities [tokens][vocabulary] of one fresh sequence that comes in chunks of these sizes; the
  /// last size is repeated.
  std::vector<float> Score(std::span<const std::int32_t> tokens, std::span<const int> chunks);

  const program::Program& program() const { return program_; }
  const std::vector<std::string>& notes() const { return report_.notes; }

 private:
  FamilyModel() : team_(2) {}
  void RunChunk(std::span<const std::int32_t> tokens, int first);

  program::Program program_;
  compiler::CompileReport report_;
  base::WorkerTeam team_;
  std::unique_ptr<runtime::WeightStore> weights_;
  std::unique_ptr<runtime::Executor> executor_;
  std::vector<std::int32_t> blocks_;
  ChunkStep step_;
};

}  // namespace vivace::conformance
