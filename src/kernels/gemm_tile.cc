// The tiles: loops over a packed or an expanded unit around TileFrame. Tiles per token are in
// gemm_tile_token.cc. Pure functions.
#include "kernels/gemm_tile.h"

#include <string>

#include "kernels/gemm_tile_codes.h"
#include "kernels/gemm_tile_frame.h"
#include "kernels/gemm_tile_token.h"

namespace vivace::kernels {

using codegen::Builder;
using codegen::Function;
using codegen::Mem;
using codegen::Scalar;
using codegen::Target;
using tensor::ActivationType;
using tensor::QuantizedRows;
using tensor::WeightClass;
using tensor::WeightCoding;
using tensor::WeightScale;

namespace {

constexpr std::int32_t kLine = 64;
constexpr int kBlockVectors = 2;  // vectors of columns of a unit

int Planes(ActivationType activation) {
  return tensor::Row(activation).planes;
}

// Products of these codes with u8 fit 16 bits two at a time.
bool IsNarrow(const GroupPlan& plan) {
  return plan.is_unsigned();
}

// Registers beyond the accumulators that a direct pass needs for each coding: codes and their sums, the
// broadcast, masks, and a plane of bits on its way. Passes over one vector make masks when they need them,
// and the broadcast takes their place.
int DirectOverhead(WeightCoding coding, int width) {
  const bool has_bits = coding == WeightCoding::kNibbleBit || coding == WeightCoding::kSixBits;
  if (width == 1) return has_bits ? 4 : 3;
  return coding == WeightCoding::kSixBits ? 9 : has_bits ? 8 : 6;
}

// Rows whose accumulators, and totals where they are in registers, fit beside `overhead`.
int RowsThatFit(int overhead, ActivationType activation, const Target& target) {
  const int width = PassWidth(target);
  const int totals = width == kBlockVectors ? 1 : 0;
  return (target.vectors - overhead) / (width * (Planes(activation) + totals));
}

Totals TotalsOf(const Target& target) {
  return PassWidth(target) == kBlockVectors ? Totals::kRegisters : Totals::kMemory;
}

// A direct tile with registers to spare keeps what the next quad needs of a line that it has read.
bool IsRoomy(const TileShape& shape, const Target& target) {
  return PassWidth(target) == kBlockVectors && shape.rows < DirectRows(shape.type, shape.activation, target);
}

// Fetches what lies ahead of `lines` lines on the weight stream, a share for each of the turn's quads.
void PrefetchShare(Builder& b, Scalar unit, const PrefetchDistances& ahead, int lines, int quad, int quads) {
  for (int line = lines * quad / quads; line < lines * (quad + 1) / quads; ++line) {
    if (ahead.far_bytes != 0) b.Prefetch1({unit, ahead.far_bytes + line * kLine});
    if (ahead.near_bytes != 0) b.Prefetch0({unit, ahead.near_bytes + line * kLine});
  }
}

std::string Suffix(const TileShape& shape) {
  return "_" + std::string(tensor::Row(shape.activation).name) + "_k" + std::to_string(shape.k) + "_r" +
         std::to_string(shape.rows) + "_c" + std::to_string(shape.c_stride);
}

// One pass of a direct tile over the unit.
class DirectPass {
 public:
  DirectPass(Builder& b, const TileShape& shape, const Target& target, ColumnRange range)
      : b_(b),
        shape_(shape),
        plan_(PlanOf(shape.type, shape.activation)),
        range_(range),
        frame_(b, shape, range, TotalsOf(target)),
        codes_(b, plan_, range, IsRoomy(shape, target)),
        sums_(b, plan_, range) {}

  void Build() {
    frame_.input = b_.Arg(kTileInput);
    place_.unit = b_.Arg(kTileUnit);
    frame_.result = b_.Arg(kTileResult);
    frame_.parameters = b_.AddImm(frame_.input, frame_.rows().scale_offset());
    frame_.StartTotals(false);
    if (plan_.header != 0) {
      place_.block = b_.Copy(place_.unit);
      b_.Loop(shape_.k / (plan_.k * plan_.turns));
      b_.Bump(place_.unit, plan_.header);
      PrefetchShare(b_, place_.block, shape_.prefetch, plan_.header / kLine, 0, 1);
      b_.Loop(plan_.turns);
      Turn();
      b_.End();
      b_.Bump(place_.block, plan_.weights.block_bytes);
      b_.End();
    } else {
      b_.Loop(shape_.k / plan_.k);
      Turn();
      b_.End();
    }
    const Mem trailer{place_.unit, 0};
    frame_.Finish(plan_.weights.scales == WeightScale::kChannel ? &trailer : nullptr);
  }

 private:
  void Turn() {
    for (int step = 0; step < plan_.steps(); ++step) Step(step);
    b_.Bump(frame_.input, plan_.k);
    b_.Bump(frame_.parameters, 4 * (plan_.k / plan_.x_group));
    b_.Bump(place_.unit, plan_.bytes);
  }
  void Step(int step) {
    const int group = step * plan_.step / plan_.x_group;
    frame_.StartStep();
    sums_.Start();
    for (int q = 0; q < plan_.quads(); ++q) {
      const int quad = step * plan_.quads() + q;
      if (range_.first == 0)
        PrefetchShare(b_, place_.unit, shape_.prefetch, plan_.lines(), quad, plan_.k / 4);
      const Columns codes = codes_.Read(place_, quad);
      sums_.Add(codes, q == 0);
      frame_.DotQuad(4 * quad, codes, IsNarrow(plan_));
    }
    frame_.AddWords(group, sums_.Words());
    frame_.AddScaled(group, ReadScales(b_, plan_, range_, place_, step));
    if (plan_.has_minimum()) frame_.AddMinimums(group, ReadMinimums(b_, plan_, range_, place_));
  }

  Builder& b_;
  const TileShape& shape_;
  const GroupPlan plan_;
  const ColumnRange range_;
  TileFrame frame_;
  CodeReader codes_;
  CodeSums sums_;
  PackedPlace place_{};
};

Columns LoadColumns(Builder& b, Scalar base, std::int32_t offset, ColumnRange range) {
  Columns columns{};
  for (int v = range.first; v < range.end(); ++v) columns[v] = b.Load({base, offset + v * kLine});
  return columns;
}

void StoreColumns(Builder& b, Scalar base, std::int32_t offset, ColumnRange range, const Columns& columns) {
  for (int v = range.first; v < range.end(); ++v) b.Store({base, offset + v * kLine}, columns[v]);
}

// Steps in one turn of an expanded tile's loop: those of one group of activations.
int StepsPerGroup(const ExpandedUnit& unit) {
  return tensor::Row(unit.activation).group / unit.step();
}

void ExpandedPass(Builder& b, const TileShape& shape, const Target& target, ColumnRange range) {
  const ExpandedUnit layout{shape.type, shape.activation};
  const bool narrow = IsNarrow(PlanOf(shape.type, shape.activation));
  TileFrame frame(b, shape, range, TotalsOf(target));
  frame.input = b.Arg(kTileInput);
  const Scalar unit = b.Arg(kTileUnit);
  frame.result = b.Arg(kTileResult);
  frame.parameters = b.Arg(kTileParameters);
  const Scalar groups = b.Arg(kTileGroups);
  frame.StartTotals(!shape.whole);
  b.Loop(groups);
  for (int step = 0; step < StepsPerGroup(layout); ++step) {
    const int base = step * layout.step_bytes();
    frame.StartStep();
    for (int q = 0; q < layout.step() / 4; ++q) {
      frame.DotQuad(step * layout.step() + 4 * q, LoadColumns(b, unit, base + 2 * q * kLine, range), narrow);
    }
    frame.AddWords(0, LoadColumns(b, unit, base + layout.word_offset(), range));
    frame.AddScaled(0, LoadColumns(b, unit, base + layout.scale_offset(), range));
    if (layout.has_minimum())
      frame.AddMinimums(0, LoadColumns(b, unit, base + layout.minimum_offset(), range));
  }
  b.Bump(frame.input, tensor::Row(shape.activation).group);
  b.Bump(frame.parameters, 4);
  b.Bump(unit, StepsPerGroup(layout) * layout.step_bytes());
  b.End();
  frame.Finish(nullptr);
}

}  // namespace

bool HasIntegerTiles(WeightClass type, ActivationType activation) {
  const tensor::WeightClassRow& row = tensor::Row(type);
  const tensor::ActivationRow& x = tensor::Row(activation);
  if (row.coding <= WeightCoding::kBF16 || x.element_bytes != 1) return false;
  if (row.scales == WeightScale::kChannel) return true;
  return x.group != 0 && x.group <= (row.scale_group < 32 ? 32 : row.scale_group);
}

int DirectRows(WeightClass type, ActivationType activation, const Target& target) {
  if (activation == ActivationType::kU8Token) return TokenRows(target);
  return RowsThatFit(DirectOverhead(tensor::Row(type).coding, PassWidth(target)), activation, target);
}

int ExpandedRows(WeightClass type, ActivationType activation, const Target& target) {
  if (tensor::Row(type).scales == WeightScale::kChannel) return 0;
  return RowsThatFit(PassWidth(target) + 1, activation, target);
}

Function BuildDirectTile(const TileShape& shape, const Target& target) {
  if (shape.activation == ActivationType::kU8Token) return BuildTokenTile(shape, target);
  Builder b("gemm_tile_" + std::string(tensor::Row(shape.type).name) + Suffix(shape));
  const int width = PassWidth(target);
  for (int v = 0; v < kBlockVectors; v += width) DirectPass(b, shape, target, {v, width}).Build();
  return b.Take();
}

// Classes with the same steps share a tile: its name does not tell the class.
Function BuildExpandedTile(const TileShape& shape, const Target& target) {
  const ExpandedUnit unit{shape.type, shape.activation};
  Builder b("gemm_expanded_" + std::to_string(unit.step()) + (unit.has_minimum() ? "m" : "") + Suffix(shape) +
            (shape.whole ? "_whole" : ""));
  const int width = PassWidth(target);
  for (int v = 0; v < kBlockVectors; v += width) ExpandedPass(b, shape, target, {v, width});
  return b.Take();
}

namespace {

void ExpandTurn(Builder& b, const GroupPlan& plan, ColumnRange range, const PackedPlace& place, Scalar result,
                const ExpandedUnit& layout, CodeReader& reader, CodeSums& sums, const Target& target) {
  for (int step = 0; step < plan.steps(); ++step) {
    const int base = step * layout.step_bytes();
    sums.Start();
    for (int q = 0; q < plan.quads(); ++q) {
      const int quad = step * plan.quads() + q;
      if (range.first == 0)
        PrefetchShare(b, place.unit, target.prefetch_rows, plan.lines(), quad, plan.k / 4);
      const Columns codes = reader.Read(place, quad);
      sums.Add(codes, q == 0);
      StoreColumns(b, result, base + 2 * q * kLine, range, codes);
    }
    StoreColumns(b, result, base + layout.word_offset(), range, sums.Words());
    StoreColumns(b, result, base + layout.scale_offset(), range, ReadScales(b, plan, range, place, step));
    if (layout.has_minimum())
      StoreColumns(b, result, base + layout.minimum_offset(), range, ReadMinimums(b, plan, range, place));
  }
  b.Bump(place.unit, plan.bytes);
  b.Bump(result, plan.steps() * layout.step_bytes());
}

}  // namespace

Function BuildExpand(WeightClass type, ActivationType activation, const Target& target) {
  Builder b("gemm_expand_" + std::string(tensor::Row(type).name) + "_" +
            std::string(tensor::Row(activation).name));
  const GroupPlan plan = PlanOf(type, activation);
  const ExpandedUnit layout{type, activation};
  const int width = PassWidth(target);
  for (int v = 0; v < kBlockVectors; v += width) {
    const ColumnRange range{v, width};
    CodeReader reader(b, plan, range, width == kBlockVectors);
    CodeSums sums(b, plan, range);
    PackedPlace place{.unit = b.Arg(kExpandUnit), .block = {}};
    const Scalar result = b.Arg(kExpandResult);
    place.block = b.Copy(place.unit);
    b.Loop(b.Arg(kExpandBlocks));
    if (plan.header != 0) {
      b.Bump(place.unit, plan.header);
      b.Loop(plan.turns);
      ExpandTurn(b, plan, range, place, result, layout, reader, sums, target);
      b.End();
      b.Bump(place.block, plan.weights.block_bytes);
    } else {
      ExpandTurn(b, plan, range, place, result, layout, reader, sums, target);
    }
    b.End();
  }
  return b.Take();
}

}  // namespace vivace::kernels
