// One chunk of one sequence as a step: its rows all want logits. Owns what the view points to. One thread.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "tensor/kv_layout.h"
#include "tensor/step_view.h"

namespace vivace::conformance {

class ChunkStep {
 public:
  /// `tokens` at the positions from `first` on, of a sequence whose blocks are `blocks`. The view and what it
  /// points to live until the next call; tokens and blocks must outlive it.
  tensor::StepView Prepare(std::span<const std::int32_t> tokens, int first,
                           std::span<const std::int32_t> blocks) {
    constexpr int kBlock = tensor::KvLayout::kBlockTokens;
    const auto rows = static_cast<std::int32_t>(tokens.size());
    positions_.clear();
    slots_.clear();
    logit_rows_.clear();
    for (std::int32_t row = 0; row < rows; ++row) {
      const std::int32_t position = first + row;
      positions_.push_back(position);
      slots_.push_back(blocks[static_cast<std::size_t>(position / kBlock)] * kBlock + position % kBlock);
      logit_rows_.push_back(row);
    }
    sequence_ = {0, rows, first, blocks.data()};
    tensor::StepView step;
    step.rows = step.logit_count = rows;
    step.token_ids = tokens.data();
    step.positions = positions_.data();
    step.kv_slots = slots_.data();
    step.sequences = &sequence_;
    step.sequence_count = 1;
    step.logit_rows = logit_rows_.data();
    return step;
  }

 private:
  std::vector<std::int32_t> positions_, slots_, logit_rows_;
  tensor::SequenceView sequence_ = {};
};

}  // namespace vivace::conformance
