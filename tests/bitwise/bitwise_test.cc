// The bitwise promise on the real model: a request's tokens and log-probabilities do not depend on what else
// is in the batch, on chunks, threads, prefix hits or preemption. VIVACE_LONG=1 runs more combinations,
// VIVACE_QUICK=1 fewer, at the compiled level (for sanitizers: the engine's own tests run both levels there).
#include <gtest/gtest.h>

#include <algorithm>
#include <bit>
#include <condition_variable>
#include <cstdlib>
#include <filesystem>
#include <memory>
#include <mutex>
#include <optional>

#include "codegen/masked_target_fixture.h"
#include "compiler/pass_list.h"
#include "vivace/engine.h"

namespace vivace {
namespace {

std::string ModelPath() {
  const char* path = std::getenv("VIVACE_TEST_MODEL");
  return path != nullptr ? path : VIVACE_SOURCE_DIR "/.cache/models/smollm2-135m.gguf";
}

bool LongForm() {
  return std::getenv("VIVACE_LONG") != nullptr;
}

bool QuickForm() {
  return std::getenv("VIVACE_QUICK") != nullptr;
}

using Settings = std::vector<std::pair<std::string, std::string>>;

std::unique_ptr<Engine> MakeEngine(int level, const Settings& settings = {}) {
  Options options;
  EXPECT_TRUE(options.Set("model", ModelPath()).ok());
  EXPECT_TRUE(options.Set("optimization-level", std::to_string(level)).ok());
  EXPECT_TRUE(options.Set("log-level", "error").ok());
  EXPECT_TRUE(options.Set("threads", "2").ok());
  EXPECT_TRUE(options.Set("max-model-len", "1024").ok());
  // A run that is masked to fewer instructions says so here, as for the program.
  if (const auto isa = codegen::MaskedTargetName()) {
    EXPECT_TRUE(options.Set("cpu-isa", *isa).ok()) << *isa;
  }
  for (const auto& [name, value] : settings) EXPECT_TRUE(options.Set(name, value).ok()) << name;
  auto engine = Engine::Create(options);
  EXPECT_TRUE(engine.ok()) << engine.status().message();
  return engine.ok() ? std::move(engine).value() : nullptr;
}

/// All that a request was told.
struct Answer {
  std::vector<TokenLogprob> logprobs;  // of the prompt, then of the answer
  FinishReason reason = FinishReason::kNone;
  int cached_tokens = 0;
};

/// Submits all requests at once and waits for all answers.
std::vector<Answer> RunTogether(Engine& engine, const std::vector<Request>& requests) {
  std::vector<Answer> answers(requests.size());
  std::mutex mutex;
  std::condition_variable changed;
  std::size_t finished = 0;
  for (std::size_t i = 0; i < requests.size(); ++i) {
    const auto id = engine.Submit(requests[i], [&, i](RequestOutput output) {
      const std::lock_guard lock(mutex);
      auto& logprobs = answers[i].logprobs;
      logprobs.insert(logprobs.end(), output.prompt_logprobs.begin(), output.prompt_logprobs.end());
      logprobs.insert(logprobs.end(), output.logprobs.begin(), output.logprobs.end());
      answers[i].reason = output.finish_reason;
      answers[i].cached_tokens = output.cached_prompt_tokens;
      if (output.finish_reason != FinishReason::kNone) ++finished;
      changed.notify_one();
    });
    EXPECT_TRUE(id.ok()) << id.status().message();
  }
  std::unique_lock lock(mutex);
  changed.wait(lock, [&] { return finished == requests.size(); });
  return answers;
}

std::vector<Answer> RunAlone(Engine& engine, const std::vector<Request>& requests) {
  std::vector<Answer> answers;
  for (const Request& request : requests) answers.push_back(RunTogether(engine, {request})[0]);
  return answers;
}

bool SameBits(float a, float b) {
  return std::bit_cast<std::uint32_t>(a) == std::bit_cast<std::uint32_t>(b);
}

bool Same(const TokenLogprob& a, const TokenLogprob& b) {
  return a.token == b.token && SameBits(a.logprob, b.logprob) &&
         std::equal(a.top.begin(), a.top.end(), b.top.begin(), b.top.end(), [](const auto& x, const auto& y) {
           return x.first == y.first && SameBits(x.second, y.second);
         });
}

/// Where two lists of answers first differ in any bit; nothing when they are the same.
std::optional<std::string> FirstDifference(const std::vector<Answer>& a, const std::vector<Answer>& b) {
  if (a.size() != b.size()) return "other number of answers";
  for (std::size_t i = 0; i < a.size(); ++i) {
    const std::string where = "request " + std::to_string(i);
    if (a[i].reason != b[i].reason || a[i].reason == FinishReason::kError) return where + ": the ending";
    if (a[i].logprobs.size() != b[i].logprobs.size()) return where + ": the length";
    for (std::size_t j = 0; j < a[i].logprobs.size(); ++j) {
      if (!Same(a[i].logprobs[j], b[i].logprobs[j])) return where + ": position " + std::to_string(j);
    }
  }
  return std::nullopt;
}

/// `count` requests of unlike lengths, some sampled, some greedy. With `score_prompt` their prompts'
/// log-probabilities count, too, and no prefix is shared.
std::vector<Request> MakeRequests(const Engine& engine, int count, bool score_prompt, int answer_tokens) {
  const std::string text =
      "The lighthouse keeper had lived on the island for thirty-one years, and in all that time he had never "
      "once "
      "let the lamp go out. Every evening at 17:45 he climbed the 214 steps. def f(n): return n * f(n - 1) "
      "if n "
      "else 1. Привет, мир! 1, 1, 2, 3, 5, 8, 13, 21, 34.";
  const auto tokens = engine.Tokenize(text, false, false);
  EXPECT_TRUE(tokens.ok());
  std::vector<Request> requests;
  for (int i = 0; i < count; ++i) {
    Request request;
    const auto length = static_cast<std::size_t>(1 + (i * 13) % 45);
    const auto first = static_cast<std::size_t>((i * 7) % 40);
    for (std::size_t j = 0; j < length; ++j)
      request.prompt.push_back((*tokens)[(first + j) % tokens->size()]);
    request.sampling.max_tokens = answer_tokens + i % 3;
    request.sampling.temperature = i % 2;
    request.sampling.seed = 1000 + i;
    request.sampling.ignore_eos = true;
    request.sampling.logprobs = 3;
    if (score_prompt) request.sampling.prompt_logprobs = 3;
    requests.push_back(std::move(request));
  }
  return requests;
}

/// One request whose prompt crosses a chunk of attention (256 positions).
std::vector<Request> MakeLongRequest(const Engine& engine, int prompt_tokens) {
  std::vector<Request> requests = MakeRequests(engine, 1, true, 4);
  const std::vector<Request> parts = MakeRequests(engine, 40, true, 4);
  for (const Request& part : parts) {
    requests[0].prompt.insert(requests[0].prompt.end(), part.prompt.begin(), part.prompt.end());
  }
  requests[0].prompt.resize(static_cast<std::size_t>(prompt_tokens));
  return requests;
}

class BitwiseTest : public testing::TestWithParam<int> {
 protected:
  void SetUp() override {
    ASSERT_TRUE(std::filesystem::exists(ModelPath()))
        << "no model at " << ModelPath() << " (./dev test fetches it)";
    if (QuickForm() && level() == 0) GTEST_SKIP() << "the quick form leaves the portable level out";
  }
  static int level() { return GetParam(); }
  static void ExpectSame(const std::vector<Answer>& a, const std::vector<Answer>& b,
                         const std::string& what) {
    const auto difference = FirstDifference(a, b);
    EXPECT_FALSE(difference.has_value()) << what << ": " << *difference;
  }
};

TEST_P(BitwiseTest, AloneAndInBatchesOfTwoToSixtyFour) {
  const auto engine = MakeEngine(level());
  ASSERT_NE(engine, nullptr);
  const int count = QuickForm() ? 6 : level() == 0 && !LongForm() ? 12 : 64;
  const std::vector<Request> requests = MakeRequests(*engine, count, true, 3);
  const std::vector<Answer> alone = RunAlone(*engine, requests);
  std::vector<int> sizes = {2, 5, 17, 64};
  if (LongForm()) sizes = {2, 3, 4, 5, 6, 7, 8, 11, 12, 13, 16, 17, 24, 31, 32, 33, 48, 63, 64};
  for (const int size : sizes) {
    // Every size meets some other part of the requests.
    for (int first = 0; first < count; first += std::max(size, LongForm() ? 1 : 24)) {
      const int last = std::min(first + size, count);
      ExpectSame(RunTogether(*engine, {requests.begin() + first, requests.begin() + last}),
                 {alone.begin() + first, alone.begin() + last}, "batch of " + std::to_string(last - first));
    }
  }
}

TEST_P(BitwiseTest, ChunksOfOneToFiveHundredAndTwelve) {
  std::vector<Answer> whole;
  std::vector<int> chunks = {512, 1, 7, 64};
  if (QuickForm()) chunks = {512, 64};
  if (LongForm()) chunks = {512, 1, 2, 3, 5, 7, 13, 16, 31, 64, 100, 255, 256, 257};
  for (const int chunk : chunks) {
    const auto engine = MakeEngine(level(), {{"max-num-batched-tokens", "512"},
                                             {"long-prefill-token-threshold", std::to_string(chunk)}});
    ASSERT_NE(engine, nullptr);
    // Chunks of one token are slow; 270 positions still cross into the second chunk of attention.
    const std::vector<Answer> answers = RunAlone(*engine, MakeLongRequest(*engine, LongForm() ? 500 : 270));
    if (whole.empty()) whole = answers;
    ExpectSame(answers, whole, "chunks of " + std::to_string(chunk));
  }
}

TEST_P(BitwiseTest, OneThreadAndTwo) {
  std::vector<Answer> first;
  for (const int threads : {1, 2, 3}) {
    const auto engine = MakeEngine(level(), {{"threads", std::to_string(threads)}});
    ASSERT_NE(engine, nullptr);
    const std::vector<Answer> answers =
        RunTogether(*engine, MakeRequests(*engine, QuickForm() ? 3 : 6, true, 4));
    if (first.empty()) first = answers;
    ExpectSame(answers, first, std::to_string(threads) + " threads");
  }
}

TEST_P(BitwiseTest, PrefixHitAndMiss) {
  const auto with = MakeEngine(level());
  const auto without = MakeEngine(level(), {{"enable-prefix-caching", "false"}});
  ASSERT_TRUE(with != nullptr && without != nullptr);
  const std::vector<Request> requests = MakeRequests(*with, QuickForm() ? 4 : 8, false, 4);
  const std::vector<Answer> missed = RunAlone(*without, requests);
  ExpectSame(RunAlone(*with, requests), missed, "first time");
  const std::vector<Answer> hit = RunAlone(*with, requests);
  ExpectSame(hit, missed, "second time");
  EXPECT_TRUE(std::any_of(hit.begin(), hit.end(), [](const Answer& a) { return a.cached_tokens >= 32; }));
  EXPECT_TRUE(
      std::all_of(missed.begin(), missed.end(), [](const Answer& a) { return a.cached_tokens == 0; }));
}

TEST_P(BitwiseTest, AfterPreemption) {
  const auto roomy = MakeEngine(level());
  // 368640 bytes hold 16 tokens of this model: 10 blocks for 8 requests that grow to 3 or 4 each.
  const auto tight =
      MakeEngine(level(), {{"kv-cache-memory-bytes", std::to_string(368640 * 10)}, {"max-model-len", "160"}});
  ASSERT_TRUE(roomy != nullptr && tight != nullptr);
  const std::vector<Request> requests = MakeRequests(*roomy, 8, false, 20);
  ExpectSame(RunTogether(*tight, requests), RunAlone(*roomy, requests), "preempted");
  EXPECT_GT(tight->stats().preemptions, 0);
}

// The comparison must be able to fail: arithmetic that differs in rounding only is told apart.
TEST_P(BitwiseTest, OtherArithmeticIsDetected) {
  const auto engine = MakeEngine(level());
  const auto rounded = MakeEngine(level(), {{"kv-cache-dtype", "float32"}});
  ASSERT_TRUE(engine != nullptr && rounded != nullptr);
  const std::vector<Request> requests = MakeRequests(*engine, 2, true, 3);
  const std::vector<Answer> answers = RunAlone(*engine, requests);
  EXPECT_TRUE(FirstDifference(RunAlone(*rounded, requests), answers).has_value());
  std::vector<Answer> nudged = answers;
  float& logprob = nudged[1].logprobs.back().top.back().second;
  logprob = std::bit_cast<float>(std::bit_cast<std::uint32_t>(logprob) ^ 1u);
  EXPECT_TRUE(FirstDifference(nudged, answers).has_value());
}

// What the promise forbids: an engine that picks other kernels when requests come together.
TEST_P(BitwiseTest, KernelsThatArePickedByTheBatchAreDetected) {
  const auto for_one = MakeEngine(level());
  const auto for_many = MakeEngine(level() == 0 ? 2 : 0);
  ASSERT_TRUE(for_one != nullptr && for_many != nullptr);
  if (for_one->model().level == for_many->model().level) GTEST_SKIP() << "this CPU runs one level only";
  const std::vector<Request> requests = MakeRequests(*for_one, 4, true, 3);
  EXPECT_TRUE(FirstDifference(RunTogether(*for_many, requests), RunAlone(*for_one, requests)).has_value());
}

TEST_P(BitwiseTest, OtherActivationTypesAreDetected) {
  if (level() == 0) GTEST_SKIP() << "rows are float32 at the portable level";
  const auto engine = MakeEngine(level());
  const auto finer = MakeEngine(level(), {{"activation-dtype", "int16"}});
  ASSERT_TRUE(engine != nullptr && finer != nullptr);
  if (engine->model().level == 0) GTEST_SKIP() << "this CPU runs the portable level only";
  const std::vector<Request> requests = MakeRequests(*engine, 2, true, 3);
  EXPECT_TRUE(FirstDifference(RunAlone(*finer, requests), RunAlone(*engine, requests)).has_value());
}

// Capture modes, sizes that are compiled for, and passes that move no rounding point are a matter of speed.
TEST_P(BitwiseTest, WhatIsForSpeedChangesNoBit) {
  if (level() == 0) GTEST_SKIP() << "nothing to choose at the portable level";
  std::vector<Settings> choices = {
      {{"compilation-config.cudagraph_mode", "NONE"}, {"compilation-config.compile_sizes", "[]"}},
      {{"compilation-config.compile_sizes", "1,3,4"},
       {"compilation-config.compile_ranges_endpoints", "2,64"}},
      {{"compilation-config.pass_config.fuse_qkv", "false"},
       {"compilation-config.pass_config.fuse_act_quant", "false"}}};
  if (LongForm()) {
    for (const compiler::PassRow& pass : compiler::PassList()) {
      if (pass.moves_rounding_point || pass.level > level()) continue;
      choices.push_back({{"compilation-config.pass_config." + std::string(pass.name), "false"}});
    }
  }
  const auto engine = MakeEngine(level());
  ASSERT_NE(engine, nullptr);
  const std::vector<Request> requests = MakeRequests(*engine, 4, true, 4);
  const std::vector<Answer> answers = RunTogether(*engine, requests);
  for (const Settings& choice : QuickForm() ? std::vector<Settings>{choices[0]} : choices) {
    const auto other = MakeEngine(level(), choice);
    ASSERT_NE(other, nullptr);
    ExpectSame(RunTogether(*other, requests), answers, choice[0].first);
  }
}

std::string LevelName(const testing::TestParamInfo<int>& info) {
  return "O" + std::to_string(info.param);
}
INSTANTIATE_TEST_SUITE_P(Levels, BitwiseTest, testing::Values(0, 1, 2), LevelName);

}  // namespace
}  // namespace vivace
