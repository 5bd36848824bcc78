#include "kernels/gemm_tile_codes.h"

namespace vivace::kernels {

using codegen::Builder;
using codegen::Op;
using codegen::Scalar;
using codegen::Vec;
using tensor::WeightCoding;
using tensor::WeightScale;

namespace {

constexpr std::int32_t kLine = 64;
constexpr int kWideVectors = 27;  // registers that passes over both vectors at once need

// Codes of 32 columns, bytes per k: a nibble or a byte each.
int CodeBytes(WeightCoding coding) {
  return coding == WeightCoding::kSignedByte ? 32 : 16;
}

int BitBytes(WeightCoding coding) {
  return coding == WeightCoding::kNibbleBit ? 128 : coding == WeightCoding::kSixBits ? 256 : 0;
}

int HeaderBytes(WeightScale scales) {
  return scales == WeightScale::kSuperMinimum ? 128 : scales == WeightScale::kSuper ? 64 : 0;
}

// Positive: to the left.
Vec Shifted(Builder& b, Vec v, int bits) {
  if (bits > 0) return b.ShiftLeft(v, bits);
  return bits < 0 ? b.ShiftRight(v, -bits) : v;
}

}  // namespace

int PassWidth(const codegen::Target& target) {
  return target.vectors >= kWideVectors ? 2 : 1;
}

GroupPlan PlanOf(tensor::WeightClass type, tensor::ActivationType activation) {
  const tensor::WeightClassRow& row = tensor::Row(type);
  GroupPlan plan{.weights = row};
  plan.header = HeaderBytes(row.scales);
  plan.turns = plan.header != 0 ? row.block_k / 32 : 1;
  plan.k = row.block_k / plan.turns;
  plan.bytes = (row.block_bytes - plan.header) / plan.turns;
  plan.x_group = tensor::Row(activation).group;
  if (plan.k < plan.x_group) {  // per column: blocks have codes only and follow one another
    plan.bytes *= plan.x_group / plan.k;
    plan.k = plan.x_group;
  }
  plan.step = ExpandedUnit{type, activation}.step();
  plan.bits_offset = plan.k * CodeBytes(row.coding);
  plan.scale_offset = plan.bits_offset + BitBytes(row.coding);
  return plan;
}

Constant::Constant(Builder& b, std::uint32_t bits, bool kept) : b_(b), bits_(bits), kept_(kept) {
  if (kept) vec_ = b.ConstBits(bits);
}

Vec Constant::Get() const {
  return kept_ ? vec_ : b_.ConstBits(bits_);
}

CodeReader::CodeReader(Builder& b, const GroupPlan& plan, ColumnRange range, bool roomy)
    : b_(b),
      plan_(plan),
      range_(range),
      roomy_(roomy),
      mask_(b, plan.weights.coding == WeightCoding::kSixBits ? 0xf0f0f0f0 : 0x0f0f0f0f,
            range.width > 1 && plan.weights.coding != WeightCoding::kSignedByte),
      bit_mask_(b, plan.weights.coding == WeightCoding::kSixBits ? 0x0c0c0c0c : 0x10101010,
                range.width > 1 && BitBytes(plan.weights.coding) != 0) {}

// The quad's nibbles in the half of the byte that the coding wants: six bits have their upper four there.
Vec CodeReader::Nibbles(const PackedPlace& place, int quad, int v) {
  const bool high = quad % 2 == 1, upper = plan_.weights.coding == WeightCoding::kSixBits;
  if (!high || !roomy_) raw_[v] = b_.Load({place.unit, (quad / 2 * 2 + v) * kLine});
  const int shift = high == upper ? 0 : upper ? 4 : -4;
  return b_.And(Shifted(b_, raw_[v], shift), mask_.Get());
}

void CodeReader::AddBits(Vec code, const PackedPlace& place, int quad, int v) {
  if (plan_.weights.coding == WeightCoding::kNibbleBit) {
    const Vec bits = b_.Load({place.unit, plan_.bits_offset + v * kLine});
    b_.OrAnd(code, Shifted(b_, bits, 4 - quad), bit_mask_.Get());
  } else if (plan_.weights.coding == WeightCoding::kSixBits) {
    const Vec bits = b_.Load({place.unit, plan_.bits_offset + (quad / 4 * 2 + v) * kLine});
    b_.OrAnd(code, Shifted(b_, bits, 2 - 2 * (quad % 4)), bit_mask_.Get());
  }
}

Columns CodeReader::Read(const PackedPlace& place, int quad) {
  Columns codes{};
  for (int v = range_.first; v < range_.end(); ++v) {
    if (plan_.weights.coding == WeightCoding::kSignedByte) {
      codes[v] = b_.Load({place.unit, (2 * quad + v) * kLine});
      continue;
    }
    codes[v] = Nibbles(place, quad, v);
    AddBits(codes[v], place, quad, v);
  }
  return codes;
}

CodeSums::CodeSums(Builder& b, const GroupPlan& plan, ColumnRange range)
    : b_(b), plan_(plan), range_(range), ones_(b, 0x01010101, range.width > 1 && !plan.is_unsigned()) {}

void CodeSums::Start() {
  for (int v = range_.first; v < range_.end(); ++v) {
    sums_[v] = b_.NewVec();
    if (!plan_.is_unsigned()) b_.ZeroTo(sums_[v]);
  }
}

// Unsigned codes are added bytewise: no byte of a step's sum passes 255 (8 codes of 31, 16 of 15).
void CodeSums::Add(const Columns& codes, bool first) {
  for (int v = range_.first; v < range_.end(); ++v) {
    if (!plan_.is_unsigned()) {
      b_.Dot4(sums_[v], ones_.Get(), codes[v]);
    } else if (first) {
      b_.MoveTo(sums_[v], codes[v]);
    } else {
      b_.BinaryTo(Op::kAddInt, sums_[v], sums_[v], codes[v]);
    }
  }
}

// Sums of unsigned codes cannot carry into the upper half, where the offset lies from the start. Signed codes
// have no offset: the upper half is cleared.
Columns CodeSums::Words() {
  const Vec constant = b_.ConstBits(plan_.is_unsigned() ? 0x01010101 : 0x0000ffff);
  for (int v = range_.first; v < range_.end(); ++v) {
    if (plan_.is_unsigned()) {
      const Vec word = b_.ConstBits(static_cast<std::uint32_t>(plan_.weights.offset) << 16);
      b_.Dot4Narrow(word, sums_[v], constant);
      sums_[v] = word;
    } else {
      b_.BinaryTo(Op::kAnd, sums_[v], sums_[v], constant);
    }
  }
  return sums_;
}

Columns ReadScales(Builder& b, const GroupPlan& plan, ColumnRange range, const PackedPlace& place, int step) {
  Columns scales{};
  for (int v = range.first; v < range.end(); ++v) {
    switch (plan.weights.scales) {
      case WeightScale::kF16:
      case WeightScale::kF16Minimum:
        scales[v] = b.LoadF16({place.unit, plan.scale_offset + 32 * v});
        break;
      case WeightScale::kSuper:  // the codes are 4 times theirs
        scales[v] = b.LoadS8({place.unit, plan.scale_offset + 32 * step + 16 * v});
        b.UnaryTo(Op::kToFloat, scales[v], scales[v]);
        b.BinaryTo(Op::kMul, scales[v], scales[v], b.LoadF16({place.block, 32 * v}));
        b.BinaryTo(Op::kMul, scales[v], scales[v], b.Const(0.25f));
        break;
      case WeightScale::kSuperMinimum:
        scales[v] = b.LoadU8({place.unit, plan.scale_offset + 16 * v});
        b.UnaryTo(Op::kToFloat, scales[v], scales[v]);
        b.BinaryTo(Op::kMul, scales[v], scales[v], b.LoadF16({place.block, 32 * v}));
        break;
      case WeightScale::kNone:
      case WeightScale::kChannel:
        break;
    }
  }
  return scales;
}

Columns ReadMinimums(Builder& b, const GroupPlan& plan, ColumnRange range, const PackedPlace& place) {
  Columns minimums{};
  for (int v = range.first; v < range.end(); ++v) {
    if (plan.weights.scales == WeightScale::kF16Minimum) {
      minimums[v] = b.LoadF16({place.unit, plan.scale_offset + 64 + 32 * v});
      continue;
    }
    const Vec sign = b.ConstBits(0x80000000);
    minimums[v] = b.LoadU8({place.unit, plan.scale_offset + 32 + 16 * v});
    b.UnaryTo(Op::kToFloat, minimums[v], minimums[v]);
    b.BinaryTo(Op::kMul, minimums[v], minimums[v], b.LoadF16({place.block, 64 + 32 * v}));
    b.BinaryTo(Op::kXor, minimums[v], minimums[v], sign);
  }
  return minimums;
}

}  // namespace vivace::kernels
