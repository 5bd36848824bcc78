#include "kernels/row_builders.h"

#include <bit>
#include <string>

#include "base/check.h"
#include "kernels/math_builders.h"
#include "kernels/quantize_builders.h"

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

constexpr int kLanes = 16;
constexpr int kVectorBytes = 64;

// Lanes of one step over a row: all of them, or the first `count` of the row's tail.
struct Lanes {
  Builder& b;
  int count;

  Vec Load(Scalar at) const {
    return count == kLanes ? b.Load({at, 0}) : b.LoadPartial({at, 0}, b.ScalarConst(count));
  }
  void Store(Scalar at, Vec v) const {
    if (count == kLanes) return b.Store({at, 0}, v);
    b.StorePartial({at, 0}, v, b.ScalarConst(count));
  }
  // v with `other` in the lanes past the row.
  Vec Fill(Vec v, Vec other) const {
    if (count == kLanes) return v;
    return b.SelectLessInt(b.Iota(), b.ConstInt(count), v, other);
  }
};

// Calls body(lanes) in a loop over the vectors of a row, and once more for its tail; body moves its own
// addresses on by kVectorBytes.
template <class Body>
void ForEachVector(Builder& b, int width, Body body) {
  if (width >= kLanes) {
    b.Loop(width / kLanes);
    body(Lanes{b, kLanes});
    b.End();
  }
  if (width % kLanes != 0) body(Lanes{b, width % kLanes});
}

void StoreLane(Builder& b, Scalar at, int offset, Vec v) {
  b.StorePartial({at, offset}, v, b.ScalarConst(1));
}

// Rows of 32-bit or bf16 floats.
void WriteFloats(Builder& b, int width, ActivationType type, Scalar from, Scalar to) {
  const Scalar in = b.Copy(from), out = b.Copy(to);
  ForEachVector(b, width, [&](const Lanes& lanes) {
    const Vec v = lanes.Load(in);
    if (type == ActivationType::kBF16) {
      b.StoreBf16({out, 0}, v);
    } else {
      lanes.Store(out, v);
    }
    b.Bump(in, kVectorBytes);
    b.Bump(out, kLanes * tensor::Row(type).element_bytes);
  });
}

void WriteGroups(Builder& b, const QuantizedRows& rows, Scalar from, Scalar to, Scalar scratch) {
  const QuantizeConstants constants = MakeQuantizeConstants(b);
  const Scalar in = b.Copy(from), bytes = b.Copy(to), parameters = b.AddImm(to, rows.scale_offset());
  b.Loop(rows.groups());
  QuantizeGroup(b, constants, b.Load({in, 0}), b.Load({in, kVectorBytes}),
                {.bytes = {bytes, 0},
                 .parameters = {parameters, 0},
                 .word_distance = rows.word_offset() - rows.scale_offset(),
                 .sum_distance = rows.sum_offset() - rows.scale_offset(),
                 .scratch = {scratch, 0}});
  b.Bump(in, 2 * kVectorBytes);
  b.Bump(bytes, QuantizedRows::kGroup);
  b.Bump(parameters, 4);
  b.End();
}

// One group over the whole row: its range first, then the bytes.
void WriteToken(Builder& b, const QuantizedRows& rows, Scalar from, Scalar to) {
  const Vec zero = b.Const(0.0f), low = b.Const(0.0f), high = b.Const(0.0f), broken = b.Const(0.0f);
  Scalar in = b.Copy(from);
  b.Loop(rows.k / kLanes);
  const Vec x = b.Load({in, 0});
  b.BinaryTo(Op::kMin, low, low, x);
  b.BinaryTo(Op::kMax, high, high, x);
  b.Fma(broken, x, zero);  // no number times zero is no number
  b.Bump(in, kVectorBytes);
  b.End();
  const Vec lowest = b.Unary(Op::kMinLanes, low);
  const Vec range = b.Sub(b.Unary(Op::kMaxLanes, high), lowest);
  const Vec tiny = b.Const(1e-30f), top = b.Const(255.0f);
  const Vec inverse = b.SelectLess(range, tiny, zero, b.Div(top, range));
  const Vec scale = b.SelectLess(range, tiny, zero, b.Mul(range, b.Const(1.0f / 255.0f)));
  const Vec origin = b.Unary(Op::kRound, b.Mul(b.Sub(zero, lowest), inverse));
  in = b.Copy(from);
  const Scalar bytes = b.Copy(to);
  b.Loop(rows.k / kLanes);
  const Vec q = b.Add(b.Unary(Op::kRound, b.Mul(b.Load({in, 0}), inverse)), origin);
  b.StoreU8({bytes, 0}, b.Unary(Op::kToInt, q));
  b.Bump(in, kVectorBytes);
  b.Bump(bytes, kLanes);
  b.End();
  StoreLane(b, to, rows.scale_offset(), b.Add(scale, b.Unary(Op::kSumLanes, broken)));
  StoreLane(b, to, rows.scale_offset() + 4, b.Unary(Op::kToInt, origin));
}

// One row of floats -> one row of the type.
void WriteRow(Builder& b, const QuantizedRows& rows, Scalar from, Scalar to, Scalar scratch) {
  if (rows.is_float()) return WriteFloats(b, rows.k, rows.type, from, to);
  if (rows.type == ActivationType::kU8Token) return WriteToken(b, rows, from, to);
  WriteGroups(b, rows, from, to, scratch);
}

std::string Name(const char* what, int width) {
  return std::string(what) + "_" + std::to_string(width);
}

}  // namespace

bool HasRowQuantizer(ActivationType type) {
  return QuantizedRows{32, type}.is_float() || type == ActivationType::kU8Group32 ||
         type == ActivationType::kU8Token;
}

Function BuildQuantizeRows(int width, ActivationType type) {
  VIVACE_CHECK(HasRowQuantizer(type) && width % 32 == 0);
  Builder b(Name("quantize_rows", width) + "_" + std::string(tensor::Row(type).name));
  const QuantizedRows rows{width, type};
  const Scalar in = b.Arg(kQuantizeInput), out = b.Arg(kQuantizeOutput), scratch = b.Arg(kQuantizeScratch);
  b.Loop(b.Arg(kQuantizeRows));
  WriteRow(b, rows, in, out, scratch);
  b.Bump(in, width * 4);
  b.Bump(out, rows.row_stride());
  b.End();
  return b.Take();
}

Function BuildRmsNorm(int width, float eps, ActivationType type) {
  VIVACE_CHECK(HasRowQuantizer(type) && (width % 32 == 0 || type == ActivationType::kF32));
  Builder b(Name("rms_norm", width) + "_" + std::string(tensor::Row(type).name) + "_" +
            std::to_string(std::bit_cast<std::uint32_t>(eps)));
  const QuantizedRows rows{width, type};
  const Scalar x = b.Arg(kNormInput), out = b.Arg(kNormOutput), scratch = b.Arg(kNormScratch);
  b.Loop(b.Arg(kNormRows));
  const Vec squares = b.Const(0.0f);
  Scalar in = b.Copy(x);
  ForEachVector(b, width, [&](const Lanes& lanes) {
    const Vec v = lanes.Load(in);
    b.Fma(squares, v, v);
    b.Bump(in, kVectorBytes);
  });
  const Vec mean = b.Mul(b.Unary(Op::kSumLanes, squares), b.Const(1.0f / static_cast<float>(width)));
  const Vec factor = ReciprocalSqrt(b, b.Const(1.0f), b.Add(mean, b.Const(eps)));
  // Floats of the row first; the types that need them twice read them from scratch.
  const Scalar normed = b.Copy(type == ActivationType::kF32 ? out : scratch), gain = b.Arg(kNormGain);
  in = b.Copy(x);
  const Scalar to = b.Copy(normed);
  ForEachVector(b, width, [&](const Lanes& lanes) {
    lanes.Store(to, b.Mul(b.Mul(lanes.Load(in), factor), lanes.Load(gain)));
    for (const Scalar s : {in, gain, to}) b.Bump(s, kVectorBytes);
  });
  if (type != ActivationType::kF32) WriteRow(b, rows, normed, out, b.AddImm(scratch, width * 4));
  b.Bump(x, width * 4);
  b.Bump(out, rows.row_stride());
  b.End();
  return b.Take();
}

namespace {

constexpr float kLowest = -3.4028235e38f;

// The largest of a row in every lane. A NaN may get lost here; the sum of exp finds it.
Vec RowMaximum(Builder& b, int width, Scalar row) {
  const Vec largest = b.Const(kLowest), lowest = b.Const(kLowest);
  const Scalar in = b.Copy(row);
  ForEachVector(b, width, [&](const Lanes& lanes) {
    b.BinaryTo(Op::kMax, largest, largest, lanes.Fill(lanes.Load(in), lowest));
    b.Bump(in, kVectorBytes);
  });
  return b.Unary(Op::kMaxLanes, largest);
}

// The sum of exp(x - maximum) over a row in every lane; stores the terms when given where to.
Vec SumOfExp(Builder& b, int width, Scalar row, Vec maximum, const Scalar* terms) {
  const ExpConstants exp = MakeExpConstants(b);
  const Vec sum = b.Const(0.0f), zero = b.Const(0.0f);
  const Scalar in = b.Copy(row);
  ForEachVector(b, width, [&](const Lanes& lanes) {
    const Vec e = Exp(b, exp, b.Sub(lanes.Load(in), maximum));
    if (terms != nullptr) lanes.Store(*terms, e);
    b.BinaryTo(Op::kAdd, sum, sum, lanes.Fill(e, zero));
    b.Bump(in, kVectorBytes);
    if (terms != nullptr) b.Bump(*terms, kVectorBytes);
  });
  return b.Unary(Op::kSumLanes, sum);
}

}  // namespace

Function BuildSoftmax(int width) {
  Builder b(Name("softmax", width));
  const Scalar in = b.Arg(kSoftmaxInput), out = b.Arg(kSoftmaxOutput);
  b.Loop(b.Arg(kSoftmaxRows));
  const Scalar terms = b.Copy(out), to = b.Copy(out);
  const Vec sum = SumOfExp(b, width, in, RowMaximum(b, width, in), &terms);
  const Vec factor = b.Div(b.Const(1.0f), sum);
  ForEachVector(b, width, [&](const Lanes& lanes) {
    lanes.Store(to, b.Mul(lanes.Load(to), factor));
    b.Bump(to, kVectorBytes);
  });
  b.Bump(in, width * 4);
  b.Bump(out, width * 4);
  b.End();
  return b.Take();
}

Function BuildGatherRows(int width) {
  Builder b(Name("gather_rows", width));
  const Scalar table = b.Arg(kGatherTable), ids = b.Arg(kGatherIds), out = b.Arg(kGatherOutput);
  b.Loop(b.Arg(kGatherRows));
  const Scalar row = b.ScalarAdd(b.MulImm(b.Load32({ids, 0}), width * 4), table);
  WriteFloats(b, width, ActivationType::kF32, row, out);
  b.Bump(ids, 4);
  b.Bump(out, width * 4);
  b.End();
  return b.Take();
}

Function BuildRopeHalves(int heads, int head_dim) {
  Builder b(Name("rope_halves", head_dim) + "_h" + std::to_string(heads));
  const int half_bytes = head_dim * 2;
  const Scalar x = b.Arg(kRopeInput), positions = b.Arg(kRopePositions), table = b.Arg(kRopeAngles);
  b.Loop(b.Arg(kRopeCount));
  const Scalar angles = b.ScalarAdd(b.MulImm(b.Load32({positions, 0}), head_dim * 4), table);
  b.Loop(heads);
  const Scalar low = b.Copy(x), high = b.AddImm(x, half_bytes);
  const Scalar cosines = b.Copy(angles), sines = b.AddImm(angles, half_bytes);
  ForEachVector(b, head_dim / 2, [&](const Lanes& lanes) {
    const Vec u = lanes.Load(low), v = lanes.Load(high);
    const Vec cosine = lanes.Load(cosines), sine = lanes.Load(sines);
    const Vec first = b.Mul(u, cosine), second = b.Mul(u, sine);
    b.Fnma(first, v, sine);
    b.Fma(second, v, cosine);
    lanes.Store(low, first);
    lanes.Store(high, second);
    for (const Scalar s : {low, high, cosines, sines}) b.Bump(s, kVectorBytes);
  });
  b.Bump(x, head_dim * 4);
  b.End();
  b.Bump(positions, 4);
  b.End();
  return b.Take();
}

Function BuildGated(int width, GatedActivation activation) {
  const bool silu = activation == GatedActivation::kSilu;
  Builder b(Name(silu ? "silu_mul" : "gelu_mul", width));
  const Scalar gate = b.Arg(kGatedGate), up = b.Arg(kGatedUp), out = b.Arg(kGatedOutput);
  GeluConstants constants{};
  if (silu) {
    constants.exp = MakeExpConstants(b);
  } else {
    constants = MakeGeluConstants(b);
  }
  b.Loop(b.Arg(kGatedRows));
  ForEachVector(b, width, [&](const Lanes& lanes) {
    const Vec g = lanes.Load(gate);
    const Vec act = silu ? Silu(b, constants.exp, g) : Gelu(b, constants, g);
    lanes.Store(out, b.Mul(act, lanes.Load(up)));
    for (const Scalar s : {gate, up, out}) b.Bump(s, lanes.count * 4);
  });
  b.End();
  return b.Take();
}

namespace {

// The largest of a row and where: lane by lane, then over the lanes, the smallest index among equals.
struct Largest {
  Vec value, index;
};
Largest FindLargest(Builder& b, int width, Scalar row) {
  const Vec largest = b.Const(kLowest), lowest = b.Const(kLowest), where = b.Const(0.0f);
  const Vec index = b.Unary(Op::kToFloat, b.Iota()), step = b.Const(kLanes);
  const Scalar in = b.Copy(row);
  ForEachVector(b, width, [&](const Lanes& lanes) {
    const Vec x = lanes.Fill(lanes.Load(in), lowest);
    b.MoveTo(where, b.SelectLess(largest, x, index, where));
    b.BinaryTo(Op::kMax, largest, largest, x);
    b.BinaryTo(Op::kAdd, index, index, step);
    b.Bump(in, kVectorBytes);
  });
  const Vec value = b.Unary(Op::kMaxLanes, largest);
  const Vec candidates = b.SelectLess(largest, value, b.Const(-kLowest), where);
  return {value, b.Unary(Op::kMinLanes, candidates)};
}

// The largest of every 32 logits.
void WriteUnitMaxima(Builder& b, int width, Scalar row, Scalar units) {
  constexpr int kUnit = 2 * kLanes;
  const Scalar in = b.Copy(row);
  const Vec lowest = b.Const(kLowest);
  if (width >= kUnit) {
    b.Loop(width / kUnit);
    const Vec both = b.Max(b.Load({in, 0}), b.Load({in, kVectorBytes}));
    StoreLane(b, units, 0, b.Unary(Op::kMaxLanes, both));
    b.Bump(in, 2 * kVectorBytes);
    b.Bump(units, 4);
    b.End();
  }
  if (width % kUnit == 0) return;
  const Vec rest = b.Const(kLowest);
  ForEachVector(b, width % kUnit, [&](const Lanes& lanes) {
    b.BinaryTo(Op::kMax, rest, rest, lanes.Fill(lanes.Load(in), lowest));
    b.Bump(in, kVectorBytes);
  });
  StoreLane(b, units, 0, b.Unary(Op::kMaxLanes, rest));
  b.Bump(units, 4);
}

}  // namespace

Function BuildLogitSummary(int width) {
  Builder b(Name("logit_summary", width));
  const Scalar in = b.Arg(kLogitInput), summary = b.Arg(kLogitSummary), units = b.Arg(kLogitUnits);
  b.Loop(b.Arg(kLogitRows));
  const Largest largest = FindLargest(b, width, in);
  StoreLane(b, summary, 0, largest.value);
  StoreLane(b, summary, 4, largest.index);
  const Vec sum = SumOfExp(b, width, in, largest.value, nullptr);
  StoreLane(b, summary, 8, b.Add(largest.value, Log(b, MakeLogConstants(b), sum)));
  WriteUnitMaxima(b, width, in, units);
  b.Bump(in, width * 4);
  b.Bump(summary, 16);
  b.End();
  return b.Take();
}

}  // namespace vivace::kernels
