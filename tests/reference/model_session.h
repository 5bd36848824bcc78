// For tests: a model that scores token sequences directly, without scheduler and engine. One thread.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "checkpoint/gguf_file.h"
#include "engine/model_runner.h"

namespace vivace::reference {

/// Path of the model that the tests run, from VIVACE_TEST_MODEL or the model cache.
std::string ModelPath();
bool ModelExists();

class ModelSession {
 public:
  /// The file must outlive the session. Fails the test and gives null on an error.
  static std::unique_ptr<ModelSession> Make(const checkpoint::GgufFile& file, int level,
                                            tensor::DType kv_type);

  /// Runs the whole sequence in one step; calls row(i, logits [vocabulary]) for each position in order.
  void Score(std::span<const std::int32_t> tokens,
             const std::function<void(int, std::span<const float>)>& row);
  int level() const { return runner_->level(); }

 private:
  std::unique_ptr<engine::ModelRunner> runner_;
};

/// Logarithm of the sum of exponentials, in double.
double LogSumExp(std::span<const float> logits);

}  // namespace vivace::reference
