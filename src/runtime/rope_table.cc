#include "runtime/rope_table.h"

#include <algorithm>
#include <cmath>

#include "base/check.h"

namespace vivace::runtime {
namespace {

// Rows whose angles follow from the first one's by turning; the error of 255 turns stays below 1e-13.
constexpr int kBlockPositions = 256;

}  // namespace

Result<RopeTable> RopeTable::Create(int positions, const tensor::RopeSpec& spec) {
  RopeTable table;
  const std::size_t floats = static_cast<std::size_t>(positions) * static_cast<std::size_t>(spec.dim);
  auto memory = AnonymousMemory::Map(floats * sizeof(float), PageHint::kSmall, "the rotary table");
  if (!memory.ok()) return memory.status();
  table.memory_ = std::move(memory).value();
  table.positions_ = positions;
  table.dim_ = spec.dim;
  table.amplitude_ = spec.attention_factor;
  for (std::size_t i = 0; i < static_cast<std::size_t>(spec.dim) / 2; ++i) {
    const double factor = spec.factors.empty() ? 1.0 : spec.factors[i];
    table.frequencies_.push_back(std::pow(spec.theta, -2.0 * static_cast<double>(i) / spec.dim) / factor);
  }
  return table;
}

void RopeTable::Extend(int positions) {
  VIVACE_CHECK(positions <= positions_);
  while (ready_ < positions) {
    FillBlock(ready_);
    ready_ = std::min(ready_ + kBlockPositions, positions_);
  }
}

void RopeTable::FillBlock(int first) {
  const int half = dim_ / 2;
  const int last = std::min(first + kBlockPositions, positions_);
  auto* rows = reinterpret_cast<float*>(memory_.data());
  for (int i = 0; i < half; ++i) {
    const double frequency = frequencies_[static_cast<std::size_t>(i)];
    const double turn_cos = std::cos(frequency);
    const double turn_sin = std::sin(frequency);
    double cosine = std::cos(first * frequency);
    double sine = std::sin(first * frequency);
    for (int position = first; position < last; ++position) {
      float* row = rows + static_cast<std::size_t>(position) * static_cast<std::size_t>(dim_);
      row[i] = static_cast<float>(amplitude_ * cosine);
      row[half + i] = static_cast<float>(amplitude_ * sine);
      const double next_cosine = cosine * turn_cos - sine * turn_sin;
      sine = sine * turn_cos + cosine * turn_sin;
      cosine = next_cosine;
    }
  }
}

}  // namespace vivace::runtime
