#include <gtest/gtest.h>

#include "graph/graph.h"

namespace vivace::graph {
namespace {

constexpr std::string_view kTiny = R"(graph tiny {vocabulary = 100, hidden = 64, max_positions = 32}
body prologue(%tokens: i32[T]) -> %x
  weight @token_embd: q8_0[100, 64]
  %x: f32[T, 64] = embed %tokens, @token_embd
body layer(%x: f32[T, 64], %kv: kv, %positions: i32[T]) -> %y, %kv2
  weight @norm: f32[64]
  weight @q: q4_1[64, 64]
  %n: f32[T, 64] = rms_norm %x, @norm {eps = 1e-05}
  [0] %q: f32[T, 64] = linear %n, @q
  [0] %r: f32[T, 64] = rope %q, %positions {heads = 2, head_dim = 32, theta = 1e+05}
  %kv2: kv = kv_append %kv, %r, %q
  [12] %a: f32[T, 64] = attention %r, %kv2 {heads = 2, kv_heads = 2, head_dim = 32, scale = 0.17677669}
  %y: f32[T, 64] = add %x, %a
body epilogue(%x: f32[T, 64]) -> %logits
  weight @output: f16[100, 64]
  %g: f32[L, 64] = gather_rows %x
  %logits: f32[L, 100] = linear %g, @output
prologue prologue
  token_embd = token_embd.weight
layers 2 x layer
  norm = blk.#.attn_norm.weight
  q = blk.#.attn_q.weight
layers 1 x layer
  norm = special.weight
  q = blk.#.attn_q.weight
epilogue epilogue
  output = output.weight
)";

std::string Edited(std::string_view from, std::string_view to) {
  std::string text(kTiny);
  const std::size_t at = text.find(from);
  EXPECT_NE(at, std::string::npos) << from;
  return text.replace(at, from.size(), to);
}

TEST(GraphText, PrintsWhatItParses) {
  const Result<Graph> graph = Parse(kTiny);
  ASSERT_TRUE(graph.ok()) << graph.status().message();
  EXPECT_EQ(Print(*graph), kTiny);
  EXPECT_TRUE(Verify(*graph).ok()) << Verify(*graph).message();
}

TEST(GraphText, LayersAreUnfolded) {
  const Result<Graph> graph = Parse(kTiny);
  ASSERT_TRUE(graph.ok());
  ASSERT_EQ(graph->layers.size(), 3u);
  EXPECT_EQ(graph->layers[1].bindings[0].source, "blk.1.attn_norm.weight");
  EXPECT_EQ(graph->layers[2].bindings[0].source, "special.weight");
  EXPECT_EQ(graph->layers[2].bindings[1].source, "blk.2.attn_q.weight");
}

TEST(GraphText, RopeScalingsAndNewAttributesReadBack) {
  std::string text(kTiny);
  text.insert(text.find("body prologue"),
              "rope_scaling {attention_factor = 1.25}\nrope_scaling {attention_factor = 1} 1 2.5\n");
  const Result<Graph> graph = Parse(text);
  ASSERT_TRUE(graph.ok()) << graph.status().message();
  ASSERT_EQ(graph->rope_scalings.size(), 2u);
  EXPECT_EQ(graph->rope_scalings[0], (RopeScaling{1.25f, {}}));
  EXPECT_EQ(graph->rope_scalings[1], (RopeScaling{1, {1, 2.5f}}));
  EXPECT_EQ(Print(*graph), text);
}

TEST(GraphText, EndsAreRequired) {
  EXPECT_EQ(Parse("").status().message(), "the graph's text is empty");
  const std::string text(kTiny);
  EXPECT_EQ(Parse(text.substr(0, text.find("epilogue epilogue"))).status().message(),
            "the graph's text has no prologue or no epilogue");
}

TEST(GraphText, BuilderMakesTheSameBody) {
  BodyBuilder builder("prologue");
  const ValueId tokens = builder.Input("tokens", Type::Tokens(tensor::DType::kI32, 0));
  const ValueId weight = builder.Weight("token_embd", Type::Matrix(tensor::DType::kQ8_0, 100, 64));
  builder.Output(builder.Add(Op::kEmbed, "x", {tokens, weight}, Type::Tokens(tensor::DType::kF32, 64)));
  Result<Graph> graph = Parse(kTiny);
  ASSERT_TRUE(graph.ok());
  graph->bodies[0] = builder.Take();
  EXPECT_EQ(Print(*graph), kTiny);
}

struct BadText {
  std::string_view from, to, message;
};

class GraphParserErrors : public testing::TestWithParam<BadText> {};

TEST_P(GraphParserErrors, NameLineAndCause) {
  const Result<Graph> graph = Parse(Edited(GetParam().from, GetParam().to));
  ASSERT_FALSE(graph.ok());
  EXPECT_EQ(graph.status().message(), GetParam().message);
}

INSTANTIATE_TEST_SUITE_P(
    All, GraphParserErrors,
    testing::Values(
        BadText{"graph tiny", "graf tiny",
                "line 1: expected 'graph', at 'graf tiny {vocabulary = 100, hidden = 64'"},
        BadText{"hidden = 64", "hidden = -4",
                "line 1: expected an integer from 0 to 2147483647, at '-4, max_positions = 32}'"},
        BadText{"= embed", "= embedd", "line 4: there is no op 'embedd', at '%tokens, @token_embd'"},
        BadText{"q8_0", "q9_9", "line 3: there is no element type 'q9_9', at '[100, 64]'"},
        BadText{"add %x, %a", "add %x, %b", "line 13: %b is not defined before this line, at ''"},
        BadText{"%n: f32", "%x: f32", "line 8: %x is defined twice, at ''"},
        BadText{"{eps", "{epz", "line 8: there is no attribute 'epz', at '1e-05}'"},
        BadText{"-> %y, %kv2", "-> %z", "body 'layer' puts out %z, which it does not define"},
        BadText{"2 x layer", "2 x layr", "line 20: there is no body 'layr' above this line, at ''"},
        BadText{"layers 2 x", "layers 99999999 x",
                "line 20: expected an integer from 1 to 65536, at '99999999 x layer'"},
        BadText{"norm = blk", "morn = blk",
                "line 21: body 'layer' has no weight @morn, at '= blk.#.attn_norm.weight'"},
        BadText{"body epilogue", "body layer",
                "line 14: a body of this name exists, at '(%x: f32[T, 64]) -> %logits'"},
        BadText{"epilogue epilogue", "finale epilogue",
                "line 26: body 'layer' has no weight @finale, at 'epilogue'"}));

}  // namespace
}  // namespace vivace::graph
