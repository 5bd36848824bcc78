#include <gtest/gtest.h>
#include <unistd.h>

#include <fstream>

#include "vivace/options.h"

namespace vivace {
namespace {

class ConfigFile : public testing::Test {
 protected:
  ~ConfigFile() override { ::unlink(path_.c_str()); }
  Status Read(std::string_view text) {
    std::ofstream(path_, std::ios::binary) << text;
    return options_.SetFromConfigFile(path_);
  }
  /// The message without the file's name.
  std::string Message(std::string_view text) {
    std::string message = Read(text).message();
    const std::size_t at = message.find(path_);
    return at == std::string::npos ? message : message.replace(at, path_.size(), "F");
  }

  std::string path_ = testing::TempDir() + "vivace_config_" + std::to_string(::getpid()) + ".yaml";
  Options options_;
};

TEST_F(ConfigFile, SetsOptionsBelowTheCommandLine) {
  ASSERT_TRUE(options_.Set("port", "9000").ok());
  ASSERT_TRUE(Read("port: 8100\nmax_model_len: 4k  # tokens\nenable-prefix-caching: false\nstop: ['a', "
                   "\"b\\n\"]\nseed:\n")
                  .ok());
  EXPECT_EQ(options_.Integer("port"), 9000);
  EXPECT_EQ(options_.Integer("max-model-len"), 4000);
  EXPECT_EQ(options_.Origin("max-model-len"), OptionOrigin::kConfigFile);
  EXPECT_FALSE(options_.Flag("enable-prefix-caching"));
  EXPECT_EQ(options_.List("stop"), (std::vector<std::string>{"a", "b\n"}));
  EXPECT_FALSE(options_.IsSet("seed"));
}

TEST_F(ConfigFile, HoldsTheCompilationConfigAsAnObject) {
  ASSERT_TRUE(Read("compilation-config:\n  mode: 0\n  compile_sizes: [1, 2]\n  pass_config:\n    fuse_qkv: "
                   "false\ncudagraph-capture-sizes: [4, 8]\n")
                  .ok());
  EXPECT_EQ(options_.Text("compilation-config.mode"), "NONE");
  EXPECT_EQ(options_.Integers("compilation-config.compile-sizes"), (std::vector<int>{1, 2}));
  EXPECT_EQ(options_.Integers("cudagraph-capture-sizes"), (std::vector<int>{4, 8}));
  EXPECT_FALSE(options_.Flag("compilation-config.pass-config.fuse-qkv"));
  EXPECT_EQ(Name(options_.Origin("compilation-config.mode")), "config file");
}

TEST_F(ConfigFile, BadContentNamesFileLineAndRemedy) {
  const std::pair<std::string_view, std::string_view> cases[] = {
      {"port: 1\nmax-modle-len: 5",
       "config file 'F', line 2: unknown option --max-modle-len: did you mean --max-model-len?"},
      {"port: 70000",
       "config file 'F', line 1: --port is '70000': it must be a whole number from 0 to 65535"},
      {"port: [1, 2]", "config file 'F', line 1: --port takes one plain value"},
      {"stop: [[a]]", "config file 'F', line 1: --stop takes a list of plain values"},
      {"- port", "config file 'F' must be a list of 'option: value' lines"},
      {"? [a]\n: b", "config file 'F', line 1: an option's name must be plain text"},
      {"enable-lora: true",
       "config file 'F', line 1: --enable-lora is 'true': it must be false, or left out: adapters are not "
       "built "
       "yet: merge the adapter into the weights"},
  };
  for (const auto& [text, message] : cases) EXPECT_EQ(Message(text), message);
  EXPECT_NE(Message("port: 'x").find("config file 'F', line 1: "), std::string::npos);
  EXPECT_TRUE(Read("").ok());
  EXPECT_FALSE(Read(std::string(100000, '[')).ok());
  EXPECT_FALSE(Read(std::string((1 << 20) + 1, ' ')).ok());
}

TEST_F(ConfigFile, ObjectsAndFlagsOfVllmMayStandInTheFile) {
  ASSERT_TRUE(Read("compilation_config: 3\nattention_config:\n  flash_attn_version: 2\n"
                   "limit_mm_per_prompt: {image: 1}\nallowed_origins: [\"*\", https://a]\n"
                   "override-generation-config:\n  temperature: 0.5\n")
                  .ok());
  EXPECT_EQ(options_.Text("compilation-config.mode"), "VLLM_COMPILE");
  EXPECT_EQ(options_.Text("allowed-origins"), R"(["*","https://a"])");
  EXPECT_EQ(options_.Text("override-generation-config"), R"({"temperature":0.5})");
  ASSERT_EQ(options_.notes().size(), 2u);
  EXPECT_TRUE(options_.notes()[0].starts_with("--attention-config.flash-attn-version has no effect here: "));
  EXPECT_TRUE(
      Message("attention_config:\n  flash: 2")
          .starts_with("config file 'F', line 1: attention_config has no key 'flash': did you mean '"));
}

TEST_F(ConfigFile, AMissingFileIsNamed) {
  EXPECT_EQ(options_.SetFromConfigFile("/nowhere/x.yaml").message(),
            "there is no config file '/nowhere/x.yaml' (--config)");
  EXPECT_FALSE(options_.SetFromConfigFile("/dev/zero").ok());
}

}  // namespace
}  // namespace vivace
