#include "reference/model_session.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <filesystem>
#include <numeric>

#include "tensor/kv_layout.h"

namespace vivace::reference {

namespace {
constexpr int kLongest = 512;  // tokens of a sequence
}  // namespace

std::string ModelPath() {
  const char* path = std::getenv("VIVACE_TEST_MODEL");
  return path != nullptr ? path : VIVACE_SOURCE_DIR "/.cache/models/smollm2-135m.gguf";
}

bool ModelExists() {
  return std::filesystem::exists(ModelPath());
}

std::unique_ptr<ModelSession> ModelSession::Make(const checkpoint::GgufFile& file, int level,
                                                 tensor::DType kv_type) {
  engine::EngineConfig config;
  config.level = level;
  config.kv_type = kv_type;
  config.max_model_len = kLongest;
  config.max_num_seqs = 1;
  config.max_batched_tokens = kLongest;
  config.max_kv_bytes = std::int64_t{1} << 30;
  config.threads = engine::AvailableCores();
  auto runner = engine::ModelRunner::Create(file, config, base::Log());
  EXPECT_TRUE(runner.ok()) << runner.status().message();
  if (!runner.ok()) return nullptr;
  auto session = std::make_unique<ModelSession>();
  session->runner_ = std::move(runner).value();
  return session;
}

void ModelSession::Score(std::span<const std::int32_t> tokens,
                         const std::function<void(int, std::span<const float>)>& row) {
  std::vector<std::int32_t> rows(tokens.size());
  std::iota(rows.begin(), rows.end(), 0);
  tensor::SequenceView sequence;
  sequence.rows = static_cast<std::int32_t>(tokens.size());
  sequence.blocks = rows.data();  // block i holds positions 16 i .. 16 i + 15: slots are positions
  tensor::StepView step;
  step.rows = step.logit_count = sequence.rows;
  step.token_ids = tokens.data();
  step.positions = step.kv_slots = step.logit_rows = rows.data();
  step.sequences = &sequence;
  step.sequence_count = 1;
  runner_->Run(step);
  for (int i = 0; i < step.rows; ++i) row(i, runner_->Logits(i));
}

double LogSumExp(std::span<const float> logits) {
  const double maximum = *std::max_element(logits.begin(), logits.end());
  double sum = 0;
  for (const float logit : logits) sum += std::exp(logit - maximum);
  return maximum + std::log(sum);
}

}  // namespace vivace::reference
