// For the attention tests: sequences with random Q, K and V whose K and V lie in a paged cache, the steps
// over any parts of them, and the naive softmax in double. Slots of the cache that hold no position are NaN,
// so that reading one too many shows.
#pragma once

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <numeric>
#include <random>
#include <vector>

#include "kernels/portable.h"
#include "kernels/step_fixture.h"

namespace vivace::kernels {

/// Rows [first, first + rows) of one sequence, as part of a step.
struct SequencePart {
  int sequence, first, rows;
};

/// A step with its queries; the arrays that the view points to live here.
struct AttentionStep {
  std::vector<tensor::SequenceView> sequences;
  std::vector<tensor::AttentionTile> tiles;
  std::vector<float> q;
  tensor::StepView view;
};

class AttentionFixture {
 public:
  AttentionFixture(int heads, int kv_heads, int dim, tensor::DType type, std::vector<int> lengths,
                   unsigned seed)
      : heads_(heads), lengths_(std::move(lengths)), random_(seed) {
    int blocks = 1;
    for (const int length : lengths_) blocks += (length + 15) / 16;
    layout_ = {.layers = 1, .kv_heads = kv_heads, .head_dim = dim, .type = type, .blocks = blocks};
    pool_.assign(layout_.bytes(), std::byte{0xff});
    std::vector<std::int32_t> free(blocks);
    std::iota(free.begin(), free.end(), 0);
    std::shuffle(free.begin(), free.end(), random_);
    for (const int length : lengths_) {
      const int count = (length + 15) / 16;
      blocks_.emplace_back(free.end() - count, free.end());
      free.resize(free.size() - count);
      q_.push_back(Random(length, heads * dim, 2.0f));
      FillCache(length, blocks_.back());
    }
  }

  AttentionStep Step(const std::vector<SequencePart>& parts, int tile_rows) const {
    AttentionStep step;
    const int width = heads_ * layout_.head_dim;
    for (const SequencePart& part : parts) {
      const int row = static_cast<int>(step.q.size()) / width;
      step.sequences.push_back({row, part.rows, part.first, blocks_[part.sequence].data()});
      for (int r = 0; r < part.rows; r += tile_rows) {
        step.tiles.push_back(
            {static_cast<int>(step.sequences.size()) - 1, row + r, std::min(tile_rows, part.rows - r)});
      }
      const float* q = q_[part.sequence].data() + part.first * width;
      step.q.insert(step.q.end(), q, q + part.rows * width);
      step.view.rows += part.rows;
    }
    step.view.sequences = step.sequences.data();
    step.view.sequence_count = static_cast<int>(step.sequences.size());
    step.view.attention_tiles = step.tiles.data();
    step.view.attention_tile_count = static_cast<int>(step.tiles.size());
    return step;
  }

  /// The exact answer for one position: [heads * head_dim]; window and softcap as in AttentionArgs.
  std::vector<double> Exact(int sequence, int position, float scale, int window = 0,
                            double softcap = 0) const {
    const int dim = layout_.head_dim, width = heads_ * dim;
    std::vector<double> out(width), p(position + 1);
    const int begin = window > 0 ? std::max(0, position + 1 - window) : 0;
    for (int head = 0; head < heads_; ++head) {
      const int kv_head = head / (heads_ / layout_.kv_heads);
      const float* q = q_[sequence].data() + position * width + head * dim;
      double sum = 0;
      for (int j = begin; j <= position; ++j) {
        double dot = 0;
        for (int d = 0; d < dim; ++d) dot += q[d] * KeyElement(sequence, j, kv_head, d);
        p[j] = softcap > 0 ? softcap * std::tanh(dot * scale / softcap) : dot * scale;
      }
      const double top = *std::max_element(p.begin() + begin, p.end());
      for (int j = begin; j <= position; ++j) sum += p[j] = std::exp(p[j] - top);
      for (int j = begin; j <= position; ++j) {
        for (int d = 0; d < dim; ++d) {
          out[head * dim + d] += p[j] / sum * ValueElement(sequence, j, kv_head, d);
        }
      }
    }
    return out;
  }

  /// Makes V of one position NaN in all heads: whatever is multiplied with it shows, even by a weight of
  /// zero.
  void PoisonValues(int sequence, int position) {
    std::byte* block = pool_.data() + blocks_[sequence][position / 16] * layout_.block_stride();
    const std::size_t row_bytes = static_cast<std::size_t>(layout_.head_dim) * layout_.element_bytes();
    for (int head = 0; head < layout_.kv_heads; ++head) {
      std::memset(block + layout_.v_element_offset(head, position % 16, 0), 0xff, row_bytes);
    }
  }

  const tensor::KvLayout& layout() const { return layout_; }
  const std::byte* layer() const { return pool_.data(); }
  std::byte* layer() { return pool_.data(); }
  /// Where K and V of a position go: StepView::kv_slots.
  std::int32_t slot(int sequence, int position) const {
    return blocks_[sequence][position / 16] * 16 + position % 16;
  }
  int heads() const { return heads_; }
  int width() const { return heads_ * layout_.head_dim; }
  int length(int sequence) const { return lengths_[sequence]; }

 private:
  std::vector<float> Random(int rows, int columns, float size) {
    std::normal_distribution<float> normal(0, size);
    std::vector<float> values(static_cast<std::size_t>(rows) * columns);
    for (float& value : values) value = normal(random_);
    return values;
  }
  void FillCache(int length, const std::vector<std::int32_t>& blocks) {
    const std::vector<float> k = Random(length, layout_.kv_heads * layout_.head_dim, 1.0f);
    const std::vector<float> v = Random(length, layout_.kv_heads * layout_.head_dim, 1.0f);
    if (layout_.type != tensor::DType::kF16 && layout_.type != tensor::DType::kF32) {
      for (int i = 0; i < length; ++i) {
        std::byte* block = pool_.data() + blocks[i / 16] * layout_.block_stride();
        for (int head = 0; head < layout_.kv_heads; ++head) FillPosition(block, head, i, k.data(), v.data());
      }
      return;
    }
    std::vector<std::int32_t> slots;
    for (int i = 0; i < length; ++i) slots.push_back(blocks[i / 16] * 16 + i % 16);
    tensor::StepView step;
    step.rows = length;
    step.kv_slots = slots.data();
    const KvAppendArgs args = {k.data(), v.data(), layout_, pool_.data()};
    RunPhase(KvAppendKernel(), &args, step);
  }
  /// One position of a cache of bf16 or 8-bit elements, rounded here.
  void FillPosition(std::byte* block, int head, int position, const float* k, const float* v) {
    const int dim = layout_.head_dim, slot = position % 16;
    const std::size_t row = static_cast<std::size_t>(position * layout_.kv_heads + head) * dim;
    float scales[] = {0, 0};
    for (int d = 0; d < dim; ++d) {
      scales[0] = std::max(scales[0], std::abs(k[row + d]) / 127);
      scales[1] = std::max(scales[1], std::abs(v[row + d]) / 127);
    }
    for (int d = 0; d < dim; ++d) {
      PutElement(block + layout_.k_offset(head, d, slot), k[row + d], scales[0]);
      PutElement(block + layout_.v_element_offset(head, slot, d), v[row + d], scales[1]);
    }
    if (!layout_.has_scales()) return;
    std::memcpy(block + layout_.k_scale_offset(head, slot), &scales[0], 4);
    std::memcpy(block + layout_.v_scale_offset(head, slot), &scales[1], 4);
  }
  void PutElement(std::byte* p, float value, float scale) const {
    if (layout_.type == tensor::DType::kI8) {
      *p = static_cast<std::byte>(static_cast<int>(std::lround(value / scale)) & 0xff);
      return;
    }
    const auto bits = std::bit_cast<std::uint32_t>(value);
    const auto rounded = static_cast<std::uint16_t>((bits + 0x7fff + (bits >> 16 & 1)) >> 16);
    std::memcpy(p, &rounded, sizeof(rounded));
  }
  double KeyElement(int sequence, int position, int head, int d) const {
    return Element(sequence, position, layout_.k_offset(head, d, position % 16),
                   layout_.k_scale_offset(head, position % 16));
  }
  double ValueElement(int sequence, int position, int head, int d) const {
    return Element(sequence, position, layout_.v_element_offset(head, position % 16, d),
                   layout_.v_scale_offset(head, position % 16));
  }
  double Element(int sequence, int position, std::size_t offset, std::size_t scale_offset) const {
    const std::byte* block = pool_.data() + blocks_[sequence][position / 16] * layout_.block_stride();
    const std::byte* p = block + offset;
    if (layout_.type == tensor::DType::kI8) {
      float scale;
      std::memcpy(&scale, block + scale_offset, sizeof(scale));
      return static_cast<double>(scale) * static_cast<std::int8_t>(*p);
    }
    if (layout_.type == tensor::DType::kBF16) {
      std::uint16_t half;
      std::memcpy(&half, p, sizeof(half));
      return std::bit_cast<float>(static_cast<std::uint32_t>(half) << 16);
    }
    if (layout_.type == tensor::DType::kF32) {
      float value;
      std::memcpy(&value, p, sizeof(value));
      return value;
    }
    _Float16 value;
    std::memcpy(&value, p, sizeof(value));
    return static_cast<double>(value);
  }

  int heads_;
  std::vector<int> lengths_;
  std::mt19937 random_;
  tensor::KvLayout layout_;
  std::vector<std::byte> pool_;
  std::vector<std::vector<std::int32_t>> blocks_;
  std::vector<std::vector<float>> q_;
};

}  // namespace vivace::kernels
