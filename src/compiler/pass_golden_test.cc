// Each pass alone, text in and text out: testdata/<pass>.txt has a graph and the lines that the pass changes,
// and testdata/<pass>.<model>.txt the same for a family that has more to it. What a pass must leave alone are
// edits of those graphs.

#include <gtest/gtest.h>

#include <algorithm>
#include <ostream>

#include "compiler/golden_test_file.h"
#include "compiler/pass_list.h"

namespace vivace::compiler {
namespace {

constexpr std::string_view kChanges = "== changes ==\n";

graph::Graph ParseOrDie(const std::string& text) {
  Result<graph::Graph> graph = graph::Parse(text);
  EXPECT_TRUE(graph.ok()) << graph.status().message();
  return graph.ok() ? std::move(*graph) : graph::Graph();
}

const PassRow& PassNamed(std::string_view name) {
  for (const PassRow& pass : PassList()) {
    if (pass.name == name) return pass;
  }
  ADD_FAILURE() << "no pass " << name;
  return PassList()[0];
}

struct Golden {
  std::string_view pass, model, file;
};
void PrintTo(const Golden& golden, std::ostream* out) {
  *out << golden.file;
}

constexpr Golden kGoldens[] = {
    {"eliminate_noops", "llama", "eliminate_noops.txt"},
    {"expand_norms", "gemma3", "expand_norms.txt"},
    {"quantize_activations", "llama", "quantize_activations.txt"},
    {"quantize_activations", "padded", "quantize_activations.padded.txt"},
    {"fuse_act_padding", "padded", "fuse_act_padding.txt"},
    {"fuse_norm_quant", "llama", "fuse_norm_quant.txt"},
    {"fuse_norm_quant", "gemma3", "fuse_norm_quant.gemma3.txt"},
    {"fuse_norm_quant", "float_head", "fuse_norm_quant.float_head.txt"},
    {"fuse_norm_quant", "padded", "fuse_norm_quant.padded.txt"},
    {"fuse_qkv", "llama", "fuse_qkv.txt"},
    {"fuse_qkv", "qwen2", "fuse_qkv.qwen2.txt"},
    {"enable_qk_norm_rope_fusion", "qwen3", "enable_qk_norm_rope_fusion.txt"},
    {"fuse_rope_kvcache", "llama", "fuse_rope_kvcache.txt"},
    {"fuse_attn_quant", "llama", "fuse_attn_quant.txt"},
    {"fuse_gate_up", "llama", "fuse_gate_up.txt"},
    {"fuse_act_quant", "gemma3", "fuse_act_quant.txt"},
    {"fuse_residual", "llama", "fuse_residual.txt"},
    {"fuse_embed", "gemma3", "fuse_embed.txt"},
    {"fuse_lm_head_sample", "gemma3", "fuse_lm_head_sample.txt"},
};

/// The input of a new golden: the model after the passes that come before.
std::string InputBefore(const Golden& golden) {
  graph::Graph graph = ParseOrDie(ReadTestData("tiny_" + std::string(golden.model) + ".txt"));
  for (const PassRow& pass : PassList()) {
    if (pass.name == golden.pass) break;
    EXPECT_TRUE(pass.run(graph, PassContext{2}).ok());
  }
  return graph::Print(graph);
}

std::string InputOf(std::string_view file) {
  const std::string text = ReadTestData(std::string(file));
  return text.substr(0, text.find(kChanges));
}

class PassGolden : public testing::TestWithParam<Golden> {};

TEST_P(PassGolden, ChangesWhatTheGoldenSays) {
  const std::string file(GetParam().file);
  std::string input = InputOf(file);
  if (input.empty() && UpdateGoldens()) input = InputBefore(GetParam());
  ASSERT_FALSE(input.empty()) << "pass " << GetParam().pass << " has no test: " << TestDataPath(file);
  graph::Graph graph = ParseOrDie(input);
  ASSERT_TRUE(graph::Verify(graph).ok()) << graph::Verify(graph).message();

  const Result<bool> changed = PassNamed(GetParam().pass).run(graph, PassContext{2});
  ASSERT_TRUE(changed.ok()) << changed.status().message();
  EXPECT_TRUE(*changed);
  EXPECT_TRUE(graph::Verify(graph).ok()) << graph::Verify(graph).message();
  ExpectGolden(file, input + std::string(kChanges) + DiffText(input, graph::Print(graph)));
}

TEST_P(PassGolden, SecondRunChangesNothing) {
  graph::Graph graph = ParseOrDie(InputOf(GetParam().file));
  const PassRow& pass = PassNamed(GetParam().pass);
  ASSERT_TRUE(pass.run(graph, PassContext{2}).ok());
  const std::string once = graph::Print(graph);
  const Result<bool> changed = pass.run(graph, PassContext{2});
  ASSERT_TRUE(changed.ok());
  EXPECT_FALSE(*changed);
  EXPECT_EQ(graph::Print(graph), once);
}

INSTANTIATE_TEST_SUITE_P(All, PassGolden, testing::ValuesIn(kGoldens));

TEST(PassGoldens, EveryPassHasOne) {
  for (const PassRow& pass : PassList()) {
    EXPECT_TRUE(std::any_of(std::begin(kGoldens), std::end(kGoldens), [&](const Golden& golden) {
      return golden.pass == pass.name;
    })) << pass.name;
  }
}

class EveryPass : public testing::TestWithParam<PassRow> {};

TEST_P(EveryPass, LeavesAGraphWithoutItsPatternAlone) {
  constexpr std::string_view kNothing = R"(graph g {vocabulary = 10, hidden = 64, max_positions = 8}
body prologue(%tokens: i32[T]) -> %x
  weight @e: f32[10, 64]
  %x: f32[T, 64] = embed %tokens, @e
body epilogue(%x: f32[T, 64]) -> %logits
  %y: f32[T, 64] = add %x, %x
  %g: f32[L, 64] = gather_rows %y
  %logits: f32[L, 64] = silu_mul %g, %g
prologue prologue
  e = e
epilogue epilogue
)";
  graph::Graph graph = ParseOrDie(std::string(kNothing));
  const Result<bool> changed = GetParam().run(graph, PassContext{2});
  ASSERT_TRUE(changed.ok());
  EXPECT_FALSE(*changed);
  EXPECT_EQ(graph::Print(graph), kNothing);
}

std::string ParameterName(const testing::TestParamInfo<PassRow>& info) {
  return std::string(info.param.name);
}

INSTANTIATE_TEST_SUITE_P(All, EveryPass, testing::ValuesIn(PassList().begin(), PassList().end()),
                         ParameterName);

TEST(PassList, NamesAreDistinctAndRoundingPointsAreNamed) {
  std::vector<std::string_view> names, moving;
  for (const PassRow& pass : PassList()) {
    EXPECT_EQ(std::count(names.begin(), names.end(), pass.name), 0) << pass.name;
    EXPECT_FALSE(pass.help.empty()) << pass.name;
    names.push_back(pass.name);
    if (pass.moves_rounding_point) moving.push_back(pass.name);
  }
  EXPECT_EQ(moving,
            (std::vector<std::string_view>{"expand_norms", "quantize_activations", "fuse_norm_quant"}));
}

TEST(PassList, NamesOfVllmAreThoseOfItsPassConfig) {
  std::vector<std::string_view> names;
  for (const PassRow& pass : PassList()) {
    if (pass.is_vllm_name) names.push_back(pass.name);
  }
  EXPECT_EQ(names, (std::vector<std::string_view>{"eliminate_noops", "fuse_act_padding", "fuse_norm_quant",
                                                  "enable_qk_norm_rope_fusion", "fuse_rope_kvcache",
                                                  "fuse_attn_quant", "fuse_act_quant"}));
}

}  // namespace
}  // namespace vivace::compiler
