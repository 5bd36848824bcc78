#include "reference/golden_cases.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <boost/json.hpp>
#include <cmath>
#include <fstream>
#include <iterator>

namespace vivace::reference {
namespace {

template <class T>
std::vector<T> Read(const boost::json::value& value) {
  return boost::json::value_to<std::vector<T>>(value);
}

template <class T>
std::vector<std::vector<T>> ReadRows(const boost::json::value& value) {
  return boost::json::value_to<std::vector<std::vector<T>>>(value);
}

}  // namespace

std::vector<GoldenCase> ReadGoldenCases() {
  std::ifstream file(VIVACE_SOURCE_DIR "/tests/goldens/smollm2_reference.json");
  EXPECT_TRUE(file.good());
  const std::string text((std::istreambuf_iterator<char>(file)), {});
  std::vector<GoldenCase> cases;
  const boost::json::value root = boost::json::parse(text);
  for (const boost::json::value& item : root.at("cases").as_array()) {
    GoldenCase golden;
    golden.text = boost::json::value_to<std::string>(item.at("text"));
    golden.ids = Read<std::int32_t>(item.at("ids"));
    golden.greedy = Read<std::int32_t>(item.at("greedy"));
    golden.margin = Read<double>(item.at("margin"));
    golden.prompt_logprobs = Read<double>(item.at("prompt_logprobs"));
    golden.top_ids = ReadRows<std::int32_t>(item.at("top_ids"));
    golden.top_logprobs = ReadRows<double>(item.at("top_logprobs"));
    cases.push_back(std::move(golden));
  }
  return cases;
}

Distance Compare(ModelSession& session, const std::vector<GoldenCase>& cases) {
  Distance distance;
  const auto count = [&](double logprob, double expected) {
    const double off = std::abs(logprob - expected);
    // Not a number is as far as can be.
    distance.max_abs = off <= distance.max_abs ? distance.max_abs : off;
  };
  for (const GoldenCase& golden : cases) {
    std::vector<std::int32_t> tokens = golden.ids;
    tokens.insert(tokens.end(), golden.greedy.begin(), golden.greedy.end() - 1);
    session.Score(tokens, [&](int row, std::span<const float> logits) {
      const double total = LogSumExp(logits);
      const auto logprob = [&](std::int32_t id) { return logits[static_cast<std::size_t>(id)] - total; };
      const auto at = static_cast<std::size_t>(row);
      ++distance.positions;
      if (at + 1 < golden.ids.size()) {
        count(logprob(golden.ids[at + 1]), golden.prompt_logprobs[at]);
        return;
      }
      const std::size_t step = at + 1 - golden.ids.size();
      for (std::size_t i = 0; i < golden.top_ids[step].size(); ++i) {
        count(logprob(golden.top_ids[step][i]), golden.top_logprobs[step][i]);
      }
      const auto best = std::max_element(logits.begin(), logits.end()) - logits.begin();
      if (best == golden.greedy[step]) return;
      ++distance.flips;
      distance.flip_margin = std::max(distance.flip_margin, golden.margin[step]);
    });
  }
  return distance;
}

}  // namespace vivace::reference
