// Models of every weight type against the same values stored as f32.
#include <gtest/gtest.h>
#include <unistd.h>

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <numeric>

#include "engine/model_runner.h"
#include "runtime/tiny_model.h"

namespace vivace::engine {
namespace {

using runtime::TinyModelSpec;

/// Wide enough for blocks of 256.
TinyModelSpec SpecOf(tensor::DType matrix, tensor::DType embedding) {
  TinyModelSpec spec;
  spec.hidden = 256;
  spec.heads = 4;
  spec.kv_heads = 2;
  spec.ffn = 512;
  spec.matrix = matrix;
  spec.embedding = embedding;
  return spec;
}

/// A file that is removed at the end.
class TinyFile {
 public:
  explicit TinyFile(const TinyModelSpec& spec)
      : path_(testing::TempDir() + "weight_types_test_" + std::to_string(::getpid()) + ".gguf") {
    EXPECT_TRUE(runtime::TinyModel(spec).Write(path_));
  }
  ~TinyFile() { std::remove(path_.c_str()); }
  TinyFile(const TinyFile&) = delete;
  TinyFile& operator=(const TinyFile&) = delete;
  const std::string& path() const { return path_; }

 private:
  std::string path_;
};

/// Logits of all 20 positions of one prompt, in one step.
std::vector<float> LogitsOf(const TinyModelSpec& spec, int level) {
  const TinyFile file(spec);
  auto checkpoint = checkpoint::Checkpoint::Open(file.path());
  EXPECT_TRUE(checkpoint.ok()) << checkpoint.status().message();
  EngineConfig config;
  config.level = level;
  config.kv_bytes = 1 << 24;
  auto runner = ModelRunner::Create(**checkpoint, config, base::Log());
  EXPECT_TRUE(runner.ok()) << runner.status().message();
  if (!runner.ok()) return {};
  constexpr int kRows = 20;
  std::vector<std::int32_t> tokens(kRows), positions(kRows), blocks = {0, 1};
  std::iota(tokens.begin(), tokens.end(), 3 + 'a');
  std::iota(positions.begin(), positions.end(), 0);
  const tensor::SequenceView sequence{.first_row = 0, .rows = kRows, .blocks = blocks.data()};
  tensor::StepView step;
  step.rows = kRows;
  step.token_ids = tokens.data();
  step.positions = step.kv_slots = step.logit_rows = positions.data();
  step.sequences = &sequence;
  step.sequence_count = 1;
  step.logit_count = kRows;
  (*runner)->Run(step);
  std::vector<float> logits;
  for (int row = 0; row < kRows; ++row) {
    const auto some = (*runner)->Logits(row);
    logits.insert(logits.end(), some.begin(), some.end());
  }
  return logits;
}

struct Difference {
  double largest = 0;  // of any logit
  double spread = 0;   // standard deviation of the expected logits
};

Difference Compare(const std::vector<float>& got, const std::vector<float>& expected) {
  EXPECT_EQ(got.size(), expected.size());
  Difference difference;
  double squares = 0;
  for (std::size_t i = 0; i < std::min(got.size(), expected.size()); ++i) {
    EXPECT_TRUE(std::isfinite(got[i]));
    difference.largest = std::max(difference.largest, std::abs(static_cast<double>(got[i]) - expected[i]));
    squares += static_cast<double>(expected[i]) * expected[i];
  }
  difference.spread = std::sqrt(squares / static_cast<double>(expected.size()));
  return difference;
}

class WeightTypes : public testing::TestWithParam<int> {};

// The embedding is the output matrix, too.
TEST_P(WeightTypes, AModelEqualsItsDequantisedSelfAtO0) {
  const auto type = static_cast<tensor::DType>(GetParam());
  TinyModelSpec spec = SpecOf(type, type);
  const std::vector<float> logits = LogitsOf(spec, 0);
  spec.as_f32 = true;
  const Difference difference = Compare(logits, LogitsOf(spec, 0));
  RecordProperty("largest", std::to_string(difference.largest));
  EXPECT_LE(difference.largest, 1e-4) << Row(type).name << ", spread " << difference.spread;
  EXPECT_GT(difference.spread, 0.5) << "logits without spread prove nothing";
}

INSTANTIATE_TEST_SUITE_P(All, WeightTypes, testing::Range(0, tensor::kWeightTypes), [](const auto& row) {
  return std::string(Row(static_cast<tensor::DType>(row.param)).name);
});

}  // namespace
}  // namespace vivace::engine
