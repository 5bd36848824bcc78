// What all integer tiles share: accumulators, the products of activation rows with codes, and the way from
// the integer sums of a step to float totals. Emits into the Builder that it was given. See panel.h for the
// arithmetic.
#pragma once

#include <vector>

#include "codegen/vir.h"
#include "kernels/gemm_tile.h"
#include "kernels/gemm_tile_codes.h"

namespace vivace::kernels {

/// Float totals live in registers over the whole of k, or, where registers are few, in the result's memory.
enum class Totals { kRegisters, kMemory };

class TileFrame {
 public:
  TileFrame(codegen::Builder& b, const TileShape& shape, ColumnRange range, Totals totals);

  // Scalars that the caller sets and advances.
  codegen::Scalar input{};       // first row, first element of the turn
  codegen::Scalar parameters{};  // first row, scale of the turn's first group
  codegen::Scalar result{};

  /// Totals start at zero, or at what the result's memory holds.
  void StartTotals(bool from_memory);
  /// A step's integer sums start at zero.
  void StartStep();
  /// Adds the products of activations k .. k + 3 of the turn with the codes.
  void DotQuad(int k, const Columns& codes, bool narrow);
  /// Completes the integer sums by zero points and offsets. `group`: of the turn.
  void AddWords(int group, const Columns& words);
  /// total = fma(float(i) * scale, x_scale, total) for every output.
  void AddScaled(int group, const Columns& scales);
  /// total = fma(minimum, x_sum, total).
  void AddMinimums(int group, const Columns& minimums);
  /// Totals in registers go to the result; with `scale`, times the f32 [32] at that place.
  void Finish(const codegen::Mem* scale);

  const tensor::QuantizedRows& rows() const { return rows_; }

 private:
  codegen::Mem Parameter(int r, int offset, int group) const {
    return {parameters, r * rows_.row_stride() + offset - rows_.scale_offset() + 4 * group};
  }
  codegen::Mem Result(int r, int v) const { return {result, r * shape_.c_stride + 64 * v}; }
  Columns& Integer(int r, int plane) { return integer_[r * rows_.planes() + plane]; }
  codegen::Vec Sum(int r, int v);
  void FmaTotal(int r, int v, codegen::Vec a, codegen::Mem x);

  codegen::Builder& b_;
  const TileShape& shape_;
  const ColumnRange range_;
  const Totals totals_in_;
  const tensor::QuantizedRows rows_;
  std::vector<Columns> integer_;  // per row and plane
  std::vector<Columns> total_;    // per row
};

}  // namespace vivace::kernels
