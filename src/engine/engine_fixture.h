// For tests of the engine: a tiny model on disk, engines on it at each level, and what one request was told.
#pragma once

#include <gtest/gtest.h>
#include <unistd.h>

#include <condition_variable>
#include <cstdio>
#include <mutex>
#include <string>
#include <utility>
#include <vector>

#include "codegen/masked_target_fixture.h"
#include "runtime/tiny_model.h"
#include "vivace/engine.h"

namespace vivace {

using runtime::TinyModel;
using runtime::TinyModelSpec;

// Everything that one request was told.
struct Collected {
  std::vector<std::int32_t> tokens;
  std::string text;
  std::vector<TokenLogprob> logprobs, prompt_logprobs;
  RequestOutput last;
  int pieces = 0;
};

// Gathers the pieces of one request and lets the test wait for the last.
class Collector {
 public:
  OutputCallback Callback() {
    return [this](RequestOutput output) {
      const std::lock_guard lock(mutex_);
      out_.tokens.insert(out_.tokens.end(), output.token_ids.begin(), output.token_ids.end());
      out_.text += output.text;
      for (auto& logprob : output.logprobs) out_.logprobs.push_back(std::move(logprob));
      for (auto& logprob : output.prompt_logprobs) out_.prompt_logprobs.push_back(std::move(logprob));
      ++out_.pieces;
      done_ = output.finish_reason != FinishReason::kNone;
      out_.last = std::move(output);
      changed_.notify_all();
    };
  }
  Collected Wait() {
    std::unique_lock lock(mutex_);
    EXPECT_TRUE(changed_.wait_for(lock, std::chrono::seconds(30), [this] { return done_; }));
    return out_;
  }
  void WaitForFirst() {
    std::unique_lock lock(mutex_);
    EXPECT_TRUE(changed_.wait_for(lock, std::chrono::seconds(30), [this] { return out_.pieces > 0; }));
  }

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  Collected out_;
  bool done_ = false;
};

// Every test runs at each level.
class EngineTest : public testing::TestWithParam<int> {
 protected:
  std::string WriteModel(TinyModelSpec spec = {}) {
    const std::string path = testing::TempDir() + "engine_test_" + std::to_string(::getpid()) + "_" +
                             std::to_string(files_++) + ".gguf";
    EXPECT_TRUE(TinyModel(spec).Write(path));
    paths_.push_back(path);
    return path;
  }
  ~EngineTest() override {
    for (const std::string& path : paths_) std::remove(path.c_str());
  }

  std::unique_ptr<Engine> Make(const std::vector<std::pair<std::string, std::string>>& settings = {},
                               TinyModelSpec spec = {}) {
    Options options;
    EXPECT_TRUE(options.Set("model", WriteModel(spec)).ok());
    EXPECT_TRUE(options.Set("optimization-level", std::to_string(GetParam())).ok());
    EXPECT_TRUE(options.Set("log-level", "off").ok());
    EXPECT_TRUE(options.Set("threads", "2").ok());
    if (const auto isa = codegen::MaskedTargetName()) {
      EXPECT_TRUE(options.Set("cpu-isa", *isa).ok()) << *isa;
    }
    for (const auto& [name, value] : settings) EXPECT_TRUE(options.Set(name, value).ok()) << name;
    auto engine = Engine::Create(options);
    EXPECT_TRUE(engine.ok()) << engine.status().message();
    return std::move(engine).value();
  }

  static Request Ask(std::vector<std::int32_t> prompt, int max_tokens = 8) {
    Request request;
    request.prompt = std::move(prompt);
    request.sampling.temperature = 0;
    request.sampling.max_tokens = max_tokens;
    request.sampling.ignore_eos = true;
    return request;
  }

  static Collected Complete(Engine& engine, Request request) {
    Collector collector;
    const auto id = engine.Submit(std::move(request), collector.Callback());
    EXPECT_TRUE(id.ok()) << id.status().message();
    return collector.Wait();
  }

  static Status Refusal(Engine& engine, Request request) {
    const auto id = engine.Submit(std::move(request), [](RequestOutput) { FAIL() << "was not refused"; });
    EXPECT_FALSE(id.ok());
    return id.status();
  }

 private:
  std::vector<std::string> paths_;
  int files_ = 0;
};

inline std::vector<std::int32_t> SomePrompt(int length, int salt = 0) {
  std::vector<std::int32_t> prompt;
  for (int i = 0; i < length; ++i) prompt.push_back(3 + (i * 37 + salt * 101) % 256);
  return prompt;
}

inline std::string LevelName(const testing::TestParamInfo<int>& info) {
  return "O" + std::to_string(info.param);
}

}  // namespace vivace
