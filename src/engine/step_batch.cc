#include "engine/step_batch.h"

#include <algorithm>

#include "tensor/kv_layout.h"

namespace vivace::engine {

StepBatch::StepBatch(int max_rows, int max_sequences)
    : token_ids_(static_cast<std::size_t>(max_rows)),
      positions_(token_ids_.size()),
      kv_slots_(token_ids_.size()),
      logit_rows_(token_ids_.size()),
      sequences_(static_cast<std::size_t>(max_sequences)) {
  view_.token_ids = token_ids_.data();
  view_.positions = positions_.data();
  view_.kv_slots = kv_slots_.data();
  view_.logit_rows = logit_rows_.data();
  view_.sequences = sequences_.data();
}

const tensor::StepView& StepBatch::Fill(const scheduler::Plan& plan) {
  view_.rows = view_.sequence_count = view_.logit_count = 0;
  for (const scheduler::SequencePlan& sequence : plan.sequences) AppendSequence(sequence);
  return view_;
}

void StepBatch::AppendSequence(const scheduler::SequencePlan& sequence) {
  constexpr int kBlock = tensor::KvLayout::kBlockTokens;
  const std::int32_t* blocks = sequence.block_values();
  sequences_.at(static_cast<std::size_t>(view_.sequence_count++)) = {view_.rows, sequence.rows,
                                                                     sequence.first_position, blocks};
  for (int i = 0; i < sequence.rows; ++i) {
    const auto row = static_cast<std::size_t>(view_.rows);
    const int position = sequence.first_position + i;
    token_ids_.at(row) = sequence.tokens[static_cast<std::size_t>(i)];
    positions_[row] = position;
    kv_slots_[row] = blocks[position / kBlock] * kBlock + position % kBlock;
    if (i >= sequence.rows - sequence.logit_rows) {
      logit_rows_[static_cast<std::size_t>(view_.logit_count++)] = view_.rows;
    }
    ++view_.rows;
  }
}

}  // namespace vivace::engine
