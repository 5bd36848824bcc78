#include "sampling/logit_edits.h"

#include <algorithm>

namespace vivace::sampling {
namespace {

constexpr float kLargestBias = 100;     // beyond it counts as it, as in vLLM
constexpr float kLargestLogit = 3e38f;  // of a token that can be drawn; above kBannedLogit on the other side

void Ban(std::span<float> logits, std::int32_t token) {
  const auto index = static_cast<std::size_t>(token);
  if (index < logits.size()) logits[index] = kBannedLogit;
}

/// Of each token the last bias.
std::vector<std::pair<std::int32_t, float>> SortedBiases(std::vector<std::pair<std::int32_t, float>> biases) {
  std::stable_sort(biases.begin(), biases.end(),
                   [](const auto& a, const auto& b) { return a.first < b.first; });
  std::size_t kept = 0;
  for (std::size_t i = 0; i < biases.size(); ++i) {
    if (i + 1 < biases.size() && biases[i + 1].first == biases[i].first) continue;
    biases[kept++] = {biases[i].first, std::clamp(biases[i].second, -kLargestBias, kLargestBias)};
  }
  biases.resize(kept);
  return biases;
}

}  // namespace

LogitEdits::LogitEdits(const SamplingParams& params, std::span<const std::int32_t> prompt,
                       std::span<const std::int32_t> end_tokens)
    : params_(params),
      penalises_(params.repetition_penalty != 1 || params.presence_penalty != 0 ||
                 params.frequency_penalty != 0),
      biases_(SortedBiases(params.logit_bias)) {
  if (params.min_tokens > 0) {
    ends_.assign(end_tokens.begin(), end_tokens.end());
    ends_.insert(ends_.end(), params.stop_token_ids.begin(), params.stop_token_ids.end());
  }
  if (params.repetition_penalty != 1) {
    for (const std::int32_t token : prompt) See(token, 0);
  }
}

void LogitEdits::See(std::int32_t token, std::int32_t count) {
  const auto [place, is_new] = index_of_.try_emplace(token, seen_.size());
  if (is_new) seen_.push_back({token, 0});
  seen_[place->second].count += count;
}

void LogitEdits::Push(std::int32_t token) {
  ++generated_;
  if (penalises_) See(token, 1);
  if (!params_.bad_words.empty()) answer_.push_back(token);
}

bool LogitEdits::active() const {
  return !biases_.empty() || !params_.allowed_token_ids.empty() || !params_.bad_words.empty() ||
         !seen_.empty() || (generated_ < params_.min_tokens && !ends_.empty());
}

void LogitEdits::Apply(std::span<const float> raw, std::span<float> logits) const {
  if (!params_.allowed_token_ids.empty()) {
    std::fill(logits.begin(), logits.end(), kBannedLogit);
    for (const std::int32_t token : params_.allowed_token_ids) {
      const auto index = static_cast<std::size_t>(token);
      if (index < logits.size()) logits[index] = raw[index];
    }
  }
  BanBadWords(logits);
  if (generated_ < params_.min_tokens) {
    for (const std::int32_t token : ends_) Ban(logits, token);
  }
  for (const auto& [token, bias] : biases_) {
    const auto index = static_cast<std::size_t>(token);
    if (index < logits.size()) logits[index] += bias;  // too little to move a banned logit
  }
  if (penalises_) Penalise(logits);
}

// The last token of a bad word is banned where the answer ends with the others.
void LogitEdits::BanBadWords(std::span<float> logits) const {
  for (const std::vector<std::int32_t>& word : params_.bad_words) {
    const std::size_t before = word.size() - 1;
    if (before > answer_.size()) continue;
    if (std::equal(word.begin(), word.end() - 1, answer_.end() - static_cast<std::ptrdiff_t>(before)))
      Ban(logits, word.back());
  }
}

void LogitEdits::Penalise(std::span<float> logits) const {
  const auto repetition = static_cast<float>(std::clamp(params_.repetition_penalty, 1e-30, 1e30));
  const auto frequency = static_cast<float>(params_.frequency_penalty);
  const auto presence = static_cast<float>(params_.presence_penalty);
  for (const Seen& seen : seen_) {
    const auto index = static_cast<std::size_t>(seen.token);
    if (index >= logits.size() || logits[index] == kBannedLogit) continue;
    float logit = logits[index];
    logit = logit > 0 ? logit / repetition : logit * repetition;
    logit -= frequency * static_cast<float>(seen.count);
    if (seen.count > 0) logit -= presence;
    logits[index] = std::clamp(logit, -kLargestLogit, kLargestLogit);
  }
}

}  // namespace vivace::sampling
