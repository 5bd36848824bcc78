#include "kernels/float_tile_expand.h"

#include <string>

#include "base/check.h"
#include "kernels/gemm_tile_codes.h"

namespace vivace::kernels {

using codegen::Builder;
using codegen::Function;
using codegen::Op;
using codegen::Scalar;
using codegen::Target;
using codegen::Vec;
using tensor::ActivationType;
using tensor::WeightClass;
using tensor::WeightCoding;
using tensor::WeightScale;

namespace {

constexpr std::int32_t kLine = 64;
constexpr int kUnitVectors = 2;
constexpr std::int32_t kRowBytes = kUnitVectors * kLine;  // of one k

/// One pass over the vectors `range` of a unit. Turns and readers are those of u8 activations in groups of
/// 32: their steps never go over a scale's border.
class ExpandPass {
 public:
  ExpandPass(Builder& b, WeightClass type, const Target& target, ColumnRange range)
      : b_(b),
        target_(target),
        plan_(PlanOf(type, ActivationType::kU8Group32)),
        range_(range),
        codes_(b, plan_, range, range.width == kUnitVectors) {}

  void Build() {
    place_.unit = b_.Arg(kExpandUnit);
    result_ = b_.Arg(kExpandResult);
    if (plan_.weights.scales == WeightScale::kChannel) ReadChannelScales();
    place_.block = b_.Copy(place_.unit);
    b_.Loop(b_.Arg(kExpandBlocks));
    if (plan_.header != 0) {
      b_.Bump(place_.unit, plan_.header);
      b_.Loop(plan_.turns);
      Turn();
      b_.End();
      b_.Bump(place_.block, plan_.weights.block_bytes);
    } else {
      Turn();
    }
    b_.End();
  }

 private:
  void ReadChannelScales() {
    const Scalar trailer = b_.Arg(kExpandTrailer);
    for (int v = range_.first; v < range_.end(); ++v) scales_[v] = b_.Load({trailer, v * kLine});
  }

  void Turn() {
    for (int step = 0; step < plan_.steps(); ++step) {
      if (plan_.weights.scales != WeightScale::kChannel)
        scales_ = ReadScales(b_, plan_, range_, place_, step);
      if (plan_.has_minimum()) minimums_ = ReadMinimums(b_, plan_, range_, place_);
      for (int q = 0; q < plan_.quads(); ++q) Quad(step * plan_.quads() + q);
    }
    b_.Bump(place_.unit, plan_.bytes);
    b_.Bump(result_, plan_.k * kRowBytes);
  }

  void Quad(int quad) {
    if (range_.first == 0) Prefetch(quad);
    const Columns codes = codes_.Read(place_, quad);
    for (int i = 0; i < 4; ++i) {
      for (int v = range_.first; v < range_.end(); ++v)
        b_.Store({result_, (4 * quad + i) * kRowBytes + v * kLine}, Value(codes[v], i, v));
    }
  }
  void Prefetch(int quad) {
    const int lines = plan_.lines(), quads = plan_.k / 4;
    for (int line = lines * quad / quads; line < lines * (quad + 1) / quads; ++line) {
      if (target_.prefetch_rows.far_bytes != 0)
        b_.Prefetch1({place_.unit, target_.prefetch_rows.far_bytes + line * kLine});
    }
  }

  /// Byte `i` of each lane, as the value that it codes. Codes of six bits come times 4, and so do their
  /// scales a quarter each (gemm_tile_codes.h): powers of two, which round nothing.
  Vec Value(Vec codes, int i, int v) {
    const Vec x = i == 3 ? b_.ShiftRightArithmetic(codes, 24)
                         : b_.ShiftRightArithmetic(b_.ShiftLeft(codes, 24 - 8 * i), 24);
    b_.UnaryTo(Op::kToFloat, x, x);
    if (plan_.weights.offset != 0)
      b_.BinaryTo(Op::kAdd, x, x, b_.Const(static_cast<float>(plan_.weights.offset)));
    b_.BinaryTo(Op::kMul, x, x, scales_[v]);
    if (plan_.has_minimum()) b_.BinaryTo(Op::kAdd, x, x, minimums_[v]);
    return x;
  }

  Builder& b_;
  const Target& target_;
  const GroupPlan plan_;
  const ColumnRange range_;
  CodeReader codes_;
  PackedPlace place_{};
  Scalar result_{};
  Columns scales_{}, minimums_{};
};

}  // namespace

ContractionKind ContractionOf(WeightClass type, ActivationType activation) {
  if (HasIntegerTiles(type, activation)) return ContractionKind::kInteger;
  if (HasFloatTiles(type, activation)) return ContractionKind::kFloat;
  const bool codes = tensor::Row(type).coding > WeightCoding::kBF16;
  return codes && activation == ActivationType::kF32 ? ContractionKind::kExpandedFloat
                                                     : ContractionKind::kNone;
}

Function BuildFloatExpand(WeightClass type, const Target& target) {
  VIVACE_CHECK(ContractionOf(type, ActivationType::kF32) == ContractionKind::kExpandedFloat);
  Builder b("float_expand_" + std::string(tensor::Row(type).name));
  const int width = PassWidth(target);
  for (int v = 0; v < kUnitVectors; v += width) ExpandPass(b, type, target, {v, width}).Build();
  return b.Take();
}

}  // namespace vivace::kernels
