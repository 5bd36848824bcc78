// One step's ragged batch as the kernels see it: plain pointers into arrays that the engine owns and refills
// each step. Rows are tokens, sequence after sequence; a sequence's rows have consecutive positions.
#pragma once

#include <cstdint>

namespace vivace::tensor {

/// One sequence's share of the batch and its page table.
struct SequenceView {
  std::int32_t first_row = 0;  // row of its first token in this step
  std::int32_t rows = 0;       // tokens of this step
  std::int32_t first_position =
      0;  // absolute position of its first token in this step; everything before is in the cache
  const std::int32_t* blocks = nullptr;  // page table: block id of positions 16 i .. 16 i + 15
};

/// Rows of one sequence that one attention task handles together.
struct AttentionTile {
  std::int32_t sequence = 0;
  std::int32_t first_row = 0;
  std::int32_t rows = 0;  // 1 .. the kernel's maximum
};

struct StepView {
  std::int32_t rows = 0;                    // T: tokens in this step
  const std::int32_t* token_ids = nullptr;  // [rows]
  const std::int32_t* positions = nullptr;  // [rows]
  const std::int32_t* kv_slots =
      nullptr;  // [rows] block id * 16 + position % 16: where K and V of the row go
  const SequenceView* sequences = nullptr;  // [sequence_count]
  std::int32_t sequence_count = 0;
  const AttentionTile* attention_tiles =
      nullptr;  // [attention_tile_count], filled by the runtime for its kernel's tile size
  std::int32_t attention_tile_count = 0;
  const std::int32_t* logit_rows = nullptr;  // [logit_count] rows whose logits are wanted, ascending
  std::int32_t logit_count = 0;
};

}  // namespace vivace::tensor
