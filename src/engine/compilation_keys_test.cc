// --compilation-config as text: JSON, keys, old names, and keys of vLLM that mean nothing here.
#include "engine/compilation_keys.h"

#include <gtest/gtest.h>

#include <cstdlib>

#include "compiler/pass_list.h"
#include "engine/option_list.h"
#include "vivace/options.h"

namespace vivace {
namespace {

constexpr const char* kConfig = "compilation-config";

std::string ErrorOf(std::string_view text) {
  Options options;
  return options.Set(kConfig, text).message();
}

TEST(CompilationKeys, JsonSetsEachKeyAndKeysMerge) {
  Options options;
  ASSERT_TRUE(options
                  .Set(kConfig, R"({"mode": 3, "cudagraph_mode": "FULL", "compile_sizes": [1, 2, 4],
                                    "pass_config": {"fuse_norm_quant": false}, "backend": null})")
                  .ok());
  ASSERT_TRUE(options.Set("compilation_config.pass_config.fuse_qkv", "False").ok());
  ASSERT_TRUE(options.Set("compilation-config.cudagraph_mode", "none").ok());
  EXPECT_EQ(options.Text("compilation-config.mode"), "VLLM_COMPILE");
  EXPECT_EQ(options.Text("compilation-config.cudagraph-mode"), "NONE");
  EXPECT_EQ(options.Integers("compilation-config.compile-sizes"), (std::vector<int>{1, 2, 4}));
  EXPECT_FALSE(options.Flag("compilation-config.pass-config.fuse-norm-quant"));
  EXPECT_FALSE(options.Flag("compilation-config.pass-config.fuse-qkv"));
  EXPECT_EQ(options.Origin("compilation-config.backend"), OptionOrigin::kDefault);
  EXPECT_EQ(Name(options.Origin("compilation-config.mode")), "user");
  EXPECT_EQ(options.notes(), std::vector<std::string>{
                                 "Found duplicate keys: compilation_config.cudagraph_mode is 'FULL' and then "
                                 "'NONE': the last one counts"});
}

TEST(CompilationKeys, EveryPassIsAKeyWithItsLevel) {
  for (const compiler::PassRow& pass : compiler::PassList()) {
    const auto index = engine::FindOption(std::string(engine::kPassKeyPrefix) + std::string(pass.name));
    ASSERT_TRUE(index.has_value()) << pass.name;
    for (int level = 0; level <= 3; ++level) {
      Options options;
      ASSERT_TRUE(options.Set("optimization-level", std::to_string(level)).ok());
      ASSERT_TRUE(options.SetFromLevel().ok());
      EXPECT_EQ(options.Flag(engine::AllOptions()[*index].name), std::min(level, 2) >= pass.level);
      EXPECT_EQ(options.Origin(engine::AllOptions()[*index].name), OptionOrigin::kLevel);
    }
  }
}

TEST(CompilationKeys, OldNamesBecomeThePresentOnesWithALine) {
  Options options;
  ASSERT_TRUE(options.Set(kConfig, "{'compile_ranges_split_points': [16], 'use_inductor': False}").ok());
  ASSERT_TRUE(options.Set("compilation-config.pass_config.enable_fusion", "false").ok());
  EXPECT_EQ(options.Text("compilation-config.compile-ranges-endpoints"), "16");
  EXPECT_EQ(options.Text("compilation-config.backend"), "eager");
  EXPECT_FALSE(options.Flag("compilation-config.pass-config.fuse-norm-quant"));
  EXPECT_FALSE(options.Flag("compilation-config.pass-config.fuse-act-quant"));
  ASSERT_EQ(options.notes().size(), 3u);
  EXPECT_EQ(options.notes()[0],
            "compilation_config.compile_ranges_split_points is an old name: give compile_ranges_endpoints");
}

TEST(CompilationKeys, KeysOfVllmThatMeanNothingHereAreNamed) {
  Options options;
  ASSERT_TRUE(options
                  .Set(kConfig, R"({"inductor_compile_config": {"a": {"b": 1}},
                                    "pass_config": {"fuse_allreduce_rms": true, "enable_sp": null}})")
                  .ok());
  ASSERT_EQ(options.notes().size(), 2u);
  EXPECT_EQ(options.notes()[0],
            "compilation_config.inductor_compile_config.a.b has no effect: there is no torch compiler");
  EXPECT_EQ(options.notes()[1],
            "compilation_config.pass_config.fuse_allreduce_rms has no effect: it is for several devices");
  EXPECT_EQ(ErrorOf(R"({"inductor_passes": {"p": "m.f"}})"),
            "compilation_config.inductor_passes is 'm.f', which Vivace does not have (its passes are "
            "programs for torch): leave it out");
  EXPECT_EQ(ErrorOf(R"({"traced_files": ["a"]})"),
            "compilation_config.traced_files is 'a', which is no setting of a user (vLLM fills it in): leave "
            "it out");
}

TEST(CompilationKeys, ModesAreReadByNumberAndByName) {
  for (const auto& [text, mode] : {std::pair{"0", "NONE"},
                                   {"3", "VLLM_COMPILE"},
                                   {"none", "NONE"},
                                   {"Vllm_Compile", "VLLM_COMPILE"},
                                   {"2", "DYNAMO_TRACE_ONCE"},
                                   {"PIECEWISE", "VLLM_COMPILE"}}) {
    Options options;
    ASSERT_TRUE(options.Set("compilation-config.mode", text).ok()) << text;
    EXPECT_EQ(options.Text("compilation-config.mode"), mode) << text;
  }
}

TEST(CompilationKeys, WrongKeysAndValuesAreNamedWithTheRemedyAndChangeNothing) {
  EXPECT_EQ(ErrorOf(R"({"cudagraph_mod": 1})"),
            "compilation_config has no key 'cudagraph_mod': did you mean 'cudagraph_mode'?");
  EXPECT_EQ(ErrorOf(R"({"pass_config": {"fuse_norm_qant": true}})"),
            "compilation_config has no key 'pass_config.fuse_norm_qant': did you mean "
            "'pass_config.fuse_norm_quant'?");
  EXPECT_EQ(ErrorOf(R"({"mode": 4})"),
            "--compilation-config.mode is '4': it must be one of NONE (0), STOCK_TORCH_COMPILE (1), "
            "DYNAMO_TRACE_ONCE (2), VLLM_COMPILE (3) (Invalid compilation mode: 4)");
  EXPECT_EQ(
      ErrorOf(R"({"backend": "openxla"})"),
      "--compilation-config.backend is 'openxla': it must be one of '', eager, inductor (Invalid backend "
      "for piecewise compilation: openxla)");
  EXPECT_EQ(ErrorOf(R"({"cudagraph_mode": "SOME"})"),
            "--compilation-config.cudagraph-mode is 'SOME': it must be one of NONE, PIECEWISE, FULL, "
            "FULL_DECODE_ONLY, FULL_AND_PIECEWISE");
  EXPECT_EQ(
      ErrorOf(R"({"compile_sizes": [1, 0]})"),
      "--compilation-config.compile-sizes is '1,0': it must be whole numbers from 1 to 65536 (tokens) with "
      "commas between, or cudagraph_capture_sizes");
  EXPECT_EQ(ErrorOf("fast"),
            "--compilation-config is 'fast': it must be a JSON object, as '{\"KEY\": 3}', or write "
            "--compilation-config.KEY=3");
  EXPECT_TRUE(ErrorOf("4").starts_with("--compilation-config.mode is '4': it must be one of NONE (0), "));
  for (const std::string text :
       {"{", "[1]", "{\"mode\": {\"a\": 1}}", "{\"compile_sizes\": [[1]]}", "{? {a: b}: c}"}) {
    EXPECT_NE(ErrorOf(text), "") << text;
  }
  EXPECT_NE(ErrorOf(std::string(100000, '[')), "");
  Options options;
  EXPECT_FALSE(options.Set(kConfig, R"({"mode": 0, "mod": 1})").ok());
  EXPECT_EQ(options.Origin("compilation-config.mode"), OptionOrigin::kDefault);
}

TEST(CompilationKeys, LevelDefaultsEndWithTheRowsOwn) {
  for (const base::OptionRow& row : engine::AllOptions()) {
    if (row.by_level.empty()) continue;
    Options options;
    ASSERT_TRUE(options.SetFromLevel().ok());
    EXPECT_EQ(options.Text(row.name), row.default_text) << row.name;
  }
}

TEST(CompilationKeys, EachLevelHasItsPartAndTheLastCountsForThoseAbove) {
  for (const base::OptionRow& row : engine::AllOptions()) {
    if (row.by_level.empty()) continue;
    std::vector<std::string> parts(1);
    for (const char c : row.by_level) {
      if (c == '|') {
        parts.emplace_back();
      } else {
        parts.back() += c;
      }
    }
    ASSERT_LE(parts.size(), 4u) << row.name;
    for (std::size_t level = 0; level <= 3; ++level) {
      Options options;
      ASSERT_TRUE(options.Set("optimization-level", std::to_string(level)).ok());
      ASSERT_TRUE(options.SetFromLevel().ok());
      EXPECT_EQ(options.Text(row.name), parts[std::min(level, parts.size() - 1)]) << row.name << " " << level;
    }
  }
}

TEST(CompilationKeys, TheCacheSpaceOfTheEnvironmentIsInGibibytes) {
  ::setenv("VLLM_CPU_KVCACHE_SPACE", "4", 1);
  Options options;
  EXPECT_TRUE(options.SetFromEnvironment().ok());
  EXPECT_EQ(options.Integer("kv-cache-memory-bytes"), std::int64_t{4} << 30);
  ::setenv("VLLM_CPU_KVCACHE_SPACE", "0", 1);
  Options unset;
  EXPECT_TRUE(unset.SetFromEnvironment().ok());
  EXPECT_FALSE(unset.IsSet("kv-cache-memory-bytes"));
  ::unsetenv("VLLM_CPU_KVCACHE_SPACE");
}

}  // namespace
}  // namespace vivace
