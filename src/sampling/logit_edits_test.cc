// Edits and cuts against tests/goldens/sampling.txt, and what a reference cannot show.
#include "sampling/logit_edits.h"

#include <gtest/gtest.h>

#include <cmath>
#include <fstream>
#include <map>
#include <sstream>
#include <string>

#include "sampling/sampler.h"

namespace vivace::sampling {
namespace {

constexpr std::int32_t kEnds[] = {2, 7};

struct GoldenCase {
  std::string name;
  SamplingParams params;
  std::vector<std::int32_t> prompt, answer;
  std::vector<float> logits;
  std::map<std::int32_t, double> probabilities;
};

std::vector<std::int32_t> Ids(std::istream& line, char separator) {
  std::vector<std::int32_t> ids;
  for (std::string id; std::getline(line, id, separator);) {
    if (!id.empty()) ids.push_back(std::stoi(id));
  }
  return ids;
}

/// "id:value id:value ..."
std::vector<std::pair<std::int32_t, double>> Pairs(std::istream& line) {
  std::vector<std::pair<std::int32_t, double>> pairs;
  for (std::string pair; line >> pair;)
    pairs.emplace_back(std::stoi(pair), std::stod(pair.substr(pair.find(':') + 1)));
  return pairs;
}

void ReadField(const std::string& key, std::istream& line, GoldenCase& golden) {
  SamplingParams& params = golden.params;
  const std::map<std::string, double*> numbers = {{"temperature", &params.temperature},
                                                  {"top_p", &params.top_p},
                                                  {"min_p", &params.min_p},
                                                  {"typical_p", &params.typical_p},
                                                  {"repetition_penalty", &params.repetition_penalty},
                                                  {"presence_penalty", &params.presence_penalty},
                                                  {"frequency_penalty", &params.frequency_penalty}};
  const std::map<std::string, std::vector<std::int32_t>*> lists = {
      {"prompt", &golden.prompt},
      {"answer", &golden.answer},
      {"allowed_token_ids", &params.allowed_token_ids},
      {"stop_token_ids", &params.stop_token_ids}};
  if (const auto number = numbers.find(key); number != numbers.end()) {
    line >> *number->second;
  } else if (const auto list = lists.find(key); list != lists.end()) {
    *list->second = Ids(line, ' ');
  } else if (key == "top_k") {
    line >> params.top_k;
  } else if (key == "min_tokens") {
    line >> params.min_tokens;
  } else if (key == "bad_words") {
    for (std::string word; line >> word;) {
      std::istringstream ids(word);
      params.bad_words.push_back(Ids(ids, ','));
    }
  } else if (key == "logit_bias") {
    for (const auto& [id, bias] : Pairs(line)) params.logit_bias.emplace_back(id, static_cast<float>(bias));
  } else if (key == "logits") {
    for (float logit = 0; line >> logit;) golden.logits.push_back(logit);
  } else if (key == "out") {
    for (const auto& [id, probability] : Pairs(line)) golden.probabilities[id] = probability;
  } else {
    ADD_FAILURE() << "unknown key " << key;
  }
}

std::vector<GoldenCase> ReadGoldens() {
  std::ifstream file(VIVACE_SOURCE_DIR "/tests/goldens/sampling.txt");
  std::vector<GoldenCase> cases;
  for (std::string text; std::getline(file, text);) {
    std::istringstream line(text);
    std::string key;
    line >> key;
    if (key == "#" || key == "end") continue;
    if (key == "case") {
      line >> cases.emplace_back().name;
      cases.back().params.max_tokens = 100;
    } else {
      ReadField(key, line, cases.back());
    }
  }
  return cases;
}

LogitEdits MakeEdits(const GoldenCase& golden) {
  LogitEdits edits(golden.params, golden.prompt, kEnds);
  for (const std::int32_t token : golden.answer) edits.Push(token);
  return edits;
}

TEST(SamplingGoldens, DistributionsAreThoseOfTheReference) {
  const std::vector<GoldenCase> cases = ReadGoldens();
  ASSERT_EQ(cases.size(), 63u);
  Sampler sampler;
  for (const GoldenCase& golden : cases) {
    SCOPED_TRACE(golden.name);
    ASSERT_TRUE(Validate(golden.params, 64).ok());
    const LogitEdits edits = MakeEdits(golden);
    std::vector<TokenScore> tokens;
    ASSERT_TRUE(sampler.Distribution(golden.logits, golden.params, &edits, tokens).ok());
    std::map<std::int32_t, double> probabilities;
    for (const TokenScore& token : tokens) probabilities[token.token] = std::exp(double{token.logprob});
    for (const auto& [token, probability] : golden.probabilities) {
      if (probability < 1e-9) continue;
      ASSERT_TRUE(probabilities.count(token)) << "token " << token << " is missing";
      EXPECT_NEAR(probabilities[token] / probability, 1, 1e-4) << "token " << token;
    }
    for (const auto& [token, probability] : probabilities) {
      EXPECT_TRUE(probability < 1e-9 || golden.probabilities.count(token)) << "token " << token;
    }
  }
}

TEST(SamplingGoldens, DrawsAndGreedyStayWithinTheDistribution) {
  Sampler sampler;
  SampleResult result;
  for (const GoldenCase& golden : ReadGoldens()) {
    SCOPED_TRACE(golden.name);
    const LogitEdits edits = MakeEdits(golden);
    for (std::uint64_t i = 0; i < 200; ++i) {
      ASSERT_TRUE(sampler.Sample(golden.logits, golden.params, {i, 0, i}, result, &edits).ok());
      EXPECT_TRUE(golden.probabilities.count(result.chosen.token)) << result.chosen.token;
    }
    SamplingParams greedy = golden.params;
    greedy.temperature = 0;
    ASSERT_TRUE(sampler.Sample(golden.logits, greedy, {}, result, &edits).ok());
    if (greedy.typical_p < 1) continue;  // may leave the likeliest token out
    for (const auto& [token, probability] : golden.probabilities)
      EXPECT_LE(probability, golden.probabilities.at(result.chosen.token) + 1e-9) << token;
  }
}

TEST(LogitEdits, DrawsUnderPenaltiesFollowTheDistribution) {
  SamplingParams params;
  params.repetition_penalty = 1.4;
  params.presence_penalty = 0.5;
  params.frequency_penalty = 0.3;
  params.logit_bias = {{6, 1.5f}};
  const std::vector<std::int32_t> prompt = {0, 4};
  LogitEdits edits(params, prompt, {});
  for (const std::int32_t token : {1, 1, 4}) edits.Push(token);
  const std::vector<float> logits = {0.0f, 1.0f, -1.0f, 0.5f, 2.0f, -2.0f, 0.1f, 1.5f};
  Sampler sampler;
  std::vector<TokenScore> expected;
  ASSERT_TRUE(sampler.Distribution(logits, params, &edits, expected).ok());
  constexpr int kDraws = 100000;
  std::map<std::int32_t, int> counts;
  SampleResult result;
  for (int i = 0; i < kDraws; ++i) {
    ASSERT_TRUE(sampler.Sample(logits, params, {9, 0, static_cast<std::uint64_t>(i)}, result, &edits).ok());
    ++counts[result.chosen.token];
  }
  double statistic = 0;
  for (const TokenScore& token : expected) {
    const double mean = kDraws * std::exp(double{token.logprob});
    statistic += (counts[token.token] - mean) * (counts[token.token] - mean) / mean;
  }
  ASSERT_EQ(expected.size(), logits.size());
  EXPECT_LT(statistic, 24.3);  // 7 degrees of freedom, p = 0.001
}

TEST(LogitEdits, LogprobsAreOfTheDistributionBeforeThem) {
  SamplingParams params;
  params.temperature = 0;
  params.logprobs = 1;
  params.logit_bias = {{0, 100.0f}};
  const LogitEdits edits(params, {}, {});
  const std::vector<float> logits = {0.0f, std::log(3.0f)};
  Sampler sampler;
  SampleResult result;
  ASSERT_TRUE(sampler.Sample(logits, params, {}, result, &edits).ok());
  EXPECT_EQ(result.chosen.token, 0);
  EXPECT_NEAR(result.chosen.logprob, std::log(0.25), 1e-6);
  EXPECT_EQ(result.top.at(0).token, 1);
}

TEST(LogitEdits, BanningEveryTokenIsTheRequestsError) {
  SamplingParams params;
  params.allowed_token_ids = {1, 2};
  params.bad_words = {{1}};
  params.min_tokens = 2;
  LogitEdits edits(params, {}, kEnds);
  const std::vector<float> logits(8, 0.5f);
  Sampler sampler;
  SampleResult result;
  const Status status = sampler.Sample(logits, params, {}, result, &edits);
  EXPECT_EQ(status.code(), StatusCode::kInvalidArgument);
  EXPECT_EQ(status.message(),
            "no token can be drawn: allowed_token_ids, bad_words and min_tokens together ban all of them");
  edits.Push(5);
  edits.Push(5);  // min_tokens is reached
  ASSERT_TRUE(sampler.Sample(logits, params, {}, result, &edits).ok());
  EXPECT_EQ(result.chosen.token, 2);
}

TEST(LogitEdits, ExtremeValuesStayFinite) {
  SamplingParams params;
  params.repetition_penalty = 1e300;
  params.logit_bias = {{0, 1e9f}, {1, -1e9f}, {1, 3.0f}, {500, 5.0f}};
  const std::vector<std::int32_t> prompt = {0, 1, 2, 3, 400};
  LogitEdits edits(params, prompt, {});
  const std::vector<float> raw = {3e38f, -3e38f, 0.0f, -1e-30f};
  std::vector<float> logits = raw;
  edits.Apply(raw, logits);
  for (const float logit : logits) EXPECT_TRUE(std::isfinite(logit));
  params.repetition_penalty = 1e-300;
  logits = raw;
  LogitEdits(params, prompt, {}).Apply(raw, logits);
  for (const float logit : logits) EXPECT_TRUE(std::isfinite(logit) && logit > kBannedLogit);
}

TEST(Sampler, RowsOfAPaddedVocabularyAreNeverDrawnNorListed) {
  const std::vector<float> logits = {0.0f, 1.0f, 0.5f, 9.0f, 9.5f};
  Sampler sampler(3);
  SampleResult result;
  SamplingParams params;
  params.logprobs = 5;
  for (std::uint64_t i = 0; i < 50; ++i) {
    ASSERT_TRUE(sampler.Sample(logits, params, {i, 0, 0}, result).ok());
    EXPECT_LT(result.chosen.token, 3);
    EXPECT_EQ(result.top.size(), 3u);
  }
  params.temperature = 0;
  ASSERT_TRUE(sampler.Sample(logits, params, {}, result).ok());
  EXPECT_EQ(result.chosen.token, 1);
  params.allowed_token_ids = {3, 4};
  const LogitEdits edits(params, {}, {});
  EXPECT_EQ(sampler.Sample(logits, params, {}, result, &edits).code(), StatusCode::kInvalidArgument);
}

}  // namespace
}  // namespace vivace::sampling
