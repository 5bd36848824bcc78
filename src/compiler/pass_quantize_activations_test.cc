// Which rows each weight class gets for each --activation-dtype, and what is refused.

#include <gtest/gtest.h>

#include "compiler/golden_test_file.h"
#include "compiler/pass_list.h"

namespace vivace::compiler {
namespace {

using tensor::DType;

/// Weights q and k of the two types; k stands in both layers.
std::string Model(const std::string& q, const std::string& k) {
  return "graph g {vocabulary = 256, hidden = 256, max_positions = 8}\n"
         "body prologue(%tokens: i32[T]) -> %x\n"
         "  weight @e: f32[256, 256]\n"
         "  %x: f32[T, 256] = embed %tokens, @e\n"
         "body layer(%x: f32[T, 256]) -> %y\n"
         "  weight @q: " +
         q +
         "[256, 256]\n"
         "  weight @k: " +
         k +
         "[256, 256]\n"
         "  %a: f32[T, 256] = linear %x, @q\n"
         "  %b: f32[T, 256] = linear %x, @k\n"
         "  %y: f32[T, 256] = add %a, %b\n"
         "body epilogue(%x: f32[T, 256]) -> %logits\n"
         "  %g: f32[L, 256] = gather_rows %x\n"
         "  %logits: f32[L, 256] = add %g, %g\n"
         "prologue prologue\n"
         "  e = e\n"
         "layers 2 x layer\n"
         "  q = blk.#.q.weight\n"
         "  k = blk.#.k.weight\n"
         "epilogue epilogue\n";
}

codegen::Target WithBf16Dot(bool has) {
  codegen::Target target = codegen::HostTarget();
  target.bf16_dot = has;
  return target;
}

Result<bool> Quantize(graph::Graph& graph, ActivationDType type, bool bf16_dot = false) {
  for (const PassRow& pass : PassList()) {
    if (pass.name != "quantize_activations") continue;
    PassContext context{2, type};
    context.target = WithBf16Dot(bf16_dot);
    return pass.run(graph, context);
  }
  return Internal("no such pass");
}

/// Rows of q's and k's linear layers: "u8g32 u8g32".
std::string RowsOf(const std::string& q, const std::string& k, ActivationDType type, bool bf16_dot = false) {
  Result<graph::Graph> graph = graph::Parse(Model(q, k));
  EXPECT_TRUE(graph.ok()) << graph.status().message();
  if (const Result<bool> run = Quantize(*graph, type, bf16_dot); !run.ok()) return run.status().message();
  EXPECT_TRUE(graph::Verify(*graph).ok()) << graph::Verify(*graph).message();
  std::string text;
  for (const graph::Node& node : graph->bodies[1].nodes) {
    if (node.op != graph::Op::kLinear) continue;
    const DType rows = graph->bodies[1].value(node.inputs[0]).type.dtype;
    text += (text.empty() ? "" : " ") + std::string(tensor::Row(rows).name);
  }
  return text;
}

TEST(QuantizeActivations, AutoGoesByWeightClass) {
  for (const std::string type : {"q4_0", "q4_1", "q5_0", "q5_1", "q8_0", "q4_k", "q5_k", "q6_k"}) {
    EXPECT_EQ(RowsOf(type, "f16", ActivationDType::kAuto), "u8g32 f32r") << type;
  }
  EXPECT_EQ(RowsOf("f32", "bf16", ActivationDType::kAuto, false), "f32r f32r");
  EXPECT_EQ(RowsOf("f32", "bf16", ActivationDType::kAuto, true), "f32r bf16r");
}

TEST(QuantizeActivations, IntegersGoWithQuantisedWeightsAndFloatWeightsKeepTheirs) {
  EXPECT_EQ(RowsOf("q4_k", "q8_0", ActivationDType::kUint8), "u8g32 u8g32");
  EXPECT_EQ(RowsOf("q4_k", "bf16", ActivationDType::kUint8, true), "u8g32 bf16r");
  EXPECT_EQ(RowsOf("q6_k", "f16", ActivationDType::kInt16), "i16g32 f32r");
  EXPECT_EQ(RowsOf("f16", "f32", ActivationDType::kUint8),
            "tensor 'blk.0.q.weight' is f16, as all of the model's are float; activations of uint8 go with "
            "quantised "
            "weights: give auto, or float32");
  EXPECT_EQ(RowsOf("bf16", "bf16", ActivationDType::kInt16),
            "tensor 'blk.0.q.weight' is bf16, as all of the model's are float; activations of int16 go with "
            "quantised "
            "weights: give auto, bfloat16 or float32");
}

TEST(QuantizeActivations, BFloat16GoesWithWeightsOfItAlone) {
  EXPECT_EQ(RowsOf("bf16", "bf16", ActivationDType::kBFloat16, false), "bf16r bf16r");
  EXPECT_EQ(
      RowsOf("bf16", "q4_0", ActivationDType::kBFloat16),
      "tensor 'blk.0.k.weight' is q4_0; activations of bfloat16 go with bf16 weights only: give auto, uint8, "
      "int16 or float32");
  EXPECT_EQ(RowsOf("f16", "bf16", ActivationDType::kBFloat16),
            "tensor 'blk.0.q.weight' is f16; activations of bfloat16 go with bf16 weights only: give auto or "
            "float32");
}

TEST(QuantizeActivations, WeightsWhoseWidthCutsABlockStayAsTheyAre) {
  std::string text = Model("q6_k", "q8_0");
  for (std::size_t at = 0; (at = text.find("256", at)) != std::string::npos;) text.replace(at, 3, "320");
  Result<graph::Graph> graph = graph::Parse(text);
  ASSERT_TRUE(graph.ok()) << graph.status().message();
  ASSERT_TRUE(Quantize(*graph, ActivationDType::kAuto).ok());
  EXPECT_TRUE(graph::Verify(*graph).ok()) << graph::Verify(*graph).message();
  std::string rows;
  for (const graph::Node& node : graph->bodies[1].nodes) {
    if (node.op != graph::Op::kLinear) continue;
    rows += std::string(tensor::Row(graph->bodies[1].value(node.inputs[0]).type.dtype).name) + " ";
  }
  EXPECT_EQ(rows, "f32 u8g32 ");
}

TEST(QuantizeActivations, Float32GoesWithAll) {
  EXPECT_EQ(RowsOf("q4_1", "q6_k", ActivationDType::kFloat32), "f32r f32r");
  EXPECT_EQ(RowsOf("bf16", "f16", ActivationDType::kFloat32, true), "f32r f32r");
}

}  // namespace
}  // namespace vivace::compiler
