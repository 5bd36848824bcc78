// Each pass alone, text in and text out: testdata/<pass>.txt has a graph and the lines that the pass changes.

#include <gtest/gtest.h>

#include <algorithm>

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

/// The input of a new golden: the tiny model after the passes that come before.
std::string InputBefore(std::string_view name) {
  graph::Graph graph = ParseOrDie(ReadTestData("tiny_llama.txt"));
  for (const PassRow& pass : PassList()) {
    if (pass.name == name) break;
    EXPECT_TRUE(pass.run(graph, PassContext{2}).ok());
  }
  return graph::Print(graph);
}

class PassGolden : public testing::TestWithParam<PassRow> {};

TEST_P(PassGolden, ChangesWhatTheGoldenSays) {
  const std::string file = std::string(GetParam().name) + ".txt";
  std::string input = ReadTestData(file);
  input = input.substr(0, input.find(kChanges));
  if (input.empty() && UpdateGoldens()) input = InputBefore(GetParam().name);
  ASSERT_FALSE(input.empty()) << "pass " << GetParam().name << " has no test: " << TestDataPath(file);
  graph::Graph graph = ParseOrDie(input);
  ASSERT_TRUE(graph::Verify(graph).ok()) << graph::Verify(graph).message();

  const Result<bool> changed = GetParam().run(graph, PassContext{2});
  ASSERT_TRUE(changed.ok()) << changed.status().message();
  EXPECT_TRUE(*changed);
  EXPECT_TRUE(graph::Verify(graph).ok()) << graph::Verify(graph).message();
  ExpectGolden(file, input + std::string(kChanges) + DiffText(input, graph::Print(graph)));
}

TEST_P(PassGolden, SecondRunChangesNothing) {
  std::string input = ReadTestData(std::string(GetParam().name) + ".txt");
  graph::Graph graph = ParseOrDie(input.substr(0, input.find(kChanges)));
  ASSERT_TRUE(GetParam().run(graph, PassContext{2}).ok());
  const std::string once = graph::Print(graph);
  const Result<bool> changed = GetParam().run(graph, PassContext{2});
  ASSERT_TRUE(changed.ok());
  EXPECT_FALSE(*changed);
  EXPECT_EQ(graph::Print(graph), once);
}

TEST_P(PassGolden, LeavesAGraphWithoutItsPatternAlone) {
  constexpr std::string_view kNothing = R"(graph g {vocabulary = 10, hidden = 64, max_positions = 8}
body prologue(%tokens: i32[T]) -> %x
  weight @e: f32[10, 64]
  %x: f32[T, 64] = embed %tokens, @e
body epilogue(%x: f32[T, 64]) -> %logits
  weight @o: f32[10, 64]
  %y: f32[T, 64] = add %x, %x
  %g: f32[L, 64] = gather_rows %y
  %l: f32[L, 10] = linear %g, @o
  %logits: f32[L, 10] = add %l, %l
prologue prologue
  e = e
epilogue epilogue
  o = o
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

INSTANTIATE_TEST_SUITE_P(All, PassGolden, testing::ValuesIn(PassList().begin(), PassList().end()),
                         ParameterName);

TEST(PassList, NamesAreDistinctAndRoundingPointsAreNamed) {
  std::vector<std::string_view> names, moving;
  for (const PassRow& pass : PassList()) {
    EXPECT_EQ(std::count(names.begin(), names.end(), pass.name), 0) << pass.name;
    EXPECT_FALSE(pass.help.empty()) << pass.name;
    names.push_back(pass.name);
    if (pass.moves_rounding_point) moving.push_back(pass.name);
  }
  EXPECT_EQ(moving, (std::vector<std::string_view>{"quantize_activations", "fuse_norm_quant"}));
}

}  // namespace
}  // namespace vivace::compiler
