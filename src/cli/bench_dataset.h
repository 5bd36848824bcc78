// The requests of a benchmark: random tokens, or conversations that people had. Free functions on values.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "cli/bench_requests.h"

namespace vivace::cli {

struct RandomDataset {
  int requests = 1;
  int input_tokens = 1, output_tokens = 1;
  double range_ratio = 0;  // lengths are drawn from (1 - r) to (1 + r) times these
  int prefix_tokens = 0;   // in front of each, the same for all
  std::uint64_t seed = 0;
};
/// The same for the same seed.
std::vector<BenchRequest> MakeRandomRequests(const RandomDataset& dataset, const ModelInfo& model);

struct Conversation {
  std::string question, answer;
};
/// The first two turns of each conversation of a file in the form of ShareGPT: a JSON list of
/// {"conversations": [{"value": TEXT}, {"value": TEXT}, ...]}. Those with fewer turns are left out. Errors
/// name the file and what is wrong with it.
Result<std::vector<Conversation>> ReadShareGpt(const std::string& path);

struct ShareGptDataset {
  int requests = 1;
  std::optional<int> output_tokens;  // unset: as long as the answer that the conversation has
  std::uint64_t seed = 0;
  bool oversample = true;  // conversations again when there are too few
};
/// Conversations in random order as requests, without those that are very short (less than 4 tokens) or very
/// long (a prompt over 1024 tokens, over 2048 or the model's length in all). Errors: nothing is left.
Result<std::vector<BenchRequest>> MakeShareGptRequests(const ShareGptDataset& dataset,
                                                       std::vector<Conversation> conversations,
                                                       const Engine& engine);

}  // namespace vivace::cli
