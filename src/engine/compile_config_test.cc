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
  EXPECT_EQ(fewer.options.enabled_passes, Names());
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
  // A pass of level 2 at level 1.
  for (const compiler::PassRow& pass : compiler::PassList()) {
    if (pass.level != 2) continue;
    const CompileConfig one_more = Compile(
        {{"optimization-level", "1"}, {"compilation-config.pass_config." + std::string(pass.name), "true"}});
    EXPECT_EQ(one_more.options.enabled_passes, Names{std::string(pass.name)});
    break;
  }
}

TEST(CompileConfig, EnforceEagerIsModeNoneAndOverridesTheRest) {
  const CompileConfig config = Compile({{"enforce-eager", "true"}});
  EXPECT_EQ(config.options.level, 0);
  EXPECT_EQ(config.capture_name, "NONE");
  EXPECT_TRUE(config.capture_sizes.empty());
  EXPECT_TRUE(NotesOf({{"enforce-eager", "true"}}).empty());
  const Settings both = {{"enforce-eager", "true"}, {"compilation-config.cudagraph_mode", "FULL"}};
  EXPECT_EQ(Compile(both).capture_name, "NONE");
  EXPECT_EQ(NotesOf(both), Names{"--enforce-eager overrides -cc.mode and -cc.cudagraph_mode: both are NONE"});
}

TEST(CompileConfig, WithoutCompilationPiecewisePlansAndPassesHaveNoEffectAndSaySo) {
  for (const char* key : {"mode", "backend"}) {
    const std::string value = std::string(key) == "mode" ? "none" : "eager";
    const Settings settings = {{"compilation-config." + std::string(key), value},
                               {"compilation-config.cudagraph_mode", "piecewise"},
                               {"compilation-config.pass_config.fuse_qkv", "true"}};
    EXPECT_EQ(Compile(settings).options.level, 0);
    EXPECT_EQ(Compile(settings).capture_name, "NONE");
    EXPECT_EQ(NotesOf(settings),
              (Names{"compilation_config.pass_config has no effect: nothing is compiled",
                     "cudagraph_mode PIECEWISE needs compilation mode VLLM_COMPILE: it is NONE"}));
  }
  EXPECT_EQ(
      Compile({{"compilation-config.mode", "0"}, {"compilation-config.cudagraph_mode", "FULL"}}).capture_name,
      "FULL");
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

TEST(CompileConfig, EverySizeOfADecodeStepIsCapturedUnlessSizesAreGiven) {
  EXPECT_EQ(Compile({{"max-num-seqs", "3"}}).capture_sizes, (std::vector<int>{1, 2, 3}));
  EXPECT_EQ(Compile({{"compilation-config", R"({"cudagraph_capture_sizes": [4, 1, 4]})"}}).capture_sizes,
            (std::vector<int>{1, 4}));
  EXPECT_EQ(Compile({{"cudagraph-capture-sizes", "1,3"}}).capture_sizes, (std::vector<int>{1, 3}));
  EXPECT_EQ(Compile({{"max-cudagraph-capture-size", "4"}}).capture_sizes, (std::vector<int>{1, 2, 3, 4}));
  const Settings long_ones = {{"cudagraph-capture-sizes", "1,999"}, {"max-num-batched-tokens", "32"}};
  EXPECT_EQ(Compile(long_ones).capture_sizes, std::vector<int>{1});
  EXPECT_EQ(NotesOf(long_ones),
            Names{"max_cudagraph_capture_size 999 becomes 32: a step has no more tokens"});
  EXPECT_EQ(
      ErrorOf({{"cudagraph-capture-sizes", "1,2"}, {"compilation-config.cudagraph_capture_sizes", "1"}}),
      "--cudagraph-capture-sizes and --compilation-config.cudagraph-capture-sizes are both given: they "
      "are the same, give one of them");
  EXPECT_EQ(ErrorOf({{"cudagraph-capture-sizes", "1,2"}, {"max-cudagraph-capture-size", "4"}}),
            "max_cudagraph_capture_size is 4, but the largest of cudagraph_capture_sizes is 2: leave one of "
            "them out");
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
  for (const char* wrong : {"rms_norm", "all,none", "+a,-a", "+"}) {
    EXPECT_NE(ErrorOf({{"compilation-config.custom_ops", wrong}}), "") << wrong;
  }
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
