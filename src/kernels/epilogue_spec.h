// What happens to the results of a tile after the contraction, as data: a list of steps on the 32 columns of
// a unit, in their order. BuildEpilogue (gemm_epilogue.h) makes one kernel of it, FinishTile (panel_finish.h)
// fills that kernel's arguments. Plain values.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <string_view>

#include "tensor/kv_layout.h"
#include "tensor/quantized_rows.h"

namespace vivace::kernels {

/// Partial sums of squares: [rows][SquareStride(hidden)] floats, entry u = sum over columns 32u .. 32u+31
/// that exist; the padding stays zero.
constexpr int SquareStride(int hidden) {
  return ((hidden + 31) / 32 + 15) / 16 * 16;
}

/// One step on the two vectors of a unit of every row, in the order of the list. The first
/// seven work lane by lane and may come before a gate.
//  id  text  arguments that it needs (EpilogueArgument)
#define VIVACE_EPILOGUE_STEPS(X)                                                                       \
  X(RowScale, "rs", kRowScale)                /* *= norm factor of the row (deferred RMSNorm) */       \
  X(Bias, "bias", kBias)                      /* += f32 of the packed column */                        \
  X(Scale, "scale", kNoArgument)              /* *= value */                                           \
  X(SoftCap, "cap", kNoArgument)              /* = value * tanh(x / value) */                          \
  X(PostNorm, "post", kPostNormWeight)        /* *= f32 of the column */                               \
  X(Residual, "residual", kResidual)          /* += x of the row, which takes the sum */               \
  X(Norm, "norm", kNormWeight)                /* *= f32 of the column */                               \
  X(GateSilu, "silu", kNoArgument)            /* units gate, up: = silu(gate) * up, one unit of two */ \
  X(GateGelu, "gelu", kNoArgument)            /* the same with the tanh form of GELU */                \
  X(HeadNorm, "headnorm", kHeadWeight)        /* RMSNorm of the head (value: eps), times its weight */ \
  X(Rope, "rope", kPositions, kRopeTable)     /* rotates lane i of both vectors, see below */          \
  X(Squares, "squares", kSquares)             /* writes the unit's sum of squares */                   \
  X(Floats, "floats", kFloats, kColumns)      /* writes f32, columns that exist; may be anywhere */    \
  X(Activations, "rows", kBytes, kParameters) /* writes activation rows */                             \
  X(Key, "key", kCache, kSlots)               /* writes K to the cache; of 8 bits: a whole head */     \
  X(Value, "value", kCache, kSlots)           /* writes V to the cache; of 8 bits: a whole head */     \
  X(Maximum, "maximum", kMaxima, kColumns, kFirstColumn) /* writes MaximaRows */

enum class StepKind : std::uint8_t {
#define VIVACE_X(id, ...) k##id,
  VIVACE_EPILOGUE_STEPS(VIVACE_X)
#undef VIVACE_X
};
#define VIVACE_X(...) +1
inline constexpr int kStepKinds = 0 VIVACE_EPILOGUE_STEPS(VIVACE_X);
#undef VIVACE_X
std::string_view Name(StepKind kind);

// Rope serves both packings of columns (packed_panel.h): in kRopePairs as in kRopeHalves a pair that rotates
// together lies in the same lane of a unit's two vectors, and unit u of a head has the angles 16u .. 16u+15.
// Only which dimension of the head a column is differs, alike in q and K, whose product is the same then.

/// Arguments of an epilogue kernel: to the first row, and to the first column of the tile.
enum EpilogueArgument {
  kResult,          // f32 [rows][units * 32]
  kRows,            // count
  kLaneScratch,     // kLaneBytes, 64-byte aligned, overwritten
  kRowScale,        // f32 [rows]
  kBias,            // f32 [units * 32]
  kPostNormWeight,  // f32 [columns]
  kResidual,        // f32 [rows][hidden]
  kNormWeight,      // f32 [columns]
  kHeadWeight,      // f32 [head_dim], in the order of the packed columns
  kPositions,       // i32 [rows]
  kRopeTable,       // rope table + 16 * (unit in head)
  kSquares,         // f32 [rows][SquareStride(hidden)]
  kFloats,          // f32 [rows][floats]
  kColumns,         // columns of the tile that exist
  kBytes,           // first element in the activation rows
  kParameters,      // its group's scale
  kSlots,           // i32 [rows]
  kCache,           // K or V element (head, first dim, slot 0) of block 0
  kMaxima,          // value of the tile's first unit in MaximaRows
  kFirstColumn,     // number of the first column
  kEpilogueArguments,
  kNoArgument,
};
/// Scratch of a kernel: lanes on their way to scalars, and up to kMaximumUnits units of a row.
inline constexpr int kMaximumUnits = 8;
inline constexpr int kStagedOffset = 128;
inline constexpr std::size_t kLaneBytes = kStagedOffset + kMaximumUnits * 128;

/// The arguments of a step, then kNoArgument.
const std::array<EpilogueArgument, 3>& ArgumentsOf(StepKind kind);

struct EpilogueStep {
  StepKind kind;
  float value = 0;
};

/// The list. A gate comes before all steps but lane steps; HeadNorm before Rope and sinks.
class EpilogueSteps {
 public:
  static constexpr int kMaximumSteps = 12;

  constexpr EpilogueSteps(std::initializer_list<EpilogueStep> steps) {
    for (const EpilogueStep& step : steps) Add(step);
  }
  constexpr EpilogueSteps() = default;
  /// At most kMaximumSteps.
  constexpr void Add(const EpilogueStep& step) {
    steps_[static_cast<std::size_t>(count_++)] = step;
    kinds_ |= 1u << static_cast<int>(step.kind);
  }
  constexpr int size() const { return count_; }
  constexpr const EpilogueStep& operator[](int i) const { return steps_[static_cast<std::size_t>(i)]; }
  constexpr const EpilogueStep* begin() const { return steps_.data(); }
  constexpr const EpilogueStep* end() const { return steps_.data() + count_; }
  constexpr bool Has(StepKind kind) const { return (kinds_ >> static_cast<int>(kind) & 1u) != 0; }
  constexpr bool gated() const { return Has(StepKind::kGateSilu) || Has(StepKind::kGateGelu); }
  /// Place of the first step of `kind`, size() when there is none.
  constexpr int Find(StepKind kind) const {
    int i = 0;
    while (i < count_ && (*this)[i].kind != kind) ++i;
    return i;
  }

 private:
  std::array<EpilogueStep, kMaximumSteps> steps_{};
  std::int32_t count_ = 0;
  std::uint32_t kinds_ = 0;
};

/// Parts of a phase that have a list each: q, k and v. Others have the first part only.
inline constexpr int kEpilogueParts = 3;
using EpilogueLists = std::array<EpilogueSteps, kEpilogueParts>;

// Lists that decoder layers have when nothing is switched off; for tests and benchmarks.
/// q: * rs, rope -> f32; k: * rs, rope -> cache; v: * rs -> cache.
EpilogueLists QkvSteps();
/// x += y; partial squares of x; quantises x * norm weight.
EpilogueLists ResidualQuantSteps();
/// silu(g * rs) * (u * rs), quantised.
EpilogueLists SiluMulQuantSteps();
/// * rs -> f32.
EpilogueLists LogitsSteps();
/// f32 and nothing else.
EpilogueLists FloatsSteps();
/// Partial squares of x, and x * norm weight quantised.
EpilogueLists NormQuantSteps();

/// Sizes that the steps of a phase share.
struct EpilogueShape {
  int units = 1;   // of 32 packed columns that one call finishes
  int hidden = 0;  // columns of a row of x; where tiles go past them, kColumns is needed
  int floats = 0;  // columns of a row that Floats writes
  int n = 0;       // columns of the phase before padding
  tensor::KvLayout kv{};
  tensor::QuantizedRows output{0};
};

/// Partial results of a row over units of 32 columns, for greedy and fused sampling: f32 maximum[units], i32
/// column of it (the lowest one)[units], f32 check[units]; each padded to whole cache lines. A check is zero,
/// or NaN where a value of the unit is not finite; the other two are not defined then.
struct MaximaRows {
  int n;

  constexpr int units() const { return (n + 31) / 32; }
  constexpr int part_bytes() const { return (units() + 15) / 16 * 64; }
  constexpr int row_stride() const { return 3 * part_bytes(); }
};

}  // namespace vivace::kernels
