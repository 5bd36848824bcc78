#include <gtest/gtest.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <string>
#include <utility>
#include <vector>

#include "runtime/tiny_model.h"
#include "vivace/options.h"

namespace vivace {
namespace {

using Settings = std::vector<std::pair<std::string, std::string>>;

ResolvedOptions Resolve(const Settings& settings) {
  Options options;
  for (const auto& [name, value] : settings) {
    const Status status = options.Set(name, value);
    EXPECT_TRUE(status.ok()) << status.message();
  }
  auto resolved = ResolveOptions(options);
  EXPECT_TRUE(resolved.ok()) << resolved.status().message();
  return resolved.ok() ? std::move(resolved).value() : ResolvedOptions();
}

ResolvedOption Row(const ResolvedOptions& options, std::string_view name) {
  const auto row = std::find_if(options.rows.begin(), options.rows.end(),
                                [&](const ResolvedOption& entry) { return entry.name == name; });
  return row == options.rows.end() ? ResolvedOption() : *row;
}

TEST(ResolvedOptions, EachValueSaysWhereItComesFrom) {
  const ResolvedOptions options = Resolve({{"max-num-seqs", "3"}, {"optimization-level", "1"}});
  EXPECT_EQ(Row(options, "max-num-seqs").origin, OptionOrigin::kUser);
  EXPECT_EQ(Row(options, "compilation-config.cudagraph-mode").value, "PIECEWISE");
  EXPECT_EQ(Row(options, "compilation-config.cudagraph-mode").origin, OptionOrigin::kLevel);
  EXPECT_EQ(Row(options, "compilation-config.cudagraph-capture-sizes").value, "1,2,4");
  EXPECT_EQ(Row(options, "compilation-config.cudagraph-capture-sizes").origin, OptionOrigin::kDefault);
  EXPECT_EQ(Row(options, "threads").origin, OptionOrigin::kPlatform);
  EXPECT_EQ(Row(options, "compilation-config.level").name, "") << "an old name that is not set";
  EXPECT_EQ(options.level, 1);
}

TEST(ResolvedOptions, AVetoOfThePlatformIsOneLineAndKeepsWhatWasAsked) {
  const ResolvedOptions options = Resolve({{"compilation-config", R"({"mode": 2})"}});
  const ResolvedOption mode = Row(options, "compilation-config.mode");
  EXPECT_EQ(mode.value, "VLLM_COMPILE");
  EXPECT_EQ(mode.origin, OptionOrigin::kPlatform);
  EXPECT_EQ(mode.asked, "DYNAMO_TRACE_ONCE");
  ASSERT_EQ(options.notes.size(), 1u);
  EXPECT_NE(options.notes[0].find("-cc.mode=DYNAMO_TRACE_ONCE"), std::string::npos);
}

TEST(ResolvedOptions, WhatEnforceEagerOverridesIsShown) {
  const ResolvedOptions options =
      Resolve({{"enforce-eager", "true"}, {"compilation-config.cudagraph_mode", "FULL"}});
  EXPECT_EQ(Row(options, "compilation-config.mode").value, "NONE");
  EXPECT_EQ(Row(options, "compilation-config.cudagraph-mode").asked, "FULL");
  EXPECT_EQ(Row(options, "compilation-config.cudagraph-capture-sizes").value, "");
  EXPECT_EQ(Row(options, "compilation-config.pass-config.fuse-qkv").value, "false");
  EXPECT_EQ(options.level, 0);
}

TEST(ResolvedOptions, SecretsAreNotShown) {
  EXPECT_EQ(Row(Resolve({{"api-key", "s3cret"}}), "api-key").value, "***");
}

TEST(ResolvedOptions, AModelSaysWhichPassesFindSomething) {
  const std::string path = testing::TempDir() + "resolved_options_" + std::to_string(::getpid()) + ".gguf";
  ASSERT_TRUE(runtime::TinyModel(runtime::TinyModelSpec()).Write(path));
  const ResolvedOptions options = Resolve({{"model", path}});
  std::remove(path.c_str());
  const ResolvedOption qkv = Row(options, "compilation-config.pass-config.fuse-qkv");
  EXPECT_EQ(qkv.is_taken, true);
  EXPECT_FALSE(qkv.condition.empty());
  const ResolvedOption heads = Row(options, "compilation-config.pass-config.enable-qk-norm-rope-fusion");
  EXPECT_EQ(heads.is_taken, false) << "a Llama has no norms of heads";
  EXPECT_EQ(Row(Resolve({}), "compilation-config.pass-config.fuse-qkv").is_taken, std::nullopt);
}

TEST(ResolvedOptions, WhatEnginesRefuseIsRefusedHere) {
  Options options;
  ASSERT_TRUE(options.Set("model", "/nowhere/model.gguf").ok());
  EXPECT_FALSE(ResolveOptions(options).ok());
  Options sizes;
  ASSERT_TRUE(sizes.Set("cudagraph-capture-sizes", "1,2").ok());
  ASSERT_TRUE(sizes.Set("max-cudagraph-capture-size", "4").ok());
  EXPECT_FALSE(ResolveOptions(sizes).ok());
}

}  // namespace
}  // namespace vivace
