// How packed weights become operands of a tile: where things lie in one turn of the loop over a unit, and
// readers of codes, sums of codes and scales, shared by direct tiles and by the expansion. A reader emits
// instructions into the Builder that it was given and keeps registers; it is used up with that Function.
#pragma once

#include <array>

#include "codegen/vir.h"
#include "kernels/gemm_tile.h"

namespace vivace::kernels {

/// One register for each vector of columns that a kernel works on at once.
using Columns = std::array<codegen::Vec, 2>;

/// The vectors of a unit that a pass works on: both where there are registers for it, else one.
struct ColumnRange {
  int first = 0;
  int width = 2;
  int end() const { return first + width; }
};
/// Passes over a unit: 2 vectors at once, or first one, then the other.
int PassWidth(const codegen::Target& target);

/// One turn of the loop over a unit's k.
struct GroupPlan {
  tensor::WeightClassRow weights;
  int k = 0;            // that it covers
  int bytes = 0;        // packed
  int turns = 1;        // per block: more than one where a block has a header
  int header = 0;       // bytes
  int step = 0;         // k of one integer sum
  int x_group = 0;      // k of a group of activations
  int bits_offset = 0;  // of the plane of single bits, or of the lower two
  int scale_offset = 0;

  int steps() const { return k / step; }
  int quads() const { return step / 4; }
  int lines() const { return bytes / 64; }
  bool is_unsigned() const {
    return weights.coding == tensor::WeightCoding::kNibble ||
           weights.coding == tensor::WeightCoding::kNibbleBit;
  }
  bool has_minimum() const {
    return weights.scales == tensor::WeightScale::kF16Minimum ||
           weights.scales == tensor::WeightScale::kSuperMinimum;
  }
};
GroupPlan PlanOf(tensor::WeightClass type, tensor::ActivationType activation);

/// Where a pass reads: the turn's packed bytes and, with super scales, its block.
struct PackedPlace {
  codegen::Scalar unit;
  codegen::Scalar block;
};

/// A constant of a pass: kept in a register, or, where registers are few, made at every use.
class Constant {
 public:
  Constant(codegen::Builder& b, std::uint32_t bits, bool kept);
  codegen::Vec Get() const;

 private:
  codegen::Builder& b_;
  const std::uint32_t bits_;
  const bool kept_;
  codegen::Vec vec_{};
};

/// Codes as signed bytes, four k a lane. kSixBits gives 4 times the code.
class CodeReader {
 public:
  /// Emits constants: before the loops. `roomy`: registers for what the next quad needs, too.
  CodeReader(codegen::Builder& b, const GroupPlan& plan, ColumnRange range, bool roomy);
  /// k = 4 * quad .. 4 * quad + 3 of the turn; quads in ascending order.
  Columns Read(const PackedPlace& place, int quad);

 private:
  codegen::Vec Nibbles(const PackedPlace& place, int quad, int v);
  void AddBits(codegen::Vec code, const PackedPlace& place, int quad, int v);

  codegen::Builder& b_;
  const GroupPlan& plan_;
  const ColumnRange range_;
  const bool roomy_;
  const Constant mask_, bit_mask_;
  Columns raw_{};  // roomy: both nibbles of a pair of quads
};

/// Sums of the codes of a step, made while they are read.
class CodeSums {
 public:
  CodeSums(codegen::Builder& b, const GroupPlan& plan, ColumnRange range);
  void Start();
  void Add(const Columns& codes, bool first);
  /// {sum of codes, offset} of each column: the operand that meets an activation row's word.
  Columns Words();

 private:
  codegen::Builder& b_;
  const GroupPlan& plan_;
  const ColumnRange range_;
  const Constant ones_;
  Columns sums_{};
};

/// f32 scales of a step of the turn; of codes as CodeReader gives them.
Columns ReadScales(codegen::Builder& b, const GroupPlan& plan, ColumnRange range, const PackedPlace& place,
                   int step);
/// f32 minimums, added once a step times the activations' sum. Classes that have them.
Columns ReadMinimums(codegen::Builder& b, const GroupPlan& plan, ColumnRange range, const PackedPlace& place);

}  // namespace vivace::kernels
