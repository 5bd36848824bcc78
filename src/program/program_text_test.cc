#include <gtest/gtest.h>

#include "program/program.h"

namespace vivace::program {
namespace {

// One fused layer between an embedding and the logits, and a portable one, so that every form of line occurs.
constexpr std::string_view kText =
    R"(program tiny {level = 2, vocabulary = 100, hidden = 64, max_positions = 32, attention_tile_rows = 2}
rope {dim = 32, theta = 10000}
kv {layers = 3, kv_heads = 1, head_dim = 32, type = f32}
buffer x {bytes_per_row = 256}
buffer squares {bytes_per_row = 64}
buffer x8 {bytes_per_row = 192}
buffer q {bytes_per_row = 256}
buffer logits {bytes_per_row = 400, logit_rows = 1}
logits logits
body prologue
  slot token_embd {type = q8_0, k = 64, n = 100, order = plain}
  slot next_norm
  panel_embed embed: -> x, squares, x8 with token_embd, next_norm {k = 64, n = 100, type = q8_0}
body layer
  slot qkv {type = q4_1, k = 64, n = 128, order = rope_pairs, rope_rows = 96, head_dim = 32}
  qkv qkv: x8, squares -> q with qkv {k = 64, n = 128, heads = 2, head_dim = 32, eps = 1e-05, type = q4_1}
    computes q, k, v, kv_new
  kv_append plain: q, q ->
  attention plain: q -> q {n = 64, heads = 2, head_dim = 32, scale = 0.125}
body epilogue
  slot token_embd {type = q8_0, k = 64, n = 100, order = plain}
  logits logits: x8, squares -> logits with token_embd {k = 64, n = 100, eps = 1e-05, type = q8_0, logit_rows = 1}
run prologue
  token_embd = token_embd, from token_embd.weight
  next_norm = blk.0.attn_norm.weight
run layer x 2 from kv layer 0
  qkv = blk.#.qkv, from blk.#.attn_q.weight, blk.#.attn_k.weight, blk.#.attn_v.weight
run layer x 1 from kv layer 2
  qkv = special.qkv, from a.weight, b.weight
run epilogue
  token_embd = token_embd, from token_embd.weight
)";

std::string Edited(std::string_view from, std::string_view to) {
  std::string text(kText);
  const std::size_t at = text.find(from);
  EXPECT_NE(at, std::string::npos) << from;
  return text.replace(at, from.size(), to);
}

TEST(ProgramText, PrintsWhatItParses) {
  const Result<Program> program = Parse(kText);
  ASSERT_TRUE(program.ok()) << program.status().message();
  EXPECT_EQ(Print(*program), kText);
  EXPECT_TRUE(Verify(*program).ok()) << Verify(*program).message();
}

TEST(ProgramText, BuffersAreRequired) {
  EXPECT_EQ(Parse("").status().message(), "the program's text is empty");
  EXPECT_EQ(Parse("program p {level = 0}").status().message(), "the program's text declares no buffer");
}

TEST(ProgramText, LayersAndSharedWeightsAreUnfolded) {
  const Result<Program> program = Parse(kText);
  ASSERT_TRUE(program.ok());
  ASSERT_EQ(program->layers.size(), 5u);
  EXPECT_EQ(program->layers[2].kv_layer, 1);
  EXPECT_EQ(program->layers[4].kv_layer, -1);
  const Weight& qkv = program->weights[static_cast<std::size_t>(program->layers[2].weights[0].value)];
  EXPECT_EQ(qkv.name, "blk.1.qkv");
  EXPECT_EQ(qkv.sources[2], "blk.1.attn_v.weight");
  EXPECT_EQ(qkv.order, tensor::ColumnOrder::kRopePairs);
  EXPECT_EQ(program->layers[0].weights[0], program->layers[4].weights[0]);
}

TEST(ProgramText, SpecificationsComeFromThePhases) {
  const Result<Program> program = Parse(kText);
  ASSERT_TRUE(program.ok());
  const auto& spec = std::get<kernels::PanelGemmSpec>(program->bodies[1].phases[0].spec).epilogue;
  EXPECT_EQ(spec.heads, 2);
  EXPECT_EQ(spec.hidden, 64);
  EXPECT_EQ(spec.kv.kv_heads, 1);
  EXPECT_EQ(spec.kv.type, tensor::DType::kF32);
  EXPECT_EQ(spec.eps, 1e-5f);
  EXPECT_TRUE(std::holds_alternative<std::monostate>(program->bodies[1].phases[1].spec));
}

TEST(SetSpec, FusedKindsKnowTheWidthOfTheirQuantisedRows) {
  Program program;
  program.hidden = 64;
  Phase phase{};
  phase.k = 96;
  phase.n = 64;
  phase.kind = PhaseKind::kProjectResidual;
  SetSpec(program, phase);
  EXPECT_EQ(std::get<kernels::PanelGemmSpec>(phase.spec).epilogue.output_k, 64);
  phase.kind = PhaseKind::kGateUp;
  phase.n = 192;
  SetSpec(program, phase);
  EXPECT_EQ(std::get<kernels::PanelGemmSpec>(phase.spec).epilogue.output_k, 96);
}

struct BadText {
  std::string_view from, to, message;
};

void PrintTo(const BadText& bad, std::ostream* out) {
  *out << bad.from << " -> " << bad.to;
}

class ProgramParserErrors : public testing::TestWithParam<BadText> {};

TEST_P(ProgramParserErrors, NameLineAndCause) {
  const Result<Program> program = Parse(Edited(GetParam().from, GetParam().to));
  ASSERT_FALSE(program.ok());
  EXPECT_EQ(program.status().message(), GetParam().message);
}

INSTANTIATE_TEST_SUITE_P(
    All, ProgramParserErrors,
    testing::Values(
        BadText{"program tiny", "graph tiny",
                "line 1: expected 'program', at 'graph tiny {level = 2, vocabulary = 100,'"},
        BadText{"hidden = 64", "hiden = 64",
                "line 1: a program has no 'hiden', at '64, max_positions = 32, attention_tile_r'"},
        BadText{"kv_heads = 1", "kv_heds = 1",
                "line 3: the KV cache has no 'kv_heds', at '1, head_dim = 32, type = f32}'"},
        BadText{"buffer squares", "buffer x",
                "line 5: buffer x is declared twice, at '{bytes_per_row = 64}'"},
        BadText{"buffer q {bytes", "buffer q {bites", "line 7: a buffer has no 'bites_per_row', at '}'"},
        BadText{"logits logits\n", "logits none\n", "line 9: there is no buffer none, at ''"},
        BadText{"order = plain", "order = odd", "line 11: there is no order 'odd', at '}'"},
        BadText{"n = 100, order", "m = 100, order", "line 11: a slot has no 'm', at '100, order = plain}'"},
        BadText{
            "panel_embed embed", "panel_embd embed",
            "line 13: there is no phase kind 'panel_embd', at 'embed: -> x, squares, x8 with token_embd'"},
        BadText{"-> x, squares, x8", "-> x, squares",
                "line 13: expected ',', at 'with token_embd, next_norm {k = 64, n = '"},
        BadText{"with qkv", "with kqv",
                "line 16: the body has no slot kqv, at '{k = 64, n = 128, heads = 2, head_dim = '"},
        BadText{"scale = 0.125", "skale = 0.125", "line 19: a phase has no 'skale', at '0.125}'"},
        BadText{"type = q4_1, k", "type = q4_2, k",
                "line 15: there is no element type 'q4_2', at ', k = 64, n = 128, order = rope_pairs, r'"},
        BadText{"run layer x 2", "run layr x 2",
                "line 26: there is no body 'layr' above this line, at 'x 2 from kv layer 0'"},
        BadText{"x 2 from", "x 99999999 from",
                "line 26: expected an integer from 1 to 65535, at '99999999 from kv layer 0'"},
        BadText{
            "  next_norm = blk.0.attn_norm.weight\n", "",
            "line 25: body 'prologue' needs a weight for slot next_norm, at 'run layer x 2 from kv layer 0'"},
        BadText{"a.weight, b.weight", "a.weight\n  more = c",
                "line 30: body 'layer' has no more slots, at 'more = c'"},
        BadText{"run epilogue", "go epilogue", "line 30: body 'layer' has no more slots, at 'go epilogue'"}));

}  // namespace
}  // namespace vivace::program
