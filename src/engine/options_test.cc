#include "vivace/options.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <set>

#include "engine/option_list.h"

namespace vivace {
namespace {

std::string Message(std::string_view name, std::string_view text) {
  Options options;
  return options.Set(name, text).message();
}

TEST(Options, EveryDefaultIsAValueThatTheRowItselfAccepts) {
  std::set<std::string_view> names;
  for (const base::OptionRow& row : engine::AllOptions()) {
    EXPECT_TRUE(names.insert(row.name).second) << row.name << " is declared twice";
    EXPECT_FALSE(row.help.empty()) << row.name;
    if (row.default_text.empty()) continue;
    const auto value = engine::NormaliseOption(row, row.default_text);
    ASSERT_TRUE(value.ok()) << value.status().message();
    EXPECT_EQ(*value, row.default_text);
  }
}

TEST(Options, ValuesAreReadBackByType) {
  Options options;
  EXPECT_TRUE(options.Set("max_model_len", "4k").ok());
  EXPECT_TRUE(options.Set("kv-cache-memory-bytes", "2G").ok());
  EXPECT_TRUE(options.Set("temperature", "0.25").ok());
  EXPECT_TRUE(options.Set("enable-prefix-caching", "off").ok());
  EXPECT_TRUE(options.Set("log-level", "DEBUG").ok());
  EXPECT_EQ(options.Integer("max-model-len"), 4000);
  EXPECT_EQ(options.Integer("kv-cache-memory-bytes"), std::int64_t{2} << 30);
  EXPECT_EQ(options.Number("temperature"), 0.25);
  EXPECT_FALSE(options.Flag("enable-prefix-caching"));
  EXPECT_EQ(options.Text("log-level"), "debug");
  EXPECT_FALSE(options.IsSet("model"));
}

TEST(Options, AnUnknownNameIsAnsweredWithTheNearestOne) {
  EXPECT_EQ(Message("max-modle-len", "1"), "unknown option --max-modle-len: did you mean --max-model-len?");
  EXPECT_EQ(Message("hots", "x"), "unknown option --hots: did you mean --host?");
}

TEST(Options, AnOptionOfVllmThatIsNotHereIsRefusedByName) {
  EXPECT_EQ(Message("pipeline_parallel_size", "2"),
            "--pipeline-parallel-size is '2': it must be 1, or left out: all cores of one machine work on "
            "one model: "
            "more cores are more --threads, more machines are more servers behind a proxy");
  EXPECT_EQ(Message("tensor_parallel_size", "2"),
            "--tensor-parallel-size is '2': it must be 1: all cores work on one model; more cores are more "
            "--threads");
}

TEST(Options, SizesAreWrittenAsPeopleWriteThem) {
  const std::pair<const char*, std::int64_t> sizes[] = {{"25.6k", 25600},       {"4k", 4000},
                                                        {"4K", 4096},           {"1.5GiB", 3 << 29},
                                                        {"512MB", 512'000'000}, {"2g", 2'000'000'000}};
  for (const auto& [text, value] : sizes) {
    Options options;
    EXPECT_TRUE(options.Set("kv-cache-memory-bytes", text).ok()) << text;
    EXPECT_EQ(options.Integer("kv-cache-memory-bytes"), value) << text;
  }
  for (const char* text : {"k", "4kk", "4 k", "0x10", "1e3k", "nank", "4iB", "B", "-1k", "999999t"}) {
    EXPECT_FALSE(Options().Set("kv-cache-memory-bytes", text).ok()) << text;
  }
}

TEST(Options, ListsGrowWithinAnOriginAndAreReplacedByAHigherOne) {
  Options options;
  EXPECT_TRUE(options.Set("stop", "from file", OptionOrigin::kConfigFile).ok());
  EXPECT_TRUE(options.Set("stop", "a").ok());
  EXPECT_TRUE(options.Set("stop", "b\n").ok());
  EXPECT_TRUE(options.Set("stop", "late", OptionOrigin::kConfigFile).ok());
  EXPECT_EQ(options.List("stop"), (std::vector<std::string>{"a", "b\n"}));
}

TEST(Options, AWrongValueNamesFlagValueAndRange) {
  EXPECT_EQ(Message("port", "70000"), "--port is '70000': it must be a whole number from 0 to 65535");
  EXPECT_EQ(Message("optimization-level", "fast"),
            "--optimization-level is 'fast': it must be a whole number from 0 to 3");
  EXPECT_EQ(Message("temperature", "nan"), "--temperature is 'nan': it must be a number from 0 to 2");
  EXPECT_EQ(Message("kv-cache-dtype", "int8"),
            "--kv-cache-dtype is 'int8': it must be one of auto, float16, float32");
  EXPECT_EQ(Message("ignore-eos", "maybe"), "--ignore-eos is 'maybe': it must be true or false");
  EXPECT_EQ(Message("kv-cache-memory-bytes", "0"),
            "--kv-cache-memory-bytes is '0': it must be a whole number of 1 or more (bytes)");
  EXPECT_EQ(Message("max-model-len", "99999999999999999999k").empty(), false);
  EXPECT_EQ(Message("max-model-len", "9223372036854775807G").empty(), false);
}

/// `levels` lists of nine times the one before: 9^levels values in a few bytes.
std::string AliasesInAliases(int levels) {
  std::string out = "&x0 [1]";
  for (int level = 1; level <= levels; ++level) {
    out += ", &x" + std::to_string(level) + " [";
    for (int i = 0; i < 9; ++i) out += "*x" + std::to_string(level - 1) + ",";
    out += "]";
  }
  return "[" + out + "]";
}

TEST(Options, AliasesMakeNoTextLong) {
  std::string texts = "[&x " + std::string(30000, 'a');
  for (int i = 0; i < 100; ++i) texts += ", *x";
  std::string keys = "{a: &a {";
  for (int i = 0; i < 200; ++i) keys += "k" + std::to_string(i) + ": 1, ";
  keys += "}, b: &b {";
  for (int i = 0; i < 200; ++i) keys += "k" + std::to_string(i) + ": *a, ";
  EXPECT_THAT(Message("override-generation-config", AliasesInAliases(20)),
              testing::EndsWith("it must be shorter"));
  EXPECT_EQ(Message("compilation-config", "{custom_ops: " + texts + "]}"),
            "--compilation-config.custom_ops is a list of over 1048576 bytes");
  EXPECT_EQ(Message("compilation-config", keys + "}}"), "--compilation-config.b.k4.k24: over 1024 keys");
}

TEST(Options, ARefusedValueLeavesTheOldOne) {
  Options options;
  EXPECT_FALSE(options.Set("port", "-1").ok());
  EXPECT_EQ(options.Integer("port"), 8000);
  EXPECT_EQ(options.Origin("port"), OptionOrigin::kDefault);
}

TEST(Options, TheUserWinsOverTheEnvironmentAndTheEnvironmentOverDefaults) {
  ::setenv("VIVACE_NUM_THREADS", "3", 1);
  ::setenv("VIVACE_PORT", "9000", 1);
  Options options;
  EXPECT_TRUE(options.Set("threads", "2").ok());
  EXPECT_TRUE(options.SetFromEnvironment().ok());
  EXPECT_EQ(options.Integer("threads"), 2);
  EXPECT_EQ(options.Origin("threads"), OptionOrigin::kUser);
  EXPECT_EQ(options.Integer("port"), 9000);
  EXPECT_EQ(options.Origin("port"), OptionOrigin::kEnvironment);
  ::setenv("VIVACE_NUM_THREADS", "garbage", 1);
  EXPECT_EQ(
      Options().SetFromEnvironment().message(),
      "environment variable VIVACE_NUM_THREADS: --threads is 'garbage': it must be a whole number from 0 "
      "to 1024");
  ::unsetenv("VIVACE_NUM_THREADS");
  ::unsetenv("VIVACE_PORT");
}

TEST(Options, TheFirstVariableOfSeveralCounts) {
  ::setenv("VLLM_LOGGING_LEVEL", "ERROR", 1);
  Options options;
  EXPECT_TRUE(options.SetFromEnvironment().ok());
  EXPECT_EQ(options.Text("log-level"), "error");
  ::setenv("VIVACE_LOG_LEVEL", "debug", 1);
  EXPECT_TRUE(options.SetFromEnvironment().ok());
  EXPECT_EQ(options.Text("log-level"), "debug");
  ::unsetenv("VLLM_LOGGING_LEVEL");
  ::unsetenv("VIVACE_LOG_LEVEL");
}

}  // namespace
}  // namespace vivace
