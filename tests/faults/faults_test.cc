// Memory, system calls and threads that fail one after the other, from the opening of a model to the end of
// its engine: each ends in a Status or changes nothing, nothing leaks, and what comes after answers as ever.
#include <gtest/gtest.h>

#include <filesystem>

#include "fault_fixture.h"

namespace vivace::faults {
namespace {

// What fails, and for how long.
struct Form {
  Kind kind;
  bool lasting;
  const char* name;
};

class Faults : public FaultTest, public testing::WithParamInterface<Form> {
 protected:
  void ForEachK(const std::function<long(const Fault&)>& attempt) {
    ForEach(GetParam().kind, GetParam().lasting, attempt);
  }

  void ExpectRefusal(const Status& status) {
    EXPECT_FALSE(status.message().empty());
    EXPECT_NE(status.code(), StatusCode::kInternal) << status.message();
    EXPECT_NE(status.code(), StatusCode::kOk);
    if (GetParam().kind == Kind::kCall && status.code() != StatusCode::kResourceExhausted) {
      EXPECT_NE(status.message().find(Model()), std::string::npos) << status.message();
    } else {
      EXPECT_EQ(status.code(), StatusCode::kResourceExhausted) << status.message();
    }
  }

  static void ExpectHeld(const Held& before) {
    const Held now = HeldNow();
    EXPECT_TRUE(now == before) << "leaked: " << now.allocations - before.allocations << " allocations, "
                               << now.mappings - before.mappings << " mappings, "
                               << now.descriptors - before.descriptors << " descriptors";
  }

  template <class T>
  void ExpectEqualOrRefused(const Result<T>& result, const T& expected) {
    if (result.ok()) {
      EXPECT_EQ(*result, expected);
    } else {
      ExpectRefusal(result.status());
    }
  }

  // Starts with a fault and asks without one; the tokens must be those of a start without.
  void SweepStart(const Options& options, const std::function<void()>& before) {
    const std::vector<std::int32_t> expected = Complete(*Start(options), Ask()).tokens;
    ASSERT_EQ(expected.size(), 5u);
    ForEachK([&](const Fault& fault) {
      before();
      const Held held = HeldNow();
      const long count = StartOnce(options, fault, expected);
      ExpectHeld(held);
      return count;
    });
    before();
    EXPECT_EQ(Complete(*Start(options), Ask()).tokens, expected);
  }

  long StartOnce(const Options& options, const Fault& fault, const std::vector<std::int32_t>& expected) {
    std::optional<Result<std::unique_ptr<Engine>>> engine;
    long count = 0;
    {
      const Armed armed(fault);
      engine = Engine::Create(options);
      if (engine->ok()) static_cast<void>((**engine)->WaitForArtifact());
      count = armed.count();
    }
    if (!engine->ok()) {
      ExpectRefusal(engine->status());
      return count;
    }
    const Answer answer = Complete(***engine, Ask());
    EXPECT_EQ(answer.tokens, expected) << answer.status.message();
    return count;
  }
};

TEST_P(Faults, OpeningAGgufFile) {
  for (const int level : {0, 2}) SweepStart(MakeOptions(Gguf(), level, {{"no-cache", "true"}}), [] {});
}

TEST_P(Faults, OpeningAFolder) {
  for (const int level : {0, 2}) SweepStart(MakeOptions(Folder(), level, {{"no-cache", "true"}}), [] {});
}

TEST_P(Faults, WhatAFaultLeavesOfAnArtifactIsGoodOrMadeAgain) {
  const Options options = MakeOptions(Gguf(), 2, {{"cache-dir", Cache()}});
  const std::vector<std::int32_t> expected = Complete(*Start(options), Ask()).tokens;
  ForEachK([&](const Fault& fault) {
    ClearCache();
    const long count = StartOnce(options, fault, expected);
    for (int again = 0; again < 2; ++again) {
      const auto engine = Start(options);
      EXPECT_EQ(Complete(*engine, Ask()).tokens, expected);
      const auto kept = engine->WaitForArtifact();
      EXPECT_TRUE(kept.ok() && !kept->empty()) << kept.status().message();
      EXPECT_TRUE(again == 0 || engine->stats().artifact_hits == 1);
    }
    return count;
  });
}

TEST_P(Faults, StartingFromAnArtifact) {
  const Options options = MakeOptions(Gguf(), 2, {{"cache-dir", Cache()}});
  static_cast<void>(Start(options)->WaitForArtifact());
  SweepStart(options, [] {});
  EXPECT_EQ(Start(options)->stats().artifact_hits, 1);
}

TEST_P(Faults, GoingUpATier) {
  SweepStart(MakeOptions(Gguf(), 2, {{"cache-dir", Cache()}, {"tier-up", "true"}}), [this] { ClearCache(); });
}

TEST_P(Faults, RequestsEndOrAnswerAsEver) {
  for (const int level : {0, 2}) {
    const auto engine = Start(MakeOptions(Gguf(), level, {{"no-cache", "true"}}));
    const std::vector<std::int32_t> expected[] = {Complete(*engine, Ask(5, 0)).tokens,
                                                  Complete(*engine, Ask(5, 1)).tokens};
    ForEachK([&](const Fault& fault) {
      Request requests[] = {Ask(5, 0), Ask(5, 1)};
      Listener listeners[2];
      OutputCallback callbacks[] = {listeners[0].Callback(), listeners[1].Callback()};
      bool submitted[2];
      long count = 0;
      {
        const Armed armed(fault);
        for (int i = 0; i < 2; ++i) {
          const auto id = engine->Submit(std::move(requests[i]), std::move(callbacks[i]));
          submitted[i] = id.ok();
          if (!id.ok()) ExpectRefusal(id.status());
        }
        for (int i = 0; i < 2; ++i) {
          EXPECT_TRUE(!submitted[i] || listeners[i].Wait()) << "a request never ended";
        }
        EXPECT_GT(engine->stats().steps, 0);
        count = armed.count();
      }
      for (int i = 0; i < 2; ++i) {
        if (!submitted[i]) continue;
        if (listeners[i].last.finish_reason == FinishReason::kError) {
          ExpectRefusal(listeners[i].last.status);
        } else {
          EXPECT_EQ(listeners[i].tokens, expected[i]);
        }
      }
      for (int i = 0; i < 2; ++i) EXPECT_EQ(Complete(*engine, Ask(5, i)).tokens, expected[i]);
      EXPECT_EQ(engine->stats().blocks_used, 0);
      EXPECT_EQ(engine->stats().running + engine->stats().waiting, 0);
      return count;
    });
    EXPECT_TRUE(engine->Drain(10));
  }
}

TEST_P(Faults, CancellingAlwaysSucceeds) {
  const auto engine = Start(MakeOptions(Gguf(), 0, {{"no-cache", "true"}}));
  const std::vector<std::int32_t> expected = Complete(*engine, Ask()).tokens;
  ForEachK([&](const Fault& fault) {
    Listener listener;
    const auto id = engine->Submit(Ask(200), listener.Callback());
    EXPECT_TRUE(id.ok());
    long count = 0;
    {
      const Armed armed(fault);
      engine->Cancel(*id);
      EXPECT_TRUE(listener.Wait()) << "a request never ended";
      count = armed.count();
    }
    EXPECT_EQ(Complete(*engine, Ask()).tokens, expected);
    return count;
  });
}

TEST_P(Faults, EndingWithRequestsInFlight) {
  const Options options = MakeOptions(Gguf(), 2, {{"cache-dir", Cache()}});
  ForEachK([&](const Fault& fault) {
    ClearCache();
    const Held held = HeldNow();
    long count = 0;
    {
      auto engine = Start(options);
      Listener listeners[2];
      for (Listener& listener : listeners) EXPECT_TRUE(engine->Submit(Ask(200), listener.Callback()).ok());
      {
        const Armed armed(fault);
        engine.reset();
        count = armed.count();
      }
      for (Listener& listener : listeners) EXPECT_TRUE(listener.Wait()) << "a request never ended";
    }
    ExpectHeld(held);
    return count;
  });
}

TEST_P(Faults, TextsAreReadOrRefused) {
  const auto engine = Start(MakeOptions(Gguf(), 0, {{"no-cache", "true"}}));
  const std::string text(100, 'a');
  const ChatPrompt chat{{{"user", "Hello there, this is a message of some length."}}};
  const std::vector<std::string> words = {"a word that is not to be said"};
  const auto tokens = *engine->Tokenize(text, true, true);
  const auto prompt = *engine->RenderChat(chat);
  const auto bad = *engine->EncodeBadWords(words);
  ForEachK([&](const Fault& fault) {
    const Held held = HeldNow();
    long count = 0;
    {
      const Armed armed(fault);
      const auto read = engine->Tokenize(text, true, true);
      ExpectEqualOrRefused(read, tokens);
      const auto rendered = engine->RenderChat(chat);
      ExpectEqualOrRefused(rendered, prompt);
      const auto encoded = engine->EncodeBadWords(words);
      ExpectEqualOrRefused(encoded, bad);
      count = armed.count();
    }
    ExpectHeld(held);
    return count;
  });
}

INSTANTIATE_TEST_SUITE_P(Every, Faults,
                         testing::Values(Form{Kind::kAllocation, false, "Allocation"},
                                         Form{Kind::kAllocation, true, "AllocationForGood"},
                                         Form{Kind::kCall, false, "Call"},
                                         Form{Kind::kCall, true, "CallForGood"},
                                         Form{Kind::kThread, false, "Thread"},
                                         Form{Kind::kThread, true, "ThreadForGood"}),
                         [](const auto& form) { return std::string(form.param.name); });

using Callbacks = FaultTest;

TEST_F(Callbacks, OneThatHasNoMemoryEndsItsOwnRequestAndNoOther) {
  const auto engine = Start(MakeOptions(Gguf(), 0, {{"no-cache", "true"}}));
  const std::vector<std::int32_t> expected = Complete(*engine, Ask(5, 1)).tokens;
  for (int first = 1; first <= 5; ++first) {
    Listener poor, other;
    poor.Refuse(first, 3);
    ASSERT_TRUE(engine->Submit(Ask(5, 0), poor.Callback()).ok());
    ASSERT_TRUE(engine->Submit(Ask(5, 1), other.Callback()).ok());
    ASSERT_TRUE(poor.Wait() && other.Wait());
    EXPECT_EQ(poor.last.finish_reason, FinishReason::kError);
    EXPECT_EQ(poor.last.status.message(), "memory ran out");
    EXPECT_EQ(other.tokens, expected);
  }
  EXPECT_TRUE(engine->Drain(10));
  EXPECT_EQ(engine->stats().blocks_used, 0);
}

TEST_F(Callbacks, OneThatNeverHasMemoryDoesNotKeepTheEngineFromDraining) {
  const auto engine = Start(MakeOptions(Gguf(), 0, {{"no-cache", "true"}}));
  Listener deaf;
  deaf.Refuse(1, 1 << 20);
  ASSERT_TRUE(engine->Submit(Ask(5), deaf.Callback()).ok());
  EXPECT_TRUE(engine->Drain(10));
  EXPECT_EQ(engine->stats().blocks_used, 0);
}

}  // namespace
}  // namespace vivace::faults
