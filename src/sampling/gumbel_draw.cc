#include "sampling/gumbel_draw.h"

#include <algorithm>
#include <bit>
#include <cmath>

#include "sampling/philox.h"

namespace vivace::sampling {
namespace {

constexpr std::size_t kWords = 4;        // tokens that share one Philox block
constexpr double kLargestNoise = 22.88;  // of the largest 32-bit word
constexpr double kLn2 = 0.693147180559945309;

/// Gumbel noise of a uniform word: u = (bits + 1/2) / 2^32, -ln(-ln u).
double Noise(std::uint32_t bits) {
  return -std::log(-std::log((static_cast<double>(bits) + 0.5) * 0x1p-32));
}

/// Never below Noise: -ln u >= 1 - u, and 1 - u by its leading zeros.
double NoiseBound(std::uint32_t bits) {
  return (1 + std::countl_zero(~bits)) * kLn2;
}

PhiloxCounter Words(const DrawKey& key, std::uint32_t block) {
  return Philox({block, key.choice_index, static_cast<std::uint32_t>(key.position),
                 static_cast<std::uint32_t>(key.position >> 32)},
                {static_cast<std::uint32_t>(key.seed), static_cast<std::uint32_t>(key.seed >> 32)});
}

}  // namespace

void GumbelDraw::OfferWithBits(std::int32_t token, float logit, std::uint32_t bits) {
  const double scaled = double{logit} * inverse_temperature_;
  if (token_ >= 0 && scaled + NoiseBound(bits) < best_) return;
  const double value = scaled + Noise(bits);
  if (token_ >= 0 && (value < best_ || (value == best_ && token > token_))) return;
  best_ = value;
  token_ = token;
}

bool GumbelDraw::CanWin(float logit) const {
  return token_ < 0 || double{logit} * inverse_temperature_ + kLargestNoise >= best_;
}

void GumbelDraw::Offer(std::int32_t token, float logit) {
  const auto id = static_cast<std::uint32_t>(token);
  OfferWithBits(token, logit, Words(key_, id / kWords)[id % kWords]);
}

void GumbelDraw::OfferAll(std::span<const float> logits, std::int32_t likeliest) {
  Offer(likeliest, logits[static_cast<std::size_t>(likeliest)]);
  for (std::size_t begin = 0; begin < logits.size(); begin += kWords) {
    const std::size_t end = std::min(begin + kWords, logits.size());
    float largest = logits[begin];
    for (std::size_t i = begin + 1; i < end; ++i) largest = std::max(largest, logits[i]);
    if (!CanWin(largest)) continue;
    const PhiloxCounter words = Words(key_, static_cast<std::uint32_t>(begin / kWords));
    for (std::size_t i = begin; i < end; ++i)
      OfferWithBits(static_cast<std::int32_t>(i), logits[i], words[i - begin]);
  }
}

}  // namespace vivace::sampling
