// A model that scores token sequences: log-probabilities of the whole vocabulary at each position, computed
// the way a request would be (paged cache, steps of bounded size). For tests; one thread.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "checkpoint/checkpoint.h"
#include "chunk_step.h"
#include "engine/engine_config.h"
#include "engine/model_runner.h"

namespace vivace::conformance {

/// Path of the default model: VIVACE_TEST_MODEL, or where ./dev puts it.
std::string ModelPath();
/// True when only a quick subset is asked for (sanitizer builds).
bool QuickOnly();

class ScoredModel {
 public:
  /// Runs `file` (which must outlive the model) at the level with the KV type.
  static Result<std::unique_ptr<ScoredModel>> Create(const checkpoint::Checkpoint& file, int level,
                                                     tensor::DType kv_type);

  /// Runs the tokens as one fresh sequence and calls visit(position, log-probabilities[vocabulary]) for each,
  /// ascending.
  void Score(std::span<const std::int32_t> tokens,
             const std::function<void(int, std::span<const float>)>& visit);

  /// The level that runs, 0 where this CPU cannot run -O2.
  int level() const { return runner_->level(); }

 private:
  explicit ScoredModel(std::unique_ptr<engine::ModelRunner> runner);
  void RunChunk(std::span<const std::int32_t> tokens, int first);

  std::unique_ptr<engine::ModelRunner> runner_;
  std::vector<std::int32_t> blocks_;
  ChunkStep step_;
  std::vector<float> logprobs_;
};

}  // namespace vivace::conformance
