// All passes together: which phases the families have at each level, which passes are worth how many, and
// that every group is one connected piece that can run as a whole.

#include <gtest/gtest.h>

#include <map>
#include <set>
#include <sstream>

#include "compiler/golden_test_file.h"
#include "compiler/pass_runner.h"

namespace vivace::compiler {
namespace {

using graph::Body;
using graph::NodeId;
using graph::Op;

graph::Graph Compiled(const std::string& model, const PassContext& context,
                      const PassSelection& selection = {}) {
  Result<graph::Graph> graph = graph::Parse(ReadTestData("tiny_" + model + ".txt"));
  EXPECT_TRUE(graph.ok()) << graph.status().message();
  const Result<PassRun> run = RunPasses(*graph, context, PassList(), selection, false);
  EXPECT_TRUE(run.ok()) << run.status().message();
  return std::move(*graph);
}

/// A phase each: groups and nodes without one, but for what costs nothing by itself.
int Phases(const Body& body) {
  std::set<int> groups;
  int alone = 0;
  for (const graph::Node& node : body.nodes) {
    const bool free = node.op == Op::kRmsScale || node.op == Op::kGatherRows;
    if (node.group >= 0) groups.insert(node.group);
    if (node.group < 0 && !free) ++alone;
  }
  return alone + static_cast<int>(groups.size());
}

const Body& LayerBody(const graph::Graph& graph) {
  return graph.body(graph.layers[0].body);
}

int LayerPhases(const std::string& model, const PassContext& context, const PassSelection& selection = {}) {
  return Phases(LayerBody(Compiled(model, context, selection)));
}

/// The ops of each phase of a body, one a line, in the order of their last nodes.
std::string PhaseText(const Body& body) {
  std::map<int, std::string> groups;
  std::map<std::size_t, std::string> lines;
  std::map<int, std::size_t> last;
  for (std::size_t i = 0; i < body.nodes.size(); ++i) {
    const graph::Node& node = body.nodes[i];
    if (node.group < 0) lines[i] = " " + std::string(graph::Name(node.op));
    if (node.group >= 0) groups[node.group] += " " + std::string(graph::Name(node.op));
    if (node.group >= 0) last[node.group] = i;
  }
  for (const auto& [group, text] : groups) lines[last[group]] = text;
  std::string text = body.name + "\n";
  for (const auto& [at, line] : lines) text += " " + line + "\n";
  return text;
}

constexpr const char* kModels[] = {"llama", "qwen3", "qwen2", "gemma3", "padded", "float_head"};

TEST(PassGroups, ALayerIsFivePhasesAndSevenWithNormsAfterTheBlock) {
  EXPECT_EQ(LayerPhases("llama", {2}), 5);
  EXPECT_EQ(LayerPhases("qwen3", {2}), 5);
  EXPECT_EQ(LayerPhases("qwen2", {2}), 5);
  EXPECT_EQ(LayerPhases("gemma3", {2}), 7);
  EXPECT_EQ(LayerPhases("float_head", {2}), 5);
  // An FFN of 80 columns: gate and up are two contractions, and the gating is a phase.
  EXPECT_EQ(LayerPhases("padded", {2}), 7);
}

TEST(PassGroups, TheOpsOfEachPhase) {
  std::string text;
  for (const int level : {2, 1}) {
    for (const char* model : {"llama", "qwen3", "gemma3"}) {
      const graph::Graph graph = Compiled(model, {level});
      text += std::string(model) + " at level " + std::to_string(level) + "\n";
      for (const Body& body : graph.bodies) text += PhaseText(body);
    }
  }
  ExpectGolden("phases.txt", text);
}

TEST(PassGroups, HoldForEveryRowType) {
  for (const ActivationDType type :
       {ActivationDType::kUint8, ActivationDType::kInt16, ActivationDType::kFloat32}) {
    EXPECT_EQ(LayerPhases("llama", {2, type}), 5);
    EXPECT_EQ(LayerPhases("gemma3", {2, type}), 7);
  }
}

TEST(PassGroups, EveryFusionIsWorthPhases) {
  struct Worth {
    std::string model, pass;
    int phases;
  };
  const Worth kWorth[] = {{"llama", "fuse_qkv", 3},
                          {"llama", "fuse_rope_kvcache", 3},
                          {"llama", "fuse_attn_quant", 1},
                          {"llama", "fuse_gate_up", 2},
                          {"llama", "fuse_act_quant", 1},
                          {"llama", "fuse_residual", 2},
                          {"qwen3", "enable_qk_norm_rope_fusion", 3},
                          {"padded", "fuse_act_padding", 8},
                          {"gemma3", "fuse_norm_quant", 10}};
  for (const auto& [model, pass, phases] : kWorth) {
    EXPECT_EQ(LayerPhases(model, {2}, {{pass}, {}}) - LayerPhases(model, {2}), phases) << pass;
  }
  const auto prologue = [](const PassSelection& selection) {
    return Phases(Compiled("gemma3", {2}, selection).bodies[0]);
  };
  EXPECT_EQ(prologue({{"fuse_embed"}, {}}) - prologue({}), 2);
  const auto epilogue = [](const PassSelection& selection) {
    const graph::Graph graph = Compiled("gemma3", {2}, selection);
    return Phases(graph.body(graph.epilogue.body));
  };
  EXPECT_EQ(epilogue({{"fuse_lm_head_sample"}, {}}) - epilogue({}), 1);
}

/// True when the nodes of a group hang together through values that they make or rows that they share.
bool IsConnected(const Body& body, const std::vector<NodeId>& group) {
  std::vector<std::set<std::int32_t>> pieces;
  for (const NodeId id : group) {
    std::set<std::int32_t> piece{body.node(id).output.value};
    for (const graph::ValueId input : body.node(id).inputs) {
      if (body.value(input).kind != graph::ValueKind::kWeight) piece.insert(input.value);
    }
    for (std::size_t i = 0; i < pieces.size();) {
      const bool meets =
          std::any_of(piece.begin(), piece.end(), [&](auto v) { return pieces[i].count(v) != 0; });
      if (meets) piece.insert(pieces[i].begin(), pieces[i].end());
      if (meets) pieces.erase(pieces.begin() + static_cast<std::ptrdiff_t>(i));
      if (!meets) ++i;
    }
    pieces.push_back(piece);
  }
  return pieces.size() == 1;
}

/// Groups as nodes of a graph: true when one can run after the other.
bool CanRunInOrder(const Body& body) {
  const auto phase = [&](std::size_t i) {
    return body.nodes[i].group >= 0 ? -1 - body.nodes[i].group : static_cast<int>(i);
  };
  std::map<int, std::set<int>> waits;
  for (std::size_t i = 0; i < body.nodes.size(); ++i) {
    waits[phase(i)];
    for (const graph::ValueId input : body.nodes[i].inputs) {
      const graph::Value& value = body.value(input);
      if (value.kind != graph::ValueKind::kNode) continue;
      const int from = phase(static_cast<std::size_t>(value.node.value));
      if (from != phase(i)) waits[phase(i)].insert(from);
    }
  }
  while (!waits.empty()) {
    const auto ready =
        std::find_if(waits.begin(), waits.end(), [](const auto& entry) { return entry.second.empty(); });
    if (ready == waits.end()) return false;
    const int done = ready->first;
    waits.erase(ready);
    for (auto& [other, on] : waits) on.erase(done);
  }
  return true;
}

TEST(PassGroups, AreConnectedAndCanRunInOrderWhateverIsSwitchedOff) {
  std::vector<PassSelection> selections{{}};
  for (const PassRow& pass : PassList()) selections.push_back({{std::string(pass.name)}, {}});
  for (const char* model : kModels) {
    for (const PassSelection& selection : selections) {
      const std::string off = selection.disabled.empty() ? "nothing" : selection.disabled[0];
      for (const int level : {1, 2}) {
        const graph::Graph graph = Compiled(model, {level}, selection);
        for (const Body& body : graph.bodies) {
          std::map<int, std::vector<NodeId>> groups;
          for (std::size_t i = 0; i < body.nodes.size(); ++i) {
            if (body.nodes[i].group >= 0)
              groups[body.nodes[i].group].push_back(NodeId{static_cast<std::int32_t>(i)});
          }
          for (const auto& [number, group] : groups) {
            EXPECT_TRUE(IsConnected(body, group))
                << model << " " << body.name << " [" << number << "] without " << off;
            EXPECT_GT(group.size(), 1u) << model << " " << body.name << " [" << number << "] without " << off;
          }
          EXPECT_TRUE(CanRunInOrder(body)) << model << " " << body.name << " without " << off;
        }
      }
    }
  }
}

TEST(PassSelection, ExplicitNamesWinOverTheLevel) {
  EXPECT_GT(LayerPhases("llama", {1}), 5);
  EXPECT_EQ(LayerPhases("llama", {1}, {{}, {"fuse_residual", "fuse_attn_quant"}}), 5);
}

}  // namespace
}  // namespace vivace::compiler
