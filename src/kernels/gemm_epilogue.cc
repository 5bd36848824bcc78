#include "kernels/gemm_epilogue.h"

#include <algorithm>
#include <array>
#include <bit>
#include <optional>
#include <string>

#include "kernels/epilogue_sinks.h"
#include "kernels/math_builders.h"
#include "kernels/quantize_builders.h"
#include "tensor/packed_panel.h"

namespace vivace::kernels {

using codegen::Builder;
using codegen::Function;
using codegen::Mem;
using codegen::Op;
using codegen::Scalar;
using codegen::Vec;
using tensor::ActivationType;
using tensor::QuantizedRows;

namespace {

constexpr std::int32_t kVectorBytes = 64;
constexpr std::int32_t kUnit = tensor::PanelLayout::kUnitColumns;
constexpr std::int32_t kUnitRowBytes = 128;  // 32 floats

// Everything that tells one kernel from another.
std::string KernelName(const EpilogueSteps& steps, const EpilogueShape& shape) {
  std::string name = "epilogue_u" + std::to_string(shape.units);
  for (const EpilogueStep& step : steps) {
    name += "_" + std::string(Name(step.kind));
    if (step.value != 0) name += std::to_string(std::bit_cast<std::uint32_t>(step.value));
    if (step.kind == StepKind::kResidual || step.kind == StepKind::kSquares)
      name += std::to_string(shape.hidden);
    if (step.kind == StepKind::kFloats) name += std::to_string(shape.floats);
    if (step.kind == StepKind::kMaximum) name += std::to_string(shape.n);
    if (step.kind == StepKind::kActivations)
      name += std::string(tensor::Row(shape.output.type).name) + "_" + std::to_string(shape.output.k);
    if (step.kind == StepKind::kRope) name += std::to_string(shape.kv.head_dim);
    if (step.kind == StepKind::kKey || step.kind == StepKind::kValue)
      name += std::to_string(shape.kv.kv_heads) + "x" + std::to_string(shape.kv.head_dim) +
              std::string(tensor::Row(shape.kv.type).name);
  }
  return name;
}

// Bytes from one row to the next; 0: the argument is the same for all rows.
std::int64_t RowBytes(int argument, const EpilogueShape& shape) {
  switch (argument) {
    case kResult:
      return std::int64_t{shape.units} * kUnitRowBytes;
    case kRowScale:
    case kPositions:
    case kSlots:
      return 4;
    case kResidual:
      return std::int64_t{shape.hidden} * 4;
    case kSquares:
      return std::int64_t{SquareStride(shape.hidden)} * 4;
    case kFloats:
      return std::int64_t{shape.floats} * 4;
    case kBytes:
    case kParameters:
      return shape.output.row_stride();
    case kMaxima:
      return MaximaRows{shape.n}.row_stride();
    default:
      return 0;
  }
}

// From the tile of a row to the next, which has `units` units after a gate.
std::int64_t ColumnBytes(int argument, const EpilogueShape& shape, int units) {
  switch (argument) {
    case kResult:
    case kBias:
      return std::int64_t{shape.units} * kUnitRowBytes;
    case kPostNormWeight:
    case kResidual:
    case kNormWeight:
    case kFloats:
      return std::int64_t{units} * kUnitRowBytes;
    case kSquares:
    case kMaxima:
      return std::int64_t{units} * 4;
    case kBytes:
      return std::int64_t{units} * kUnit * tensor::Row(shape.output.type).element_bytes;
    case kParameters:
      return shape.output.is_float() ? 0 : std::int64_t{units} * kUnit / shape.output.group() * 4;
    case kColumns:
      return -std::int64_t{units} * kUnit;
    case kFirstColumn:
      return std::int64_t{units} * kUnit;
    default:
      return 0;
  }
}

// Writes one kernel: arguments and constants, then for each row the steps of each unit. A step that needs a
// whole head or a group of two units finds the units before it in scratch.
class Composer {
 public:
  // Along rows: the loop goes over the tiles of one row instead of the rows of one tile.
  Composer(const EpilogueSteps& steps, const EpilogueShape& shape, bool along_rows)
      : steps_(steps),
        shape_(shape),
        along_rows_(along_rows),
        b_((along_rows ? "row_" : "") + KernelName(steps, shape)) {}

  Function Compose() {
    Arguments();
    Constants();
    b_.Loop(at(kRows));
    Row();
    for (int argument = 0; argument < kEpilogueArguments; ++argument) {
      const std::int64_t bytes =
          along_rows_ ? ColumnBytes(argument, shape_, units()) : RowBytes(argument, shape_);
      if (needed_[static_cast<std::size_t>(argument)] && bytes != 0) b_.Bump(at(argument), bytes);
    }
    b_.End();
    return b_.Take();
  }

 private:
  struct Math {
    std::optional<ExpConstants> exp;
    std::optional<GeluConstants> gelu;
    std::optional<SoftCapConstants> cap;
    std::optional<QuantizeConstants> quantize;
    std::optional<QuantizeI16Constants> quantize_i16;
    std::optional<MaximumConstants> maximum;
  };

  Scalar at(int argument) const { return arguments_[static_cast<std::size_t>(argument)]; }
  Mem Column(EpilogueArgument argument, int unit, int v) const {
    return {at(argument), unit * kUnitRowBytes + v * kVectorBytes};
  }
  // Units that the gate leaves.
  int units() const { return steps_.gated() ? shape_.units / 2 : shape_.units; }
  bool groups_of_two() const {
    return steps_.Has(StepKind::kActivations) && shape_.output.type == ActivationType::kU8Group64;
  }

  // The scale of a cached head comes from all of it.
  bool quantized_head() const {
    return shape_.kv.has_scales() && (steps_.Has(StepKind::kKey) || steps_.Has(StepKind::kValue));
  }

  void Arguments() {
    needed_[kResult] = needed_[kRows] = true;
    needed_[kLaneScratch] = steps_.Has(StepKind::kActivations) || steps_.Has(StepKind::kKey) ||
                            steps_.Has(StepKind::kSquares) || steps_.Has(StepKind::kMaximum) ||
                            steps_.Has(StepKind::kHeadNorm) || quantized_head();
    for (const EpilogueStep& step : steps_) {
      for (const EpilogueArgument argument : ArgumentsOf(step.kind))
        if (argument != kNoArgument) needed_[argument] = true;
    }
    if (steps_.Has(StepKind::kResidual) && !whole_residual()) needed_[kColumns] = true;
    for (int argument = 0; argument < kEpilogueArguments; ++argument) {
      if (needed_[argument]) arguments_[static_cast<std::size_t>(argument)] = b_.Arg(argument);
    }
  }

  // The constants of soft-cap leave no registers for those of others: then each is made where it is used.
  bool local_constants() const {
    return steps_.Has(StepKind::kSoftCap) &&
           (steps_.gated() || steps_.Has(StepKind::kActivations) || steps_.Has(StepKind::kMaximum));
  }
  template <class T, class Make>
  const T& Constant(std::optional<T>& hoisted, Make make) {
    if (local_constants()) hoisted = make(b_);
    return *hoisted;
  }
  const ExpConstants& exp() { return Constant(math_.exp, MakeExpConstants); }
  const GeluConstants& gelu() { return Constant(math_.gelu, MakeGeluConstants); }
  const QuantizeConstants& quantize() { return Constant(math_.quantize, MakeQuantizeConstants); }
  const QuantizeI16Constants& quantize_i16() {
    return Constant(math_.quantize_i16, MakeQuantizeI16Constants);
  }
  const MaximumConstants& maximum() { return Constant(math_.maximum, MakeMaximumConstants); }
  const SoftCapConstants& cap() {
    const float value = steps_[steps_.Find(StepKind::kSoftCap)].value;
    return Constant(math_.cap, [value](Builder& b) { return MakeSoftCapConstants(b, value); });
  }

  void Constants() {
    if (local_constants()) return;
    const bool rows = steps_.Has(StepKind::kActivations);
    if (rows && shape_.output.type == ActivationType::kI16Group32) {
      math_.quantize_i16 = MakeQuantizeI16Constants(b_);
    } else if (rows && !shape_.output.is_float()) {
      math_.quantize = MakeQuantizeConstants(b_);
    }
    if (steps_.Has(StepKind::kGateSilu)) math_.exp = MakeExpConstants(b_);
    if (steps_.Has(StepKind::kGateGelu)) math_.gelu = MakeGeluConstants(b_);
    if (steps_.Has(StepKind::kMaximum)) math_.maximum = MakeMaximumConstants(b_);
    const int place = steps_.Find(StepKind::kSoftCap);
    if (place < steps_.size()) math_.cap = MakeSoftCapConstants(b_, steps_[place].value);
  }

  // All units of the tile, of one row.
  void Row() {
    const int norm = steps_.Find(StepKind::kHeadNorm);
    const bool has_norm = norm < steps_.size();
    const Vec inverse = has_norm ? HeadScale(norm) : Vec{};
    for (int unit = 0; unit < units(); ++unit) {
      Pair x = has_norm ? Staged(unit) : Start(unit);
      if (has_norm) {
        for (int v = 0; v < 2; ++v) {
          b_.BinaryTo(Op::kMul, x[v], x[v], inverse);
          b_.BinaryTo(Op::kMul, x[v], x[v], b_.Load(Column(kHeadWeight, unit, v)));
        }
      }
      for (int i = has_norm ? norm + 1 : first_step(); i < steps_.size(); ++i) PairStep(steps_[i], unit, x);
      if (groups_of_two() || quantized_head()) Stage(unit, x);
    }
    if (groups_of_two()) StoreGroupsOfTwo();
    if (quantized_head()) StoreHead();
  }

  int gate() const { return std::min(steps_.Find(StepKind::kGateSilu), steps_.Find(StepKind::kGateGelu)); }
  // The first step that Start leaves to PairStep.
  int first_step() const { return steps_.gated() ? gate() + 1 : 0; }

  Pair Start(int unit) {
    if (!steps_.gated()) return {b_.Load(Column(kResult, unit, 0)), b_.Load(Column(kResult, unit, 1))};
    Pair x{};
    for (int v = 0; v < 2; ++v) {
      const Vec gate_value = BeforeGate(2 * unit, v);
      const Vec active =
          steps_.Has(StepKind::kGateSilu) ? Silu(b_, exp(), gate_value) : Gelu(b_, gelu(), gate_value);
      x[v] = b_.Mul(active, BeforeGate(2 * unit + 1, v));
    }
    return x;
  }

  Vec BeforeGate(int packed_unit, int v) {
    Vec x = b_.Load(Column(kResult, packed_unit, v));
    for (int i = 0; i < gate(); ++i) x = LaneStep(steps_[i], packed_unit, v, x);
    return x;
  }

  Vec LaneStep(const EpilogueStep& step, int unit, int v, Vec x) {
    switch (step.kind) {
      case StepKind::kRowScale:
        return b_.MulBroadcast(x, {at(kRowScale), 0});
      case StepKind::kBias:
        return b_.Add(x, b_.Load(Column(kBias, unit, v)));
      case StepKind::kScale:
        return b_.Mul(x, b_.Const(step.value));
      case StepKind::kSoftCap:
        return SoftCap(b_, cap(), x);
      case StepKind::kPostNorm:
        return b_.Mul(x, b_.Load(Column(kPostNormWeight, unit, v)));
      case StepKind::kNorm:
        return b_.Mul(x, b_.Load(Column(kNormWeight, unit, v)));
      case StepKind::kResidual:
        return AddResidual(unit, v, x);
      default:
        return x;
    }
  }

  // True when every column of every tile is one of x.
  bool whole_residual() const {
    const bool padded = steps_.Has(StepKind::kActivations) && shape_.output.k > shape_.hidden;
    return shape_.hidden % kUnit == 0 && !padded;
  }

  // Otherwise only the columns that exist; zeros stay zeros in the others.
  Vec AddResidual(int unit, int v, Vec x) {
    const Mem place = Column(kResidual, unit, v);
    const bool whole = whole_residual();
    const Scalar left = whole ? Scalar{} : ColumnsLeft(unit, v);
    const Vec sum = whole ? b_.Load(place) : b_.LoadPartial(place, left);
    b_.BinaryTo(Op::kAdd, sum, sum, x);
    whole ? b_.Store(place, sum) : b_.StorePartial(place, sum, left);
    return sum;
  }

  // Columns of the tile that exist from the given vector on; may be less than none.
  Scalar ColumnsLeft(int unit, int v) {
    const int before = unit * kUnit + v * 16;
    return before == 0 ? at(kColumns) : b_.AddImm(at(kColumns), -before);
  }

  void PairStep(const EpilogueStep& step, int unit, Pair& x) {
    switch (step.kind) {
      case StepKind::kRope:
        return Rotate(unit, x);
      case StepKind::kSquares:
        return StoreSquares(unit, x);
      case StepKind::kFloats:
        return StoreFloats(unit, x);
      case StepKind::kActivations:
        return StoreActivations(unit, x);
      case StepKind::kKey:
        if (quantized_head()) return;  // StoreHead
        return StoreKey(b_, SlotOf(unit, shape_.kv.element_bytes(), 16), x, at(kLaneScratch), shape_.kv);
      case StepKind::kValue:
        if (quantized_head()) return;
        return StoreElements(b_, SlotOf(unit, shape_.kv.head_dim * shape_.kv.element_bytes(), 1), x,
                             shape_.kv);
      case StepKind::kMaximum:
        return StoreMaximum(b_, maximum(), x,
                            {.value = {at(kMaxima), unit * 4},
                             .part_bytes = MaximaRows{shape_.n}.part_bytes(),
                             .columns = b_.AddImm(at(kColumns), -unit * kUnit),
                             .first = b_.AddImm(at(kFirstColumn), unit * kUnit),
                             .scratch = {at(kLaneScratch), 0}});
      default:
        for (int v = 0; v < 2; ++v) x[v] = LaneStep(step, unit, v, x[v]);
    }
  }

  // The steps before HeadNorm, into scratch; 1 / sqrt(mean square of the head + eps).
  Vec HeadScale(int norm) {
    const Vec squares = b_.NewVec();
    b_.ZeroTo(squares);
    for (int unit = 0; unit < units(); ++unit) {
      Pair x = Start(unit);
      for (int i = first_step(); i < norm; ++i) PairStep(steps_[i], unit, x);
      for (int v = 0; v < 2; ++v) b_.Fma(squares, x[v], x[v]);
      Stage(unit, x);
    }
    const Vec variance = b_.NewVec();
    b_.MoveTo(variance, b_.Const(steps_[norm].value));
    b_.Fma(variance, b_.Unary(Op::kSumLanes, squares), b_.Const(1.0f / static_cast<float>(units() * kUnit)));
    return ReciprocalSqrt(b_, b_.Const(1.0f), variance);
  }

  Mem StagedAt(int unit, int v) const {
    return {at(kLaneScratch), kStagedOffset + unit * kUnitRowBytes + v * kVectorBytes};
  }
  void Stage(int unit, const Pair& x) {
    for (int v = 0; v < 2; ++v) b_.Store(StagedAt(unit, v), x[v]);
  }
  Pair Staged(int unit) { return {b_.Load(StagedAt(unit, 0)), b_.Load(StagedAt(unit, 1))}; }

  // Rotates the lane-aligned pairs (x[0], x[1]) by the angles of the row's position.
  void Rotate(int unit, Pair& x) {
    const int head_dim = shape_.kv.head_dim;
    if (unit == 0)
      rope_row_ = b_.ScalarAdd(b_.MulImm(b_.Load32({at(kPositions), 0}), head_dim * 4), at(kRopeTable));
    const Vec cosine = b_.Load({rope_row_, unit * kVectorBytes});
    const Vec sine = b_.Load({rope_row_, head_dim * 2 + unit * kVectorBytes});
    const Pair rotated = {b_.Mul(x[0], cosine), b_.Mul(x[0], sine)};
    b_.Fnma(rotated[0], x[1], sine);
    b_.Fma(rotated[1], x[1], cosine);
    x = rotated;
  }

  // Where the unit's first column goes; columns lie `distance` elements apart.
  Mem SlotOf(int unit, int slot_bytes, int distance) {
    if (unit == 0) slot_ = SlotAddress(b_, at(kSlots), at(kCache), shape_.kv, slot_bytes);
    return {slot_, unit * kUnit * distance * shape_.kv.element_bytes()};
  }

  void StoreSquares(int unit, const Pair& x) {
    const Mem scratch = {at(kLaneScratch), 0};
    const Vec square = b_.Mul(x[0], x[0]);
    b_.Fma(square, x[1], x[1]);
    b_.Store(scratch, b_.Unary(Op::kSumLanes, square));
    b_.Store32({at(kSquares), unit * 4}, b_.Load32(scratch));
  }

  void StoreFloats(int unit, const Pair& x) {
    for (int v = 0; v < 2; ++v) b_.StorePartial(Column(kFloats, unit, v), x[v], ColumnsLeft(unit, v));
  }

  void StoreActivations(int unit, const Pair& x) {
    const QuantizedRows& rows = shape_.output;
    const int bytes = unit * kUnit * tensor::Row(rows.type).element_bytes;
    const QuantizeTarget target =
        MakeQuantizeTarget(rows, {at(kBytes), bytes}, {at(kParameters), unit * 4}, {at(kLaneScratch), 0});
    switch (rows.type) {
      case ActivationType::kU8Group32:
        return QuantizeGroup(b_, quantize(), x[0], x[1], target);
      case ActivationType::kI16Group32:
        return QuantizeGroupI16(b_, quantize_i16(), x[0], x[1], target);
      case ActivationType::kBF16:
        b_.StoreBf16(target.bytes, x[0]);
        return b_.StoreBf16({at(kBytes), bytes + 32}, x[1]);
      case ActivationType::kF32:
        b_.Store(target.bytes, x[0]);
        return b_.Store({at(kBytes), bytes + kVectorBytes}, x[1]);
      default:
        return;  // kU8Group64: StoreGroupsOfTwo; kU8Token needs the whole row
    }
  }

  void StoreGroupsOfTwo() {
    for (int group = 0; group < units() / 2; ++group) {
      const QuantizeTarget target = MakeQuantizeTarget(shape_.output, {at(kBytes), group * 2 * kUnit},
                                                       {at(kParameters), group * 4}, {at(kLaneScratch), 0});
      QuantizeGroup64(b_, quantize(), StagedAt(2 * group, 0), target);
    }
  }

  void StoreHead() {
    const HeadTarget target = {
        .values = StagedAt(0, 0), .scratch = {at(kLaneScratch), 0}, .slot = at(kSlots), .cache = at(kCache)};
    if (steps_.Has(StepKind::kKey)) return StoreKeyHead(b_, target, shape_.kv);
    return StoreValueHead(b_, target, shape_.kv);
  }

  const EpilogueSteps& steps_;
  const EpilogueShape& shape_;
  bool along_rows_;
  Builder b_;
  std::array<bool, kEpilogueArguments> needed_{};
  std::array<Scalar, kEpilogueArguments> arguments_{};
  Math math_;
  Scalar rope_row_, slot_;  // of the row
};

}  // namespace

Function BuildEpilogue(const EpilogueSteps& steps, const EpilogueShape& shape) {
  return Composer(steps, shape, false).Compose();
}

Function BuildRowSteps(const EpilogueSteps& steps, const EpilogueShape& shape) {
  return Composer(steps, shape, true).Compose();
}

Function BuildRowScale(int hidden, float eps) {
  // eps is part of the kernel: its bits are part of the name.
  Builder b("row_scale_" + std::to_string(hidden) + "_" + std::to_string(std::bit_cast<std::uint32_t>(eps)));
  const Scalar squares = b.Arg(kScaleSquares), count = b.Arg(kScaleRows), result = b.Arg(kScaleResult);
  // Sums first. All lanes of a sum are equal: each store also writes the 15 entries that follow, which later
  // rows overwrite.
  const Scalar sum = b.Copy(result);
  const int stride = SquareStride(hidden);
  b.Loop(count);
  const Vec total = b.Load({squares, 0});
  for (int i = 16; i < stride; i += 16) b.BinaryTo(Op::kAdd, total, total, b.Load({squares, i * 4}));
  b.Store({sum, 0}, b.Unary(Op::kSumLanes, total));
  b.Bump(squares, stride * 4);
  b.Bump(sum, 4);
  b.End();
  // Then 16 rows at a time.
  const Vec mean = b.Const(1.0f / static_cast<float>(hidden)), offset = b.Const(eps), one = b.Const(1.0f);
  b.Loop(b.ShiftRight(b.AddImm(count, 15), 4));
  const Vec variance = b.NewVec();
  b.MoveTo(variance, offset);
  b.Fma(variance, b.Load({result, 0}), mean);
  b.Store({result, 0}, ReciprocalSqrt(b, one, variance));
  b.Bump(result, kVectorBytes);
  b.End();
  return b.Take();
}

}  // namespace vivace::kernels
