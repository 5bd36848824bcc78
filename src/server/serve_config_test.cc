#include "server/serve_config.h"

#include <gtest/gtest.h>

#include <cstdio>
#include <string>

#include "server/request_log.h"

namespace vivace::server {
namespace {

Options With(const std::vector<std::pair<std::string, std::string>>& values) {
  Options options;
  for (const auto& [name, value] : values) EXPECT_TRUE(options.Set(name, value).ok()) << name;
  return options;
}

TEST(ServeConfig, OptionsReachTheService) {
  const auto config = ServerConfigFrom(With({{"api-key", "a"},
                                             {"api-key", "b"},
                                             {"served-model-name", "x"},
                                             {"root-path", "/api"},
                                             {"chat-template", "{{ messages }}"},
                                             {"max-logprobs", "5"},
                                             {"max-log-len", "10"},
                                             {"shutdown-timeout", "0.5"}}));
  ASSERT_TRUE(config.ok()) << config.status().message();
  const ServiceConfig& service = config.value().service;
  EXPECT_EQ(service.keys, (std::vector<std::string>{"a", "b"}));
  EXPECT_EQ(service.names, std::vector<std::string>{"x"});
  EXPECT_EQ(service.root_path, "/api");
  EXPECT_EQ(service.rules.chat_template, "{{ messages }}");
  EXPECT_EQ(service.rules.max_logprobs, 5);
  EXPECT_EQ(service.max_log_len, 10);
  EXPECT_EQ(config.value().shutdown_timeout, std::chrono::milliseconds(500));
}

TEST(ServeConfig, ATemplateIsReadFromItsFile) {
  const std::string path = ::testing::TempDir() + "/vivace_template.jinja";
  std::FILE* file = std::fopen(path.c_str(), "wb");
  ASSERT_NE(file, nullptr);
  std::fputs("{{ x }}\n", file);
  std::fclose(file);
  const auto config = ServerConfigFrom(With({{"chat-template", path}}));
  ASSERT_TRUE(config.ok());
  EXPECT_EQ(config.value().service.rules.chat_template, "{{ x }}\n");
  std::remove(path.c_str());
}

TEST(ServeConfig, KeysComeFromAFileAndFromTheCommandLine) {
  const std::string file = VIVACE_SOURCE_DIR "/tests/api/keys.txt";
  const auto config = ServerConfigFrom(With({{"api-key", "a"}, {"api-key-file", file}}));
  ASSERT_TRUE(config.ok()) << config.status().message();
  EXPECT_EQ(config->service.keys, (std::vector<std::string>{"a", "first-key", "second-key"}));
  // A file without keys must not open the server to everybody.
  const std::string empty = ::testing::TempDir() + "/vivace_no_keys";
  std::FILE* made = std::fopen(empty.c_str(), "wb");
  ASSERT_NE(made, nullptr);
  std::fputs("# none yet\n \n", made);
  std::fclose(made);
  EXPECT_EQ(ServerConfigFrom(With({{"api-key-file", empty}})).status().message(),
            "--api-key-file is '" + empty + "': it holds no key; give one a line");
  std::remove(empty.c_str());
  EXPECT_EQ(ServerConfigFrom(With({{"api-key-file", empty}})).status().code(), StatusCode::kNotFound);
}

TEST(ServeConfig, WhatCannotBeIsRefusedByName) {
  const std::vector<std::pair<std::string, std::string>> wrong = {{"chat-template", "/no/such.jinja"},
                                                                  {"root-path", "api"},
                                                                  {"root-path", "/api/"},
                                                                  {"default-chat-template-kwargs", "[]"},
                                                                  {"default-chat-template-kwargs", "{"},
                                                                  {"response-role", ""}};
  for (const auto& [name, value] : wrong) {
    const auto config = ServerConfigFrom(With({{name, value}}));
    ASSERT_FALSE(config.ok()) << name << " " << value;
    EXPECT_NE(config.status().message().find("--" + name), std::string::npos) << config.status().message();
  }
}

TEST(RequestLog, SaysWhatDiffersFromTheDefaults) {
  ApiRequest request;
  request.prompts = {std::string("a"), std::string("b")};
  request.max_tokens = 5;
  request.sampling.top_p = 0.5;
  request.sampling.stop = {"x"};
  EXPECT_EQ(DescribeRequest(request),
            "prompts=2 given, n=1, max_tokens=5, temperature=1, top_p=0.5, stop=1 given");
}

}  // namespace
}  // namespace vivace::server
