// Models of every weight type against the same values stored as f32.
#include <gtest/gtest.h>
#include <unistd.h>

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <numeric>

#include "codegen/kernel_library.h"
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

/// Logits of all 20 positions of one prompt, in steps of some rows.
std::vector<float> LogitsOf(const TinyModelSpec& spec, int level, int rows_at_once = 20) {
  const TinyFile file(spec);
  auto checkpoint = checkpoint::Checkpoint::Open(file.path());
  EXPECT_TRUE(checkpoint.ok()) << checkpoint.status().message();
  EngineConfig config;
  config.compile.options.level = level;
  config.kv_bytes = 1 << 24;
  StartLog start{base::Log()};
  auto runner = ModelRunner::Create(**checkpoint, config, start);
  EXPECT_TRUE(runner.ok()) << runner.status().message();
  if (!runner.ok()) return {};
  constexpr int kRows = 20;
  std::vector<std::int32_t> tokens(kRows), positions(kRows), blocks = {0, 1};
  std::iota(tokens.begin(), tokens.end(), 3 + 'a');
  std::iota(positions.begin(), positions.end(), 0);
  EXPECT_EQ((*runner)->level(), level);
  std::vector<float> logits;
  for (int first = 0; first < kRows; first += rows_at_once) {
    const int rows = std::min(rows_at_once, kRows - first);
    const tensor::SequenceView sequence{
        .first_row = 0, .rows = rows, .first_position = first, .blocks = blocks.data()};
    tensor::StepView step;
    step.rows = step.logit_count = rows;
    step.token_ids = tokens.data() + first;
    step.positions = step.kv_slots = positions.data() + first;
    step.logit_rows = positions.data();
    step.sequences = &sequence;
    step.sequence_count = 1;
    (*runner)->Run(step);
    for (int row = 0; row < rows; ++row) {
      const auto some = (*runner)->Logits(row);
      logits.insert(logits.end(), some.begin(), some.end());
    }
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

/// Levels differ by the rounding of activations to 8 bits, where they are rounded at all.
void ExpectO2FollowsO0(const TinyModelSpec& spec, double tolerance, const std::string& what) {
  const std::vector<float> logits = LogitsOf(spec, 2);
  const std::vector<float> expected = LogitsOf(spec, 0);
  const Difference difference = Compare(logits, expected);
  double squares = 0;
  for (std::size_t i = 0; i < logits.size(); ++i) squares += std::pow(logits[i] - expected[i], 2);
  const double error = std::sqrt(squares / static_cast<double>(logits.size())) / difference.spread;
  EXPECT_LE(error, tolerance) << what << ", largest " << difference.largest << ", spread "
                              << difference.spread;
  EXPECT_EQ(LogitsOf(spec, 2, 1), logits) << what << ": bits depend on the rows of a step";
  EXPECT_EQ(LogitsOf(spec, 2, 7), logits) << what << ": bits depend on the rows of a step";
}

TEST_P(WeightTypes, O2FollowsO0) {
  if (!codegen::KernelLibrary::Supported()) GTEST_SKIP() << "this machine cannot run the machine code";
  const auto type = static_cast<tensor::DType>(GetParam());
  const bool packed = Row(type).block_elements > 1;
  // Floats keep their activations, but for bf16, whose activations are of 8 significant bits, too.
  const double tolerance = packed ? 0.05 : type == tensor::DType::kBF16 ? 4e-3 : 1e-3;
  ExpectO2FollowsO0(SpecOf(type, type), tolerance, std::string(Row(type).name));
}

// Where fused phases and portable ones meet: both ways round for the layers and for the embedding.
TEST(MixedWeightTypes, O2FollowsO0) {
  if (!codegen::KernelLibrary::Supported()) GTEST_SKIP() << "this machine cannot run the machine code";
  using tensor::DType;
  ExpectO2FollowsO0(SpecOf(DType::kQ4_1, DType::kQ6_K), 0.05, "q4_1 layers, q6_k embedding");
  ExpectO2FollowsO0(SpecOf(DType::kQ4_K, DType::kQ8_0), 0.05, "q4_k layers, q8_0 embedding");
  for (const char* name : {"attn_v", "attn_output", "ffn_gate", "ffn_down", "attn_q", "ffn_up"}) {
    TinyModelSpec spec = SpecOf(DType::kQ4_1, DType::kQ8_0);
    spec.other_matrix = name;
    spec.other_type = DType::kQ6_K;
    ExpectO2FollowsO0(spec, 0.05, std::string("q6_k ") + name + " in all layers");
    spec.other_matrix = "blk.1." + spec.other_matrix;
    ExpectO2FollowsO0(spec, 0.05, std::string("q6_k ") + name + " in one layer");
  }
}

INSTANTIATE_TEST_SUITE_P(All, WeightTypes, testing::Range(0, tensor::kWeightTypes), [](const auto& row) {
  return std::string(Row(static_cast<tensor::DType>(row.param)).name);
});

}  // namespace
}  // namespace vivace::engine
