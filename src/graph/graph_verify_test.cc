#include <gtest/gtest.h>

#include <algorithm>
#include <iterator>

#include "graph/graph.h"

namespace vivace::graph {
namespace {

/// A graph whose layer is `nodes`, between inputs %x, %q8 (quantised), %kv, %positions and output %y.
std::string WithLayer(std::string_view nodes) {
  return std::string(R"(graph g {vocabulary = 10, hidden = 64, max_positions = 8}
rope_scaling {attention_factor = 1.5} 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16
rope_scaling {attention_factor = 0}
body prologue(%tokens: i32[T]) -> %x
  weight @e: f32[10, 64]
  %x: f32[T, 64] = embed %tokens, @e
body layer(%x: f32[T, 64], %kv: kv, %positions: i32[T]) -> %y
  weight @v: f32[64]
  weight @u: f32[32]
  weight @w: q4_1[32, 64]
)") + std::string(nodes) +
         R"(
body epilogue(%x: f32[T, 64]) -> %logits
  weight @o: f32[10, 64]
  %g: f32[L, 64] = gather_rows %x
  %logits: f32[L, 10] = linear %g, @o
prologue prologue
  e = e
layers 1 x layer
  v = v
  u = u
  w = w
epilogue epilogue
  o = o
)";
}

constexpr std::string_view kGood = "  %y: f32[T, 64] = mul %x, @v";

std::string MessageFor(const std::string& text) {
  const Result<Graph> graph = Parse(text);
  EXPECT_TRUE(graph.ok()) << graph.status().message();
  return graph.ok() ? Verify(*graph).message() : "";
}

TEST(GraphVerify, AcceptsEveryOpUsedRightly) {
  EXPECT_EQ(MessageFor(WithLayer(R"(  %m: f32[T, 64] = mul %x, @v {offset = 1}
  %n: f32[T, 64] = rms_norm %m, @v {eps = 1e-05, offset = 1}
  %n8: u8g32[T, 64] = quantize %n
  %l: f32[T, 32] = linear %n8, @w
  %s: f32[T] = rms_scale %x {eps = 1e-05}
  %k: f32[T, 32] = scale_rows %l, %s
  %kb: f32[T, 32] = add_bias %k, @u
  %kn: f32[T, 32] = head_norm %kb, @u {heads = 1, head_dim = 32, eps = 1e-05}
  %kr: f32[T, 32] = rope %kn, %positions {heads = 1, head_dim = 32, half = 1, scaling = 1, theta = 10000}
  %kv2: kv = kv_append %kv, %kr, %l
  %a: f32[T, 64] = attention %x, %kv2 {heads = 2, kv_heads = 1, head_dim = 32, window = 4, scale = 1, softcap = 50}
  %h: f32[T, 64] = silu_mul %a, %x
  %g: f32[T, 64] = gelu_mul %h, %x
  %e: f32[T, 64] = scale %g {scale = 8}
  %c: f32[T, 64] = softcap %e {softcap = 30}
  %p: f32[T, 96] = pad %c
  %p8: i16g32[T, 96] = quantize %p
  %pl: f32[T, 32] = linear %p8, @w
  %max: f32[T, 48] = maxima %pl
  %y: f32[T, 64] = add %c, %x)")),
            "");
}

TEST(GraphVerify, QuantisesToEveryActivationType) {
  for (const std::string type : {"u8g32", "u8g64", "u8token", "i16g32", "bf16r", "f32r"}) {
    const std::string nodes =
        "  %q: " + type + "[T, 64] = quantize %x\n  %l: f32[T, 32] = linear %q, @w\n" + std::string(kGood);
    EXPECT_EQ(MessageFor(WithLayer(nodes)), "") << type;
  }
}

TEST(GraphVerify, LogitsMayBeFollowedByTheirMaximaOnly) {
  const auto with = [](std::string_view more, std::string_view outputs) {
    std::string text = WithLayer(kGood);
    text.replace(text.find("-> %logits"), 10, outputs);
    return text.insert(text.find("prologue prologue"), more);
  };
  EXPECT_EQ(MessageFor(with("  %m: f32[L, 48] = maxima %logits\n", "-> %logits, %m")), "");
  EXPECT_EQ(MessageFor(with("  %m: f32[L, 10] = add %logits, %logits\n", "-> %logits, %m")),
            "graph 'g', epilogue: must put out nothing after the logits but their maxima");
}

struct BadLayer {
  std::string_view nodes, message;
};

constexpr BadLayer kBadLayers[] = {
    BadLayer{"%b: f32[T, 64] = add %x, %x, %x", "(add): takes 2 operands, has 3"},
    BadLayer{"%b: f32[T, 32] = add %x, %x", "(add): gives f32[T, 64], declared as f32[T, 32]"},
    BadLayer{"%b: f32[T, 64] = add %x, %positions", "(add): the operands must be alike rows of f32"},
    BadLayer{"%b: f32[T, 64] = gelu_mul %x, @v", "(gelu_mul): the operands must be alike rows of f32"},
    BadLayer{"%b: f32[T, 64] = add_bias %x, @u",
             "(add_bias): the second operand must be an f32 weight as wide"},
    BadLayer{"%b: f32[T, 64] = add_bias %x, %x",
             "(add_bias): the second operand must be an f32 weight as wide"},
    BadLayer{"%b: f32[T, 64] = scale %x", "(scale): scale must be positive"},
    BadLayer{"%b: f32[T, 64] = softcap %x", "(softcap): softcap must be positive"},
    BadLayer{"%b: f32[T, 64] = head_norm %x, @v {heads = 2, head_dim = 32, eps = 1}",
             "(head_norm): the second operand must be an f32 weight as wide as a head"},
    BadLayer{"%b: f32[T, 64] = head_norm %x, @u {heads = 1, head_dim = 32, eps = 1}",
             "(head_norm): the first operand must be f32[T, heads * head_dim]"},
    BadLayer{"%b: f32[T, 64] = head_norm %x, @u {heads = 2, head_dim = 32}",
             "(head_norm): eps must be positive"},
    BadLayer{"%b: f32[T, 64] = rope %x, %positions {heads = 2, head_dim = 32, half = 2, theta = 1}",
             "(rope): half must be 0 or 1"},
    BadLayer{"%b: f32[T, 64] = rope %x, %positions {heads = 2, head_dim = 32, scaling = 3, theta = 1}",
             "(rope): the graph has no rope_scaling 3"},
    BadLayer{"%b: f32[T, 64] = rope %x, %positions {heads = 4, head_dim = 16, scaling = 1, theta = 1}",
             "(rope): rope_scaling 1 has 16 factors, not one per pair"},
    BadLayer{"%b: f32[T, 64] = rope %x, %positions {heads = 2, head_dim = 32, scaling = 2, theta = 1}",
             "(rope): rope_scaling 2 must have positive factors"},
    BadLayer{"%b: f32[T, 64] = silu_mul %x, @v", "(silu_mul): the operands must be alike rows of f32"},
    BadLayer{"%b: f32[T, 64] = embed %x, @w", "(embed): the first operand must be i32[T]"},
    BadLayer{"%b: f32[T, 64] = embed %positions, @v",
             "(embed): the second operand must be a weight [vocabulary, width]"},
    BadLayer{"%b: f32[T, 64] = rms_norm %x, @v", "(rms_norm): eps must be positive"},
    BadLayer{"%b: f32[T, 64] = rms_norm %x, @w {eps = 1}",
             "(rms_norm): the second operand must be an f32 weight as wide"},
    BadLayer{"%b: f32[T, 32] = linear %positions, @w",
             "(linear): the first operand must be rows of f32 or quantised rows"},
    BadLayer{"%b: f32[T, 32] = linear %x, @v", "(linear): the second operand must be a weight [n, k]"},
    BadLayer{"%c: f32[T, 32] = linear %x, @w\n%b: f32[T, 32] = linear %c, @w",
             "(linear): the weight takes 64 inputs, the operand is f32[T, 32]"},
    BadLayer{"%b: f32[T, 64] = rope %x, %positions {heads = 3, head_dim = 32, theta = 1}",
             "(rope): the first operand must be f32[T, heads * head_dim]"},
    BadLayer{"%b: f32[T, 64] = rope %x, %x {heads = 2, head_dim = 32, theta = 1}",
             "(rope): the second operand must be the positions, i32[T]"},
    BadLayer{"%b: f32[T, 64] = rope %x, %positions {heads = 2, head_dim = 32}",
             "(rope): head_dim must be even and theta positive"},
    BadLayer{"%b: kv = kv_append %x, %x, %x", "(kv_append): the first operand must be the kv cache"},
    BadLayer{"%b: kv = kv_append %kv, %x, @v", "(kv_append): k and v must be alike rows of f32"},
    BadLayer{"%b: f32[T, 64] = attention %x, %x {heads = 2, head_dim = 32}",
             "(attention): the second operand must be the kv cache"},
    BadLayer{"%b: f32[T, 64] = attention %x, %kv {heads = 2, kv_heads = 3, head_dim = 32}",
             "(attention): kv_heads must divide heads"},
    BadLayer{"%b: f32[T, 64] = mul %x, @w",
             "(mul): the second operand must be alike rows or an f32 weight as wide"},
    BadLayer{"%c: f32[L, 64] = gather_rows %x\n%b: f32[L, 64] = gather_rows %c",
             "(gather_rows): the operand must have T rows"},
    BadLayer{"%b: u8g32[T, 64] = quantize %positions", "(quantize): the operand must be rows of f32"},
    BadLayer{"%b: f32[T, 64] = quantize %x", "(quantize): gives rows of an activation type, not f32[T, 64]"},
    BadLayer{"%c: f32[T, 32] = linear %x, @w\n%b: u8g64[T, 32] = quantize %c",
             "(quantize): the operand's width must be a multiple of 32 and of the type's group"},
    BadLayer{"%b: i16g32[T, 32] = quantize %x", "(quantize): gives i16g32[T, 64], declared as i16g32[T, 32]"},
    BadLayer{"%b: f32[T, 64] = pad %x", "(pad): must fill up to a multiple of 32, by less than 64 columns"},
    BadLayer{"%b: f32[T, 128] = pad %x", "(pad): must fill up to a multiple of 32, by less than 64 columns"},
    BadLayer{"%c: f32[T, 96] = pad %x\n%b: f32[T, 32] = linear %c, @w",
             "(linear): the weight takes 64 inputs, the operand is f32[T, 96]"},
    BadLayer{"%b: f32[T, 64] = mul %x, %x {offset = 1}", "(mul): an offset goes with a weight only"},
    BadLayer{"%b: f32[T, 64] = maxima %x", "(maxima): gives f32[T, 48], declared as f32[T, 64]"},
    BadLayer{"%b: f32[T] = rms_scale %x", "(rms_scale): eps must be positive"},
    BadLayer{"%b: f32[T, 64] = scale_rows %x, %x",
             "(scale_rows): the second operand must be one f32 per row"}};

constexpr Op kAllOps[] = {
#define GRAPH_OP(id, text) Op::id,
#include "graph/graph_ops.def"
#undef GRAPH_OP
};

class GraphVerifyErrors : public testing::TestWithParam<BadLayer> {};

TEST_P(GraphVerifyErrors, NameBodyNodeAndRule) {
  const std::string nodes = std::string(GetParam().nodes) + "\n" + std::string(kGood);
  EXPECT_EQ(MessageFor(WithLayer(nodes)), "graph 'g', body 'layer', %b " + std::string(GetParam().message));
}

INSTANTIATE_TEST_SUITE_P(All, GraphVerifyErrors, testing::ValuesIn(kBadLayers));

TEST(GraphVerify, EveryOpHasARefusedCase) {
  for (const Op op : kAllOps) {
    const std::string text = "(" + std::string(Name(op)) + ")";
    EXPECT_TRUE(std::any_of(std::begin(kBadLayers), std::end(kBadLayers), [&](const BadLayer& bad) {
      return bad.message.substr(0, text.size()) == text;
    })) << text;
  }
}

TEST(GraphVerify, UseBeforeDefinitionNamesBoth) {
  Result<Graph> graph = Parse(WithLayer("  %a: f32[T, 64] = mul %x, @v\n  %y: f32[T, 64] = mul %a, @v"));
  ASSERT_TRUE(graph.ok());
  Body& layer = graph->bodies[1];
  std::swap(layer.nodes[0], layer.nodes[1]);
  for (int i = 0; i < 2; ++i) layer.value(layer.nodes[static_cast<std::size_t>(i)].output).node = {i};
  EXPECT_EQ(Verify(*graph).message(), "graph 'g', body 'layer', %y (mul): %a is used before it is defined");
}

TEST(GraphVerify, BindingsAreCompleteAndOnce) {
  Result<Graph> graph = Parse(WithLayer(kGood));
  ASSERT_TRUE(graph.ok());
  const std::vector<Binding> good = graph->layers[0].bindings;
  graph->layers[0].bindings.pop_back();
  EXPECT_EQ(Verify(*graph).message(), "graph 'g', layer 0: does not bind @w");
  graph->layers[0].bindings = {good[0], good[2], good[2]};
  EXPECT_EQ(Verify(*graph).message(), "graph 'g', layer 0: binds @w twice");
  graph->layers[0].bindings = {good[0], {ValueId{0}, "x"}};
  EXPECT_EQ(Verify(*graph).message(), "graph 'g', layer 0: binds 'x' to something that is no weight");
  graph->layers[0].bindings = {good[0], {good[1].weight, ""}};
  EXPECT_EQ(Verify(*graph).message(), "graph 'g', layer 0: binds @u to an empty name");
}

TEST(GraphVerify, BodiesMustFitTogether) {
  std::string text = WithLayer("  %y: f32[T, 32] = linear %x, @w");
  EXPECT_EQ(MessageFor(text),
            "graph 'g', epilogue: takes %x as f32[T, 64], the body before it gives f32[T, 32]");
  text = WithLayer(kGood);
  text.replace(text.find("vocabulary = 10"), 15, "vocabulary = 11");
  EXPECT_EQ(MessageFor(text), "graph 'g', epilogue: must put out one f32[L, 11], the logits");
}

}  // namespace
}  // namespace vivace::graph
