// Where candidates are cut (top_k, top_p), numbers are first sorted into buckets by their leading bits, and
// only the buckets that can hold a candidate are gathered and sorted.
#include "sampling/sampler.h"

#include <algorithm>
#include <bit>
#include <cmath>

#include "sampling/gumbel_draw.h"
#include "sampling/logit_scan.h"

namespace vivace::sampling {
namespace {

constexpr double kLowestTemperature = 0.01;  // as vLLM
constexpr int kBucketShift = 20;             // a bucket is sign, exponent and three bits of fraction
constexpr std::size_t kBuckets = std::size_t{1} << (32 - kBucketShift);

/// Bits that order as the numbers do.
std::uint32_t OrderedBits(float x) {
  const auto bits = std::bit_cast<std::uint32_t>(x + 0.0f);  // -0 becomes +0
  return (bits & 0x80000000u) != 0 ? ~bits : bits | 0x80000000u;
}

/// Best first, ties to the lower id.
constexpr auto kLikelier = [](const auto& a, const auto& b) {
  return a.logit != b.logit ? a.logit > b.logit : a.token < b.token;
};

Status CheckLogits(const LogitMaximum& maximum, std::size_t count) {
  if (count == 0) return Internal("the model gave no logits");
  if (!maximum.all_finite) return Internal("the model gave a logit that is not a finite number");
  return Status::Ok();
}

/// Sets `top` to the `count` likeliest tokens, best first, ties to the lower id.
void CollectTop(std::span<const float> logits, std::size_t count, double log_total,
                std::vector<TokenScore>& top) {
  top.clear();
  count = std::min(count, logits.size());
  if (count == 0) return;
  top.reserve(count + 1);
  const auto before = [](float logit, const TokenScore& entry) { return logit > entry.logprob; };
  for (std::size_t i = 0; i < logits.size(); ++i) {  // logprob holds the logit until the end
    if (top.size() == count && !(logits[i] > top.back().logprob)) continue;
    const auto place = std::upper_bound(top.begin(), top.end(), logits[i], before);
    top.insert(place, {static_cast<std::int32_t>(i), logits[i]});
    if (top.size() > count) top.pop_back();
  }
  for (TokenScore& entry : top) entry.logprob = static_cast<float>(double{entry.logprob} - log_total);
}

void FillScores(std::span<const float> logits, float maximum, int top_count, SampleResult& result) {
  const double log_total = double{maximum} + std::log(SumOfExp(logits, maximum, 1));
  const double chosen = logits[static_cast<std::size_t>(result.chosen.token)];
  result.chosen.logprob = static_cast<float>(chosen - log_total);
  CollectTop(logits, static_cast<std::size_t>(std::max(top_count, 0)), log_total, result.top);
}

}  // namespace

Status Sampler::Score(std::span<const float> logits, std::int32_t token, int top_count,
                      SampleResult& result) {
  LogitMaximum maximum;
  if (!logits.empty()) maximum = FindMaximum(logits);
  if (Status status = CheckLogits(maximum, logits.size()); !status.ok()) return status;
  if (token < 0 || static_cast<std::size_t>(token) >= logits.size())
    return Internal("a token outside the vocabulary is scored");
  result.chosen.token = token;
  FillScores(logits, maximum.value, top_count, result);
  return Status::Ok();
}

Status Sampler::Sample(std::span<const float> logits, const SamplingParams& params, const DrawKey& key,
                       SampleResult& result) {
  LogitMaximum maximum;
  if (!logits.empty()) maximum = FindMaximum(logits);
  if (Status status = CheckLogits(maximum, logits.size()); !status.ok()) return status;
  result.chosen = {maximum.token, 0};
  result.top.clear();
  if (params.temperature > 0) {
    const double temperature = std::max(params.temperature, kLowestTemperature);
    const auto scale = static_cast<float>(1 / temperature);
    const bool cuts_k = params.top_k > 0 && static_cast<std::size_t>(params.top_k) < logits.size();
    GumbelDraw draw(key, temperature);
    if (cuts_k) KeepTopK(logits, static_cast<std::size_t>(params.top_k));
    if (params.top_p < 1 && cuts_k) CutTopP(scale, params.top_p);
    if (params.top_p < 1 && !cuts_k) KeepTopP(logits, maximum.value, scale, params.top_p);
    if (params.top_p < 1 || cuts_k) {
      for (const Candidate& candidate : candidates_) {
        if (!draw.CanWin(candidate.logit)) break;
        draw.Offer(candidate.token, candidate.logit);
      }
    } else {
      draw.OfferAll(logits, maximum.token);
    }
    result.chosen.token = draw.token();
  }
  if (params.logprobs >= 0) FillScores(logits, maximum.value, params.logprobs, result);
  return Status::Ok();
}

void Sampler::KeepTopK(std::span<const float> logits, std::size_t count) {
  counts_.assign(kBuckets, 0);
  for (const float logit : logits) ++counts_[OrderedBits(logit) >> kBucketShift];
  std::size_t bucket = kBuckets, found = 0;
  while (found < count) found += counts_[--bucket];
  candidates_.clear();
  for (std::size_t i = 0; i < logits.size(); ++i) {
    if (OrderedBits(logits[i]) >> kBucketShift >= bucket)
      candidates_.push_back({logits[i], static_cast<std::int32_t>(i)});
  }
  const auto last = candidates_.begin() + static_cast<std::ptrdiff_t>(count);
  std::partial_sort(candidates_.begin(), last, candidates_.end(), kLikelier);
  candidates_.erase(last, candidates_.end());
}

void Sampler::KeepTopP(std::span<const float> logits, float maximum, float scale, double top_p) {
  weights_.resize(logits.size());
  ExpAll(logits, maximum, scale, weights_);
  masses_.assign(kBuckets, 0);
  for (const float weight : weights_) masses_[OrderedBits(weight) >> kBucketShift] += double{weight};
  double total = 0;
  for (std::size_t bucket = kBuckets; bucket > 0; --bucket) total += masses_[bucket - 1];
  std::size_t bucket = kBuckets;
  for (double mass = 0; bucket > 0 && mass < top_p * total;) mass += masses_[--bucket];
  candidates_.clear();
  for (std::size_t i = 0; i < logits.size(); ++i) {
    if (OrderedBits(weights_[i]) >> kBucketShift >= bucket)
      candidates_.push_back({logits[i], static_cast<std::int32_t>(i)});
  }
  std::sort(candidates_.begin(), candidates_.end(), kLikelier);
  CutWhereReached(maximum, scale, top_p * total);
}

void Sampler::CutTopP(float scale, double top_p) {
  const float maximum = candidates_.front().logit;
  double total = 0;
  for (const Candidate& candidate : candidates_)
    total += double{ExpOfNegative((candidate.logit - maximum) * scale)};
  CutWhereReached(maximum, scale, top_p * total);
}

void Sampler::CutWhereReached(float maximum, float scale, double mass) {
  double reached = 0;
  std::size_t kept = 0;
  while (kept < candidates_.size() && (kept == 0 || reached < mass)) {
    reached += double{ExpOfNegative((candidates_[kept++].logit - maximum) * scale)};
  }
  candidates_.resize(kept);
}

}  // namespace vivace::sampling
