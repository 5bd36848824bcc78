#include "program/phase_cost.h"

#include <gtest/gtest.h>

namespace vivace::program {
namespace {

using codegen::RegisterLoop;

// A fused layer and a portable one: hidden 64, 2 heads of 32, 1 KV head, f16 cache.
constexpr std::string_view kText =
    R"(program tiny {level = 2, vocabulary = 100, hidden = 64, max_positions = 512, attention_tile_rows = 2}
rope {dim = 32, theta = 10000}
kv {layers = 2, kv_heads = 1, head_dim = 32, type = f16}
buffer x {bytes_per_row = 256}
buffer squares {bytes_per_row = 64}
buffer x8 {bytes_per_row = 192}
buffer q {bytes_per_row = 256}
buffer ffn {bytes_per_row = 576}
buffer logits {bytes_per_row = 400, logit_rows = 1}
buffer maxima {bytes_per_row = 192, logit_rows = 1}
logits logits
maxima maxima
body prologue
  slot token_embd {type = q8_0, k = 64, n = 100, order = plain}
  slot next_norm {form = vector, n = 64, order = plain}
  panel_embed embed: -> squares, x, x8 with token_embd, next_norm {k = 64, n = 100, output_k = 64, type = q8_0, output = u8g32, steps = floats squares norm rows}
body layer
  slot qkv {type = q4_1, k = 64, n = 128, order = rope_pairs, rope_rows = 96, head_dim = 32}
  slot attn_output {type = q4_1, k = 64, n = 64, order = plain}
  slot next_norm {form = vector, n = 64, order = plain}
  panel_gemm qkv: x8, squares -> q with qkv {k = 64, n = 128, heads = 2, head_dim = 32, eps = 1e-05, type = q4_1, input = u8g32, q_steps = rs rope floats, k_steps = rs rope key, v_steps = rs value}
  paged_attention attention: q -> x8 {heads = 2, head_dim = 32, scale = 0.125, window = 100, output = u8g32}
  panel_gemm attn_output: x8 -> x, squares, x8 with attn_output, next_norm {k = 64, n = 64, output_k = 64, type = q4_1, input = u8g32, output = u8g32, steps = residual squares norm rows}
body plain
  slot norm
  slot w
  rms_norm norm: x -> q with norm {n = 64, eps = 1e-05}
  linear w: q -> ffn with w {k = 64, n = 96, type = q4_1}
  kv_append kv: q, q ->
  attention attn: q -> q {heads = 2, head_dim = 32, scale = 0.125}
body epilogue
  slot token_embd {type = q8_0, k = 64, n = 100, order = plain}
  panel_gemm logits: x8, squares -> logits, maxima with token_embd {k = 64, n = 100, eps = 1e-05, type = q8_0, input = u8g32, logit_rows = 1, steps = rs floats maximum}
run prologue
  token_embd = token_embd, from token_embd.weight
  next_norm = next, from blk.0.attn_norm.weight
run layer x 1 from kv layer 0
  qkv = blk.#.qkv, from blk.#.attn_q.weight, blk.#.attn_k.weight, blk.#.attn_v.weight
  attn_output = blk.#.attn_output, from blk.#.attn_output.weight
  next_norm = blk.#.next, from blk.#.ffn_norm.weight
run plain x 1 from kv layer 1
  norm = a.weight
  w = b.weight
run epilogue
  token_embd = token_embd, from token_embd.weight
)";

class PhaseCostTest : public testing::Test {
 protected:
  void SetUp() override {
    Result<Program> program = Parse(kText);
    ASSERT_TRUE(program.ok()) << program.status().message();
    program_ = std::move(program).value();
  }
  PhaseCost Cost(std::size_t layer, std::size_t phase, const StepShape& step) {
    const Layer& bound = program_.layers[layer];
    return CostOf(program_, bound, body(layer).phases[phase], step);
  }
  Body& body(std::size_t layer) {
    return program_.bodies[static_cast<std::size_t>(program_.layers[layer].body)];
  }

  Program program_;
};

// Rows of 64 in groups of 32: 64 bytes, and scale, word and sum of two groups.
constexpr std::int64_t kRow8 = 64 + 2 * 12;
constexpr std::int64_t kSquaresRow = 64;
// A unit of 32 columns of q4_1 over k = 64 is two blocks of 640 bytes, of q8_0 of 1088.
constexpr std::int64_t kUnit41 = 2 * 640, kUnit80 = 2 * 1088;
constexpr std::int64_t kPosition = 2 * 32 * 2;

TEST_F(PhaseCostTest, AContractionReadsItsPanelOnceAndItsRows) {
  const PhaseCost one = Cost(1, 0, {});
  EXPECT_EQ(one.weight_bytes, 4 * kUnit41);
  EXPECT_EQ(one.operations, 64 * 128);
  EXPECT_EQ(one.arithmetic, RegisterLoop::kDot4);
  EXPECT_EQ(one.activation_bytes, kRow8 + kSquaresRow + 4 * 64) << "rows in, squares in, q out";
  EXPECT_EQ(one.kv_bytes, kPosition) << "K and V of the token are written";
  const PhaseCost seven = Cost(1, 0, {.rows = 7, .context = 50});
  EXPECT_EQ(seven.weight_bytes, one.weight_bytes);
  EXPECT_EQ(seven.operations, 7 * one.operations);
  EXPECT_EQ(seven.activation_bytes, 7 * one.activation_bytes);
  EXPECT_EQ(seven.kv_bytes, 7 * kPosition);
  EXPECT_EQ(Cost(1, 0, {.sequences = 3, .rows = 7}).operations, 21 * one.operations);
}

TEST_F(PhaseCostTest, AResidualIsReadAndWritten) {
  const PhaseCost cost = Cost(1, 2, {});
  EXPECT_EQ(cost.weight_bytes, 2 * kUnit41 + 4 * 64) << "the panel and the norm that follows";
  EXPECT_EQ(cost.activation_bytes, kRow8 + 2 * 4 * 64 + kSquaresRow + kRow8);
  EXPECT_EQ(cost.kv_bytes, 0);
}

TEST_F(PhaseCostTest, TypesOfRowsDecideTheInstruction) {
  Phase& phase = body(1).phases[0];
  phase.input = tensor::ActivationType::kI16Group32;
  EXPECT_EQ(Cost(1, 0, {}).operations, 2 * 64 * 128) << "a product for each plane";
  EXPECT_EQ(Cost(1, 0, {}).arithmetic, RegisterLoop::kDot4);
  phase.input = tensor::ActivationType::kBF16;
  EXPECT_EQ(Cost(1, 0, {}).arithmetic, RegisterLoop::kDotBf16);
  EXPECT_EQ(Cost(1, 0, {}).operations, 64 * 128);
  phase.input = tensor::ActivationType::kF32;
  EXPECT_EQ(Cost(1, 0, {}).arithmetic, RegisterLoop::kFma);
}

TEST_F(PhaseCostTest, AttentionSeesThePastOfEachRowWithinItsWindow) {
  const PhaseCost first = Cost(1, 1, {});
  EXPECT_EQ(first.kv_bytes, kPosition);
  EXPECT_EQ(first.operations, 2 * 2 * 32);
  EXPECT_EQ(first.arithmetic, RegisterLoop::kFma);
  EXPECT_EQ(first.activation_bytes, 4 * 64 + kRow8);
  const PhaseCost chunk = Cost(1, 1, {.rows = 3, .context = 10});
  EXPECT_EQ(chunk.operations, (11 + 12 + 13) * 2 * 2 * 32);
  EXPECT_EQ(chunk.kv_bytes, 13 * kPosition);
  // The window of 100 cuts: rows at 98, 99, 100, 101 see 99, 100, 100, 100.
  const PhaseCost cut = Cost(1, 1, {.rows = 4, .context = 98});
  EXPECT_EQ(cut.operations, (99 + 3 * 100) * 2 * 2 * 32);
  EXPECT_EQ(cut.kv_bytes, 102 * kPosition);
  EXPECT_EQ(Cost(1, 1, {.context = 400}).kv_bytes, 100 * kPosition);
  EXPECT_EQ(Cost(1, 1, {.sequences = 5, .context = 9}).kv_bytes, 50 * kPosition);
}

TEST_F(PhaseCostTest, TheLastLayerCostsItsRowsOfLogitsOnly) {
  const PhaseCost cost = Cost(3, 0, {.rows = 40, .logit_rows = 2});
  EXPECT_EQ(cost.operations, 2 * 64 * 100);
  EXPECT_EQ(cost.weight_bytes, 4 * kUnit80) << "100 columns are two panels";
  EXPECT_EQ(cost.activation_bytes, 2 * (kRow8 + kSquaresRow + 400 + 3 * 64));
  EXPECT_EQ(Cost(3, 0, {.rows = 40, .logit_rows = 0}).weight_bytes, 0) << "it does not run";
}

TEST_F(PhaseCostTest, AnEmbeddingReadsTheRowsOfItsTokens) {
  const PhaseCost cost = Cost(0, 0, {.rows = 6});
  EXPECT_EQ(cost.weight_bytes, 6 * (4 * kUnit80 / 128) + 4 * 64)
      << "a column of the panel each, and the norm";
  EXPECT_EQ(cost.operations, 0);
  EXPECT_FALSE(cost.arithmetic);
  EXPECT_EQ(cost.activation_bytes, 6 * (4 * 64 + kSquaresRow + kRow8));
}

TEST_F(PhaseCostTest, PortablePhasesCountFloatRowsAndTheCheckpointsBytes) {
  const PhaseCost norm = Cost(2, 0, {.rows = 2});
  EXPECT_EQ(norm.weight_bytes, 4 * 64);
  EXPECT_EQ(norm.activation_bytes, 2 * 2 * 4 * 64);
  EXPECT_EQ(norm.operations, 0);
  const PhaseCost linear = Cost(2, 1, {.rows = 2});
  EXPECT_EQ(linear.weight_bytes, 64 * 96 / 32 * 20);
  EXPECT_EQ(linear.operations, 2 * 64 * 96);
  EXPECT_EQ(linear.arithmetic, RegisterLoop::kFma);
  EXPECT_EQ(linear.activation_bytes, 2 * 4 * (64 + 96));
  const PhaseCost append = Cost(2, 2, {.rows = 2});
  EXPECT_EQ(append.kv_bytes, 2 * kPosition);
  EXPECT_EQ(append.activation_bytes, 2 * 2 * 4 * 32);
  const PhaseCost attention = Cost(2, 3, {.rows = 2, .context = 300});
  EXPECT_EQ(attention.kv_bytes, 302 * kPosition) << "no window";
  EXPECT_EQ(attention.activation_bytes, 2 * 2 * 4 * 64);
  EXPECT_TRUE(IsPortable(body(2).phases[3]));
  EXPECT_FALSE(IsPortable(body(1).phases[0]));
  EXPECT_FALSE(IsPortable(body(1).phases[1]));
}

TEST(SeenPositions, AreASumOverRows) {
  for (const int window : {0, 1, 7, 20, 100}) {
    for (const int context : {0, 3, 6, 7, 30}) {
      for (const int rows : {1, 2, 9}) {
        std::int64_t sum = 0;
        for (int row = 0; row < rows; ++row) {
          const int past = context + row + 1;
          sum += window == 0 ? past : std::min(past, window);
        }
        EXPECT_EQ(SeenPositions({.rows = rows, .context = context}, window), sum) << window << " " << context;
      }
    }
  }
}

}  // namespace
}  // namespace vivace::program
