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
constexpr float kNoWeight = 1e-37f;          // of exp; the weight of a banned token is below it
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

/// `tokens`: how many of the logits belong to tokens.
void FillScores(std::span<const float> logits, float maximum, int top_count, std::size_t tokens,
                SampleResult& result) {
  const double log_total = double{maximum} + std::log(SumOfExp(logits, maximum, 1));
  const double chosen = logits[static_cast<std::size_t>(result.chosen.token)];
  result.chosen.logprob = static_cast<float>(chosen - log_total);
  CollectTop(logits.first(std::min(tokens, logits.size())), static_cast<std::size_t>(std::max(top_count, 0)),
             log_total, result.top);
}

}  // namespace

Sampler::Sampler(std::int32_t tokens) : tokens_(static_cast<std::size_t>(tokens)) {}

Status Sampler::Score(std::span<const float> logits, std::int32_t token, int top_count,
                      SampleResult& result) {
  LogitMaximum maximum;
  if (!logits.empty()) maximum = FindMaximum(logits);
  if (Status status = CheckLogits(maximum, logits.size()); !status.ok()) return status;
  if (token < 0 || static_cast<std::size_t>(token) >= logits.size())
    return Internal("a token outside the vocabulary is scored");
  result.chosen.token = token;
  FillScores(logits, maximum.value, top_count, tokens_, result);
  return Status::Ok();
}

Status Sampler::Sample(std::span<const float> logits, const SamplingParams& params, const DrawKey& key,
                       SampleResult& result, const LogitEdits* edits, const UnitMaxima* maxima) {
  LogitMaximum raw;
  if (!logits.empty()) raw = maxima != nullptr ? FindMaximum(*maxima) : FindMaximum(logits);
  if (Status status = CheckLogits(raw, logits.size()); !status.ok()) return status;
  result.top.clear();
  std::span<const float> drawn = logits;
  LogitMaximum maximum = raw;
  if (Status status = Edit(drawn, maximum, edits); !status.ok()) return status;
  result.chosen = {params.temperature > 0 ? Draw(drawn, maximum, params, key) : maximum.token, 0};
  if (params.logprobs >= 0) FillScores(logits, raw.value, params.logprobs, tokens_, result);
  return Status::Ok();
}

Status Sampler::Distribution(std::span<const float> logits, const SamplingParams& params,
                             const LogitEdits* edits, std::vector<TokenScore>& tokens) {
  LogitMaximum maximum;
  if (!logits.empty()) maximum = FindMaximum(logits);
  if (Status status = CheckLogits(maximum, logits.size()); !status.ok()) return status;
  if (Status status = Edit(logits, maximum, edits); !status.ok()) return status;
  const double temperature = std::max(params.temperature, kLowestTemperature);
  if (!Cut(logits, maximum.value, static_cast<float>(1 / temperature), params)) KeepAll(logits);
  std::erase_if(candidates_, [](const Candidate& candidate) { return candidate.logit == kBannedLogit; });
  std::sort(candidates_.begin(), candidates_.end(), kLikelier);
  const auto power = [&](const Candidate& candidate) {
    return (double{candidate.logit} - double{maximum.value}) / temperature;
  };
  double total = 0;
  for (const Candidate& candidate : candidates_) total += std::exp(power(candidate));
  tokens.clear();
  for (const Candidate& candidate : candidates_)
    tokens.push_back({candidate.token, static_cast<float>(power(candidate) - std::log(total))});
  return Status::Ok();
}

Status Sampler::Edit(std::span<const float>& logits, LogitMaximum& maximum, const LogitEdits* edits) {
  const bool padded = tokens_ < logits.size();
  logits = logits.first(std::min(tokens_, logits.size()));
  if (edits == nullptr || !edits->active()) {
    // A second scan only where the likeliest row belongs to no token.
    if (padded && static_cast<std::size_t>(maximum.token) >= tokens_) maximum = FindMaximum(logits);
    return Status::Ok();
  }
  edited_.assign(logits.begin(), logits.end());
  edits->Apply(logits, edited_);
  logits = edited_;
  maximum = FindMaximum(logits);
  if (maximum.value > kBannedLogit) return Status::Ok();
  return InvalidArgument(
      "no token can be drawn: allowed_token_ids, bad_words and min_tokens together ban all of them");
}

std::int32_t Sampler::Draw(std::span<const float> logits, const LogitMaximum& maximum,
                           const SamplingParams& params, const DrawKey& key) {
  const double temperature = std::max(params.temperature, kLowestTemperature);
  GumbelDraw draw(key, temperature);
  if (Cut(logits, maximum.value, static_cast<float>(1 / temperature), params)) {
    for (const Candidate& candidate : candidates_) {
      if (draw.CanWin(candidate.logit)) draw.Offer(candidate.token, candidate.logit);
    }
  } else {
    draw.OfferAll(logits, maximum.token);
  }
  return draw.token();
}

bool Sampler::Cut(std::span<const float> logits, float maximum, float scale, const SamplingParams& params) {
  const bool cuts_k = params.top_k > 0 && static_cast<std::size_t>(params.top_k) < logits.size();
  const double least = double{maximum} + std::log(params.min_p) / double{scale};  // -inf for min_p 0
  bool gathered = false;
  if (cuts_k) {
    KeepTopK(logits, static_cast<std::size_t>(params.top_k));
    std::erase_if(candidates_, [&](const Candidate& candidate) { return double{candidate.logit} < least; });
    gathered = true;
  } else if (params.min_p > 0) {
    KeepFrom(logits, least);
    gathered = true;
  }
  if (params.top_p < 1) {
    if (gathered) {
      CutTopP(scale, params.top_p);
    } else {
      KeepTopP(logits, maximum, scale, params.top_p);
    }
    gathered = true;
  }
  if (params.typical_p < 1) {
    if (!gathered) KeepAll(logits);
    CutTypical(maximum, scale, params.typical_p);
    gathered = true;
  }
  return gathered;
}

void Sampler::KeepAll(std::span<const float> logits) {
  candidates_.clear();
  for (std::size_t i = 0; i < logits.size(); ++i)
    candidates_.push_back({logits[i], static_cast<std::int32_t>(i)});
}

void Sampler::KeepFrom(std::span<const float> logits, double least) {
  candidates_.clear();
  for (std::size_t i = 0; i < logits.size(); ++i) {
    if (double{logits[i]} >= least) candidates_.push_back({logits[i], static_cast<std::int32_t>(i)});
  }
  std::sort(candidates_.begin(), candidates_.end(), kLikelier);
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
  // The likeliest token stays whatever top_p is: a denormal one counts as 0 where denormals are flushed.
  std::size_t bucket = kBuckets;
  for (double mass = 0; bucket > 0 && (mass == 0 || mass < top_p * total);) mass += masses_[--bucket];
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

// Locally typical sampling (Meister, Pimentel, Wiher, Cotterell 2022): the surprise of a token is -ln p, the
// expected one the entropy.
void Sampler::CutTypical(float maximum, float scale, double typical_p) {
  weights_.resize(candidates_.size());
  double total = 0, sum = 0;  // sum: of weight * ln weight
  for (std::size_t i = 0; i < candidates_.size(); ++i) {
    const float power = (candidates_[i].logit - maximum) * scale;
    weights_[i] = ExpOfNegative(power);
    total += double{weights_[i]};
    if (weights_[i] > kNoWeight) sum += double{weights_[i]} * double{power};
  }
  const double expected = -sum / total;  // less ln total, as below
  for (Candidate& candidate : candidates_) {
    const double surprise = -double{(candidate.logit - maximum) * scale};
    candidate.distance = static_cast<float>(std::abs(surprise - expected));
  }
  const auto nearer = [](const Candidate& a, const Candidate& b) {
    return a.distance != b.distance ? a.distance < b.distance : a.token < b.token;
  };
  double reached = 0;
  std::size_t kept = 0;
  for (std::size_t sorted = 0; kept < candidates_.size() && (kept == 0 || reached < typical_p * total);
       ++kept) {
    if (kept == sorted) {  // the most often few are enough, so only as many are put in order
      const std::size_t end = std::min(candidates_.size(), std::max<std::size_t>(256, sorted * 8));
      const auto at = [&](std::size_t i) { return candidates_.begin() + static_cast<std::ptrdiff_t>(i); };
      std::partial_sort(at(sorted), at(end), candidates_.end(), nearer);
      sorted = end;
    }
    reached += double{ExpOfNegative((candidates_[kept].logit - maximum) * scale)};
  }
  candidates_.resize(kept);
}

}  // namespace vivace::sampling
