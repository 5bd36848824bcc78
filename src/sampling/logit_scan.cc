#include "sampling/logit_scan.h"

#include <cstring>
#include <limits>

namespace vivace::sampling {
namespace {

using Float4 = float __attribute__((vector_size(16)));
using Int4 = std::int32_t __attribute__((vector_size(16)));

constexpr std::size_t kLanes = 4;
constexpr std::size_t kUnroll = 4;  // independent sums, so that additions overlap
constexpr std::size_t kStep = kLanes * kUnroll;
constexpr std::size_t kBlock = 1024;  // numbers summed in float before they go into the double sum
constexpr std::int32_t kExponentMask = 0x7F800000;

Float4 Load(const float* from) {
  Float4 four;
  std::memcpy(&four, from, sizeof(four));
  return four;
}

Float4 Splat(float x) {
  return Float4{x, x, x, x};
}

/// 2^n * e^r with x = n ln 2 + r, |r| <= ln 2 / 2; e^r by its Taylor polynomial of degree 7 (error below
/// 1e-8).
Float4 Exp4(Float4 x) {
  const Float4 low = Splat(-87.0f);
  x = x < low ? low : x;
  const Float4 magic = Splat(12582912.0f);  // 1.5 * 2^23: adding it rounds to an integer in the low bits
  const Float4 shifted = x * 1.44269504f + magic;
  const Float4 n = shifted - magic;
  const Float4 r = (x - n * 0.693145752f) - n * 1.42860677e-6f;
  Float4 p = r * (1.0f / 5040) + (1.0f / 720);
  p = p * r + (1.0f / 120);
  p = p * r + (1.0f / 24);
  p = p * r + (1.0f / 6);
  p = p * r + 0.5f;
  p = p * r + 1.0f;
  p = p * r + 1.0f;
  Int4 bits, power;
  std::memcpy(&bits, &p, sizeof(bits));
  std::memcpy(&power, &shifted, sizeof(power));
  bits += power << 23;  // the magic number's own bits leave at the top
  std::memcpy(&p, &bits, sizeof(p));
  return p;
}

}  // namespace

LogitMaximum FindMaximum(std::span<const float> logits) {
  const std::size_t count = logits.size(), steps = count / kStep * kStep;
  const float lowest = -std::numeric_limits<float>::infinity();
  Float4 best[kUnroll] = {Splat(lowest), Splat(lowest), Splat(lowest), Splat(lowest)};
  Int4 bad[kUnroll] = {};
  for (std::size_t i = 0; i < steps; i += kStep) {
    for (std::size_t u = 0; u < kUnroll; ++u) {
      const Float4 four = Load(&logits[i + u * kLanes]);
      Int4 bits;
      std::memcpy(&bits, &four, sizeof(bits));
      bad[u] |= (bits & kExponentMask) == kExponentMask;
      best[u] = four > best[u] ? four : best[u];
    }
  }
  LogitMaximum result{lowest, 0, true};
  for (std::size_t u = 0; u < kUnroll; ++u) {
    for (std::size_t lane = 0; lane < kLanes; ++lane) {
      if (bad[u][lane] != 0) result.all_finite = false;
      if (best[u][lane] > result.value) result.value = best[u][lane];
    }
  }
  for (std::size_t i = steps; i < count; ++i) {
    if (!(logits[i] - logits[i] == 0)) result.all_finite = false;
    if (logits[i] > result.value) result.value = logits[i];
  }
  if (!result.all_finite) return result;
  std::size_t at = 0;
  while (logits[at] != result.value) ++at;
  result.token = static_cast<std::int32_t>(at);
  return result;
}

LogitMaximum FindMaximum(const UnitMaxima& units) {
  LogitMaximum result{-std::numeric_limits<float>::infinity(), 0, true};
  for (std::size_t i = 0; i < units.maximum.size(); ++i) {
    const float value = units.maximum[i];
    if (units.check[i] != 0) result.all_finite = false;
    if (value > result.value) {  // the first unit that has it, whose column is the lowest
      result.value = value;
      result.token = units.column[i];
    }
  }
  return result;
}

float ExpOfNegative(float x) {
  return Exp4(Splat(x))[0];
}

double SumOfExp(std::span<const float> logits, float maximum, float scale) {
  const std::size_t count = logits.size(), steps = count / kStep * kStep;
  double sum = 0;
  for (std::size_t block = 0; block < steps; block += kBlock) {
    const std::size_t end = block + kBlock < steps ? block + kBlock : steps;
    Float4 sums[kUnroll] = {};
    for (std::size_t i = block; i < end; i += kStep) {
      for (std::size_t u = 0; u < kUnroll; ++u)
        sums[u] += Exp4((Load(&logits[i + u * kLanes]) - maximum) * scale);
    }
    const Float4 total = (sums[0] + sums[1]) + (sums[2] + sums[3]);
    sum += (double{total[0]} + double{total[1]}) + (double{total[2]} + double{total[3]});
  }
  for (std::size_t i = steps; i < count; ++i) sum += double{ExpOfNegative((logits[i] - maximum) * scale)};
  return sum;
}

void ExpAll(std::span<const float> logits, float maximum, float scale, std::span<float> out) {
  const std::size_t count = logits.size(), fours = count / kLanes * kLanes;
  for (std::size_t i = 0; i < fours; i += kLanes) {
    const Float4 p = Exp4((Load(&logits[i]) - maximum) * scale);
    std::memcpy(&out[i], &p, sizeof(p));
  }
  for (std::size_t i = fours; i < count; ++i) out[i] = ExpOfNegative((logits[i] - maximum) * scale);
}

}  // namespace vivace::sampling
