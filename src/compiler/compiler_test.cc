#include "compiler/compiler.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <ostream>

#include "compiler/golden_test_file.h"
#include "compiler/make_kernels.h"
#include "compiler/pass_list.h"

namespace vivace::compiler {
namespace {

std::string Replaced(std::string text, std::string_view from, std::string_view to) {
  EXPECT_NE(text.find(from), std::string::npos) << from;
  for (std::size_t at = text.find(from); at != std::string::npos; at = text.find(from, at + to.size())) {
    text.replace(at, from.size(), to);
  }
  return text;
}

graph::Graph Tiny(std::string_view from = "", std::string_view to = "") {
  std::string text = ReadTestData("tiny_llama.txt");
  if (!from.empty()) text = Replaced(text, from, to);
  Result<graph::Graph> graph = graph::Parse(text);
  EXPECT_TRUE(graph.ok()) << graph.status().message();
  return graph.ok() ? std::move(*graph) : graph::Graph();
}

program::Program CompileOrDie(graph::Graph graph, const CompileOptions& options, CompileReport& report) {
  Result<program::Program> program = Compile(std::move(graph), options, &report);
  EXPECT_TRUE(program.ok()) << program.status().message();
  return program.ok() ? std::move(*program) : program::Program();
}

TEST(Compile, Level0GivesOnePhasePerOp) {
  CompileReport report;
  const program::Program program = CompileOrDie(Tiny(), {.level = 0}, report);
  ExpectGolden("tiny_llama_o0.txt", program::Print(program));
  EXPECT_EQ(program.library, nullptr);
  EXPECT_EQ(report.level, 0);
  EXPECT_TRUE(report.notes.empty());
  EXPECT_TRUE(report.passes.empty());
}

struct Family {
  const char* name;
  std::size_t phases;  // of a layer at -O2
};
void PrintTo(const Family& family, std::ostream* out) {
  *out << family.name;
}
class CompileFamily : public testing::TestWithParam<Family> {};

TEST_P(CompileFamily, ProgramsAreAsTheGoldensSay) {
  const std::string name = std::string("tiny_") + GetParam().name;
  const Result<graph::Graph> graph = graph::Parse(ReadTestData(name + ".txt"));
  ASSERT_TRUE(graph.ok()) << graph.status().message();
  for (const int level : {1, 2}) {
    CompileReport report;
    const program::Program program = CompileOrDie(*graph, {.level = level, .machine_code = false}, report);
    ExpectGolden(name + "_o" + std::to_string(level) + ".txt", program::Print(program));
    EXPECT_EQ(report.level, level);
    EXPECT_TRUE(report.notes.empty()) << report.notes[0];
    const Result<program::Program> parsed = program::Parse(program::Print(program));
    ASSERT_TRUE(parsed.ok()) << parsed.status().message();
    EXPECT_EQ(program::Print(*parsed), program::Print(program));
    EXPECT_TRUE(level == 1 || program.bodies[1].phases.size() == GetParam().phases);
  }
}

INSTANTIATE_TEST_SUITE_P(All, CompileFamily,
                         testing::Values(Family{"llama", 5}, Family{"qwen2", 5}, Family{"qwen3", 5},
                                         Family{"gemma3", 7}),
                         [](const auto& family) { return std::string(family.param.name); });

TEST(Compile, ProgramsParseBack) {
  for (const int level : {0, 2}) {
    CompileReport report;
    const program::Program program = CompileOrDie(Tiny(), {.level = level, .machine_code = false}, report);
    const Result<program::Program> parsed = program::Parse(program::Print(program));
    ASSERT_TRUE(parsed.ok()) << parsed.status().message();
    EXPECT_EQ(program::Print(*parsed), program::Print(program));
    EXPECT_TRUE(program::Verify(*parsed).ok()) << program::Verify(*parsed).message();
  }
}

TEST(Compile, TiedEmbeddingIsOneWeight) {
  CompileReport report;
  const program::Program program = CompileOrDie(Tiny(), {.machine_code = false}, report);
  int embeddings = 0;
  for (const program::Weight& weight : program.weights) embeddings += weight.name == "token_embd";
  EXPECT_EQ(embeddings, 1);
  EXPECT_EQ(program.layers.front().weights[0], program.layers.back().weights[0]);
}

TEST(Compile, NormOfTheNextLayerIsBoundToTheLayerBefore) {
  CompileReport report;
  const program::Program program = CompileOrDie(Tiny(), {.machine_code = false}, report);
  const auto next_norm = [&](const program::Layer& layer) {
    const std::vector<std::string>& slots = program.bodies[static_cast<std::size_t>(layer.body)].slots;
    const auto slot = std::find(slots.begin(), slots.end(), "next_norm") - slots.begin();
    const program::WeightId id = layer.weights[static_cast<std::size_t>(slot)];
    return program.weights[static_cast<std::size_t>(id.value)].name;
  };
  EXPECT_EQ(next_norm(program.layers[0]), "blk.0.attn_norm");
  EXPECT_EQ(next_norm(program.layers[1]), "blk.1.attn_norm");
  EXPECT_EQ(next_norm(program.layers[2]), "output_norm");
}

/// A model whose second layer has a body of its own, with the changed lines.
graph::Graph WithSecondBody(std::string_view model,
                            const std::vector<std::pair<std::string_view, std::string_view>>& changes) {
  std::string text = ReadTestData(std::string(model));
  const std::size_t first = text.find("body layer("), end = text.find("body epilogue(");
  std::string body = Replaced(text.substr(first, end - first), "body layer(", "body layer.1(");
  for (const auto& [from, to] : changes) body = Replaced(body, from, to);
  text.insert(end, body);
  const std::size_t layers = text.find("layers 2 x layer\n"), epilogue = text.find("epilogue epilogue");
  const std::string run = text.substr(layers, epilogue - layers);
  text.replace(layers, epilogue - layers,
               Replaced(run, "layers 2 x layer", "layers 1 x layer") +
                   Replaced(run, "layers 2 x layer", "layers 1 x layer.1"));
  Result<graph::Graph> graph = graph::Parse(text);
  EXPECT_TRUE(graph.ok()) << graph.status().message();
  return graph.ok() ? std::move(*graph) : graph::Graph();
}

TEST(Compile, MixedLayersGetBodiesOfTheirOwnAndTheNormCrossesThem) {
  CompileReport report;
  const program::Program program =
      CompileOrDie(WithSecondBody("tiny_llama.txt", {{"ffn_down: q4_1", "ffn_down: q8_0"}}),
                   {.machine_code = false}, report);
  EXPECT_EQ(report.level, 2);
  ASSERT_EQ(program.bodies.size(), 4u);
  EXPECT_EQ(program.bodies[1].phases[4].type, tensor::DType::kQ4_1);
  EXPECT_EQ(program.bodies[2].phases[4].type, tensor::DType::kQ8_0);
  EXPECT_EQ(program.bodies[2].phases.size(), 5u);
}

// As llama.cpp mixes types in Q4_K_M: some layers have more precise values and down projections.
TEST(Compile, LayersWithMorePreciseValuesTakeOneJoinedPhaseMore) {
  CompileReport report;
  const program::Program program =
      CompileOrDie(WithSecondBody("tiny_gemma3.txt",
                                  {{"attn_v: q4_k", "attn_v: q6_k"}, {"ffn_down: q4_k", "ffn_down: q6_k"}}),
                   {.machine_code = false}, report);
  EXPECT_EQ(report.level, 2);
  EXPECT_TRUE(report.notes.empty()) << report.notes[0];
  ASSERT_EQ(program.bodies.size(), 4u);
  EXPECT_EQ(program.bodies[1].phases.size(), 7u);
  ASSERT_EQ(program.bodies[2].phases.size(), 8u);
  const program::Phase &qk = program.bodies[2].phases[0], &v = program.bodies[2].phases[1];
  EXPECT_EQ(qk.label, "qk");
  EXPECT_TRUE(qk.joined);
  EXPECT_FALSE(v.joined);
  EXPECT_EQ(v.type, tensor::DType::kQ6_K);
  EXPECT_EQ(v.reads, qk.reads);
}

/// Phases of a kind in all layers.
int CountPhases(const program::Program& program, program::PhaseKind kind) {
  int count = 0;
  for (const program::Layer& layer : program.layers) {
    for (const program::Phase& phase : program.bodies[static_cast<std::size_t>(layer.body)].phases) {
      count += phase.kind == kind;
    }
  }
  return count;
}

struct Part {
  const char *from, *to, *note;
  int linears;  // portable linear layers
};
class CompileParts : public testing::TestWithParam<Part> {};

TEST_P(CompileParts, WhatFitsIsCompiledAndTheRestIsPortable) {
  using program::PhaseKind;
  CompileReport report;
  graph::Graph graph = Tiny(GetParam().from, GetParam().to);
  for (graph::Node& node : graph.bodies[1].nodes) {  // k and attention follow q's head size
    if (node.op != graph::Op::kRope && node.op != graph::Op::kAttention) continue;
    const int head_dim = graph.bodies[1].nodes[4].attributes.head_dim;
    node.attributes.heads = graph.bodies[1].value(node.output).type.width / head_dim;
    node.attributes.kv_heads = node.op == graph::Op::kAttention ? 32 / head_dim : 0;
    node.attributes.head_dim = head_dim;
  }
  const program::Program program = CompileOrDie(graph, {.machine_code = false}, report);
  EXPECT_EQ(report.level, 2);
  const std::string note = report.notes.empty() ? "" : report.notes[0];
  EXPECT_EQ(note, GetParam().note);
  EXPECT_LE(report.notes.size(), 1u);
  EXPECT_EQ(CountPhases(program, PhaseKind::kLinear), GetParam().linears) << program::Print(program);
}

INSTANTIATE_TEST_SUITE_P(
    All, CompileParts,
    testing::Values(Part{"ffn_up: q4_1", "ffn_up: f16", "", 0},
                    Part{"token_embd: q8_0", "token_embd: f32", "", 0},
                    Part{"ffn_up: q4_1", "ffn_up: q8_0", "", 0}, Part{"q4_1", "bf16", "", 0},
                    Part{"ffn_down: q4_1", "ffn_down: bf16", "", 0},
                    Part{"attn_v: q4_1", "attn_v: q5_0", "", 0},
                    Part{"heads = 2, head_dim = 32, theta", "heads = 4, head_dim = 16, theta",
                         "-O2: rope (4) and kv_append (2) run on portable kernels; the first reason: body "
                         "'layer', %q_rope (rope) has heads of 16, not a multiple of 32",
                         0}));

TEST(Compile, EachPassDisabledLeavesTheOthers) {
  for (const PassRow& pass : PassList()) {
    CompileReport report;
    const program::Program program =
        CompileOrDie(Tiny(), {.disabled_passes = {std::string(pass.name)}, .machine_code = false}, report);
    EXPECT_EQ(program.level, 2) << pass.name;
    const bool is_legal_form = pass.name == "expand_norms" || pass.name == "quantize_activations";
    EXPECT_EQ(report.notes.size(), is_legal_form ? 1u : 0u) << pass.name << ": " << report.notes[0];
  }
}

TEST(Compile, PartsOfSeveralTypesAreJoinedPhases) {
  CompileReport report;
  const program::Program program =
      CompileOrDie(Tiny("attn_v: q4_1", "attn_v: q8_0"), {.machine_code = false}, report);
  const std::vector<program::Phase>& phases = program.bodies[1].phases;
  ASSERT_EQ(phases.size(), 6u);
  EXPECT_TRUE(phases[0].joined);
  EXPECT_FALSE(phases[1].joined);
}

TEST(Compile, RefusesWhatDoesNotExist) {
  const auto message = [](const CompileOptions& options) {
    return Compile(Tiny(), options).status().message();
  };
  EXPECT_EQ(message({.level = 7}), "there is no optimization level 7; this build knows 0, 1 and 2");
  EXPECT_EQ(message({.compile_sizes = {{0}}}), "a compile size of 0 rows; give 1 or more");
  EXPECT_EQ(message({.compile_ranges_endpoints = {8, 8}}),
            "a compile range ends at 8 rows after 8; give ascending ends of 1 or more");
  EXPECT_EQ(message({.kv_type = tensor::DType::kQ8_0}),
            "the KV cache cannot be q8_0; this build knows f16 and f32");
  EXPECT_NE(message({.disabled_passes = {"x"}, .machine_code = false}).find("there is no pass 'x'"),
            std::string::npos);
}

TEST(Compile, BrokenGraphIsRefusedBeforeAnythingIsDone) {
  graph::Graph graph = Tiny();
  graph.layers[0].bindings.clear();
  EXPECT_EQ(Compile(graph, {}).status().message(), "graph 'llama', layer 0: does not bind @attn_norm");
}

/// The tiny model whose second layer has a body of its own, changed by `change`.
template <class Change>
graph::Graph WithOtherLayer(Change change) {
  graph::Graph graph = Tiny();
  graph::Body other = graph.bodies[1];
  other.name = "other";
  for (graph::Node& node : other.nodes) change(node);
  graph.bodies.push_back(std::move(other));
  graph.layers[1].body = graph::BodyId{3};
  return graph;
}

TEST(Compile, LayersMayHaveOtherRotaryBases) {
  graph::Graph graph = WithOtherLayer([](graph::Node& node) {
    if (node.op == graph::Op::kRope) node.attributes.theta = 7;
  });
  for (const int level : {0, 2}) {
    const auto program = Compile(graph, {.level = level, .machine_code = false});
    ASSERT_TRUE(program.ok()) << program.status().message();
    ASSERT_EQ(program->ropes.size(), 2u);
    EXPECT_EQ(program->ropes[1].theta, 7.0f);
    int used = 0;
    for (const program::Phase& phase : program->bodies[3].phases) used += phase.rope == 1;
    EXPECT_EQ(used, level == 0 ? 2 : 1);
  }
}

TEST(Compile, ScalingsOfTheGraphReachTheRotaryTables) {
  graph::Graph graph = Tiny();
  graph.rope_scalings.push_back({1.5f, std::vector<float>(16, 4.0f)});
  for (graph::Node& node : graph.bodies[1].nodes) node.attributes.scaling = node.op == graph::Op::kRope;
  const auto program = Compile(graph, {.level = 0});
  ASSERT_TRUE(program.ok()) << program.status().message();
  ASSERT_EQ(program->ropes.size(), 1u);
  EXPECT_EQ(program->ropes[0].attention_factor, 1.5f);
  EXPECT_EQ(program->ropes[0].factors, graph.rope_scalings[0].factors);
}

TEST(Compile, LayersWithOtherHeadsAreRefused) {
  const graph::Graph graph = WithOtherLayer([](graph::Node& node) {
    if (node.op == graph::Op::kAttention) node.attributes.kv_heads = node.attributes.heads;
  });
  EXPECT_EQ(Compile(graph, {.level = 0}).status().message(),
            "body 'other', %attn (attention): other heads than elsewhere; this build takes one kind a model");
}

TEST(Compile, AttributesReachTheStepsOfPhases) {
  using Change = void (*)(graph::Node&);
  const std::pair<const char*, Change> cases[] = {
      {"order = rope_halves", [](graph::Node& n) { n.attributes.half = n.op == graph::Op::kRope; }},
      {"offset = 1", [](graph::Node& n) { n.attributes.offset = n.op == graph::Op::kRmsNorm; }},
      {"rs gelu rows",
       [](graph::Node& n) { n.op = n.op == graph::Op::kSiluMul ? graph::Op::kGeluMul : n.op; }},
  };
  for (const auto& [text, change] : cases) {
    graph::Graph graph = Tiny();
    for (graph::Node& node : graph.bodies[1].nodes) change(node);
    EXPECT_EQ(program::Print(*Compile(Tiny(), {.machine_code = false})).find(text), std::string::npos);
    const auto program = Compile(graph, {.level = 2, .machine_code = false});
    ASSERT_TRUE(program.ok()) << text << ": " << program.status().message();
    EXPECT_NE(program::Print(*program).find(text), std::string::npos) << program::Print(*program);
  }
}

TEST(Compile, PagedAttentionKeepsWindowAndSoftcap) {
  graph::Graph graph = Tiny();
  for (graph::Node& node : graph.bodies[1].nodes) {
    if (node.op != graph::Op::kAttention) continue;
    node.attributes.window = 8;
    node.attributes.softcap = 50;
  }
  const auto program = Compile(graph, {.level = 2, .machine_code = false});
  ASSERT_TRUE(program.ok()) << program.status().message();
  int found = 0;
  for (const program::Phase& phase : program->bodies[1].phases) {
    if (phase.kind != program::PhaseKind::kPagedAttention) continue;
    const auto& spec = std::get<kernels::PagedAttentionSpec>(phase.spec);
    EXPECT_EQ(spec.window, 8);
    EXPECT_EQ(spec.softcap, 50);
    ++found;
  }
  EXPECT_GT(found, 0);
}

TEST(Compile, DumpsWhatIsAsked) {
  const Result<DumpSet> dumps = ParseDumpSet("graph,phase,vir,asm");
  ASSERT_TRUE(dumps.ok());
  CompileReport report;
  const program::Program program = CompileOrDie(Tiny(), {.dumps = *dumps}, report);
  EXPECT_NE(report.graph_text.find("graph llama"), std::string::npos);
  EXPECT_EQ(report.phase_text, program::Print(program));
  EXPECT_EQ(report.vir_text.empty(), report.kernels == 0);
  EXPECT_EQ(report.assembly_text.empty(), report.kernels == 0);
  // Each line of the vector IR stands in the assembly, beside its instructions.
  EXPECT_EQ(report.kernels == 0, report.assembly_text.find(" ; s0 = arg 0\n") == std::string::npos);
  CompileOrDie(Tiny(), {.level = 0}, report);
  EXPECT_TRUE(report.graph_text.empty() && report.phase_text.empty());
}

TEST(Compile, UnknownDumpNamesTheKnownOnes) {
  EXPECT_EQ(ParseDumpSet("graph,xyz").status().message(),
            "there is no dump 'xyz'; give any of graph, phase, vir, asm, separated by commas");
  EXPECT_TRUE(ParseDumpSet("")->graph == false);
}

TEST(Compile, MakesMachineCodeWhereTheCpuRunsIt) {
  CompileReport report;
  const program::Program program = CompileOrDie(Tiny(), {}, report);
  if (!CanMakeKernels(codegen::HostTarget())) {
    EXPECT_EQ(program.level, 0);
    EXPECT_EQ(report.notes.size(), 1u);
    GTEST_SKIP() << report.notes[0];
  }
  EXPECT_EQ(program.level, 2) << (report.notes.empty() ? "" : report.notes[0]);
  ASSERT_NE(program.library, nullptr);
  EXPECT_GT(report.kernels, 10);
  EXPECT_GT(report.code_bytes, 1000u);
  for (const program::Body& body : program.bodies) {
    for (const program::Phase& phase : body.phases) {
      EXPECT_FALSE(std::holds_alternative<std::monostate>(phase.kernels)) << phase.label;
    }
  }
}

TEST(Compile, ACpuWithoutAvx2RunsThePortableLevelAndSaysSoOnce) {
  for (const int level : {1, 2}) {
    CompileReport report;
    const program::Program program =
        CompileOrDie(Tiny(), {.level = level, .target = codegen::Target{}}, report);
    EXPECT_EQ(program.level, 0);
    EXPECT_EQ(report.kernels, 0);
    ASSERT_EQ(report.notes.size(), 1u);
    EXPECT_EQ(report.notes[0],
              "-O" + std::to_string(level) + " needs a CPU with AVX2, FMA and F16C; running as -O0");
  }
}

TEST(Compile, SizesAndRangesHavePlansForEveryPhase) {
  if (!CanMakeKernels(codegen::HostTarget())) GTEST_SKIP() << "no kernels for this CPU";
  CompileReport report;
  const auto ends = [&](const CompileOptions& options) {
    std::vector<std::pair<int, int>> ranges;
    const program::Program program = CompileOrDie(Tiny(), options, report);
    EXPECT_TRUE(program::Verify(program).ok()) << program::Verify(program).message();
    for (const program::Specialisation& one : program.specialisations) {
      ranges.emplace_back(one.first_rows, one.last_rows);
      for (std::size_t i = 0; i < program.bodies.size(); ++i) {
        EXPECT_EQ(one.plans.at(i).size(), program.bodies[i].phases.size());
      }
    }
    return ranges;
  };
  using Ranges = std::vector<std::pair<int, int>>;
  EXPECT_EQ(ends({.level = 2}), (Ranges{{1, 1}, {2, 2}, {4, 4}}));
  EXPECT_EQ(ends({.level = 1}), Ranges());
  EXPECT_EQ(ends({.level = 1, .compile_sizes = {{3, 1, 3}}, .compile_ranges_endpoints = {16, 512}}),
            (Ranges{{1, 16}, {17, 512}, {1, 1}, {3, 3}}));
}

TEST(Compile, WhatTuningFoundWinsOverTheRule) {
  if (!CanMakeKernels(codegen::HostTarget())) GTEST_SKIP() << "no kernels for this CPU";
  CompileReport report;
  CompileOptions options{.level = 2, .compile_sizes = {{4}}, .compile_ranges_endpoints = {16}};
  const program::Program plain = CompileOrDie(Tiny(), options, report);
  const kernels::TilePlan tuned{.direct_rows = 1, .expand = true, .task_units = 3};
  for (const program::Body& body : plain.bodies) {
    for (const program::Phase& phase : body.phases) {
      if (!program::IsTunable(phase)) continue;
      for (const auto& [first, last] : {std::pair(1, 16), std::pair(4, 4)})
        options.tuning.Set({.key = program::KeyOf(phase, first, last, options.threads), .plan = tuned});
    }
  }
  const program::Program program = CompileOrDie(Tiny(), options, report);
  ASSERT_EQ(program.specialisations.size(), 2u);
  int found = 0;
  for (std::size_t i = 0; i < program.bodies.size(); ++i) {
    for (std::size_t j = 0; j < program.bodies[i].phases.size(); ++j) {
      const program::Phase& phase = program.bodies[i].phases[j];
      if (!program::IsTunable(phase)) continue;
      ++found;
      // The rows of a range and of a phase that gathers are not known: their tiles follow the rules.
      const kernels::TilePlan units{.task_units = 3};
      EXPECT_EQ(program.specialisations[0].plans[i][j], units);
      EXPECT_EQ(program.specialisations[1].plans[i][j], phase.logit_rows ? units : tuned);
    }
  }
  EXPECT_GT(found, 2);
  options.threads = 2;  // another key
  EXPECT_EQ(CompileOrDie(Tiny(), options, report).specialisations[1].plans,
            CompileOrDie(Tiny(), {.level = 2, .compile_sizes = {{4}}, .threads = 2}, report)
                .specialisations[0]
                .plans);
}

}  // namespace
}  // namespace vivace::compiler
