#include "engine/compile_config.h"

#include <gtest/gtest.h>

#include "compiler/pass_list.h"
#include "engine/engine_config.h"
#include "engine/option_list.h"

namespace vivace::engine {
namespace {

using Settings = std::vector<std::pair<std::string, std::string>>;

Result<EngineConfig> Resolve(const Settings& settings) {
  Options options;
  EXPECT_TRUE(options.Set("model", "some.gguf").ok());
  for (const auto& [name, value] : settings) {
    const Status status = options.Set(name, value);
    if (!status.ok()) return status;
  }
  return ResolveConfig(options);
}

CompileConfig Compile(const Settings& settings) {
  auto config = Resolve(settings);
  EXPECT_TRUE(config.ok()) << config.status().message();
  return config.ok() ? config->compile : CompileConfig();
}

std::string ErrorOf(const Settings& settings) {
  return Resolve(settings).status().message();
}

std::vector<std::string> NotesOf(const Settings& settings) {
  return Resolve(settings).value().notes;
}

using Names = std::vector<std::string>;

TEST(CompileConfig, LevelsSayWhatRunsAndThreeIsTwo) {
  EXPECT_EQ(Compile({}).options.level, 2);
  for (const auto& [asked, built, capture] : {std::tuple{"0", 0, "NONE"},
                                              {"1", 1, "PIECEWISE"},
                                              {"2", 2, "FULL_AND_PIECEWISE"},
                                              {"3", 2, "FULL_AND_PIECEWISE"},
                                              {"O1", 1, "PIECEWISE"}}) {
    const CompileConfig config = Compile({{"optimization-level", asked}});
    EXPECT_EQ(config.options.level, built) << asked;
    EXPECT_EQ(config.capture_name, capture) << asked;
    EXPECT_EQ(config.options.disabled_passes, Names()) << asked;
    EXPECT_EQ(config.options.enabled_passes, Names()) << asked;
    EXPECT_EQ(config.options.compile_sizes->empty(), built < 2) << asked;
  }
}

TEST(CompileConfig, WhatIsSetWinsOverTheLevelBothWays) {
  const CompileConfig fewer =
      Compile({{"compilation-config", R"({"pass_config": {"fuse_qkv": false, "fuse_norm_quant": true}})"}});
  EXPECT_EQ(fewer.options.disabled_passes, Names{"fuse_qkv"});
  EXPECT_EQ(fewer.options.level, 2);
  // A level put together by hand: compiled as level 1, with one pass alone.
  const CompileConfig by_hand = Compile({{"optimization-level", "0"},
                                         {"compilation-config.mode", "3"},
                                         {"compilation-config.pass_config.eliminate_noops", "true"}});
  EXPECT_EQ(by_hand.options.level, 1);
  for (const compiler::PassRow& pass : compiler::PassList()) {
    const auto& disabled = by_hand.options.disabled_passes;
    const bool is_off = std::find(disabled.begin(), disabled.end(), pass.name) != disabled.end();
    EXPECT_EQ(is_off, pass.level == 1 && pass.name != "eliminate_noops") << pass.name;
  }
  // A pass of level 2 at level 1: compiled as level 2 without the others.
  const CompileConfig one_more =
      Compile({{"optimization-level", "1"}, {"compilation-config.pass_config.fuse_residual", "true"}});
  EXPECT_EQ(one_more.options.level, 2);
  for (const compiler::PassRow& pass : compiler::PassList()) {
    const auto& disabled = one_more.options.disabled_passes;
    const bool is_off = std::find(disabled.begin(), disabled.end(), pass.name) != disabled.end();
    EXPECT_EQ(is_off, pass.level == 2 && pass.name != "fuse_residual") << pass.name;
  }
}

TEST(CompileConfig, EnforceEagerIsModeNoneAndOverridesTheRest) {
  const CompileConfig config = Compile({{"enforce-eager", "true"}});
  EXPECT_EQ(config.options.level, 0);
  EXPECT_EQ(config.capture_name, "NONE");
  EXPECT_TRUE(config.capture_sizes.empty());
  const std::string line =
      "Enforce eager set, disabling torch.compile and CUDAGraphs. This is equivalent to setting "
      "-cc.mode=none -cc.cudagraph_mode=none";
  EXPECT_EQ(NotesOf({{"enforce-eager", "true"}}), Names{line});
  const Settings both = {{"enforce-eager", "true"}, {"compilation-config.cudagraph_mode", "FULL"}};
  EXPECT_EQ(Compile(both).capture_name, "NONE");
  EXPECT_EQ(NotesOf(both),
            (Names{line, "--enforce-eager overrides -cc.mode and -cc.cudagraph_mode: both are NONE"}));
}

TEST(CompileConfig, WithoutCompilationPiecewisePlansAndPassesHaveNoEffectAndSaySo) {
  for (const char* key : {"mode", "backend"}) {
    const bool is_mode = std::string(key) == "mode";
    const Settings settings = {{"compilation-config." + std::string(key), is_mode ? "none" : "eager"},
                               {"compilation-config.cudagraph_mode", "piecewise"},
                               {"compilation-config.pass_config.fuse_qkv", "true"}};
    EXPECT_EQ(Compile(settings).options.level, 0);
    EXPECT_EQ(Compile(settings).capture_name, "NONE");
    EXPECT_EQ(NotesOf(settings), (Names{"compilation_config.pass_config has no effect: nothing is compiled",
                                        "Cudagraph mode PIECEWISE is not compatible with compilation mode " +
                                            std::string(is_mode ? "NONE" : "VLLM_COMPILE and backend eager") +
                                            ". Overriding to NONE."}));
  }
  EXPECT_EQ(
      Compile({{"compilation-config.mode", "0"}, {"compilation-config.cudagraph_mode", "FULL"}}).capture_name,
      "FULL");
}

TEST(CompileConfig, LevelIsModeUnlessModeIsGivenInEitherOrder) {
  const Settings level = {{"compilation-config.level", "0"}};
  EXPECT_EQ(Compile(level).options.level, 0);
  ASSERT_FALSE(NotesOf(level).empty());
  EXPECT_TRUE(NotesOf(level)[0].starts_with("Level is deprecated"));
  EXPECT_EQ(Compile({{"compilation-config", "{'level': 0, 'mode': 3}"}}).options.level, 2);
  EXPECT_EQ(Compile({{"compilation-config", "{'mode': 3, 'level': 0}"}}).options.level, 2);
}

TEST(CompileConfig, ModesOfTorchRunAsVivacesOwnWithOneLine) {
  for (const char* mode : {"1", "2", "stock_torch_compile", "Dynamo_Trace_Once", "DYNAMO_AS_IS"}) {
    const Settings settings = {{"compilation-config.mode", mode}};
    EXPECT_EQ(Compile(settings).options.level, 2) << mode;
    EXPECT_EQ(NotesOf(settings).size(), 1u) << mode;
  }
}

TEST(CompileConfig, OldFlagsOfCapturingMeanAMode) {
  const Settings none = {{"compilation-config.use_cudagraph", "false"}};
  EXPECT_EQ(Compile(none).capture_name, "NONE");
  EXPECT_EQ(NotesOf(none), Names{"use_cudagraph is deprecated, use cudagraph_mode=NONE instead."});
  EXPECT_EQ(Compile({{"compilation-config.use_cudagraph", "true"}}).capture_name, "FULL_AND_PIECEWISE");
  EXPECT_EQ(Compile({{"compilation-config.full_cuda_graph", "true"}}).capture_name, "FULL");
  EXPECT_EQ(ErrorOf({{"compilation-config", "{'use_cudagraph': true, 'cudagraph_mode': 'FULL'}"}}),
            "use_cudagraph and cudagraph_mode are both given: use_cudagraph is deprecated, give "
            "cudagraph_mode alone");
}

TEST(CompileConfig, NoSplittingOpsMakesPiecesWhole) {
  EXPECT_EQ(Compile({{"compilation-config.splitting_ops", "[]"}}).capture_name, "FULL");
  EXPECT_EQ(
      Compile({{"optimization-level", "1"}, {"compilation-config", R"({"splitting_ops": []})"}}).capture_name,
      "NONE");
  EXPECT_EQ(
      Compile({{"compilation-config.splitting_ops", "vllm::unified_attention_with_output"}}).capture_name,
      "FULL_AND_PIECEWISE");
  EXPECT_EQ(ErrorOf({{"compilation-config.splitting_ops", "vllm::mamba_mixer"}}),
            "compilation_config.splitting_ops is 'vllm::mamba_mixer': pieces end at attention here; give "
            "attention, or [] for whole steps");
}

TEST(CompileConfig, CaptureSizesAreVllmsListUnlessSizesAreGiven) {
  EXPECT_EQ(Compile({{"max-num-seqs", "9"}}).capture_sizes, (std::vector<int>{1, 2, 4, 8, 16}));
  EXPECT_EQ(Compile({{"max-num-seqs", "1"}}).capture_sizes, (std::vector<int>{1, 2}));
  const std::vector<int> many =
      Compile({{"max-num-seqs", "400"}, {"max-num-batched-tokens", "2048"}}).capture_sizes;
  EXPECT_EQ(many.size(), 51u);
  EXPECT_EQ(many[3], 8);
  EXPECT_EQ(many[33], 248);
  EXPECT_EQ(many[34], 256);
  EXPECT_EQ(many[35], 272);
  EXPECT_EQ(many.back(), 512);
  EXPECT_EQ(Compile({{"compilation-config", R"({"cudagraph_capture_sizes": [4, 1, 4]})"}}).capture_sizes,
            (std::vector<int>{1, 4}));
  EXPECT_EQ(Compile({{"cudagraph-capture-sizes", "1,3"}}).capture_sizes, (std::vector<int>{1, 3}));
  EXPECT_EQ(Compile({{"max-cudagraph-capture-size", "5"}}).capture_sizes, (std::vector<int>{1, 2, 4}));
}

TEST(CompileConfig, CaptureSizesThatContradictEachOtherAreNamedAsByVllm) {
  const Settings long_ones = {{"cudagraph-capture-sizes", "1,999"}, {"max-num-batched-tokens", "32"}};
  EXPECT_EQ(Compile(long_ones).capture_sizes, std::vector<int>{1});
  EXPECT_EQ(NotesOf(long_ones),
            Names{"Truncating max_cudagraph_capture_size to 32: a step has no more tokens "
                  "(--max-num-batched-tokens)"});
  EXPECT_EQ(
      ErrorOf({{"cudagraph-capture-sizes", "1,2"}, {"compilation-config.cudagraph_capture_sizes", "1"}}),
      "cudagraph_capture_sizes and compilation_config.cudagraph_capture_sizes are mutually exclusive: give "
      "one of them");
  EXPECT_EQ(
      ErrorOf({{"max-cudagraph-capture-size", "8"}, {"compilation-config.max_cudagraph_capture_size", "8"}}),
      "max_cudagraph_capture_size and compilation_config.max_cudagraph_capture_size are mutually exclusive: "
      "give one of them");
  EXPECT_EQ(ErrorOf({{"cudagraph-capture-sizes", "1,2"}, {"max-cudagraph-capture-size", "4"}}),
            "customized max_cudagraph_capture_size(=4) should be consistent with the max value of "
            "cudagraph_capture_sizes(=2): leave one of them out");
  EXPECT_TRUE(ErrorOf({{"compilation-config", R"({"cudagraph_capture_sizes": []})"}})
                  .starts_with("cudagraph_capture_sizes should contain at least one element when using cuda "
                               "graph."));
  EXPECT_EQ(ErrorOf({{"compilation-config", R"({"cudagraph_capture_sizes": [], "cudagraph_mode": 0})"}}), "");
}

TEST(CompileConfig, CandidateSizesAreKeptWhereTheyAreCaptured) {
  const Settings seed = {{"compilation-config", "{'candidate_compile_sizes': [1,2,3,4,5,6,7,8]}"}};
  EXPECT_EQ(Compile(seed).options.compile_sizes, (std::vector<int>{1, 2, 4, 8}));
  EXPECT_EQ(NotesOf(seed),
            (Names{"compilation_config.candidate_compile_sizes is an old name: give compile_sizes",
                   "candidate_compile_sizes 3,5,6,7 are left out: only cudagraph capture sizes will be "
                   "compiled (compile_sizes takes any)"}));
  EXPECT_EQ(Compile({{"compilation-config", "{'candidate_compile_sizes': [3], 'compile_sizes': [5]}"}})
                .options.compile_sizes,
            std::vector<int>{5});
}

TEST(CompileConfig, CompileSizesAndRangesStayWithinAStep) {
  const CompileConfig config = Compile({{"compilation-config.compile_sizes", "[8, 2, 8, 4096]"},
                                        {"compilation-config.compile_ranges_split_points", "[16, 64]"}});
  EXPECT_EQ(config.options.compile_sizes, (std::vector<int>{2, 8}));
  EXPECT_EQ(config.options.compile_ranges_endpoints, (std::vector<int>{16, 64}));
  EXPECT_EQ(Compile({{"compilation-config.compile_sizes", R"(["cudagraph_capture_sizes"])"},
                     {"cudagraph-capture-sizes", "1,5"}})
                .options.compile_sizes,
            (std::vector<int>{1, 5}));
  EXPECT_EQ(Compile({{"compilation-config.compile_sizes", "[]"}}).options.compile_sizes, std::vector<int>());
}

TEST(CompileConfig, CustomOpsAreCheckedAndHaveNoEffect) {
  EXPECT_EQ(NotesOf({{"compilation-config", R"({"custom_ops": ["none", "+rms_norm"]})"}}),
            Names{"compilation_config.custom_ops 'none,+rms_norm' has no effect: compiled code has no other "
                  "kernels to choose from"});
  EXPECT_EQ(NotesOf({{"compilation-config.custom_ops", "-rms_nrom"}})[0],
            "Op 'rms_nrom' does not exist, disabling with '-rms_nrom' has no effect");
  const auto error = [](const char* ops) { return ErrorOf({{"compilation-config.custom_ops", ops}}); };
  for (const char* wrong : {"rms_norm", "+", "all,gelu"})
    EXPECT_TRUE(error(wrong).starts_with("Invalid syntax '")) << wrong;
  EXPECT_TRUE(error("all,none").starts_with("custom_ops can contain only one base mode: 'all' or 'none'"));
  EXPECT_TRUE(error("+a,-a,+b")
                  .starts_with(
                      "custom_ops cannot both enable and disable the same operation(s): a (-cc.custom_ops)"));
}

TEST(CompileConfig, DumpsGoBelowTheDumpPath) {
  const CompileConfig all = Compile({{"compilation-config.debug_dump_path", "/tmp/d"}});
  EXPECT_TRUE(all.options.dumps.graph && all.options.dumps.phase && all.options.dumps.vir &&
              all.options.dumps.assembly);
  EXPECT_EQ(all.dump_dir, "/tmp/d");
  const CompileConfig one =
      Compile({{"dump", "phase"}, {"dump-dir", "here"}, {"compilation-config.debug_dump_path", "/tmp/d"}});
  EXPECT_TRUE(one.options.dumps.phase && !one.options.dumps.vir);
  EXPECT_EQ(one.dump_dir, "here");
  EXPECT_EQ(Compile({{"dump", "vir"}}).dump_dir, ".");
  EXPECT_TRUE(Compile({{"compilation-config.debug_dump_path", "x"}}).dump_dir.starts_with('/'));
  EXPECT_FALSE(Resolve({{"dump", "grpah"}}).ok());
}

TEST(CompileConfig, TypesThreadsAndInstructionsReachTheCompiler) {
  const CompileConfig config = Compile({{"activation-dtype", "int16"},
                                        {"kv-cache-dtype", "float32"},
                                        {"cpu-threads-bind", "nobind"},
                                        {"threads", "3"},
                                        {"cpu-isa", "none"}});
  EXPECT_EQ(config.options.activation, compiler::ActivationDType::kInt16);
  EXPECT_EQ(config.options.kv_type, tensor::DType::kF32);
  EXPECT_EQ(config.options.threads, 3);
  EXPECT_TRUE(config.options.target.has_value());
  EXPECT_TRUE(ErrorOf({{"cpu-isa", "sparc"}}).starts_with("--cpu-isa: 'sparc' is "));
  EXPECT_TRUE(ErrorOf({{"cpu-threads-bind", "0,0"}}).starts_with("--cpu-threads-bind is '0,0': "));
}

}  // namespace
}  // namespace vivace::engine
