#include "kernels/panel_finish.h"

#include <algorithm>
#include <array>
#include <string>

#include "kernels/gemm_epilogue.h"

namespace vivace::kernels {

using tensor::QuantizedRows;

namespace {

constexpr int kUnit = tensor::PanelLayout::kUnitColumns;

std::int64_t Address(const void* pointer) {
  return reinterpret_cast<std::int64_t>(pointer);
}

// Where a unit lies: its part, and its number among the part's units.
struct Place {
  int part;
  int unit;
};

bool HasParts(const PanelGemmSpec& spec) {
  return spec.epilogue == Epilogue::kQkvRopeAppend || (spec.epilogue == Epilogue::kSteps && spec.heads != 0);
}

Place PlaceOf(const PanelGemmSpec& spec, int unit) {
  if (!HasParts(spec)) return {0, unit};
  const int head_units = spec.kv.head_dim / kUnit;
  const int query_units = spec.heads * head_units, key_units = spec.kv.kv_heads * head_units;
  if (unit < query_units) return {0, unit};
  if (unit < query_units + key_units) return {1, unit - query_units};
  return {2, unit - query_units - key_units};
}

// Fills the arguments of one kernel call, step by step.
class Arguments {
 public:
  Arguments(const TileResult& tile, int packed_unit)
      : tile_(tile),
        args_(tile.args),
        packed_unit_(packed_unit),
        place_(PlaceOf(args_.spec, packed_unit)),
        steps_(StepsOf(args_.spec, place_.part)),
        unit_(steps_.gated() ? place_.unit / 2 : place_.unit) {
    a_[kResult] = Address(tile.values);
    a_[kRows] = tile.rows;
    a_[kLaneScratch] = Address(tile.lanes);
    for (const EpilogueStep& step : steps_) Fill(step.kind);
  }
  int part() const { return place_.part; }
  const std::int64_t* data() const { return a_.data(); }

 private:
  std::ptrdiff_t row() const { return tile_.first_row; }
  std::ptrdiff_t column() const { return static_cast<std::ptrdiff_t>(unit_) * kUnit; }

  void Fill(StepKind kind) {
    switch (kind) {
      case StepKind::kRowScale:
        a_[kRowScale] = Address(tile_.row_scale);
        return;
      case StepKind::kBias:
        a_[kBias] = Address(args_.bias + static_cast<std::ptrdiff_t>(packed_unit_) * kUnit);
        return;
      case StepKind::kPostNorm:
        a_[kPostNormWeight] = Address(args_.post_norm + column());
        return;
      case StepKind::kResidual:
        a_[kResidual] = Address(args_.residual + row() * args_.spec.hidden + column());
        return;
      case StepKind::kNorm:
        a_[kNormWeight] = Address(args_.norm_weight + column());
        return;
      case StepKind::kHeadNorm:
        a_[kHeadWeight] = Address(part() == 0 ? args_.query_norm : args_.key_norm);
        return;
      case StepKind::kSquares:
        a_[kSquares] = Address(args_.squares_out + row() * SquareStride(args_.spec.hidden) + unit_);
        return;
      case StepKind::kActivations:
        return FillRows();
      case StepKind::kFloats:
        return FillFloats();
      case StepKind::kMaximum:
        return FillMaximum();
      case StepKind::kRope:
      case StepKind::kKey:
      case StepKind::kValue:
        return FillHead(kind);
      case StepKind::kScale:
      case StepKind::kSoftCap:
      case StepKind::kGateSilu:
      case StepKind::kGateGelu:
        return;
    }
  }

  void FillRows() {
    const QuantizedRows rows{args_.spec.output_k, args_.spec.output_activation};
    std::byte* output = args_.output + row() * rows.row_stride();
    a_[kBytes] = Address(output + column() * tensor::Row(rows.type).element_bytes);
    a_[kParameters] =
        rows.is_float() ? 0 : Address(output + rows.scale_offset() + column() / rows.group() * 4);
  }

  void FillFloats() {
    const PanelGemmSpec& spec = args_.spec;
    const bool query = HasParts(spec);
    const int width = query ? spec.heads * spec.kv.head_dim : spec.n;
    a_[kFloats] = Address((query ? args_.q : args_.logits) + row() * width + column());
    a_[kColumns] = width - column();
  }

  void FillMaximum() {
    const MaximaRows rows{args_.spec.n};
    a_[kMaxima] = Address(args_.maxima + row() * rows.row_stride() + unit_ * 4);
    a_[kColumns] = args_.spec.n - column();
    a_[kFirstColumn] = column();
  }

  void FillHead(StepKind kind) {
    const tensor::KvLayout& kv = args_.kv;
    const tensor::StepView& step = tile_.context.step;
    const int head_units = args_.spec.kv.head_dim / kUnit;
    const int head = unit_ / head_units, within = unit_ % head_units;
    if (kind == StepKind::kRope) {
      a_[kPositions] = Address(step.positions + row());
      a_[kRopeTable] = Address(args_.rope_table + within * (kUnit / 2));
      return;
    }
    a_[kSlots] = Address(step.kv_slots + row());
    const std::size_t offset = kind == StepKind::kKey ? kv.k_offset(head, within * kUnit, 0)
                                                      : kv.v_element_offset(head, 0, within * kUnit);
    a_[kCache] = Address(args_.kv_layer + offset);
  }

  const TileResult& tile_;
  const PanelGemmArgs& args_;
  int packed_unit_;
  Place place_;
  const EpilogueSteps& steps_;
  int unit_;  // among the part's units, after a gate
  std::array<std::int64_t, kEpilogueArguments> a_{};
};

}  // namespace

const EpilogueSteps& StepsOf(const PanelGemmSpec& spec, int part) {
  const EpilogueLists& lists = spec.epilogue == Epilogue::kSteps ? spec.steps : ListsOf(spec.epilogue);
  return lists[static_cast<std::size_t>(part)];
}

EpilogueShape ShapeOf(const PanelGemmSpec& spec) {
  return {.units = TileUnits(spec),
          .hidden = spec.hidden,
          .floats = HasParts(spec) ? spec.heads * spec.kv.head_dim : spec.n,
          .n = spec.n,
          .kv = spec.kv,
          .output = {spec.output_k, spec.output_activation}};
}

Status CheckSteps(const PanelGemmSpec& spec) {
  const int units = TileUnits(spec), all = (spec.n + kUnit - 1) / kUnit;
  if (units < 1 || units > kMaximumUnits || all % units != 0) {
    return Unsupported("epilogue: " + std::to_string(spec.n) + " columns cannot be finished " +
                       std::to_string(units) + " units of 32 at a time; choose 1 to 8, a divisor of " +
                       std::to_string(all));
  }
  for (int part = 0; part < kEpilogueParts; ++part) {
    const EpilogueSteps& steps = StepsOf(spec, part);
    const std::string name = "epilogue part " + std::to_string(part) + ": ";
    const int columns = (steps.gated() ? units / 2 : units) * kUnit;
    if (steps.gated() && units % 2 != 0) return Unsupported(name + "a gate needs units in twos");
    if (steps.Has(StepKind::kHeadNorm) && columns != spec.kv.head_dim) {
      return Unsupported(name + "the norm of a head of " + std::to_string(spec.kv.head_dim) +
                         " needs all of it in a tile, not " + std::to_string(columns) + " columns");
    }
    if (spec.kv.has_scales() && (steps.Has(StepKind::kKey) || steps.Has(StepKind::kValue)) &&
        columns != spec.kv.head_dim) {
      return Unsupported(name + "the cache has one scale for a head of " + std::to_string(spec.kv.head_dim) +
                         " in 8 bits, which needs all of it in a tile, not " + std::to_string(columns) +
                         " columns; use kSteps with tile_units of a head");
    }
    if (!steps.Has(StepKind::kActivations)) continue;
    const QuantizedRows rows{spec.output_k, spec.output_activation};
    if (rows.type == tensor::ActivationType::kU8Token ||
        columns % (rows.is_float() ? 1 : rows.group()) != 0) {
      return Unsupported(name + "a tile of " + std::to_string(columns) +
                         " columns cannot make rows of type " + std::string(tensor::Row(rows.type).name) +
                         "; write floats and quantise whole rows");
    }
  }
  return Status::Ok();
}

bool NeedsRowScale(const PanelGemmSpec& spec) {
  for (int part = 0; part < kEpilogueParts; ++part) {
    if (StepsOf(spec, part).Has(StepKind::kRowScale)) return true;
  }
  return false;
}

void FinishTile(const TileResult& tile, int unit) {
  const Arguments arguments(tile, unit);
  tile.args.code.epilogue[arguments.part()](arguments.data());
}

}  // namespace vivace::kernels
