#include <gtest/gtest.h>

#include <functional>

#include "program/program.h"
#include "tensor/quantized_rows.h"

namespace vivace::program {
namespace {

constexpr std::string_view kText = R"(program p {level = 0, vocabulary = 100, hidden = 64}
rope {dim = 32, theta = 10000}
kv {layers = 1, kv_heads = 1, head_dim = 32, type = f16}
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
  slot w
  linear q: x -> q with w {k = 64, n = 64, type = f32}
  rope q: q -> q {n = 64, heads = 2, head_dim = 32}
  kv_append k: q, q ->
body epilogue
  slot token_embd {type = q8_0, k = 64, n = 100, order = plain}
  logits logits: x8, squares -> logits with token_embd {k = 64, n = 100, type = q8_0, logit_rows = 1}
run prologue
  token_embd = token_embd, from token_embd.weight
  next_norm = norm.weight
run layer x 1 from kv layer 0
  w = w.weight
run epilogue
  token_embd = token_embd, from token_embd.weight
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

TEST(ProgramVerify, NamesWhatIsWrong) {
  const Damage damages[] = {
      {[](Program& p) { LayerPhase(p, 0).reads.clear(); },
       "body 'layer', linear q: takes 1 reads, 1 writes and 1 weights"},
      {[](Program& p) { LayerPhase(p, 0).weights[0].value = 9; },
       "body 'layer', linear q: a weight slot does not exist"},
      {[](Program& p) { LayerPhase(p, 0).reads[0].value = 99; },
       "body 'layer', linear q: a buffer does not exist"},
      {[](Program& p) { LayerPhase(p, 0).k = 65; },
       "body 'layer', linear q: needs 260 bytes per row in x, which has 256"},
      {[](Program& p) { LayerPhase(p, 1).writes[0].value = 0; }, "body 'layer', rope q: must work in place"},
      {[](Program& p) { LayerPhase(p, 0).spec = kernels::PanelEmbedSpec{}; },
       "body 'layer', linear q: has a kernel specification"},
      {[](Program& p) { p.bodies[0].phases[0].spec = std::monostate{}; },
       "body 'prologue', panel_embed embed: has no kernel specification"},
      {[](Program& p) { p.layers[1].body = 7; }, "layer 1: has no body"},
      {[](Program& p) { p.layers[1].weights.clear(); }, "layer 1: does not bind every slot"},
      {[](Program& p) { p.layers[1].weights[0].value = 50; }, "layer 1: binds a weight that does not exist"},
      {[](Program& p) { p.layers[1].kv_layer = 1; },
       "layer 1: k uses the KV cache, of which it has no layer"},
      {[](Program& p) { p.weights[0].packed = false; }, "layer 0, embed: token_embd must be packed"},
      {[](Program& p) { p.weights[2].packed = true; }, "layer 1, q: w.weight must not be packed"},
      {[](Program& p) { p.weights[2].sources.push_back("more"); },
       "layer 1, q: w.weight must have one source"},
      {[](Program& p) { p.weights[0].layout.n = 101; },
       "layer 0, embed: token_embd is packed for another shape"},
      {[](Program& p) { p.bodies[1].phases.erase(p.bodies[1].phases.begin()); },
       "layer 1: q reads q before anything is written there"},
      {[](Program& p) {
         p.weights.push_back({});
         p.weights.back().name = "spare";
       },
       "weight spare: no layer binds it"},
      {[](Program& p) { p.logits.value = -1; }, "logits: the buffer does not exist"},
      {[](Program& p) { p.logits.value = 0; }, "logits: buffer x does not have rows of logits"},
      {[](Program& p) { p.layers.pop_back(); }, "logits: nothing writes logits"},
  };
  for (const Damage& damage : damages) {
    Program program = Good();
    damage.apply(program);
    EXPECT_EQ(Verify(program).message(), "program 'p', " + std::string(damage.message));
    EXPECT_EQ(Verify(program).code(), StatusCode::kInternal);
  }
}

TEST(ProgramVerify, EveryKindChecksItsBuffers) {
  for (int i = 0; i <= static_cast<int>(PhaseKind::kLogits); ++i) {
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
