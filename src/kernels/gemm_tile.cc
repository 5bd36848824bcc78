#include "kernels/gemm_tile.h"

#include <array>
#include <string>
#include <vector>

#include "kernels/panel.h"
#include "tensor/packed_panel.h"
#include "tensor/quantized_rows.h"

namespace vivace::kernels {

using codegen::Builder;
using codegen::Function;
using codegen::Mem;
using codegen::Op;
using codegen::Scalar;
using codegen::Vec;
using tensor::PanelLayout;
using tensor::QuantizedRows;
using tensor::WeightClass;

namespace {

constexpr std::int32_t kLine = 64;

// Offsets inside a group of an expanded unit.
constexpr std::int32_t kExpandedScale = 1024;
constexpr std::int32_t kExpandedMinimum = 1152;
constexpr std::int32_t kExpandedSum = 1280;

// Bytes of the codes of a group of 32.
int CodeBytes(WeightClass type) {
  return tensor::Row(type).coding == tensor::WeightCoding::kSignedByte ? 1024 : 512;
}

using Pair = std::array<Vec, 2>;

Pair NewPair(Builder& b) {
  return {b.NewVec(), b.NewVec()};
}

std::string KernelName(const char* what, WeightClass type, int k) {
  return std::string(what) + "_" + std::string(tensor::Row(type).name) + "_k" + std::to_string(k);
}

// Registers and addresses of a tile while it is being built. Float accumulators stay in registers over the
// whole of K.
struct Tile {
  Builder& b;
  const TileShape& shape;
  const QuantizedRows rows{shape.k};
  const PanelLayout layout{shape.type, shape.k, PanelLayout::kUnitColumns};
  Scalar input{}, parameters{}, unit{};  // advance by one group
  std::vector<Pair> integer{}, total{};  // per row

  Mem Row(int r, int offset) const { return {input, r * rows.row_stride() + offset}; }
  Mem Parameter(int r, int offset) const {
    return {parameters, r * rows.row_stride() + offset - rows.scale_offset()};
  }
  bool has_minimum() const { return shape.type == WeightClass::kQ4_1; }
  bool fills_registers() const { return shape.rows == kTileRows; }
};

// Adds to every row the products of 4 activations [row][k .. k+3] with the weights' 4 values.
void DotQuad(Tile& t, int k, const Pair& weights) {
  for (int r = 0; r < t.shape.rows; ++r) {
    const Vec a = t.b.Broadcast(t.Row(r, k));
    for (int v = 0; v < 2; ++v) t.b.Dot4(t.integer[r][v], a, weights[v]);
  }
}

// Completes the group's integer part by the zero points.
void SubtractZeroPoints(Tile& t, const Pair& weight_sums) {
  for (int r = 0; r < t.shape.rows; ++r) {
    for (int v = 0; v < 2; ++v) {
      t.b.Dot2Broadcast(t.integer[r][v], weight_sums[v], t.Parameter(r, t.rows.word_offset()));
    }
  }
}

// Adds the group to the totals: float(i) * weight scale * activation scale.
void AddScaled(Tile& t, const Pair& scales) {
  for (int r = 0; r < t.shape.rows; ++r) {
    for (int v = 0; v < 2; ++v) {
      const Vec i = t.integer[r][v];
      t.b.UnaryTo(Op::kToFloat, i, i);
      t.b.BinaryTo(Op::kMul, i, i, scales[v]);
      t.b.FmaBroadcast(t.total[r][v], i, t.Parameter(r, t.rows.scale_offset()));
    }
  }
}

// Adds minimum * sum of the group's activations. The last of the three, so that no two need registers at
// once.
void AddMinimums(Tile& t, const Pair& minimums) {
  for (int r = 0; r < t.shape.rows; ++r) {
    for (int v = 0; v < 2; ++v) {
      t.b.FmaBroadcast(t.total[r][v], minimums[v], t.Parameter(r, t.rows.sum_offset()));
    }
  }
}

// Fetches line `line` of the group that lies ahead on the weight stream.
void PrefetchLine(Tile& t, int line) {
  const PrefetchDistances& ahead = t.shape.prefetch;
  if (ahead.far_bytes != 0) t.b.Prefetch1({t.unit, ahead.far_bytes + line * kLine});
  if (ahead.near_bytes != 0) t.b.Prefetch0({t.unit, ahead.near_bytes + line * kLine});
}

// Low (or high) nibbles of the j-th pair of vectors of the group, one a byte.
Pair LoadNibbles(Builder& b, Scalar unit, int j, bool high, Vec mask) {
  Pair nibbles = NewPair(b);
  for (int v = 0; v < 2; ++v) {
    b.LoadTo(nibbles[v], {unit, (2 * j + v) * kLine});
    if (high) b.ShiftRightTo(nibbles[v], nibbles[v], 4);
    b.BinaryTo(Op::kAnd, nibbles[v], nibbles[v], mask);
  }
  return nibbles;
}

// Both halves at once, when registers allow: {low, high}.
std::array<Pair, 2> SplitNibbles(Builder& b, Scalar unit, int j, Vec mask) {
  std::array<Pair, 2> halves = {NewPair(b), NewPair(b)};
  for (int v = 0; v < 2; ++v) {
    b.LoadTo(halves[0][v], {unit, (2 * j + v) * kLine});
    b.ShiftRightTo(halves[1][v], halves[0][v], 4);
    for (int h = 0; h < 2; ++h) b.BinaryTo(Op::kAnd, halves[h][v], halves[h][v], mask);
  }
  return halves;
}

// Keeps bytewise sums of nibbles: 8 values of at most 15 fit a signed byte.
void AddBytes(Builder& b, Pair& sums, const Pair& nibbles, bool first) {
  for (int v = 0; v < 2; ++v) {
    if (first) {
      b.MoveTo(sums[v], nibbles[v]);
    } else {
      b.BinaryTo(Op::kAddInt, sums[v], sums[v], nibbles[v]);
    }
  }
}

// i32 sums of the 4 bytes of each lane.
Pair SumBytes(Builder& b, const Pair& bytes) {
  const Vec ones = b.ConstInt(0x01010101);
  const Pair sums = NewPair(b);
  for (int v = 0; v < 2; ++v) {
    b.ZeroTo(sums[v]);
    b.Dot4(sums[v], ones, bytes[v]);
  }
  return sums;
}

Pair LoadPairF16(Builder& b, Scalar base, std::int32_t offset) {
  return {b.LoadF16({base, offset}), b.LoadF16({base, offset + 32})};
}

Pair LoadPair(Builder& b, Scalar base, std::int32_t offset) {
  return {b.Load({base, offset}), b.Load({base, offset + kLine})};
}

void DirectNibbleGroup(Tile& t, Vec mask) {
  Builder& b = t.b;
  Pair byte_sums = NewPair(b);
  for (int j = 0; j < 4; ++j) {
    PrefetchLine(t, 2 * j);
    PrefetchLine(t, 2 * j + 1);
    std::array<Pair, 2> halves{};
    if (!t.fills_registers()) halves = SplitNibbles(b, t.unit, j, mask);
    for (int h = 0; h < 2; ++h) {
      const Pair nibbles = t.fills_registers() ? LoadNibbles(b, t.unit, j, h == 1, mask) : halves[h];
      AddBytes(b, byte_sums, nibbles, j == 0 && h == 0);
      DotQuad(t, 8 * j + 4 * h, nibbles);
    }
  }
  PrefetchLine(t, 8);
  PrefetchLine(t, 9);
  SubtractZeroPoints(t, SumBytes(b, byte_sums));
  const std::int32_t scale = CodeBytes(t.shape.type);
  AddScaled(t, LoadPairF16(b, t.unit, scale));
  AddMinimums(t, LoadPairF16(b, t.unit, scale + kLine));
}

// Clears the upper halves of i32 sums that may be negative: they are for the offset of a class.
void KeepLowHalves(Builder& b, const Pair& sums) {
  const Vec mask = b.ConstInt(0xffff);
  for (int v = 0; v < 2; ++v) b.BinaryTo(Op::kAnd, sums[v], sums[v], mask);
}

void DirectByteGroup(Tile& t, Vec ones) {
  Builder& b = t.b;
  const Pair sums = NewPair(b);
  for (const Vec sum : sums) b.ZeroTo(sum);
  for (int q = 0; q < 8; ++q) {
    PrefetchLine(t, 2 * q);
    PrefetchLine(t, 2 * q + 1);
    const Pair weights = LoadPair(b, t.unit, 2 * q * kLine);
    for (int v = 0; v < 2; ++v) b.Dot4(sums[v], ones, weights[v]);
    DotQuad(t, 4 * q, weights);
  }
  PrefetchLine(t, 16);
  KeepLowHalves(b, sums);
  SubtractZeroPoints(t, sums);
  AddScaled(t, LoadPairF16(b, t.unit, CodeBytes(t.shape.type)));
}

void ExpandedGroup(Tile& t) {
  Builder& b = t.b;
  for (int q = 0; q < 8; ++q) DotQuad(t, 4 * q, LoadPair(b, t.unit, 2 * q * kLine));
  SubtractZeroPoints(t, LoadPair(b, t.unit, kExpandedSum));
  AddScaled(t, LoadPair(b, t.unit, kExpandedScale));
  if (t.has_minimum()) AddMinimums(t, LoadPair(b, t.unit, kExpandedMinimum));
}

// The frame that all tiles share: loop over groups around `group`, then the stores.
template <class GroupBody>
Function BuildTile(const char* what, const TileShape& shape, int unit_group_bytes, GroupBody group) {
  Builder b(KernelName(what, shape.type, shape.k) + "_r" + std::to_string(shape.rows) + "_c" +
            std::to_string(shape.c_stride));
  Tile t{b, shape};
  t.input = b.Arg(kTileInput);
  t.unit = b.Arg(kTileUnit);
  t.parameters = b.AddImm(t.input, t.rows.scale_offset());
  for (int r = 0; r < shape.rows; ++r) {
    t.total.push_back(NewPair(b));
    for (const Vec v : t.total.back()) b.ZeroTo(v);
  }
  // One constant of the group's body: the nibble mask, or ones for the weights' sums.
  const Vec constant = b.ConstInt(shape.type == WeightClass::kQ4_1 ? 0x0f0f0f0f : 0x01010101);
  b.Loop(t.rows.groups());
  t.integer.clear();
  for (int r = 0; r < shape.rows; ++r) {
    t.integer.push_back(NewPair(b));
    for (const Vec v : t.integer.back()) b.ZeroTo(v);
  }
  group(t, constant);
  b.Bump(t.input, QuantizedRows::kGroup);
  b.Bump(t.parameters, 4);
  b.Bump(t.unit, unit_group_bytes);
  b.End();
  const Scalar result = b.Arg(kTileResult);
  for (int r = 0; r < shape.rows; ++r) {
    for (int v = 0; v < 2; ++v) b.Store({result, r * shape.c_stride + v * kLine}, t.total[r][v]);
  }
  return b.Take();
}

}  // namespace

Function BuildDirectTile(const TileShape& shape) {
  const PanelLayout layout{shape.type, shape.k, PanelLayout::kUnitColumns};
  return BuildTile("gemm_tile", shape, layout.row().block_bytes, [](Tile& t, Vec constant) {
    if (t.shape.type == WeightClass::kQ4_1) {
      DirectNibbleGroup(t, constant);
    } else {
      DirectByteGroup(t, constant);
    }
  });
}

Function BuildExpandedTile(const TileShape& shape) {
  return BuildTile("gemm_expanded", shape, ExpandedUnit::kGroupBytes, [](Tile& t, Vec) { ExpandedGroup(t); });
}

namespace {

void StorePair(Builder& b, Scalar base, std::int32_t offset, const Pair& pair) {
  for (int v = 0; v < 2; ++v) b.Store({base, offset + v * kLine}, pair[v]);
}

// Weights of one group to signed bytes in order of k; gives their sums.
Pair ExpandNibbles(Builder& b, Scalar unit, Scalar result, Vec mask) {
  Pair byte_sums = NewPair(b);
  for (int j = 0; j < 4; ++j) {
    const std::array<Pair, 2> halves = SplitNibbles(b, unit, j, mask);
    for (int h = 0; h < 2; ++h) {
      AddBytes(b, byte_sums, halves[h], j == 0 && h == 0);
      StorePair(b, result, 2 * (2 * j + h) * kLine, halves[h]);
    }
  }
  return SumBytes(b, byte_sums);
}

Pair ExpandBytes(Builder& b, Scalar unit, Scalar result, Vec ones) {
  const Pair sums = NewPair(b);
  for (const Vec sum : sums) b.ZeroTo(sum);
  for (int q = 0; q < 8; ++q) {
    const Pair weights = LoadPair(b, unit, 2 * q * kLine);
    for (int v = 0; v < 2; ++v) b.Dot4(sums[v], ones, weights[v]);
    StorePair(b, result, 2 * q * kLine, weights);
  }
  KeepLowHalves(b, sums);
  return sums;
}

}  // namespace

Function BuildExpand(WeightClass type, int k) {
  Builder b(KernelName("gemm_expand", type, k));
  const PanelLayout layout{type, k, PanelLayout::kUnitColumns};
  const Scalar unit = b.Arg(kExpandUnit);
  const Scalar result = b.Arg(kExpandResult);
  const bool nibbles = type == WeightClass::kQ4_1;
  const Vec constant = b.ConstInt(nibbles ? 0x0f0f0f0f : 0x01010101);
  b.Loop(layout.blocks());
  StorePair(b, result, kExpandedSum,
            nibbles ? ExpandNibbles(b, unit, result, constant) : ExpandBytes(b, unit, result, constant));
  const std::int32_t scale = CodeBytes(type);
  StorePair(b, result, kExpandedScale, LoadPairF16(b, unit, scale));
  if (nibbles) StorePair(b, result, kExpandedMinimum, LoadPairF16(b, unit, scale + kLine));
  b.Bump(unit, layout.row().block_bytes);
  b.Bump(result, ExpandedUnit::kGroupBytes);
  b.End();
  return b.Take();
}

}  // namespace vivace::kernels
