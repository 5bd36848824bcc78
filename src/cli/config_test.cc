// `vivace config`: command lines of --diff, and the text of tables.
#include "cli/config.h"

#include <gtest/gtest.h>

#include "cli/config_text.h"

namespace vivace::cli {
namespace {

using Words = std::vector<std::string>;

ConfigDiff Diff(const Words& arguments) {
  const auto diff = ReadConfigDiff(arguments);
  EXPECT_TRUE(diff.ok()) << diff.status().message();
  EXPECT_TRUE(diff.ok() && diff->has_value());
  return diff.ok() && *diff ? **diff : ConfigDiff();
}

ResolvedOptions Resolve(const Words& arguments) {
  const auto invocation = ParseCommandLine(arguments);
  EXPECT_TRUE(invocation.ok()) << invocation.status().message();
  auto resolved = ResolveOptions(invocation->options);
  EXPECT_TRUE(resolved.ok()) << resolved.status().message();
  return std::move(resolved).value();
}

bool Has(const std::string& text, std::string_view part) {
  return text.find(part) != std::string::npos;
}

TEST(ConfigDiff, TwoLevelsSeparateTheSides) {
  const ConfigDiff diff = Diff({"config", "m.gguf", "--diff", "-O1", "-O2", "-cc.mode", "0"});
  EXPECT_EQ(diff.before, (Words{"config", "m.gguf", "-O1"}));
  EXPECT_EQ(diff.after, (Words{"config", "m.gguf", "-O2", "-cc.mode", "0"}));
  EXPECT_EQ(diff.names, (Words{"-O1", "-O2 -cc.mode 0"}));
}

TEST(ConfigDiff, TwoTextsAreTwoCommandLines) {
  const ConfigDiff diff = Diff({"config", "--diff", "-O1 -cc '{\"mode\": 3}'", "--json", "--enforce-eager"});
  EXPECT_EQ(diff.before, (Words{"config", "--json", "-O1", "-cc", "{\"mode\": 3}"}));
  EXPECT_EQ(diff.after, (Words{"config", "--json", "--enforce-eager"}));
}

TEST(ConfigDiff, WhatHasNoTwoSidesIsRefused) {
  for (const Words& arguments :
       {Words{"config", "--diff"}, {"config", "--diff", "-O1"}, {"config", "--diff", "-O1", "-O2", "-O3"}}) {
    EXPECT_FALSE(ReadConfigDiff(arguments).ok());
  }
  EXPECT_FALSE(ReadConfigDiff(Words{"config", "m"})->has_value());
  EXPECT_FALSE(ReadConfigDiff(Words{"serve", "--diff"})->has_value());
}

TEST(ConfigText, EveryLineHasKeyValueAndOrigin) {
  const std::string text = ConfigText(
      Resolve({"config", "-O1", "--max-num-seqs", "4", "-cc.mode=2", "-cc.compile_ranges_endpoints=16"}));
  const auto line = [&](std::string_view key) {
    const std::size_t at = text.find("\n" + std::string(key) + " ");
    return at == std::string::npos ? "" : text.substr(at + 1, text.find('\n', at + 1) - at - 1);
  };
  EXPECT_TRUE(line("--max-num-seqs").ends_with("  user")) << text;
  EXPECT_TRUE(Has(line("-cc.mode"), "VLLM_COMPILE")) << text;
  EXPECT_TRUE(line("-cc.mode").ends_with("platform (asked for DYNAMO_TRACE_ONCE)"));
  EXPECT_TRUE(Has(line("-cc.cudagraph_capture_sizes"), "1,2,4,8"));
  EXPECT_TRUE(Has(line("-cc.pass_config.fuse_qkv"), "true"));
  EXPECT_TRUE(Has(line("-cc.pass_config.fuse_qkv"), "level; for q, k and v from the same rows"));
  EXPECT_TRUE(line("-cc.pass_config.fuse_residual").ends_with("level"));
  EXPECT_TRUE(Has(text, "compile ranges: (1, 16) (17, 256)\n"));
  EXPECT_TRUE(Has(text, "note: -cc.mode=DYNAMO_TRACE_ONCE"));
}

TEST(ConfigText, JsonHasTheSame) {
  const std::string json = ConfigJson(Resolve({"config", "-O1", "--enforce-eager"}));
  EXPECT_TRUE(Has(json, R"("-cc.mode":{"value":"NONE","origin":"user"})")) << json;
  EXPECT_TRUE(Has(json, R"("compiled_level":0)"));
  EXPECT_TRUE(Has(json, R"("notes":["Enforce eager set)"));
}

TEST(ConfigText, ADiffHasOnlyWhatDiffers) {
  const ResolvedOptions one = Resolve({"config", "-O1"}), two = Resolve({"config", "-O2"});
  const std::string text = DiffText(one, two, {"-O1", "-O2"});
  EXPECT_TRUE(text.starts_with("key "));
  EXPECT_TRUE(Has(text, "-cc.cudagraph_mode"));
  EXPECT_TRUE(Has(text, "PIECEWISE (level)"));
  EXPECT_FALSE(Has(text, "-cc.mode "));
  EXPECT_EQ(DiffText(two, Resolve({"config"}), {"", ""}).find("-cc."), std::string::npos);
  EXPECT_TRUE(Has(DiffJson(one, two), R"("--optimization-level":[{"value":"1")"));
}

}  // namespace
}  // namespace vivace::cli
