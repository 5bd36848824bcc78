#include "kernels/float_tile.h"

#include <algorithm>
#include <array>
#include <vector>

#include "base/check.h"

namespace vivace::kernels {

using codegen::Builder;
using codegen::Function;
using codegen::Mem;
using codegen::Op;
using codegen::Scalar;
using codegen::Target;
using codegen::Vec;
using tensor::ActivationType;
using tensor::PanelLayout;
using tensor::QuantizedRows;
using tensor::WeightClass;

namespace {

constexpr std::int32_t kLine = 64;
constexpr int kUnitVectors = 2;
constexpr int kRowsWide = 12;    // 24 totals, two vectors of weights, one of an activation
constexpr int kRowsNarrow = 5;   // 5 totals, one vector of weights, one to spare: a unit takes two passes
constexpr int kRowsOnePass = 2;  // narrow: 4 totals, two vectors of weights, one to spare

bool IsWide(const Target& target) {
  return target.vectors >= 2 * kRowsWide + 4;
}

// How products are made.
enum class Arithmetic {
  kFloat,       // float weights of one k after the other
  kExpandBf16,  // pairs of bf16 weights become two vectors of floats
  kDotBf16,     // pairs at once
};

struct Tile {
  Builder& b;
  const FloatTileShape& shape;
  const Target& target;
  Arithmetic arithmetic;
  Vec high_half;  // mask, kExpandBf16 on wide targets

  // Advance along k; one pass covers vectors first_vector .. first_vector + vectors - 1 of the unit.
  Scalar input{}, unit{};
  int first_vector = 0, vectors = kUnitVectors;
  std::vector<std::array<Vec, kUnitVectors>> total{};

  const tensor::WeightClassRow& row() const { return tensor::Row(shape.type); }
  int element_bytes() const { return tensor::Row(shape.activation).element_bytes; }
  Mem Activation(int r, int k) const {
    return {input, r * QuantizedRows{shape.k, shape.activation}.row_stride() + k * element_bytes()};
  }
  Mem Weights(int step, int v) const {
    return {unit, step * row().block_bytes + (first_vector + v) * row().block_bytes / kUnitVectors};
  }
  Mem Result(Scalar result, int r, int v) const {
    return {result, r * shape.c_stride + (first_vector + v) * kLine};
  }
};

Arithmetic ArithmeticOf(const FloatTileShape& shape, const Target& target) {
  if (shape.type != WeightClass::kBF16) return Arithmetic::kFloat;
  if (shape.activation == ActivationType::kBF16 && target.bf16_dot) return Arithmetic::kDotBf16;
  return Arithmetic::kExpandBf16;
}

// The lower (half = 0) or the upper bf16 of each lane as a float. Narrow targets have no register for a mask.
Vec ExpandHalf(Tile& t, Vec pairs, int half) {
  if (half == 0) return t.b.ShiftLeft(pairs, 16);
  if (IsWide(t.target)) return t.b.And(pairs, t.high_half);
  return t.b.ShiftLeft(t.b.ShiftRight(pairs, 16), 16);
}

// Weights of k = step * block_k + half as floats, or whole pairs for dot products.
Vec LoadWeights(Tile& t, int step, int half, int v) {
  const Mem at = t.Weights(step, v);
  if (t.shape.type == WeightClass::kF16) return t.b.LoadF16(at);
  const Vec weights = t.b.Load(at);
  return t.arithmetic == Arithmetic::kExpandBf16 ? ExpandHalf(t, weights, half) : weights;
}

// Adds the products of all rows with the weights of one k, or of one pair.
void Multiply(Tile& t, int k, const std::array<Vec, kUnitVectors>& weights) {
  // An activation is broadcast once for two vectors where there is a register for it.
  const bool in_register = IsWide(t.target) && t.vectors == kUnitVectors;
  for (int r = 0; r < t.shape.rows; ++r) {
    const Mem x = t.Activation(r, k);
    if (in_register) {
      const Vec a = t.b.Broadcast(x);
      for (int v = 0; v < t.vectors; ++v) {
        if (t.arithmetic == Arithmetic::kDotBf16) {
          t.b.DotBf16(t.total[r][v], weights[v], a);
        } else {
          t.b.Fma(t.total[r][v], weights[v], a);
        }
      }
      continue;
    }
    for (int v = 0; v < t.vectors; ++v) {
      if (t.arithmetic == Arithmetic::kDotBf16) {
        t.b.DotBf16Broadcast(t.total[r][v], weights[v], x);
      } else {
        t.b.FmaBroadcast(t.total[r][v], weights[v], x);
      }
    }
  }
}

// The same with bf16 activations that are expanded, too.
void MultiplyExpanded(Tile& t, int k, int half, const std::array<Vec, kUnitVectors>& weights) {
  for (int r = 0; r < t.shape.rows; ++r) {
    const Vec a = ExpandHalf(t, t.b.Broadcast(t.Activation(r, k)), half);
    for (int v = 0; v < t.vectors; ++v) t.b.Fma(t.total[r][v], weights[v], a);
  }
}

void PrefetchStep(Tile& t, int step) {
  const codegen::PrefetchDistances& ahead = t.shape.prefetch;
  for (int v = 0; v < t.row().block_bytes / kLine; ++v) {
    const int line = step * t.row().block_bytes + v * kLine;
    if (ahead.far_bytes != 0) t.b.Prefetch1({t.unit, ahead.far_bytes + line});
    if (ahead.near_bytes != 0) t.b.Prefetch0({t.unit, ahead.near_bytes + line});
  }
}

// All products of one block of the packed weights.
void Step(Tile& t, int step) {
  if (t.first_vector == 0) PrefetchStep(t, step);
  const int block_k = t.row().block_k;
  const int halves = t.arithmetic == Arithmetic::kExpandBf16 ? 2 : 1;
  const bool expands_activations =
      t.arithmetic == Arithmetic::kExpandBf16 && t.shape.activation == ActivationType::kBF16;
  for (int half = 0; half < halves; ++half) {
    std::array<Vec, kUnitVectors> weights{};
    for (int v = 0; v < t.vectors; ++v) weights[v] = LoadWeights(t, step, half, v);
    if (expands_activations) {
      MultiplyExpanded(t, step * block_k, half, weights);
    } else {
      Multiply(t, step * block_k + half, weights);
    }
  }
}

// Blocks that one turn of the loop takes: a divisor of those in a group, enough work to hide the counter.
int BlocksPerTurn(const FloatTileShape& shape) {
  if (shape.rows <= 2) return 16;
  return shape.rows <= 4 ? 8 : 4;
}

// Turns of the loop, and the totals before it.
Scalar BeginPass(Tile& t, int turn) {
  Builder& b = t.b;
  t.input = b.Arg(kTileInput);
  t.unit = b.Arg(kTileUnit);
  t.total.assign(t.shape.rows, {});
  Scalar result{};
  if (t.shape.slice) result = b.Arg(kTileResult);
  for (int r = 0; r < t.shape.rows; ++r) {
    for (int v = 0; v < t.vectors; ++v) {
      t.total[r][v] = t.shape.slice ? b.Load(t.Result(result, r, v)) : b.Const(0.0f);
    }
  }
  const int turn_k = turn * t.row().block_k;
  if (t.shape.slice) return b.MulImm(b.Arg(kTileGroups), kFloatGroupK / turn_k);
  return b.ScalarConst(t.shape.k / turn_k);
}

void Pass(Tile& t) {
  Builder& b = t.b;
  const int turn = BlocksPerTurn(t.shape);
  b.Loop(BeginPass(t, turn));
  for (int block = 0; block < turn; ++block) Step(t, block);
  b.Bump(t.input, static_cast<std::int64_t>(turn) * t.row().block_k * t.element_bytes());
  b.Bump(t.unit, static_cast<std::int64_t>(turn) * t.row().block_bytes);
  b.End();
  const Scalar result = b.Arg(kTileResult);
  for (int r = 0; r < t.shape.rows; ++r) {
    for (int v = 0; v < t.vectors; ++v) b.Store(t.Result(result, r, v), t.total[r][v]);
  }
}

std::string Name(const FloatTileShape& shape) {
  std::string name = "float_tile_" + std::string(tensor::Row(shape.type).name) + "_" +
                     std::string(tensor::Row(shape.activation).name) + "_k" + std::to_string(shape.k) + "_r" +
                     std::to_string(shape.rows) + "_c" + std::to_string(shape.c_stride);
  if (shape.slice) name += "_slice";
  return name;
}

}  // namespace

ActivationType FloatActivation(WeightClass type, const Target& target) {
  return type == WeightClass::kBF16 && target.bf16_dot ? ActivationType::kBF16 : ActivationType::kF32;
}

bool HasFloatTiles(WeightClass type, ActivationType activation) {
  if (activation == ActivationType::kBF16) return type == WeightClass::kBF16;
  const bool is_float = type == WeightClass::kF32 || type == WeightClass::kF16 || type == WeightClass::kBF16;
  return is_float && activation == ActivationType::kF32;
}

// Few rows leave the weight stream alone, so that what suits a plain read suits them.
codegen::PrefetchDistances FloatPrefetch(int rows, const Target& target) {
  constexpr int kFewRows = 4;
  return rows <= kFewRows ? target.prefetch_single_row : target.prefetch_rows;
}

int FloatTileRows(const Target& target) {
  return IsWide(target) ? kRowsWide : kRowsNarrow;
}

Function BuildFloatTile(const FloatTileShape& shape, const Target& target) {
  VIVACE_CHECK(shape.rows >= 1 && shape.rows <= FloatTileRows(target) && shape.k % kFloatGroupK == 0 &&
               HasFloatTiles(shape.type, shape.activation));
  Builder b(Name(shape));
  Tile t{b, shape, target, ArithmeticOf(shape, target), {}};
  if (t.arithmetic == Arithmetic::kExpandBf16 && IsWide(target)) t.high_half = b.ConstBits(0xffff0000u);
  t.vectors = IsWide(target) || shape.rows <= kRowsOnePass ? kUnitVectors : 1;
  for (t.first_vector = 0; t.first_vector < kUnitVectors; t.first_vector += t.vectors) Pass(t);
  return b.Take();
}

}  // namespace vivace::kernels
