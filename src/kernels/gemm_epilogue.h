// Builders of what follows the contraction of a tile: kernels that take `rows` rows of f32 results [rows][32]
// (gate-up: [rows][64]) from scratch and finish them (see panel.h, Epilogue), and the kernel that makes the
// deferred RMSNorm factors of rows.
#pragma once

#include "codegen/vir.h"
#include "kernels/panel.h"

namespace vivace::kernels {

/// Arguments of every epilogue kernel. Pointers are to the first row and to the unit's first column.
enum EpilogueArgument {
  kResult,       // f32 [rows][32 or 64]
  kRows,         // count
  kRowScale,     // f32 [rows], deferred norm                                  (not kResidualQuant)
  kLaneScratch,  // 128 bytes, overwritten
  kOutput,       // residual x, q, logits; or u8 of the quantised rows (kSiluMulQuant)
  kParameters,   // scales of the quantised rows                               (quantising epilogues)
  kQuantized,    // u8 of the quantised rows                                   (kResidualQuant)
  kNormWeight,   // f32 [32]                                                   (kResidualQuant)
  kSquares,      // partial square of the unit                                 (kResidualQuant)
  kPositions,    // i32 [rows]                                                 (q, k)
  kRopeTable,    // rope table + 16 * (unit in head)                           (q, k)
  kSlots,        // i32 [rows]                                                 (k, v)
  kCache,        // K or V element (head, first dim, slot 0) of block 0        (k, v)
  kEpilogueArguments,
};

/// Bytes from one row of a tile's results to the next.
constexpr int ResultStride(Epilogue epilogue) {
  return epilogue == Epilogue::kSiluMulQuant ? 256 : 128;
}

/// The three kinds of units of kQkvRopeAppend.
enum class QkvPart { kQuery, kKey, kValue };

codegen::Function BuildResidualQuant(int hidden);
codegen::Function BuildSiluMulQuant(int output_k);
codegen::Function BuildLogits(int n);
codegen::Function BuildQkv(QkvPart part, int heads, const tensor::KvLayout& kv);

/// One row of `hidden` columns: partial squares and quantisation only (x is in place already). Arguments as
/// BuildResidualQuant's, without kResult and kRows.
codegen::Function BuildRowQuant(int hidden);

/// Arguments of the row-scale kernel: squares f32 [rows][SquareStride(hidden)], count, f32 result [rows +
/// 15].
enum RowScaleArgument { kScaleSquares, kScaleRows, kScaleResult, kRowScaleArguments };
codegen::Function BuildRowScale(int hidden, float eps);

}  // namespace vivace::kernels
