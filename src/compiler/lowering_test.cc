#include "compiler/lowering.h"

#include <gtest/gtest.h>

#include "compiler/golden_test_file.h"
#include "compiler/pass_list.h"

namespace vivace::compiler {
namespace {

/// A graph of width 64 whose layer and epilogue are given.
graph::Graph Make(std::string_view layer, std::string_view epilogue) {
  const std::string text = std::string(R"(graph g {vocabulary = 10, hidden = 64, max_positions = 8}
body prologue(%tokens: i32[T]) -> %x
  weight @e: f32[10, 64]
  %x: f32[T, 64] = embed %tokens, @e
body layer(%x: f32[T, 64], %kv: kv, %positions: i32[T]) -> )") +
                           std::string(layer) + R"(
body epilogue(%x: f32[T, 64]) -> %logits
  weight @o: f32[10, 64]
)" + std::string(epilogue) +
                           R"(
  %logits: f32[L, 10] = linear %g, @o
prologue prologue
  e = e
layers 2 x layer
  w = blk.#.w
epilogue epilogue
  o = o
)";
  Result<graph::Graph> graph = graph::Parse(text);
  EXPECT_TRUE(graph.ok()) << graph.status().message();
  EXPECT_TRUE(graph::Verify(*graph).ok()) << graph::Verify(*graph).message();
  return std::move(*graph);
}

constexpr std::string_view kPlainLayer =
    "%y\n  weight @w: f32[64, 64]\n  %l: f32[T, 64] = linear %x, @w\n  %y: f32[T, 64] = add %x, %l";
constexpr std::string_view kPlainEpilogue = "  %g: f32[L, 64] = gather_rows %x";

std::string PortableText(const graph::Graph& graph) {
  const Result<program::Program> program = LowerPortable(graph, tensor::DType::kF16);
  if (!program.ok()) return program.status().message();
  EXPECT_TRUE(program::Verify(*program).ok()) << program::Verify(*program).message();
  return program::Print(*program);
}

bool Contains(const std::string& text, std::string_view part) {
  return text.find(part) != std::string::npos;
}

TEST(LowerPortable, ResidualAddWritesOverTheStream) {
  EXPECT_TRUE(Contains(PortableText(Make(kPlainLayer, kPlainEpilogue)), "add y: x, scratch.0 -> x"));
}

TEST(LowerPortable, AddMakesRoomWhenItsOperandIsStillNeeded) {
  const std::string text = PortableText(
      Make("%y\n  weight @w: f32[64, 64]\n  %l: f32[T, 64] = linear %x, @w\n  %s: f32[T, 64] = add %l, %x\n"
           "  %t: f32[T, 64] = silu_mul %s, %l\n  %y: f32[T, 64] = add %x, %t",
           kPlainEpilogue));
  EXPECT_TRUE(Contains(text, "add s: scratch.0, x -> scratch.1 ")) << text;
  EXPECT_TRUE(Contains(text, "silu_mul t: scratch.1, scratch.0 -> scratch.1 ")) << text;
}

TEST(LowerPortable, LastBodyLeavesItsInputForTheNextRun) {
  const std::string text =
      PortableText(Make(kPlainLayer, "  %s: f32[T, 64] = add %x, %x\n  %g: f32[L, 64] = gather_rows %s"));
  EXPECT_TRUE(Contains(text, "add s: x, x -> scratch.0 ")) << text;
}

TEST(LowerPortable, ScratchOfTokensAndOfLogitsIsKeptApart) {
  const std::string text = PortableText(Make(kPlainLayer, kPlainEpilogue));
  EXPECT_TRUE(Contains(text, "buffer scratch.0 {bytes_per_row = 256}\n")) << text;
  EXPECT_TRUE(Contains(text, "buffer scratch.1 {bytes_per_row = 256, logit_rows = 1}\n")) << text;
}

TEST(LowerPortable, NamesWhatNoPortableKernelComputes) {
  const auto message = [](std::string_view nodes) {
    return PortableText(Make("%y\n  weight @w: q4_1[64, 64]\n" + std::string(nodes), kPlainEpilogue));
  };
  EXPECT_EQ(message("  %y: f32[T, 64] = mul %x, %x"),
            "body 'layer', %y (mul): no portable kernel computes it");
  EXPECT_EQ(message("  %q: u8g32[T, 64] = quantize %x\n  %y: f32[T, 64] = linear %q, @w"),
            "body 'layer', %q (quantize): no portable kernel computes it");
  EXPECT_EQ(message("  %l: f32[T, 64] = linear %x, @w\n"
                    "  %r: f32[T, 64] = rope %l, %positions {heads = 2, head_dim = 32, theta = 1}\n"
                    "  %y: f32[T, 64] = add %l, %r"),
            "body 'layer', %r (rope): its operand is used again");
  EXPECT_EQ(message("  %y: f32[T, 64] = linear %x, @w\n  %z: f32[T, 64] = add %x, %y"),
            "body 'layer', %y (linear): would overwrite %x, which is still used");
  EXPECT_EQ(PortableText(Make("%x\n  weight @w: f32[64, 64]", kPlainEpilogue)).substr(0, 7), "program");
}

TEST(LowerPortable, OnlyLinearLayersRunOnRowsOfLogits) {
  EXPECT_EQ(
      PortableText(Make(kPlainLayer, "  %h: f32[L, 64] = gather_rows %x\n  %g: f32[L, 64] = add %h, %h")),
      "body 'epilogue', %g (add): portable kernels compute only linear layers and soft-caps on rows of "
      "logits");
}

/// A tiny model after all passes, with one node taken out of its group, lowered.
std::string TextWithLoner(const std::string& model, const std::string& loner) {
  Result<graph::Graph> graph = graph::Parse(ReadTestData(model));
  EXPECT_TRUE(graph.ok());
  for (const PassRow& pass : PassList()) EXPECT_TRUE(pass.run(*graph, PassContext{2}).ok());
  bool found = loner.empty();
  for (graph::Node& node : graph->bodies[1].nodes) {
    if (graph->bodies[1].value(node.output).name != loner) continue;
    found = node.group >= 0;
    node.group = -1;
  }
  EXPECT_TRUE(found) << loner << " is in no group";
  std::vector<std::string> reasons;
  const Result<program::Program> program = LowerFused(*graph, 2, tensor::DType::kF16, reasons);
  if (!program.ok()) return program.status().message();
  EXPECT_TRUE(program::Verify(*program).ok()) << program::Verify(*program).message();
  EXPECT_TRUE(reasons.empty()) << reasons[0];
  return program::Print(*program);
}

TEST(LowerFused, TakesWhatThePassesLeave) {
  const std::string text = TextWithLoner("tiny_llama.txt", "");
  EXPECT_TRUE(Contains(text, "q_steps = rs rope floats, k_steps = rs rope key, v_steps = rs value}")) << text;
}

// q is then stored before it rotates, and the phase that rotates takes its columns in the order of the panel.
TEST(LowerFused, ANodeOutsideOfItsGroupIsAPhaseOnRows) {
  const std::string text = TextWithLoner("tiny_llama.txt", "q_rope");
  EXPECT_TRUE(Contains(text, "k_steps = rs rope key, v_steps = rs value}")) << text;
  EXPECT_TRUE(Contains(text, "row_steps q_rope: ")) << text;
  EXPECT_TRUE(Contains(text, "rope_rows = 64, order = rope_pairs, q_steps = rope floats}")) << text;
}

TEST(LowerFused, HeadsAreNormedInTheOrderInWhichTheyRotate) {
  const std::string text = TextWithLoner("tiny_qwen3.txt", "q_n");
  EXPECT_TRUE(Contains(text, "row_steps q_n: ")) << text;
  EXPECT_TRUE(Contains(text, "q_steps = headnorm:1e-05 floats}")) << text;
}

TEST(LowerFused, QuantisationAloneReadsFloats) {
  const std::string text = TextWithLoner("tiny_llama.txt", "act.rows");
  EXPECT_TRUE(Contains(text, "steps = rs silu floats}")) << text;
  EXPECT_TRUE(Contains(text, "row_steps act.rows: ")) << text;
}

}  // namespace
}  // namespace vivace::compiler
