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
buffer rows {bytes_per_row = 448}
buffer gate {bytes_per_row = 256}
buffer up {bytes_per_row = 256}
buffer logits {bytes_per_row = 400, logit_rows = 1}
buffer maxima {bytes_per_row = 192, logit_rows = 1}
logits logits
maxima maxima
body prologue
  slot token_embd {type = q8_0, k = 64, n = 100, order = plain}
  slot next_norm {form = vector, n = 64, order = plain, offset = 1}
  panel_embed embed: -> squares, x, x8 with token_embd, next_norm {k = 64, n = 100, output_k = 64, type = q8_0, output = u8g32, steps = floats squares norm rows}
body layer
  slot q {type = q4_1, k = 64, n = 64, order = rope_pairs, rope_rows = 64, head_dim = 32}
  slot kv {type = f32, k = 64, source_k = 48, n = 64, order = rope_pairs, rope_rows = 32, head_dim = 32}
  slot kv_bias {form = vector, n = 64, order = rope_pairs, rope_rows = 32, head_dim = 32}
  slot q_norm {form = vector, n = 32, order = rope_pairs, rope_rows = 32, head_dim = 32}
  slot norm
  panel_gemm q: x8, squares -> q with q, q_norm {k = 64, n = 64, heads = 2, head_dim = 32, eps = 1e-05, type = q4_1, input = u8g32, joined = 1, q_steps = rs headnorm:1e-06 rope floats}
  panel_gemm kv: x8, squares -> with kv, kv_bias {k = 64, n = 64, head_dim = 32, eps = 1e-05, type = f32, input = u8g32, k_steps = rs bias rope key, v_steps = rs bias value}
    computes k, v, kv_new
  paged_attention rows: q -> rows {heads = 2, head_dim = 32, scale = 0.125, output = f32r}
  paged_attention floats: q -> gate {heads = 2, head_dim = 32, scale = 0.125, float_output = 1}
  rms_norm portable: q -> gate with norm {n = 64, eps = 1e-05}
  rms_norm portable2: q -> up with norm {n = 64, eps = 1e-05}
  row_steps gated: gate, up -> x8 {n = 128, output_k = 64, output = u8g32, order = gate_up_pairs, steps = gelu rows}
body plain
  kv_append plain: q, q ->
  attention plain: q -> gate {n = 64, heads = 2, head_dim = 32, scale = 0.125}
body epilogue
  slot token_embd {type = q8_0, k = 64, n = 100, order = plain}
  panel_gemm logits: x8, squares -> logits, maxima with token_embd {k = 64, n = 100, eps = 1e-05, type = q8_0, input = u8g32, logit_rows = 1, steps = rs scale:0.5 cap:30 floats maximum}
run prologue
  token_embd = token_embd, from token_embd.weight
  next_norm = next, from blk.0.attn_norm.weight
run layer x 2 from kv layer 0
  q = blk.#.q, from blk.#.attn_q.weight
  kv = blk.#.kv, from blk.#.attn_k.weight, blk.#.attn_v.weight
  kv_bias = blk.#.kv_bias, from blk.#.attn_k.bias, blk.#.attn_v.bias
  q_norm = blk.#.q_norm, from blk.#.attn_q_norm.weight
  norm = blk.#.norm.weight
run plain x 1 from kv layer 2
run epilogue
  token_embd = token_embd, from token_embd.weight
specialise {first_rows = 1, last_rows = 1}
  layer 0 {direct_rows = 4}
  epilogue 0 {direct_rows = 2, task_units = 3, expand = 1}
specialise {first_rows = 2, last_rows = 16}
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
  const Weight& kv = program->weights[static_cast<std::size_t>(program->layers[2].weights[1].value)];
  EXPECT_EQ(kv.name, "blk.1.kv");
  EXPECT_EQ(kv.form, WeightForm::kPanel);
  EXPECT_EQ(kv.sources[1], "blk.1.attn_v.weight");
  EXPECT_EQ(kv.order, tensor::ColumnOrder::kRopePairs);
  EXPECT_EQ(kv.layout.width(), 48);
  const Weight& bias = program->weights[static_cast<std::size_t>(program->layers[2].weights[2].value)];
  EXPECT_EQ(bias.form, WeightForm::kVector);
  EXPECT_EQ(bias.layout.n, 64);
  EXPECT_EQ(program->weights[1].offset, 1.0f);
  EXPECT_EQ(program->layers[0].weights[0], program->layers[4].weights[0]);
}

TEST(ProgramText, PlansAreOfTheirPhases) {
  const Result<Program> program = Parse(kText);
  ASSERT_TRUE(program.ok());
  ASSERT_EQ(program->specialisations.size(), 2u);
  const Specialisation& exact = program->specialisations[0];
  EXPECT_EQ(exact.plans[1][0].direct_rows, 4);
  EXPECT_EQ(exact.plans[1][1].direct_rows, 0);
  EXPECT_EQ(exact.plans[3][0].task_units, 3);
  EXPECT_TRUE(exact.plans[3][0].expand);
  EXPECT_EQ(program->specialisations[1].last_rows, 16);
}

TEST(ProgramText, SpecificationsComeFromThePhases) {
  const Result<Program> program = Parse(kText);
  ASSERT_TRUE(program.ok());
  const std::vector<Phase>& phases = program->bodies[1].phases;
  const auto& gemm = std::get<kernels::PanelGemmSpec>(phases[0].spec);
  EXPECT_EQ(gemm.type, tensor::WeightClass::kQ4_1);
  EXPECT_EQ(gemm.k, 64);
  EXPECT_FALSE(gemm.gathered);
  EXPECT_EQ(gemm.epilogue.n, 64);
  EXPECT_EQ(gemm.epilogue.heads, 2);
  EXPECT_EQ(gemm.epilogue.hidden, 64);
  EXPECT_EQ(gemm.epilogue.eps, 1e-5f);
  EXPECT_EQ(gemm.epilogue.kv.type, tensor::DType::kF32);
  EXPECT_EQ(gemm.epilogue.steps[0][1].value, 1e-6f);
  EXPECT_EQ(std::get<kernels::PanelGemmSpec>(phases[1].spec).epilogue.heads, 0);
  EXPECT_EQ(std::get<kernels::PagedAttentionSpec>(phases[2].spec).rows, tensor::ActivationType::kF32);
  EXPECT_EQ(std::get<kernels::PagedAttentionSpec>(phases[3].spec).rows, std::nullopt);
  const auto& gated = std::get<kernels::RowStepsSpec>(phases[6].spec);
  EXPECT_EQ(gated.inputs, 2);
  EXPECT_EQ(gated.order, tensor::ColumnOrder::kGateUpPairs);
  EXPECT_EQ(gated.epilogue.units, 2);
  EXPECT_EQ(gated.epilogue.output_k, 64);
  EXPECT_TRUE(std::holds_alternative<std::monostate>(program->bodies[2].phases[0].spec));
  EXPECT_TRUE(std::get<kernels::PanelGemmSpec>(program->bodies[3].phases[0].spec).gathered);
  EXPECT_EQ(std::get<kernels::PanelEmbedSpec>(program->bodies[0].phases[0].spec).epilogue.n, 64);
}

TEST(SetSpec, ACallFinishesWholeHeadsGatesAndGroups) {
  using kernels::StepKind;
  Program program;
  program.hidden = 64;
  program.kv = {.kv_heads = 1, .head_dim = 128};
  const auto units = [&](const kernels::EpilogueLists& steps, tensor::ActivationType output) {
    Phase phase{};
    phase.kind = PhaseKind::kPanelGemm;
    phase.head_dim = 128;
    phase.steps = steps;
    phase.output = output;
    SetSpec(program, phase);
    return std::get<kernels::PanelGemmSpec>(phase.spec).epilogue.units;
  };
  const kernels::EpilogueSteps rows = {{StepKind::kActivations}};
  const kernels::EpilogueSteps gated = {{StepKind::kGateSilu}, {StepKind::kActivations}};
  const kernels::EpilogueSteps key = {{StepKind::kKey}}, normed = {{StepKind::kHeadNorm}, {StepKind::kKey}};
  EXPECT_EQ(units({rows}, tensor::ActivationType::kU8Group32), 1);
  EXPECT_EQ(units({rows}, tensor::ActivationType::kU8Group64), 2);
  EXPECT_EQ(units({gated}, tensor::ActivationType::kU8Group32), 2);
  EXPECT_EQ(units({gated}, tensor::ActivationType::kU8Group64), 4);
  EXPECT_EQ(units({kernels::EpilogueSteps{}, key}, tensor::ActivationType::kU8Group32), 1);
  EXPECT_EQ(units({kernels::EpilogueSteps{}, normed}, tensor::ActivationType::kU8Group32), 4);
  program.kv.type = tensor::DType::kI8;
  EXPECT_EQ(units({kernels::EpilogueSteps{}, key}, tensor::ActivationType::kU8Group32), 4);
}

TEST(TilePhases, OperandsFollowFromTheLists) {
  using kernels::StepKind;
  Phase phase{};
  phase.kind = PhaseKind::kPanelGemm;
  phase.steps[0] = {{StepKind::kRowScale}, {StepKind::kBias},        {StepKind::kPostNorm},
                    {StepKind::kResidual}, {StepKind::kSquares},     {StepKind::kFloats},
                    {StepKind::kNorm},     {StepKind::kActivations}, {StepKind::kMaximum}};
  OperandList list = OperandsOf(phase);
  EXPECT_EQ(list.reads, (std::vector<Operand>{{Role::kInput}, {Role::kSquares}}));
  EXPECT_EQ(list.writes,
            (std::vector<Operand>{
                {Role::kResidual}, {Role::kSquares}, {Role::kFloats}, {Role::kRows}, {Role::kMaxima}}));
  EXPECT_EQ(list.weights,
            (std::vector<Operand>{{Role::kPanel}, {Role::kBias}, {Role::kPostNorm}, {Role::kNorm}}));
  phase.kind = PhaseKind::kRowSteps;
  phase.heads = 2;
  phase.steps = {kernels::EpilogueSteps{{StepKind::kHeadNorm}, {StepKind::kFloats}},
                 {},
                 kernels::EpilogueSteps{{StepKind::kFloats}}};
  list = OperandsOf(phase);
  EXPECT_EQ(list.reads, (std::vector<Operand>{{Role::kInput, 0}, {Role::kInput, 2}}));
  EXPECT_EQ(list.writes, (std::vector<Operand>{{Role::kFloats, 0}, {Role::kFloats, 2}}));
  EXPECT_EQ(list.weights, (std::vector<Operand>{{Role::kQueryNorm}}));
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
        BadText{"logits logits\n", "logits none\n", "line 13: there is no buffer none, at ''"},
        BadText{"maxima maxima\n", "maxima none\n", "line 14: there is no buffer none, at ''"},
        BadText{"order = plain", "order = odd", "line 16: there is no order 'odd', at '}'"},
        BadText{"n = 100, order", "m = 100, order", "line 16: a slot has no 'm', at '100, order = plain}'"},
        BadText{"form = vector", "form = list",
                "line 17: expected 'vector', at 'list, n = 64, order = plain, offset = 1}'"},
        BadText{
            "panel_embed embed", "panel_embd embed",
            "line 18: there is no phase kind 'panel_embd', at 'embed: -> squares, x, x8 with token_embd'"},
        BadText{"-> squares, x, x8", "-> squares, x, x9",
                "line 18: there is no buffer x9, at 'with token_embd, next_norm {k = 64, n = '"},
        BadText{"with kv,", "with vk,",
                "line 26: the body has no slot vk, at ', kv_bias {k = 64, n = 64, head_dim = 32'"},
        BadText{"scale = 0.125, output", "skale = 0.125, output",
                "line 28: a phase has no 'skale', at '0.125, output = f32r}'"},
        BadText{"type = q4_1, k", "type = q4_2, k",
                "line 20: there is no element type 'q4_2', at ', k = 64, n = 64, order = rope_pairs, ro'"},
        BadText{"type = q4_1, k", "type = u8g32, k",
                "line 20: weights are not of this type, at ', k = 64, n = 64, order = rope_pairs, ro'"},
        BadText{"output = f32r", "output = f32", "line 28: this is no type of rows, at '}'"},
        BadText{"steps = gelu rows", "steps = gelu row", "line 32: there is no step 'row', at '}'"},
        BadText{"cap:30", "cap:x", "line 38: 'cap:x' has no number, at 'floats maximum}'"},
        BadText{"gelu rows", "rs rs rs rs rs rs rs rs rs rs rs rs rs",
                "line 32: a list has at most 12 steps, at '}'"},
        BadText{"body plain", "body layer", "line 33: body layer is declared twice, at ''"},
        BadText{"body plain", "body specialise", "line 33: no body can have this name, at ''"},
        BadText{"run layer x 2", "run layr x 2",
                "line 42: there is no body 'layr' above this line, at 'x 2 from kv layer 0'"},
        BadText{"x 2 from", "x 99999999 from",
                "line 42: expected an integer from 1 to 65535, at '99999999 from kv layer 0'"},
        BadText{"  norm = blk.#.norm.weight\n", "",
                "line 47: body 'layer' needs a weight for slot norm, at 'run plain x 1 from kv layer 2'"},
        BadText{"norm.weight\nrun plain", "norm.weight\n  more = c\nrun plain",
                "line 48: body 'layer' has no more slots, at 'more = c'"},
        BadText{"run epilogue", "go epilogue", "line 49: body 'plain' has no more slots, at 'go epilogue'"},
        BadText{"{first_rows = 1,", "{first_row = 1,",
                "line 51: a specialisation has no 'first_row', at '1, last_rows = 1}'"},
        BadText{"  layer 0 {", "  layer 9 {",
                "line 52: expected an integer from 0 to 6, at '9 {direct_rows = 4}'"},
        BadText{"  layer 0 {", "  lager 0 {", "line 52: there is no body 'lager', at '0 {direct_rows = 4}'"},
        BadText{"{direct_rows = 4}", "{rows = 4}", "line 52: a plan has no 'rows', at '}'"}));

}  // namespace
}  // namespace vivace::program
