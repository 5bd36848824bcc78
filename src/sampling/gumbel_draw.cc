#include "sampling/gumbel_draw.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstring>

#include "sampling/philox.h"
#include "sampling/philox_blocks.h"

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

PhiloxCounter Counter(const DrawKey& key, std::uint32_t block) {
  return {block, key.choice_index, static_cast<std::uint32_t>(key.position),
          static_cast<std::uint32_t>(key.position >> 32)};
}

PhiloxKey Seed(const DrawKey& key) {
  return {static_cast<std::uint32_t>(key.seed), static_cast<std::uint32_t>(key.seed >> 32)};
}

/// The largest of 16 numbers.
float LargestOf(const float* logits) {
  using Float4 = float __attribute__((vector_size(16)));
  Float4 four[4];
  std::memcpy(four, logits, sizeof(four));
  const Float4 a = four[0] > four[1] ? four[0] : four[1], b = four[2] > four[3] ? four[2] : four[3];
  const Float4 best = a > b ? a : b;
  return std::max(std::max(best[0], best[1]), std::max(best[2], best[3]));
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
  OfferWithBits(token, logit, Philox(Counter(key_, id / kWords), Seed(key_))[id % kWords]);
}

void GumbelDraw::OfferAll(std::span<const float> logits, std::int32_t likeliest) {
  Offer(likeliest, logits[static_cast<std::size_t>(likeliest)]);
  constexpr std::size_t kTokens = 4 * kWords;
  std::size_t begin = 0;
  for (; begin + kTokens <= logits.size(); begin += kTokens) {
    const float largest = LargestOf(&logits[begin]);
    if (!CanWin(largest)) continue;
    const PhiloxBlocks blocks =
        PhiloxFour(Counter(key_, static_cast<std::uint32_t>(begin / kWords)), Seed(key_));
    // No token of these has both a larger logit and a larger bound than this.
    if (double{largest} * inverse_temperature_ + NoiseBound(blocks.largest) < best_) continue;
    for (std::size_t i = 0; i < kTokens; ++i)
      OfferWithBits(static_cast<std::int32_t>(begin + i), logits[begin + i], blocks.words[i]);
  }
  for (; begin < logits.size(); ++begin) {
    if (CanWin(logits[begin])) Offer(static_cast<std::int32_t>(begin), logits[begin]);
  }
}

}  // namespace vivace::sampling
