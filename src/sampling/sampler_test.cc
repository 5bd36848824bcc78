#include "sampling/sampler.h"

#include <gtest/gtest.h>
#include <xmmintrin.h>

#include <cmath>
#include <limits>
#include <map>
#include <numeric>
#include <string>

#include "sampling/gumbel_draw.h"
#include "sampling/logit_scan.h"
#include "sampling/philox.h"
#include "sampling/philox_blocks.h"

namespace vivace::sampling {
namespace {

constexpr std::int32_t kVocabulary = 1000;

/// Logits that look random, between -8 and 8.
std::vector<float> MakeLogits(std::size_t count, std::uint32_t seed = 7) {
  std::vector<float> logits(count);
  for (std::size_t i = 0; i < count; ++i) {
    const std::uint32_t bits = Philox({static_cast<std::uint32_t>(i), 0, 0, 0}, {seed, 99})[0];
    logits[i] = static_cast<float>(bits) * 0x1p-28f - 8;
  }
  return logits;
}

std::int32_t Draw(std::span<const float> logits, const SamplingParams& params, const DrawKey& key) {
  Sampler sampler;
  SampleResult result;
  const Status status = sampler.Sample(logits, params, key, result);
  EXPECT_TRUE(status.ok()) << status.message();
  return result.chosen.token;
}

std::map<std::int32_t, int> CountDraws(std::span<const float> logits, const SamplingParams& params,
                                       int draws) {
  std::map<std::int32_t, int> counts;
  Sampler sampler;
  SampleResult result;
  for (int i = 0; i < draws; ++i) {
    EXPECT_TRUE(sampler.Sample(logits, params, {42, 0, static_cast<std::uint64_t>(i)}, result).ok());
    ++counts[result.chosen.token];
  }
  return counts;
}

/// Pearson's statistic of observed counts against exp(logit / temperature).
double ChiSquare(std::span<const float> logits, double temperature, int draws) {
  SamplingParams params;
  params.temperature = temperature;
  auto counts = CountDraws(logits, params, draws);
  double total = 0, statistic = 0;
  for (const float logit : logits) total += std::exp(double{logit} / temperature);
  for (std::size_t i = 0; i < logits.size(); ++i) {
    const double expected = draws * std::exp(double{logits[i]} / temperature) / total;
    const double difference = counts[static_cast<std::int32_t>(i)] - expected;
    statistic += difference * difference / expected;
  }
  return statistic;
}

TEST(Philox, MatchesThePublishedVectors) {  // Random123, kat_vectors: philox 4x32, 10 rounds
  EXPECT_EQ(Philox({0, 0, 0, 0}, {0, 0}), (PhiloxCounter{0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8}));
  EXPECT_EQ(Philox({~0u, ~0u, ~0u, ~0u}, {~0u, ~0u}),
            (PhiloxCounter{0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd}));
  EXPECT_EQ(Philox({0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344}, {0xa4093822, 0x299f31d0}),
            (PhiloxCounter{0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1}));
}

TEST(Philox, FourAtOnceAreTheSameWords) {
  for (const std::uint32_t first : {0u, 5u, 0x7fffffffu, 0xfffffffeu}) {
    const PhiloxKey key = {first * 7 + 3, ~first};
    const PhiloxBlocks four = PhiloxFour({first, 2, 0x9f8e7d6c, 1}, key);
    std::uint32_t largest = 0;
    for (std::uint32_t i = 0; i < 16; ++i) {
      EXPECT_EQ(four.words[i], Philox({first + i / 4, 2, 0x9f8e7d6c, 1}, key)[i % 4]) << first << " " << i;
      largest = std::max(largest, four.words[i]);
    }
    EXPECT_EQ(four.largest, largest);
  }
}

TEST(GumbelDraw, ManyTokensAtOnceAreDrawnAsOneByOne) {
  for (const std::size_t count : {1u, 15u, 16u, 17u, 50u, 1000u, 1003u}) {
    for (std::uint64_t position = 0; position < 50; ++position) {
      const DrawKey key{11, 3, position};
      const std::vector<float> logits = MakeLogits(count, static_cast<std::uint32_t>(position));
      GumbelDraw at_once(key, 1.5), one_by_one(key, 1.5);
      at_once.OfferAll(logits, FindMaximum(logits).token);
      for (std::size_t i = 0; i < count; ++i) one_by_one.Offer(static_cast<std::int32_t>(i), logits[i]);
      ASSERT_EQ(at_once.token(), one_by_one.token()) << count << " " << position;
    }
  }
}

TEST(LogitScan, ExpIsWithinItsBound) {
  for (float x = 0; x > -86.5f; x -= 0.00731f) {
    const double exact = std::exp(double{x});
    ASSERT_NEAR(ExpOfNegative(x) / exact, 1.0, 3e-7) << x;
  }
  EXPECT_EQ(ExpOfNegative(0), 1.0f);
  EXPECT_LT(ExpOfNegative(-1000), 1e-37f);
}

TEST(LogitScan, SumAndAllAgreeForEveryTail) {
  for (std::size_t count = 1; count < 70; ++count) {
    const std::vector<float> logits = MakeLogits(count);
    const LogitMaximum maximum = FindMaximum(logits);
    std::vector<float> all(count);
    ExpAll(logits, maximum.value, 0.5f, all);
    double exact = 0;
    for (const float logit : logits) exact += std::exp(double{logit - maximum.value} * 0.5);
    EXPECT_NEAR(SumOfExp(logits, maximum.value, 0.5f) / exact, 1.0, 1e-6);
    EXPECT_NEAR(std::accumulate(all.begin(), all.end(), 0.0) / exact, 1.0, 1e-6);
  }
}

TEST(Sampler, GreedyTakesTheLowestIdOfEqualLogits) {
  SamplingParams greedy;
  greedy.temperature = 0;
  for (std::size_t count : {1u, 5u, 16u, 37u, 1000u}) {
    std::vector<float> logits(count, -3.0f);
    EXPECT_EQ(Draw(logits, greedy, {}), 0);
    logits[count - 1] = 2;
    logits[count / 2] = 2;
    EXPECT_EQ(Draw(logits, greedy, {}), static_cast<std::int32_t>(count / 2));
  }
}

/// What a model's last layer hands over: units of 32 logits.
struct Units {
  explicit Units(std::span<const float> logits) {
    for (std::size_t first = 0; first < logits.size(); first += 32) {
      const auto unit = logits.subspan(first, std::min<std::size_t>(32, logits.size() - first));
      const auto best = std::max_element(unit.begin(), unit.end());
      maximum.push_back(*best);
      column.push_back(static_cast<std::int32_t>(first) + static_cast<std::int32_t>(best - unit.begin()));
      float products = 0;
      for (const float logit : unit) products += logit * 0.0f;
      check.push_back(products);
    }
  }
  UnitMaxima view() const { return {maximum, column, check}; }

  std::vector<float> maximum, check;
  std::vector<std::int32_t> column;
};

TEST(Sampler, MaximaOfTheModelChangeNoResult) {
  for (const double temperature : {0.0, 0.7}) {
    for (std::uint32_t seed = 0; seed < 20; ++seed) {
      std::vector<float> logits = MakeLogits(kVocabulary, seed);
      logits[40 + seed] = logits[500] = logits[999] = 9;  // a tie across units
      const Units units(logits);
      const UnitMaxima maxima = units.view();
      SamplingParams params;
      params.temperature = temperature;
      params.logprobs = seed % 3 == 0 ? 2 : -1;
      Sampler sampler(seed % 2 == 0 ? 600 : kVocabulary);
      SampleResult with, without;
      ASSERT_TRUE(sampler.Sample(logits, params, {seed, 0, 0}, with, nullptr, &maxima).ok());
      ASSERT_TRUE(sampler.Sample(logits, params, {seed, 0, 0}, without).ok());
      EXPECT_EQ(with.chosen, without.chosen);
      EXPECT_EQ(with.top, without.top);
    }
  }
}

TEST(Sampler, MaximaOfLogitsThatAreNotFiniteAreAnError) {
  for (const float wrong : {std::numeric_limits<float>::quiet_NaN(), std::numeric_limits<float>::infinity(),
                            -std::numeric_limits<float>::infinity()}) {
    std::vector<float> logits = MakeLogits(kVocabulary);
    logits[77] = wrong;
    const Units units(logits);
    const UnitMaxima maxima = units.view();
    SampleResult result;
    EXPECT_EQ(Sampler().Sample(logits, {}, {}, result, nullptr, &maxima).code(), StatusCode::kInternal);
  }
}

TEST(Sampler, MaximaKeepTheLogitsUnread) {
  const Units units(MakeLogits(kVocabulary));
  const UnitMaxima maxima = units.view();
  const std::vector<float> unread(kVocabulary, std::numeric_limits<float>::quiet_NaN());
  SamplingParams params;
  params.temperature = 0;
  SampleResult result;
  ASSERT_TRUE(Sampler().Sample(unread, params, {}, result, nullptr, &maxima).ok());
  EXPECT_EQ(result.chosen.token, FindMaximum(MakeLogits(kVocabulary)).token);
}

TEST(Sampler, LogprobsAreOfTheRawDistribution) {
  const std::vector<float> logits = MakeLogits(kVocabulary);
  SamplingParams params;
  params.temperature = 0.3;
  params.logprobs = 5;
  Sampler sampler;
  SampleResult result;
  ASSERT_TRUE(sampler.Sample(logits, params, {1, 2, 3}, result).ok());
  double total = 0;
  for (const float logit : logits) total += std::exp(double{logit});
  const auto logprob = [&](std::int32_t id) {
    return double{logits[static_cast<std::size_t>(id)]} - std::log(total);
  };
  EXPECT_NEAR(result.chosen.logprob, logprob(result.chosen.token), 1e-5);
  ASSERT_EQ(result.top.size(), 5u);
  std::vector<std::int32_t> order(logits.size());
  std::iota(order.begin(), order.end(), 0);
  std::stable_sort(order.begin(), order.end(), [&](auto a, auto b) { return logits[a] > logits[b]; });
  for (std::size_t i = 0; i < 5; ++i) {
    EXPECT_EQ(result.top[i].token, order[i]);
    EXPECT_NEAR(result.top[i].logprob, logprob(order[i]), 1e-5);
  }
}

TEST(Sampler, TopTiesGoToTheLowerId) {
  const std::vector<float> logits(20, 1.0f);
  Sampler sampler;
  SampleResult result;
  ASSERT_TRUE(sampler.Score(logits, 7, 3, result).ok());
  ASSERT_EQ(result.top.size(), 3u);
  for (std::int32_t i = 0; i < 3; ++i) EXPECT_EQ(result.top[static_cast<std::size_t>(i)].token, i);
  EXPECT_NEAR(result.chosen.logprob, -std::log(20.0), 1e-6);
  ASSERT_TRUE(sampler.Score(logits, 7, 50, result).ok());
  EXPECT_EQ(result.top.size(), 20u);
}

TEST(Sampler, LargeLogitsDoNotOverflow) {
  const std::vector<float> logits = {3e38f, -3e38f, 2.9e38f};
  SamplingParams params;
  params.logprobs = 2;
  Sampler sampler;
  SampleResult result;
  ASSERT_TRUE(sampler.Sample(logits, params, {}, result).ok());
  EXPECT_EQ(result.chosen.token, 0);
  EXPECT_EQ(result.chosen.logprob, 0);
}

TEST(Sampler, DrawsFollowTheDistribution) {
  const std::vector<float> logits = {0.0f, 1.0f, -1.0f, 0.5f, 2.0f, -2.0f, 0.1f, 1.5f};
  EXPECT_LT(ChiSquare(logits, 1.0, 1000000), 24.3);  // 7 degrees of freedom, p = 0.001
  EXPECT_LT(ChiSquare(logits, 2.0, 40000), 24.3);
  EXPECT_LT(ChiSquare(logits, 0.5, 200000), 24.3);
}

TEST(Sampler, ADrawDependsOnItsKeyAlone) {
  const std::vector<float> logits = MakeLogits(kVocabulary), other = MakeLogits(kVocabulary, 8);
  const SamplingParams params;
  Sampler sampler;
  SampleResult result;
  const std::int32_t alone = Draw(logits, params, {5, 1, 77});
  for (std::uint64_t i = 0; i < 10; ++i) ASSERT_TRUE(sampler.Sample(other, params, {i, 0, i}, result).ok());
  ASSERT_TRUE(sampler.Sample(logits, params, {5, 1, 77}, result).ok());
  EXPECT_EQ(result.chosen.token, alone);
  std::map<std::int32_t, int> by_seed, by_choice, by_position;
  for (std::uint32_t i = 0; i < 20; ++i) {
    ++by_seed[Draw(logits, params, {i, 0, 0})];
    ++by_choice[Draw(logits, params, {0, i, 0})];
    ++by_position[Draw(logits, params, {0, 0, std::uint64_t{i} << 32})];
  }
  EXPECT_GT(by_seed.size(), 5u);
  EXPECT_GT(by_choice.size(), 5u);
  EXPECT_GT(by_position.size(), 5u);
}

TEST(Sampler, CutsThatCutNothingChangeNoDraw) {
  const std::vector<float> logits = MakeLogits(kVocabulary);
  SamplingParams plain, wide;
  wide.top_k = kVocabulary - 1;  // all but the least likely
  SamplingParams almost;
  almost.top_p = 0.9999999;
  for (std::uint64_t i = 0; i < 200; ++i) {
    const std::int32_t token = Draw(logits, plain, {9, 0, i});
    EXPECT_EQ(Draw(logits, wide, {9, 0, i}), token);
    EXPECT_EQ(Draw(logits, almost, {9, 0, i}), token);
  }
}

TEST(Sampler, TopKKeepsTheLikeliest) {
  std::vector<float> logits(100, 0.0f);
  logits[3] = logits[50] = logits[99] = 0.5f;
  SamplingParams params;
  params.top_k = 3;
  auto counts = CountDraws(logits, params, 600);
  ASSERT_EQ(counts.size(), 3u);
  for (const std::int32_t id : {3, 50, 99}) EXPECT_GT(counts[id], 150);
  params.top_k = 5;  // the two further ones are the lowest ids of the tie
  counts = CountDraws(logits, params, 600);
  EXPECT_EQ(counts.size(), 5u);
  EXPECT_GT(counts[0], 0);
  EXPECT_GT(counts[1], 0);
  params.top_k = 1;
  EXPECT_EQ(CountDraws(logits, params, 50).size(), 1u);
  params.top_k = -1;
  EXPECT_GT(CountDraws(logits, params, 600).size(), 90u);
}

TEST(Sampler, TopPKeepsTheFewestThatReachIt) {
  std::vector<float> logits;
  for (const double p : {0.1, 0.5, 0.25, 0.15}) logits.push_back(static_cast<float>(std::log(p)));
  SamplingParams params;
  const auto kept = [&](double top_p) {
    params.top_p = top_p;
    std::string ids;
    for (const auto& [id, count] : CountDraws(logits, params, 400)) ids += std::to_string(id);
    return ids;
  };
  EXPECT_EQ(kept(1e-9), "1");
  EXPECT_EQ(kept(0.49), "1");
  EXPECT_EQ(kept(0.51), "12");
  EXPECT_EQ(kept(0.74), "12");
  EXPECT_EQ(kept(0.76), "123");
  EXPECT_EQ(kept(0.91), "0123");
  params.top_k = 2;  // of the two that are left, 2/3 and 1/3
  EXPECT_EQ(kept(0.65), "1");
  EXPECT_EQ(kept(0.68), "12");
}

TEST(Sampler, SettingsThatAreDenormalLeaveTheLikeliestToken) {
  const std::vector<float> logits = MakeLogits(kVocabulary);
  SamplingParams greedy;
  greedy.temperature = 0;
  const unsigned saved = _mm_getcsr();
  _mm_setcsr(saved | 0x8040u);  // denormals are zero, as on the engine's threads
  for (double SamplingParams::*field :
       {&SamplingParams::top_p, &SamplingParams::typical_p, &SamplingParams::temperature}) {
    SamplingParams params;
    params.top_p = 0.9;  // typical_p works on what this leaves
    params.*field = std::numeric_limits<double>::denorm_min();
    const std::int32_t drawn = Draw(logits, params, {3, 0, 0});
    if (field != &SamplingParams::typical_p) {
      EXPECT_EQ(drawn, Draw(logits, greedy, {}));
    }
  }
  _mm_setcsr(saved);
}

TEST(Sampler, ATinyTemperatureIsNearlyGreedy) {
  const std::vector<float> logits = MakeLogits(kVocabulary);
  SamplingParams greedy, tiny;
  greedy.temperature = 0;
  tiny.temperature = 1e-300;
  EXPECT_EQ(Draw(logits, tiny, {3, 0, 0}), Draw(logits, greedy, {}));
}

TEST(Sampler, NonFiniteLogitsAreAnError) {
  Sampler sampler;
  SampleResult result;
  for (const float bad : {std::numeric_limits<float>::quiet_NaN(), std::numeric_limits<float>::infinity(),
                          -std::numeric_limits<float>::infinity()}) {
    for (const std::size_t at : {0u, 17u, 39u}) {
      std::vector<float> logits(40, 1.0f);
      logits[at] = bad;
      EXPECT_EQ(sampler.Sample(logits, {}, {}, result).code(), StatusCode::kInternal);
      EXPECT_EQ(sampler.Score(logits, 0, 1, result).code(), StatusCode::kInternal);
    }
  }
  EXPECT_FALSE(sampler.Sample({}, {}, {}, result).ok());
}

struct BadCase {
  void (*change)(SamplingParams&);
  const char* message;
};

TEST(Validate, NamesFieldValueAndRange) {
  const BadCase cases[] = {
      {[](auto& p) { p.temperature = -0.5; }, "temperature is -0.5; it must be between 0 and 2"},
      {[](auto& p) { p.temperature = 2.1; }, "temperature is 2.1; it must be between 0 and 2"},
      {[](auto& p) { p.temperature = std::nan(""); }, "temperature is nan; it must be between 0 and 2"},
      {[](auto& p) { p.top_p = 0; }, "top_p is 0; it must be above 0 and at most 1"},
      {[](auto& p) { p.top_p = 1.1; }, "top_p is 1.1; it must be above 0 and at most 1"},
      {[](auto& p) { p.top_p = std::nan(""); }, "top_p is nan; it must be above 0 and at most 1"},
      {[](auto& p) { p.top_k = -2; }, "top_k is -2; it must be at least 1, or 0 or -1 for all tokens"},
      {[](auto& p) { p.min_p = -0.1; }, "min_p is -0.1; it must be between 0 and 1"},
      {[](auto& p) { p.min_p = std::nan(""); }, "min_p is nan; it must be between 0 and 1"},
      {[](auto& p) { p.typical_p = 0; }, "typical_p is 0; it must be above 0 and at most 1"},
      {[](auto& p) { p.repetition_penalty = 0; },
       "repetition_penalty is 0; it must be a finite number above 0"},
      {[](auto& p) { p.repetition_penalty = std::numeric_limits<double>::infinity(); },
       "repetition_penalty is inf; it must be a finite number above 0"},
      {[](auto& p) { p.presence_penalty = 3; }, "presence_penalty is 3; it must be between -2 and 2"},
      {[](auto& p) { p.frequency_penalty = -2.5; }, "frequency_penalty is -2.5; it must be between -2 and 2"},
      {[](auto& p) { p.min_tokens = -1; },
       "min_tokens is -1; it must be between 0 and max_tokens, which is 16"},
      {[](auto& p) { p.min_tokens = 17; },
       "min_tokens is 17; it must be between 0 and max_tokens, which is 16"},
      {[](auto& p) {
         p.logit_bias = {{1000, 1.0f}};
       },
       "a token of logit_bias is 1000; it must be between 0 and 999"},
      {[](auto& p) {
         p.logit_bias = {{7, std::nanf("")}};
       },
       "logit_bias of token 7 is nan; it must be a number from -100 to 100"},
      {[](auto& p) {
         p.logit_bias.assign(1001, {0, 1.0f});
       },
       "logit_bias has 1001 entries; it may have at most 1000"},
      {[](auto& p) {
         p.allowed_token_ids = {0, -5};
       },
       "allowed_token_ids[1] is -5; it must be between 0 and 999"},
      {[](auto& p) {
         p.bad_words = {{1}, {}};
       },
       "bad_words[1] is empty; leave it out"},
      {[](auto& p) {
         p.bad_words = {{1, 2000}};
       },
       "bad_words[0][1] is 2000; it must be between 0 and 999"},
      {[](auto& p) { p.bad_words.assign(257, {1}); },
       "bad_words has 257 token sequences; it may have at most 256"},
      {[](auto& p) { p.bad_words.assign(3, std::vector<std::int32_t>(700, 1)); },
       "bad_words has 2100 tokens; it may have at most 2048"},
      {[](auto& p) { p.max_tokens = 0; }, "max_tokens is 0; it must be at least 1"},
      {[](auto& p) { p.logprobs = 21; }, "logprobs is 21; it must be between 0 and 20, or left out"},
      {[](auto& p) { p.prompt_logprobs = -2; },
       "prompt_logprobs is -2; it must be between 0 and 20, or left out"},
      {[](auto& p) {
         p.stop = {"a", ""};
       },
       "stop[1] is empty; leave it out"},
      {[](auto& p) { p.stop.assign(65, "x"); }, "stop has 65 strings; it may have at most 64"},
      {[](auto& p) {
         p.stop_token_ids = {0, 1000};
       },
       "stop_token_ids[1] is 1000; it must be between 0 and 999"},
      {[](auto& p) { p.stop_token_ids = {-1}; }, "stop_token_ids[0] is -1; it must be between 0 and 999"},
  };
  for (const BadCase& bad : cases) {
    SamplingParams params;
    bad.change(params);
    const Status status = Validate(params, kVocabulary);
    EXPECT_EQ(status.code(), StatusCode::kInvalidArgument);
    EXPECT_EQ(status.message(), bad.message);
  }
}

TEST(Validate, TakesTheEdges) {
  SamplingParams params;
  EXPECT_TRUE(Validate(params, kVocabulary).ok());
  params.temperature = 0;
  params.top_p = 1e-9;
  params.top_k = 1'000'000'000;
  params.logprobs = params.prompt_logprobs = 20;
  params.stop.assign(16, "x");
  params.stop_token_ids = {0, 999};
  params.seed = std::numeric_limits<std::int64_t>::min();
  EXPECT_TRUE(Validate(params, kVocabulary).ok());
  params.min_p = 1;
  params.typical_p = 1e-9;
  params.repetition_penalty = 1e-9;
  params.presence_penalty = params.frequency_penalty = -2;
  params.logit_bias = {{0, -1e9f}, {999, 1e9f}};
  params.allowed_token_ids = {0, 999};
  params.bad_words = {{999}};
  params.min_tokens = params.max_tokens;
  EXPECT_TRUE(Validate(params, kVocabulary).ok());
  params.temperature = 2;
  params.top_k = -1;
  params.top_p = 1;
  EXPECT_TRUE(Validate(params, kVocabulary).ok());
}

}  // namespace
}  // namespace vivace::sampling
