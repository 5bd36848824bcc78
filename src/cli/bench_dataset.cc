#include "cli/bench_dataset.h"

#include <algorithm>
#include <boost/json.hpp>
#include <fstream>
#include <iterator>
#include <random>
#include <utility>

#include "base/status_macros.h"

namespace vivace::cli {
namespace {

constexpr int kShortestTokens = 4, kLongestPrompt = 1024, kLongest = 2048;
constexpr std::size_t kJsonDepth = 32;

/// The text of a turn; empty when it is none.
std::string TurnText(const boost::json::value& turn) {
  const auto* const object = turn.if_object();
  const auto* const value = object != nullptr ? object->if_contains("value") : nullptr;
  const auto* const text = value != nullptr ? value->if_string() : nullptr;
  return text != nullptr ? std::string(*text) : "";
}

}  // namespace

std::vector<BenchRequest> MakeRandomRequests(const RandomDataset& dataset, const ModelInfo& model) {
  std::mt19937_64 random(dataset.seed);
  const auto draw = [&](int length) {
    const double spread = dataset.range_ratio * length;
    const int low = std::max(1, static_cast<int>(length - spread));
    const int high = std::max(low, static_cast<int>(length + spread));
    return low + static_cast<int>(random() % static_cast<std::uint64_t>(high - low + 1));
  };
  const std::vector<std::int32_t> prefix = RandomTokens(model, dataset.prefix_tokens, random());
  std::vector<BenchRequest> requests;
  for (int i = 0; i < dataset.requests; ++i) {
    BenchRequest request{prefix, draw(dataset.output_tokens)};
    const std::vector<std::int32_t> own = RandomTokens(model, draw(dataset.input_tokens), random());
    request.prompt.insert(request.prompt.end(), own.begin(), own.end());
    requests.push_back(std::move(request));
  }
  return requests;
}

Result<std::vector<Conversation>> ReadShareGpt(const std::string& path) {
  const std::string name = "--dataset-path '" + path + "'";
  std::ifstream file(path, std::ios::binary);
  if (!file) return NotFound("cannot open " + name);
  const std::string text(std::istreambuf_iterator<char>(file), {});
  boost::json::error_code error;
  boost::json::parse_options options;
  options.max_depth = kJsonDepth;
  const boost::json::value parsed = boost::json::parse(text, error, {}, options);
  if (error) return InvalidArgument(name + " is no JSON: " + error.message());
  const auto* const list = parsed.if_array();
  if (list == nullptr) return InvalidArgument(name + " must be a JSON list of conversations");
  std::vector<Conversation> out;
  for (const boost::json::value& item : *list) {
    const auto* const object = item.if_object();
    const auto* const found = object != nullptr ? object->if_contains("conversations") : nullptr;
    const auto* const turns = found != nullptr ? found->if_array() : nullptr;
    if (turns == nullptr || turns->size() < 2) continue;
    Conversation conversation{TurnText((*turns)[0]), TurnText((*turns)[1])};
    if (!conversation.question.empty()) out.push_back(std::move(conversation));
  }
  if (out.empty()) return InvalidArgument(name + " has no conversation of two turns");
  return out;
}

Result<std::vector<BenchRequest>> MakeShareGptRequests(const ShareGptDataset& dataset,
                                                       std::vector<Conversation> conversations,
                                                       const Engine& engine) {
  std::mt19937_64 random(dataset.seed);
  std::shuffle(conversations.begin(), conversations.end(), random);
  const int longest = std::min(kLongest, engine.model().max_model_len);
  const auto wanted = static_cast<std::size_t>(dataset.requests);
  std::vector<BenchRequest> requests;
  for (const Conversation& conversation : conversations) {
    if (requests.size() == wanted) break;
    VIVACE_ASSIGN_OR_RETURN(auto prompt, engine.Tokenize(conversation.question, true, false));
    VIVACE_ASSIGN_OR_RETURN(const auto answer, engine.Tokenize(conversation.answer, false, false));
    const auto prompt_tokens = static_cast<int>(prompt.size());
    const int output_tokens = dataset.output_tokens.value_or(static_cast<int>(answer.size()));
    const bool is_short =
        prompt_tokens < kShortestTokens || (!dataset.output_tokens && output_tokens < kShortestTokens);
    if (is_short || prompt_tokens > kLongestPrompt || prompt_tokens + output_tokens > longest) continue;
    requests.push_back({std::move(prompt), output_tokens});
  }
  if (requests.empty()) {
    return InvalidArgument("the dataset has no conversation of " + std::to_string(kShortestTokens) + " to " +
                           std::to_string(longest) + " tokens");
  }
  const std::size_t different = requests.size();
  while (dataset.oversample && requests.size() < wanted) requests.push_back(requests[random() % different]);
  return requests;
}

}  // namespace vivace::cli
