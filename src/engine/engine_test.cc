#include "vivace/engine.h"

#include <gtest/gtest.h>
#include <sched.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <set>

#include "codegen/kernel_library.h"
#include "engine/allocation_count.h"
#include "engine/engine_fixture.h"

namespace vivace {
namespace {

TEST_P(EngineTest, AnswersWithTokensTextAndTimes) {
  const auto engine = Make();
  EXPECT_EQ(engine->model().vocabulary, TinyModelSpec::kVocabulary);
  EXPECT_EQ(engine->model().level, codegen::KernelLibrary::Supported() ? GetParam() : 0);
  const Collected answer = Complete(*engine, Ask(SomePrompt(5)));
  EXPECT_EQ(answer.tokens.size(), 8u);
  EXPECT_EQ(answer.pieces, 8);
  EXPECT_EQ(answer.text, engine->Detokenize(answer.tokens));
  EXPECT_EQ(answer.last.finish_reason, FinishReason::kLength);
  EXPECT_LE(answer.last.timing.queued, answer.last.timing.first_token);
  EXPECT_LT(answer.last.timing.first_token, answer.last.timing.last_token);
  EXPECT_EQ(Complete(*engine, Ask(SomePrompt(5))).tokens, answer.tokens);
  EXPECT_EQ(engine->stats().generation_tokens, 16);
}

/// The CPU lists of this process's threads, as the system knows them.
std::multiset<std::string> ThreadCpus() {
  std::multiset<std::string> lists;
  for (const auto& task : std::filesystem::directory_iterator("/proc/self/task")) {
    std::ifstream status(task.path() / "status");
    for (std::string word; status >> word;) {
      if (word != "Cpus_allowed_list:" || !(status >> word)) continue;
      lists.insert(word);
      break;
    }
  }
  return lists;
}

TEST_P(EngineTest, AListOfCpusHoldsEveryWorker) {
  cpu_set_t allowed;
  ASSERT_EQ(sched_getaffinity(0, sizeof allowed, &allowed), 0);
  if (!CPU_ISSET(0, &allowed) || !CPU_ISSET(1, &allowed)) GTEST_SKIP() << "CPUs 0 and 1 are not ours";
  const auto engine = Make({{"cpu-threads-bind", "0,1"}});
  Complete(*engine, Ask(SomePrompt(3)));
  const std::multiset<std::string> lists = ThreadCpus();
  EXPECT_EQ(lists.count("0"), 1u);
  EXPECT_EQ(lists.count("1"), 1u);
}

TEST_P(EngineTest, LogprobsAreThoseOfTheTokensAndOfThePrompt) {
  const auto engine = Make();
  Request request = Ask(SomePrompt(40));
  request.sampling.logprobs = 2;
  request.sampling.prompt_logprobs = 0;
  const Collected answer = Complete(*engine, request);
  ASSERT_EQ(answer.logprobs.size(), 8u);
  EXPECT_EQ(answer.logprobs[0].token, answer.tokens[0]);
  ASSERT_EQ(answer.logprobs[0].top.size(), 2u);
  EXPECT_EQ(answer.logprobs[0].top[0].first, answer.tokens[0]) << "greedy takes the likeliest";
  ASSERT_EQ(answer.prompt_logprobs.size(), 39u);
  // What was generated, asked for as a prompt, has the same log-probabilities, bit for bit.
  Request again = Ask(request.prompt, 1);
  again.prompt.insert(again.prompt.end(), answer.tokens.begin(), answer.tokens.end());
  again.sampling.prompt_logprobs = 0;
  const Collected scored = Complete(*engine, again);
  ASSERT_EQ(scored.prompt_logprobs.size(), 47u);
  for (std::size_t i = 0; i < 39; ++i) {
    EXPECT_EQ(scored.prompt_logprobs[i].logprob, answer.prompt_logprobs[i].logprob) << i;
  }
  for (std::size_t i = 0; i < 8; ++i) {
    EXPECT_EQ(scored.prompt_logprobs[39 + i].token, answer.tokens[i]);
    EXPECT_EQ(scored.prompt_logprobs[39 + i].logprob, answer.logprobs[i].logprob) << i;
  }
}

TEST_P(EngineTest, MorePromptLogitsThanOneBufferHoldsAreMadeInSlices) {
  const auto engine = Make();
  const auto narrow = Make({{"max-num-batched-tokens", "16"}, {"max-num-seqs", "4"}});
  Request request = Ask(SomePrompt(150), 1);
  request.sampling.prompt_logprobs = 0;
  const Collected wide_answer = Complete(*engine, request);
  const Collected narrow_answer = Complete(*narrow, request);
  ASSERT_EQ(wide_answer.prompt_logprobs.size(), 149u);
  ASSERT_EQ(narrow_answer.prompt_logprobs.size(), 149u);
  for (std::size_t i = 0; i < 149; ++i) {
    EXPECT_EQ(wide_answer.prompt_logprobs[i].logprob, narrow_answer.prompt_logprobs[i].logprob) << i;
  }
}

// The whole UTF-8 character that covers byte `index`.
std::string CharacterAt(const std::string& text, std::size_t index) {
  const auto continues = [&](std::size_t i) { return i < text.size() && (text[i] & 0xC0) == 0x80; };
  std::size_t begin = index, end = index + 1;
  while (continues(begin)) --begin;
  while (continues(end)) ++end;
  return text.substr(begin, end - begin);
}

TEST_P(EngineTest, AStopStringEndsTheTextBeforeIt) {
  const auto engine = Make();
  const Collected free = Complete(*engine, Ask(SomePrompt(9), 12));
  const std::string stop = CharacterAt(free.text, free.text.size() / 2);
  ASSERT_FALSE(stop.empty());
  Request request = Ask(SomePrompt(9), 12);
  request.sampling.stop = {"no such text", stop};
  const Collected answer = Complete(*engine, request);
  EXPECT_EQ(answer.last.finish_reason, FinishReason::kStop);
  EXPECT_EQ(answer.last.stop_reason, stop);
  EXPECT_EQ(answer.text, free.text.substr(0, free.text.find(stop)));
}

TEST_P(EngineTest, AStopTokenEndsTheAnswer) {
  const auto engine = Make();
  const Collected free = Complete(*engine, Ask(SomePrompt(9), 6));
  Request request = Ask(SomePrompt(9), 6);
  request.sampling.stop_token_ids = {free.tokens[3]};
  const Collected answer = Complete(*engine, request);
  EXPECT_EQ(answer.last.finish_reason, FinishReason::kStop);
  const auto first = std::find(free.tokens.begin(), free.tokens.end(), free.tokens[3]);
  EXPECT_EQ(answer.tokens, std::vector<std::int32_t>(free.tokens.begin(), first + 1));
}

TEST_P(EngineTest, AnAnswerDoesNotDependOnWhatElseRuns) {
  const auto engine = Make({{"max-num-batched-tokens", "32"}, {"max-num-seqs", "8"}});
  std::vector<Request> requests;
  std::vector<Collected> alone;
  for (int i = 0; i < 8; ++i) {
    Request request = Ask(SomePrompt(3 + i * 9, i), 12);
    request.sampling.temperature = i % 2 == 0 ? 0.0 : 1.0;
    request.sampling.seed = 7 + i;
    request.sampling.logprobs = 0;
    requests.push_back(request);
    alone.push_back(Complete(*engine, request));
  }
  std::vector<Collector> collectors(requests.size());
  for (std::size_t i = 0; i < requests.size(); ++i) {
    ASSERT_TRUE(engine->Submit(requests[i], collectors[i].Callback()).ok());
  }
  for (std::size_t i = 0; i < requests.size(); ++i) {
    const Collected together = collectors[i].Wait();
    EXPECT_EQ(together.tokens, alone[i].tokens) << i;
    for (std::size_t j = 0; j < together.logprobs.size(); ++j) {
      EXPECT_EQ(together.logprobs[j].logprob, alone[i].logprobs[j].logprob) << i << " " << j;
    }
  }
}

TEST_P(EngineTest, APoolThatIsTooSmallForAllStillAnswersAllAlike) {
  const auto roomy = Make();
  // 2 layers x (K and V) x 32 dims x 16 tokens x 2 bytes = 4096 bytes a block.
  const auto tight = Make({{"kv-cache-memory-bytes", std::to_string(4096 * 6)},
                           {"max-num-seqs", "8"},
                           {"max-model-len", "auto"}});
  EXPECT_EQ(tight->model().max_model_len, 96);
  std::vector<Collector> collectors(5);
  for (std::size_t i = 0; i < collectors.size(); ++i) {
    ASSERT_TRUE(tight->Submit(Ask(SomePrompt(20, static_cast<int>(i)), 40), collectors[i].Callback()).ok());
  }
  for (std::size_t i = 0; i < collectors.size(); ++i) {
    EXPECT_EQ(collectors[i].Wait().tokens,
              Complete(*roomy, Ask(SomePrompt(20, static_cast<int>(i)), 40)).tokens);
  }
  EXPECT_GT(tight->stats().preemptions, 0);
  EXPECT_EQ(tight->stats().blocks_used, 0);
}

TEST_P(EngineTest, APrefixHitChangesNothingButTheCount) {
  const auto engine = Make();
  const Collected miss = Complete(*engine, Ask(SomePrompt(70)));
  const Collected hit = Complete(*engine, Ask(SomePrompt(70)));
  EXPECT_EQ(miss.last.cached_prompt_tokens, 0);
  EXPECT_EQ(hit.last.cached_prompt_tokens, 64);
  EXPECT_EQ(hit.tokens, miss.tokens);
  Request salted = Ask(SomePrompt(70));
  salted.cache_salt = "somebody else";
  EXPECT_EQ(Complete(*engine, salted).last.cached_prompt_tokens, 0);
}

TEST_P(EngineTest, CancellingFreesTheBlocks) {
  TinyModelSpec spec;
  spec.context = 16384;
  const auto engine = Make({}, spec);
  Collector collector;
  const auto id = engine->Submit(Ask(SomePrompt(20), 16000), collector.Callback());
  ASSERT_TRUE(id.ok());
  collector.WaitForFirst();
  engine->Cancel(*id);
  engine->Cancel(12345);
  EXPECT_EQ(collector.Wait().last.finish_reason, FinishReason::kCancelled);
  EXPECT_EQ(engine->stats().blocks_used, 0);
  EXPECT_EQ(engine->stats().cancelled, 1);
}

TEST_P(EngineTest, RefusesWhatCannotBeAnsweredAndSaysWhy) {
  const auto engine = Make();
  EXPECT_EQ(Refusal(*engine, Ask({})).message(), "the prompt is empty: give at least one token");
  EXPECT_EQ(Refusal(*engine, Ask({5, -1})).message(), "prompt token -1: ids of this model are 0 to 260");
  EXPECT_EQ(Refusal(*engine, Ask({261})).code(), StatusCode::kInvalidArgument);
  EXPECT_EQ(Refusal(*engine, Ask(SomePrompt(256))).message(),
            "the prompt has 256 tokens, but the model length is 256 tokens, prompt and answer together: "
            "shorten it");
  EXPECT_EQ(Refusal(*engine, Ask({5}, 0)).code(), StatusCode::kInvalidArgument);
  EXPECT_EQ(Complete(*engine, Ask(SomePrompt(250), 100)).tokens.size(), 6u)
      << "the model length ends the answer";
}

TEST_P(EngineTest, AFullQueueRefusesAtOnce) {
  TinyModelSpec spec;
  spec.context = 16384;
  const auto engine = Make({{"max-num-seqs", "1"}, {"max-num-queued-reqs", "1"}}, spec);
  std::vector<Collector> collectors(2);
  std::vector<RequestId> ids;
  for (Collector& collector : collectors) {
    const auto id = engine->Submit(Ask(SomePrompt(5), 16000), collector.Callback());
    ASSERT_TRUE(id.ok());
    ids.push_back(*id);
  }
  EXPECT_EQ(Refusal(*engine, Ask(SomePrompt(5))).code(), StatusCode::kResourceExhausted);
  for (const RequestId id : ids) engine->Cancel(id);
  for (Collector& collector : collectors) collector.Wait();
}

TEST_P(EngineTest, TheQueueIsBoundedInPromptTokens) {
  TinyModelSpec spec;
  spec.context = 16384;
  const auto engine = Make({{"max-num-seqs", "1"}, {"max-num-queued-tokens", "20"}}, spec);
  std::vector<Collector> collectors(4);
  std::vector<RequestId> ids;
  const auto submit = [&](int tokens, int answer) {
    return engine->Submit(Ask(SomePrompt(tokens), answer), collectors[ids.size()].Callback());
  };
  ids.push_back(submit(100, 16000).value());  // as nothing waits
  while (engine->stats().waiting_tokens > 0) std::this_thread::yield();
  ids.push_back(submit(15, 2).value());
  EXPECT_EQ(engine->stats().waiting_tokens, 15);
  EXPECT_EQ(submit(6, 2).status().message(),
            "prompts of 15 tokens are waiting, of at most 20: try again later");
  ids.push_back(submit(5, 2).value());
  engine->Cancel(ids[1]);  // one that waits gives its room back
  collectors[1].Wait();
  EXPECT_EQ(engine->stats().waiting_tokens, 5);
  ids.push_back(submit(15, 2).value());
  engine->Cancel(ids[0]);
  for (const std::size_t i : {0, 2, 3}) collectors[i].Wait();
  EXPECT_EQ(engine->stats().waiting_tokens, 0);
}

TEST_P(EngineTest, DrainFinishesWhatRunsAndRefusesTheRest) {
  const auto engine = Make();
  Collector collector;
  ASSERT_TRUE(engine->Submit(Ask(SomePrompt(5), 50), collector.Callback()).ok());
  EXPECT_TRUE(engine->Drain(30));
  EXPECT_EQ(collector.Wait().tokens.size(), 50u);
  EXPECT_EQ(Refusal(*engine, Ask(SomePrompt(5))).code(), StatusCode::kUnavailable);
}

TEST_P(EngineTest, TheEndOfTheEngineCancelsWhatIsLeft) {
  auto engine = Make();
  Collector collector;
  ASSERT_TRUE(engine->Submit(Ask(SomePrompt(5), 250), collector.Callback()).ok());
  engine.reset();
  const FinishReason reason = collector.Wait().last.finish_reason;
  EXPECT_TRUE(reason == FinishReason::kCancelled || reason == FinishReason::kLength);
}

TEST_P(EngineTest, LogitsThatAreNoNumbersEndThatRequestOnly) {
  TinyModelSpec spec;
  spec.poisoned = true;
  const auto engine = Make({}, spec);
  std::vector<Collector> collectors(2);
  ASSERT_TRUE(engine->Submit(Ask({3 + 'a', 3 + 'b', 3 + '!'}), collectors[0].Callback()).ok());
  ASSERT_TRUE(engine->Submit(Ask({3 + 'a', 3 + 'b'}, 1), collectors[1].Callback()).ok());
  const Collected poisoned = collectors[0].Wait();
  EXPECT_EQ(poisoned.last.finish_reason, FinishReason::kError);
  EXPECT_FALSE(poisoned.last.status.ok());
  EXPECT_EQ(collectors[1].Wait().last.finish_reason, FinishReason::kLength);
  EXPECT_EQ(engine->stats().blocks_used, 0);
}

TEST_P(EngineTest, WithoutMemoryTheRequestEndsAndTheEngineGoesOn) {
  const auto engine = Make();
  Collector collector;
  const OutputCallback collect = collector.Callback();
  // On the loop's thread: the next step finds no memory.
  const auto starve = [&](RequestOutput output) {
    const bool last = output.finish_reason != FinishReason::kNone;
    collect(std::move(output));
    if (!last) engine::FailNextAllocation();
  };
  ASSERT_TRUE(engine->Submit(Ask(SomePrompt(5), 20), starve).ok());
  const Collected starved = collector.Wait();
  EXPECT_EQ(starved.last.finish_reason, FinishReason::kError);
  EXPECT_EQ(starved.last.status.code(), StatusCode::kResourceExhausted);
  EXPECT_EQ(starved.tokens.size(), 1u);
  EXPECT_EQ(engine->stats().blocks_used, 0);
  EXPECT_EQ(Complete(*engine, Ask(SomePrompt(5), 20)).tokens.size(), 20u);
}

TEST_P(EngineTest, RendersTheModelsChatTemplateAndKeepsUserTextFromBeingSpecial) {
  const auto engine = Make();
  const auto ids = engine->RenderChat({.messages = {{"user", "hi <|im_end|>"}}});
  ASSERT_TRUE(ids.ok()) << ids.status().message();
  EXPECT_EQ(std::count(ids->begin(), ids->end(), TinyModelSpec::kStart), 2);
  EXPECT_EQ(std::count(ids->begin(), ids->end(), TinyModelSpec::kEnd), 1);
  EXPECT_EQ(ids->front(), TinyModelSpec::kStart);
}

TEST_P(EngineTest, LoadErrorsNameTheFileOrTheFlag) {
  Options options;
  EXPECT_EQ(Engine::Create(options).status().code(), StatusCode::kInvalidArgument);
  ASSERT_TRUE(options.Set("log-level", "off").ok());
  ASSERT_TRUE(options.Set("model", "/no/such/file.gguf").ok());
  const Status missing = Engine::Create(options).status();
  EXPECT_EQ(missing.code(), StatusCode::kNotFound);
  EXPECT_NE(missing.message().find("/no/such/file.gguf"), std::string::npos);
  ASSERT_TRUE(options.Set("model", WriteModel()).ok());
  ASSERT_TRUE(options.Set("max-model-len", "257").ok());
  EXPECT_NE(Engine::Create(options).status().message().find("--max-model-len is 257"), std::string::npos);
  ASSERT_TRUE(options.Set("max-model-len", "128").ok());
  ASSERT_TRUE(options.Set("kv-cache-memory-bytes", "100").ok());
  EXPECT_NE(Engine::Create(options).status().message().find("room for 100 bytes (--kv-cache-memory-bytes)"),
            std::string::npos);
}

INSTANTIATE_TEST_SUITE_P(Levels, EngineTest, testing::Values(0, 2), LevelName);

}  // namespace
}  // namespace vivace
