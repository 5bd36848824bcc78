#include "compiler/pass_runner.h"

#include <gtest/gtest.h>

#include "compiler/golden_test_file.h"

namespace vivace::compiler {
namespace {

graph::Graph Tiny() {
  Result<graph::Graph> graph = graph::Parse(ReadTestData("tiny_llama.txt"));
  EXPECT_TRUE(graph.ok()) << graph.status().message();
  return std::move(*graph);
}

Result<bool> Rename(graph::Graph& graph, const PassContext&) {
  graph.name = "renamed";
  return true;
}
Result<bool> Nothing(graph::Graph&, const PassContext&) {
  return false;
}
Result<bool> Break(graph::Graph& graph, const PassContext&) {
  graph.layers[1].bindings.pop_back();
  return true;
}
Result<bool> Refuse(graph::Graph&, const PassContext&) {
  return Unsupported("no");
}

constexpr PassRow kPasses[] = {{"nothing", Nothing, 1, false, "", ""}, {"rename", Rename, 2, false, "", ""}};

TEST(PassRunner, RunsPassesOfTheLevelInOrderAndTimesThem) {
  graph::Graph graph = Tiny();
  const Result<PassRun> run = RunPasses(graph, PassContext{2}, kPasses, {}, false);
  ASSERT_TRUE(run.ok());
  ASSERT_EQ(run->records.size(), 2u);
  EXPECT_EQ(run->records[0].name, "nothing");
  EXPECT_FALSE(run->records[0].changed);
  EXPECT_TRUE(run->records[1].changed);
  EXPECT_GT(run->records[1].us, 0);
  EXPECT_EQ(graph.name, "renamed");
}

TEST(PassRunner, LowerLevelsAndDisabledPassesDoNotRun) {
  graph::Graph graph = Tiny();
  EXPECT_EQ(RunPasses(graph, PassContext{1}, kPasses, {}, false)->records.size(), 1u);
  EXPECT_EQ(RunPasses(graph, PassContext{2}, kPasses, {{"rename"}, {}}, false)->records.size(), 1u);
  EXPECT_EQ(graph.name, "llama");
}

TEST(PassRunner, APassOfAHigherLevelRunsWhenItIsEnabled) {
  graph::Graph graph = Tiny();
  EXPECT_EQ(RunPasses(graph, PassContext{1}, kPasses, {{}, {"rename"}}, false)->records.size(), 2u);
  EXPECT_EQ(graph.name, "renamed");
  EXPECT_EQ(RunPasses(graph, PassContext{1}, kPasses, {{"rename"}, {"rename"}}, false).status().message(),
            "pass 'rename' is both on and off");
}

TEST(PassRunner, UnknownNameIsRefusedWithTheKnownOnes) {
  graph::Graph graph = Tiny();
  const Result<PassRun> run = RunPasses(graph, PassContext{2}, kPasses, {{"fuse_everything"}, {}}, false);
  EXPECT_EQ(run.status().code(), StatusCode::kInvalidArgument);
  EXPECT_EQ(run.status().message(), "there is no pass 'fuse_everything'; the passes are nothing, rename");
}

TEST(PassRunner, BrokenGraphNamesThePass) {
  graph::Graph graph = Tiny();
  const PassRow passes[] = {{"break", Break, 0, false, "", ""}};
  const Result<PassRun> run = RunPasses(graph, PassContext{0}, passes, {}, false);
  EXPECT_EQ(run.status().code(), StatusCode::kInternal);
  EXPECT_EQ(run.status().message(), "pass break: graph 'llama', layer 1: does not bind @ffn_down");
}

TEST(PassRunner, FailureOfAPassKeepsItsCode) {
  graph::Graph graph = Tiny();
  const PassRow passes[] = {{"refuse", Refuse, 0, false, "", ""}};
  const Result<PassRun> run = RunPasses(graph, PassContext{0}, passes, {}, false);
  EXPECT_EQ(run.status().code(), StatusCode::kUnsupported);
  EXPECT_EQ(run.status().message(), "pass refuse: no");
}

TEST(PassRunner, DumpHasTheGraphBeforeAndAfterEachChange) {
  graph::Graph graph = Tiny();
  const Result<PassRun> run = RunPasses(graph, PassContext{2}, kPasses, {}, true);
  ASSERT_TRUE(run.ok());
  EXPECT_EQ(run->graph_text.find("// graph\ngraph llama"), 0u);
  EXPECT_NE(run->graph_text.find("// after rename\ngraph renamed"), std::string::npos);
  EXPECT_EQ(run->graph_text.find("// after nothing"), std::string::npos);
}

}  // namespace
}  // namespace vivace::compiler
