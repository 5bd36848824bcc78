#include "scored_model.h"

#include <algorithm>
#include <cmath>
#include <cstdlib>

#include "codegen/masked_target_fixture.h"
#include "engine/process_limits.h"
#include "tensor/kv_layout.h"

namespace vivace::conformance {
namespace {

constexpr int kMaxTokens = 1024;
constexpr int kChunk = 128;

// Natural log-probabilities of float logits, normalised in double.
void LogSoftmax(std::span<const float> logits, std::vector<float>& out) {
  const double top = *std::max_element(logits.begin(), logits.end());
  double sum = 0;
  for (const float logit : logits) sum += std::exp(static_cast<double>(logit) - top);
  const double normaliser = top + std::log(sum);
  out.resize(logits.size());
  std::transform(logits.begin(), logits.end(), out.begin(),
                 [&](float logit) { return static_cast<float>(static_cast<double>(logit) - normaliser); });
}

}  // namespace

std::string ModelPath() {
  const char* path = std::getenv("VIVACE_TEST_MODEL");
  return path != nullptr ? path : VIVACE_SOURCE_DIR "/.cache/models/smollm2-135m.gguf";
}

bool QuickOnly() {
  return std::getenv("VIVACE_QUICK") != nullptr;
}

ScoredModel::ScoredModel(std::unique_ptr<engine::ModelRunner> runner) : runner_(std::move(runner)) {
  for (int i = 0; i < kMaxTokens / tensor::KvLayout::kBlockTokens; ++i) blocks_.push_back(i);
}

Result<std::unique_ptr<ScoredModel>> ScoredModel::Create(const checkpoint::Checkpoint& file, int level,
                                                         tensor::DType kv_type) {
  engine::EngineConfig config;
  config.compile.options.level = level;
  config.compile.options.kv_type = kv_type;
  config.compile.options.target = codegen::MaskedTarget();
  config.max_model_len = kMaxTokens;
  config.max_num_seqs = 4;
  config.workers.workers = engine::AvailableCores();
  engine::StartLog start{base::Log()};
  auto runner = engine::ModelRunner::Create(file, config, start);
  if (!runner.ok()) return runner.status();
  return std::unique_ptr<ScoredModel>(new ScoredModel(std::move(runner).value()));
}

void ScoredModel::RunChunk(std::span<const std::int32_t> tokens, int first) {
  runner_->Run(step_.Prepare(tokens, first, blocks_));
}

void ScoredModel::Score(std::span<const std::int32_t> tokens,
                        const std::function<void(int, std::span<const float>)>& visit) {
  const int count = static_cast<int>(tokens.size());
  for (int first = 0; first < count; first += kChunk) {
    const int rows = std::min(kChunk, count - first);
    RunChunk(tokens.subspan(static_cast<std::size_t>(first), static_cast<std::size_t>(rows)), first);
    for (int row = 0; row < rows; ++row) {
      LogSoftmax(runner_->Logits(row), logprobs_);
      visit(first + row, logprobs_);
    }
  }
}

}  // namespace vivace::conformance
