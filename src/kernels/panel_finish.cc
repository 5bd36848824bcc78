#include "kernels/panel_finish.h"

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

const EpilogueSteps& StepsOf(const TileEpilogue& epilogue, int part) {
  return epilogue.steps[static_cast<std::size_t>(part)];
}

// Fills the arguments of one kernel call, step by step.
class Arguments {
 public:
  Arguments(const TileResult& tile, int packed_unit)
      : tile_(tile),
        epilogue_(tile.epilogue),
        out_(tile.out),
        packed_unit_(packed_unit),
        place_(PlaceOf(epilogue_, packed_unit)),
        steps_(StepsOf(epilogue_, place_.part)),
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
        a_[kBias] = Address(out_.bias + static_cast<std::ptrdiff_t>(packed_unit_) * kUnit);
        return;
      case StepKind::kPostNorm:
        a_[kPostNormWeight] = Address(out_.post_norm + column());
        return;
      case StepKind::kResidual:
        a_[kResidual] = Address(out_.residual + row() * epilogue_.hidden + column());
        a_[kColumns] = epilogue_.hidden - column();
        return;
      case StepKind::kNorm:
        a_[kNormWeight] = Address(out_.norm + column());
        return;
      case StepKind::kHeadNorm:
        a_[kHeadWeight] = Address(part() == 0 ? out_.query_norm : out_.key_norm);
        return;
      case StepKind::kSquares:
        a_[kSquares] = Address(out_.squares_out + row() * SquareStride(epilogue_.hidden) + unit_);
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
    const QuantizedRows rows{epilogue_.output_k, epilogue_.output};
    std::byte* output = out_.output + row() * rows.row_stride();
    a_[kBytes] = Address(output + column() * tensor::Row(rows.type).element_bytes);
    a_[kParameters] =
        rows.is_float() ? 0 : Address(output + rows.scale_offset() + column() / rows.group() * 4);
  }

  void FillFloats() {
    const int width = FinishedColumns(epilogue_, part());
    a_[kFloats] = Address(out_.floats[part()] + row() * width + column());
    a_[kColumns] = width - column();
  }

  void FillMaximum() {
    const MaximaRows rows{epilogue_.n};
    a_[kMaxima] = Address(out_.maxima + row() * rows.row_stride() + unit_ * 4);
    a_[kColumns] = epilogue_.n - column();
    a_[kFirstColumn] = column();
  }

  void FillHead(StepKind kind) {
    const int head_units = epilogue_.kv.head_dim / kUnit;
    const int head = unit_ / head_units, within = unit_ % head_units;
    if (kind == StepKind::kRope) {
      a_[kPositions] = Address(tile_.step.positions + row());
      a_[kRopeTable] = Address(out_.rope_table + within * (kUnit / 2));
      return;
    }
    a_[kSlots] = Address(tile_.step.kv_slots + row());
    const std::size_t offset = kind == StepKind::kKey ? out_.kv.k_offset(head, within * kUnit, 0)
                                                      : out_.kv.v_element_offset(head, 0, within * kUnit);
    a_[kCache] = Address(out_.kv_layer + offset);
  }

  const TileResult& tile_;
  const TileEpilogue& epilogue_;
  const TileOutputs& out_;
  int packed_unit_;
  UnitPlace place_;
  const EpilogueSteps& steps_;
  int unit_;  // among the part's units, after a gate
  std::array<std::int64_t, kEpilogueArguments> a_{};
};

}  // namespace

int PartColumns(const TileEpilogue& epilogue, int part) {
  if (!epilogue.has_parts()) return part == 0 ? epilogue.n : 0;
  if (StepsOf(epilogue, part).size() == 0) return 0;
  return (part == 0 ? epilogue.heads : epilogue.kv.kv_heads) * epilogue.kv.head_dim;
}

int FinishedColumns(const TileEpilogue& epilogue, int part) {
  const int columns = PartColumns(epilogue, part);
  return StepsOf(epilogue, part).gated() ? columns / 2 : columns;
}

UnitPlace PlaceOf(const TileEpilogue& epilogue, int unit) {
  if (!epilogue.has_parts()) return {0, unit};
  int part = 0;
  for (; part < kEpilogueParts - 1; ++part) {
    const int units = PartColumns(epilogue, part) / kUnit;
    if (unit < units) break;
    unit -= units;
  }
  return {part, unit};
}

bool NeedsRowScale(const TileEpilogue& epilogue) {
  return std::any_of(epilogue.steps.begin(), epilogue.steps.end(),
                     [](const EpilogueSteps& steps) { return steps.Has(StepKind::kRowScale); });
}

bool RunsAlongRows(const TileEpilogue& epilogue) {
  const EpilogueSteps& steps = epilogue.steps[0];
  return !epilogue.has_parts() && !steps.Has(StepKind::kHeadNorm) && !steps.Has(StepKind::kRope) &&
         !steps.Has(StepKind::kKey) && !steps.Has(StepKind::kValue);
}

EpilogueShape ShapeOf(const TileEpilogue& epilogue, int part) {
  return {.units = epilogue.units,
          .hidden = epilogue.hidden,
          .floats = FinishedColumns(epilogue, part),
          .n = epilogue.n,
          .kv = epilogue.kv,
          .output = {epilogue.output_k, epilogue.output}};
}

FinishSet<codegen::Function> BuildFinish(const TileEpilogue& epilogue, bool along_rows) {
  FinishSet<codegen::Function> functions;
  const codegen::Function* any = nullptr;
  for (int part = 0; part < kEpilogueParts; ++part) {
    const EpilogueSteps& steps = StepsOf(epilogue, part);
    if (steps.size() == 0) continue;
    const EpilogueShape shape = ShapeOf(epilogue, part);
    codegen::Function& function = functions.epilogue[static_cast<std::size_t>(part)];
    function = along_rows ? BuildRowSteps(steps, shape) : BuildEpilogue(steps, shape);
    if (any == nullptr) any = &function;
  }
  for (std::size_t part = 0; part < kEpilogueParts; ++part) {
    if (epilogue.steps[part].size() == 0) functions.epilogue[part] = *any;
  }
  functions.row_scale = NeedsRowScale(epilogue) ? BuildRowScale(epilogue.hidden, epilogue.eps) : *any;
  return functions;
}

Result<FinishSet<codegen::KernelId>> CompileFinish(const FinishSet<codegen::Function>& functions,
                                                   codegen::KernelLibrary& library) {
  FinishSet<codegen::KernelId> kernels;
  Status status;
  ForEachMember(functions, kernels, [&](const codegen::Function& function, codegen::KernelId& id) {
    if (!status.ok()) return;
    const Result<codegen::KernelId> compiled = library.Compile(function);
    compiled.ok() ? static_cast<void>(id = *compiled) : static_cast<void>(status = compiled.status());
  });
  if (!status.ok()) return status;
  return kernels;
}

FinishCode Resolve(const FinishSet<codegen::KernelId>& kernels, const codegen::KernelLibrary& library) {
  FinishCode code;
  ForEachMember(kernels, code,
                [&](codegen::KernelId id, codegen::KernelFn& function) { function = library.Get(id); });
  return code;
}

void FinishTile(const TileResult& tile, int unit) {
  const Arguments arguments(tile, unit);
  tile.code.epilogue[static_cast<std::size_t>(arguments.part())](arguments.data());
}

void MakeRowScales(const FinishCode& code, const float* squares, int rows, float* result) {
  std::array<std::int64_t, kRowScaleArguments> a{};
  a[kScaleSquares] = Address(squares);
  a[kScaleRows] = rows;
  a[kScaleResult] = Address(result);
  code.row_scale(a.data());
}

void PrefetchTile(const TileEpilogue& epilogue, const TileOutputs& out, int first_row, int rows, int unit) {
  const EpilogueSteps& steps = epilogue.steps[0];
  if (epilogue.has_parts() || !(steps.Has(StepKind::kResidual) || steps.Has(StepKind::kActivations))) return;
  const std::ptrdiff_t column = static_cast<std::ptrdiff_t>(steps.gated() ? unit / 2 : unit) * kUnit;
  const QuantizedRows layout{epilogue.output_k, epilogue.output};
  for (std::ptrdiff_t row = first_row; row < first_row + rows; ++row) {
    if (steps.Has(StepKind::kResidual)) {
      const float* x = out.residual + row * epilogue.hidden + column;
      __builtin_prefetch(x, 1);
      __builtin_prefetch(x + kUnit / 2, 1);
    }
    if (steps.Has(StepKind::kActivations))
      __builtin_prefetch(
          out.output + row * layout.row_stride() + column * tensor::Row(layout.type).element_bytes, 1);
  }
}

}  // namespace vivace::kernels
