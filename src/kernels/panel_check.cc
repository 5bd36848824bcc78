// Which epilogues can be done on the columns of a phase: CheckSteps. See panel_finish.h.
#include <string>

#include "base/status_macros.h"
#include "kernels/panel_finish.h"

namespace vivace::kernels {

using tensor::QuantizedRows;

namespace {

constexpr int kUnit = tensor::PanelLayout::kUnitColumns;

// One part of an epilogue, and what its messages begin with.
struct Part {
  const TileEpilogue& epilogue;
  int number;

  const EpilogueSteps& steps() const { return epilogue.steps[static_cast<std::size_t>(number)]; }
  // Of one tile, after a gate.
  int tile_columns() const { return (steps().gated() ? epilogue.units / 2 : epilogue.units) * kUnit; }
  Status Refuse(const std::string& reason) const {
    return Unsupported("epilogue part " + std::to_string(number) + ": " + reason);
  }
};

Status CheckHeads(const Part& part) {
  const TileEpilogue& epilogue = part.epilogue;
  const bool cached = part.steps().Has(StepKind::kKey) || part.steps().Has(StepKind::kValue);
  const bool rotated = part.steps().Has(StepKind::kRope);
  const int dim = epilogue.kv.head_dim, columns = part.tile_columns();
  if ((cached || rotated || epilogue.has_parts()) && (dim <= 0 || dim % kUnit != 0)) {
    return part.Refuse("head size " + std::to_string(dim) + " is not a multiple of 32; run with -O0");
  }
  if (epilogue.has_parts() && PartColumns(epilogue, part.number) % (epilogue.units * kUnit) != 0) {
    return part.Refuse("its " + std::to_string(PartColumns(epilogue, part.number)) +
                       " columns cannot be finished " + std::to_string(epilogue.units) +
                       " units of 32 at a time");
  }
  if (part.steps().Has(StepKind::kHeadNorm) && columns != dim) {
    return part.Refuse("the norm of a head of " + std::to_string(dim) + " needs all of it in a tile, not " +
                       std::to_string(columns) + " columns");
  }
  if (epilogue.kv.has_scales() && cached && columns != dim) {
    return part.Refuse("the cache has one scale for a head of " + std::to_string(dim) +
                       " in 8 bits, which needs all of it in a tile, not " + std::to_string(columns) +
                       " columns");
  }
  return Status::Ok();
}

// Steps on rows of x and on output rows.
Status CheckRows(const Part& part) {
  const TileEpilogue& epilogue = part.epilogue;
  const EpilogueSteps& steps = part.steps();
  const int columns = part.tile_columns(), width = FinishedColumns(epilogue, part.number);
  if ((steps.Has(StepKind::kResidual) || steps.Has(StepKind::kSquares)) && epilogue.hidden != width) {
    return part.Refuse("rows of x have " + std::to_string(epilogue.hidden) + " columns, the phase makes " +
                       std::to_string(width));
  }
  if (!steps.Has(StepKind::kActivations)) return Status::Ok();
  const QuantizedRows rows{epilogue.output_k, epilogue.output};
  if (rows.type == tensor::ActivationType::kU8Token || columns % (rows.is_float() ? 1 : rows.group()) != 0) {
    return part.Refuse("a tile of " + std::to_string(columns) + " columns cannot make rows of type " +
                       std::string(tensor::Row(rows.type).name) + "; write floats and quantise whole rows");
  }
  const int covered = epilogue.has_parts() ? width : UnitCount(epilogue) / epilogue.units * columns;
  if (epilogue.output_k != covered || epilogue.output_k >= width + 64) {
    return part.Refuse("tiles of " + std::to_string(columns) + " columns make rows of " +
                       std::to_string(covered) + " for " + std::to_string(width) + " columns, not of " +
                       std::to_string(epilogue.output_k));
  }
  return Status::Ok();
}

Status CheckPart(const Part& part) {
  const EpilogueSteps& steps = part.steps();
  if (steps.gated() && (part.epilogue.units % 2 != 0 || part.epilogue.n % 2 != 0))
    return part.Refuse("a gate needs units and columns in twos");
  const int vector = (part.epilogue.n + 63) / 64 * 64;
  if (steps.Has(StepKind::kBias) && UnitCount(part.epilogue) * kUnit > vector) {
    return part.Refuse("a bias of " + std::to_string(vector) + " columns is too short for tiles of " +
                       std::to_string(part.epilogue.units) + " units");
  }
  VIVACE_RETURN_IF_ERROR(CheckHeads(part));
  return CheckRows(part);
}

}  // namespace

Status CheckSteps(const TileEpilogue& epilogue) {
  if (epilogue.n <= 0 || epilogue.units < 1 || epilogue.units > kMaximumUnits) {
    return Unsupported("epilogue: " + std::to_string(epilogue.n) + " columns cannot be finished " +
                       std::to_string(epilogue.units) + " units of 32 at a time; choose 1 to 8");
  }
  int columns = 0, lists = 0;
  for (int part = 0; part < kEpilogueParts; ++part) {
    columns += PartColumns(epilogue, part);
    if (epilogue.steps[static_cast<std::size_t>(part)].size() == 0) continue;
    ++lists;
    VIVACE_RETURN_IF_ERROR(CheckPart({epilogue, part}));
  }
  if (lists == 0) return Unsupported("epilogue: a phase needs at least one step");
  if (columns != epilogue.n) {
    return Unsupported("epilogue: parts of " + std::to_string(columns) + " columns do not make " +
                       std::to_string(epilogue.n));
  }
  return Status::Ok();
}

}  // namespace vivace::kernels
