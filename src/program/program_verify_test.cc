#include <gtest/gtest.h>

#include <functional>
#include <span>

#include "program/program.h"

namespace vivace::program {
namespace {

constexpr std::string_view kText = R"(program p {level = 2, vocabulary = 100, hidden = 64}
rope {dim = 32, theta = 10000}
kv {layers = 1, kv_heads = 1, head_dim = 32, type = f16}
buffer x {bytes_per_row = 256}
buffer squares {bytes_per_row = 64}
buffer x8 {bytes_per_row = 192}
buffer q {bytes_per_row = 256}
buffer y8 {bytes_per_row = 192}
buffer logits {bytes_per_row = 400, logit_rows = 1}
buffer maxima {bytes_per_row = 192, logit_rows = 1}
logits logits
maxima maxima
body prologue
  slot token_embd {type = q8_0, k = 64, n = 100, order = plain}
  slot next_norm {form = vector, n = 64, order = plain}
  panel_embed embed: -> squares, x, x8 with token_embd, next_norm {k = 64, n = 100, output_k = 64, type = q8_0, output = u8g32, steps = floats squares norm rows}
body layer
  slot w
  slot kv {type = q8_0, k = 64, n = 64, order = rope_pairs, rope_rows = 32, head_dim = 32}
  slot kv_bias {form = vector, n = 64, order = rope_pairs, rope_rows = 32, head_dim = 32}
  slot o {type = q8_0, k = 64, n = 64, order = plain}
  slot norm {form = vector, n = 64, order = plain}
  linear q: x -> q with w {k = 64, n = 64, type = f32}
  rope q_rope: q -> q {n = 64, heads = 2, head_dim = 32}
  panel_gemm kv: x8, squares -> with kv, kv_bias {k = 64, n = 64, head_dim = 32, type = q8_0, input = u8g32, k_steps = rs bias rope key, v_steps = rs bias value}
  paged_attention attention: q -> y8 {heads = 2, head_dim = 32, scale = 0.125, output = u8g32}
  panel_gemm o: y8 -> x, squares, x8 with o, norm {k = 64, n = 64, output_k = 64, type = q8_0, input = u8g32, output = u8g32, steps = residual squares norm rows}
body epilogue
  slot token_embd {type = q8_0, k = 64, n = 100, order = plain}
  panel_gemm logits: x8, squares -> logits, maxima with token_embd {k = 64, n = 100, type = q8_0, input = u8g32, logit_rows = 1, steps = rs floats maximum}
run prologue
  token_embd = token_embd, from token_embd.weight
  next_norm = norm, from norm.weight
run layer x 1 from kv layer 0
  w = w.weight
  kv = kv, from k.weight, v.weight
  kv_bias = kv_bias, from k.bias, v.bias
  o = o, from o.weight
  norm = norm2, from norm2.weight
run epilogue
  token_embd = token_embd, from token_embd.weight
specialise {first_rows = 1, last_rows = 8}
  layer 2 {task_units = 2}
)";

Program Good() {
  Result<Program> program = Parse(kText);
  EXPECT_TRUE(program.ok()) << program.status().message();
  return std::move(*program);
}

TEST(ProgramVerify, AcceptsARightProgram) {
  EXPECT_EQ(Verify(Good()).message(), "");
}

struct Damage {
  std::function<void(Program&)> apply;
  std::string_view message;
};

Phase& LayerPhase(Program& program, std::size_t i) {
  return program.bodies[1].phases[i];
}

void ExpectDamageIsNamed(std::span<const Damage> damages) {
  for (const Damage& damage : damages) {
    Program program = Good();
    damage.apply(program);
    EXPECT_EQ(Verify(program).message(), "program 'p', " + std::string(damage.message));
    EXPECT_EQ(Verify(program).code(), StatusCode::kInternal);
  }
}

TEST(ProgramVerify, NamesWhatIsWrongWithAPhase) {
  const Damage damages[] = {
      {[](Program& p) { LayerPhase(p, 0).reads.clear(); },
       "body 'layer', linear q: takes 1 reads, 1 writes and 1 weights"},
      {[](Program& p) { LayerPhase(p, 4).writes.pop_back(); },
       "body 'layer', panel_gemm o: takes 1 reads, 3 writes and 2 weights"},
      {[](Program& p) { LayerPhase(p, 0).weights[0].value = 9; },
       "body 'layer', linear q: a weight slot does not exist"},
      {[](Program& p) { LayerPhase(p, 0).reads[0].value = 99; },
       "body 'layer', linear q: a buffer does not exist"},
      {[](Program& p) { LayerPhase(p, 0).k = 65; },
       "body 'layer', linear q: needs 260 bytes per row in x, which has 256"},
      {[](Program& p) { LayerPhase(p, 0).k = -1; }, "body 'layer', linear q: has a size out of range"},
      {[](Program& p) { LayerPhase(p, 2).k = 1 << 25; },
       "body 'layer', panel_gemm kv: has a size out of range"},
      {[](Program& p) { LayerPhase(p, 2).k = 60; },
       "body 'layer', panel_gemm kv: reads rows that are not whole groups"},
      {[](Program& p) { LayerPhase(p, 1).writes[0].value = 0; },
       "body 'layer', rope q_rope: must work in place"},
      {[](Program& p) { LayerPhase(p, 0).writes = LayerPhase(p, 0).reads; },
       "body 'layer', linear q: writes x, which it reads"},
      {[](Program& p) { LayerPhase(p, 3).writes = LayerPhase(p, 3).reads; },
       "body 'layer', paged_attention attention: writes q, which it reads"},
      {[](Program& p) { LayerPhase(p, 2).rope = 1; },
       "body 'layer', panel_gemm kv: there is no rotary table 1"},
      {[](Program& p) { p.ropes[0].dim = 16; },
       "body 'layer', rope q_rope: its rotary table is for another head size"},
      {[](Program& p) { LayerPhase(p, 0).spec = kernels::PanelEmbedSpec{}; },
       "body 'layer', linear q: has a kernel specification"},
      {[](Program& p) { p.bodies[0].phases[0].spec = std::monostate{}; },
       "body 'prologue', panel_embed embed: has no kernel specification"},
  };
  ExpectDamageIsNamed(damages);
}

kernels::EpilogueSteps& Steps(Program& program, std::size_t phase, std::size_t part = 0) {
  return LayerPhase(program, phase).steps[part];
}

TEST(ProgramVerify, NamesStepsThatHaveNoPlace) {
  using kernels::StepKind;
  const Damage damages[] = {
      {[](Program& p) {
         Steps(p, 4) = {};
         LayerPhase(p, 4).writes.clear();
         LayerPhase(p, 4).weights.pop_back();
       },
       "body 'layer', panel_gemm o: has no steps"},
      {[](Program& p) { p.kv.head_dim = 16; },
       "body 'layer', panel_gemm kv: has heads of another size than the KV cache"},
      {[](Program& p) { Steps(p, 2) = {{StepKind::kRowScale}}; },
       "body 'layer', panel_gemm kv: has steps for q but no heads"},
      {[](Program& p) { std::swap(Steps(p, 2, 1), Steps(p, 2, 2)); },
       "body 'layer', panel_gemm kv: appends keys that are not of k"},
      {[](Program& p) {
         Steps(p, 2, 1) = {{StepKind::kRowScale}, {StepKind::kValue}};
       },
       "body 'layer', panel_gemm kv: appends values that are not of v"},
      {[](Program& p) { Steps(p, 2, 2).Add({StepKind::kHeadNorm}); },
       "body 'layer', panel_gemm kv: norms the heads of v, which has no weight for it"},
      {[](Program& p) { Steps(p, 2, 2).Add({StepKind::kGateSilu}); },
       "body 'layer', panel_gemm kv: has 'silu' among steps of parts"},
      {[](Program& p) { Steps(p, 4).Add({StepKind::kRope}); },
       "body 'layer', panel_gemm o: has steps for heads but no heads"},
      {[](Program& p) {
         Steps(p, 4).Add({StepKind::kGateSilu});
         LayerPhase(p, 4).n = 63;
       },
       "body 'layer', panel_gemm o: has a gate but not columns for gate and up"},
      {[](Program& p) { LayerPhase(p, 4).output_k = 32; },
       "body 'layer', panel_gemm o: writes rows that are too short"},
      {[](Program& p) { LayerPhase(p, 4).output_k = 65; },
       "body 'layer', panel_gemm o: writes rows that are not whole groups"},
      {[](Program& p) { LayerPhase(p, 4).writes[2] = LayerPhase(p, 4).reads[0]; },
       "body 'layer', panel_gemm o: writes y8, which it reads"},
      {[](Program& p) { p.buffers[2].bytes_per_row = 191; },
       "body 'prologue', panel_embed embed: needs 192 bytes per row in x8, which has 191"},
      {[](Program& p) { LayerPhase(p, 4).logit_rows = true; },
       "body 'layer', panel_gemm o: x has no rows of logits"},
      {[](Program& p) { p.buffers[0].logit_rows = true; },
       "body 'prologue', panel_embed embed: x has rows of logits only"},
  };
  ExpectDamageIsNamed(damages);
}

TEST(ProgramVerify, NamesWhatIsWrongBetweenPhases) {
  const Damage damages[] = {
      {[](Program& p) { p.bodies[1].phases.erase(p.bodies[1].phases.begin()); },
       "layer 1: q_rope reads q before anything is written there"},
      {[](Program& p) { p.layers.erase(p.layers.begin()); },
       "layer 0: q reads x before anything is written there"},
      {[](Program& p) { LayerPhase(p, 4).reads[0].value = 1; },
       "body 'layer', panel_gemm o: needs 192 bytes per row in squares, which has 64"},
      {[](Program& p) {
         LayerPhase(p, 3).output = tensor::ActivationType::kF32;
         p.buffers[4].bytes_per_row = 320;
       },
       "layer 1: o reads y8 as u8g32 rows of 64, but it was written as f32r rows of 64"},
      {[](Program& p) {
         LayerPhase(p, 3).float_output = true;
         p.buffers[4].bytes_per_row = 256;
       },
       "layer 1: o reads y8 as u8g32 rows of 64, but it was written as f32"},
      {[](Program& p) { LayerPhase(p, 2).reads[1].value = 0; },
       "layer 1: kv reads x as squares, but it was written as f32"},
      {[](Program& p) {
         p.buffers[1].bytes_per_row = 256;
         LayerPhase(p, 0).writes[0].value = LayerPhase(p, 1).reads[0].value = 1;
         LayerPhase(p, 1).writes[0].value = LayerPhase(p, 3).reads[0].value = 1;
       },
       "body 'layer', q: squares has squares, and is written as something else, too"},
      {[](Program& p) { LayerPhase(p, 2).joined = true; },
       "body 'layer': kv and attention are joined, but one needs what the other writes"},
      {[](Program& p) { LayerPhase(p, 3).joined = true; },
       "body 'layer': attention and o are joined, but one needs what the other writes"},
      {[](Program& p) { LayerPhase(p, 4).joined = true; }, "body 'layer': o is joined with nothing"},
  };
  ExpectDamageIsNamed(damages);
  // What is independent may be joined.
  Program program = Good();
  LayerPhase(program, 1).joined = true;
  EXPECT_EQ(Verify(program).message(), "");
}

TEST(ProgramVerify, AResidualIsReadBeforeItIsWritten) {
  Program program = Good();
  program.buffers.push_back({"fresh", 256, false});
  LayerPhase(program, 4).writes[0] = BufferId{static_cast<std::int32_t>(program.buffers.size()) - 1};
  EXPECT_EQ(Verify(program).message(),
            "program 'p', layer 1: o reads fresh before anything is written there");
}

TEST(ProgramVerify, TheLastLayerLeavesItsInputsAlone) {
  Program program = Good();
  Phase scale{};
  scale.kind = PhaseKind::kScale;
  scale.label = "late";
  scale.n = 64;
  scale.reads = {BufferId{0}};
  scale.writes = {BufferId{3}};
  program.specialisations.clear();
  program.bodies[2].phases.push_back(scale);
  EXPECT_EQ(Verify(program).message(), "");
  program.bodies[2].phases.back().writes = {BufferId{0}};
  EXPECT_EQ(Verify(program).message(),
            "program 'p', last layer, late: writes over x, which it must find again when it runs twice");
}

TEST(ProgramVerify, NamesWhatIsWrongWithLayersAndWeights) {
  const Damage damages[] = {
      {[](Program& p) { p.layers[1].body = 7; }, "layer 1: has no body"},
      {[](Program& p) { p.layers[1].weights.clear(); }, "layer 1: does not bind every slot"},
      {[](Program& p) { p.layers[1].weights[0].value = 50; }, "layer 1: binds a weight that does not exist"},
      {[](Program& p) { p.layers[1].kv_layer = 1; },
       "layer 1: kv uses the KV cache, of which it has no layer"},
      {[](Program& p) { p.weights[0].form = WeightForm::kPlain; },
       "layer 0, embed: token_embd must be packed"},
      {[](Program& p) { p.weights[1].form = WeightForm::kPlain; }, "layer 0, embed: norm must be a vector"},
      {[](Program& p) { p.weights[1].layout.n = 32; }, "layer 0, embed: norm is of another length"},
      {[](Program& p) { p.weights[1].order = tensor::ColumnOrder::kRopePairs; },
       "layer 0, embed: norm is in another order than the columns"},
      {[](Program& p) { p.weights[4].order = tensor::ColumnOrder::kPlain; },
       "layer 1, kv: kv_bias is in another order than the columns"},
      {[](Program& p) { p.weights[2].form = WeightForm::kPanel; },
       "layer 1, q: w.weight must be as it is in the checkpoint"},
      {[](Program& p) { p.weights[2].sources.push_back("more"); },
       "layer 1, q: w.weight must have one source"},
      {[](Program& p) { p.weights[0].layout.n = 101; },
       "layer 0, embed: token_embd is packed for another shape"},
      {[](Program& p) {
         p.weights.push_back({});
         p.weights.back().name = "spare";
       },
       "weight spare: no layer binds it"},
      {[](Program& p) { p.logits.value = -1; }, "logits: the buffer does not exist"},
      {[](Program& p) { p.logits.value = 0; }, "logits: buffer x does not have rows of logits"},
      {[](Program& p) { p.layers.pop_back(); }, "logits: nothing writes logits"},
      {[](Program& p) { p.maxima.value = 77; }, "maxima: the buffer does not exist"},
      {[](Program& p) { p.maxima.value = 0; }, "maxima: buffer x does not have rows of maxima"},
      {[](Program& p) { p.maxima = p.logits; }, "maxima: nothing writes logits"},
      {[](Program& p) { p.specialisations[0].first_rows = 9; },
       "specialisation of 9 to 8 rows: there are no such steps"},
      {[](Program& p) { p.specialisations[0].plans[1].pop_back(); },
       "specialisation of 1 to 8 rows: does not have a plan for each phase"},
      {[](Program& p) { p.specialisations[0].plans[1][2].task_units = -1; },
       "specialisation of 1 to 8 rows: has a plan with a negative size"},
  };
  ExpectDamageIsNamed(damages);
}

TEST(ProgramVerify, EveryPortableKindChecksItsBuffers) {
  for (int i = 0; i < static_cast<int>(PhaseKind::kRowSteps); ++i) {
    Program program = Good();
    Phase phase{};
    phase.kind = static_cast<PhaseKind>(i);
    phase.label = "tried";
    phase.k = phase.n = 1 << 20;
    phase.heads = 1 << 15;
    phase.head_dim = 32;
    SetSpec(program, phase);
    const OperandCounts counts = Operands(phase.kind);
    phase.reads.assign(static_cast<std::size_t>(counts.reads), BufferId{0});
    phase.writes.assign(static_cast<std::size_t>(counts.writes), BufferId{0});
    phase.weights.assign(static_cast<std::size_t>(counts.weights), SlotId{0});
    program.kv.kv_heads = 1 << 15;
    program.bodies[1].phases = {phase};
    EXPECT_NE(Verify(program).message().find("tried: needs "), std::string::npos)
        << Name(phase.kind) << ": " << Verify(program).message();
  }
}

}  // namespace
}  // namespace vivace::program
