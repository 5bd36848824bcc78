// Which kernels a phase needs: the Build and Compile functions of panel.h and panel_functions.h.
#include <algorithm>
#include <numeric>
#include <string>

#include "base/status_macros.h"
#include "kernels/float_tile.h"
#include "kernels/float_tile_expand.h"
#include "kernels/gemm_epilogue.h"
#include "kernels/gemm_tile.h"
#include "kernels/panel_finish.h"
#include "kernels/panel_functions.h"

namespace vivace::kernels {

using codegen::Function;
using codegen::KernelId;
using codegen::KernelLibrary;

namespace {

constexpr int kUnit = tensor::PanelLayout::kUnitColumns;

Status CheckShape(const PanelGemmSpec& spec) {
  if (!HasTiles(spec.type, spec.activation)) {
    return Unsupported("weights of type " + std::string(tensor::Row(spec.type).name) + " with activations " +
                       std::string(tensor::Row(spec.activation).name) + " have no kernels; run with -O0");
  }
  const int width = std::lcm(
      kUnit, std::lcm(tensor::Row(spec.type).block_k, std::max(1, tensor::Row(spec.activation).group)));
  const TileEpilogue& epilogue = spec.epilogue;
  if (spec.k <= 0 || spec.k % width != 0 || epilogue.n <= 0) {
    return Unsupported("a weight of " + std::to_string(epilogue.n) + " x " + std::to_string(spec.k) +
                       " cannot be packed: the width must be a multiple of " + std::to_string(width) +
                       "; run with -O0");
  }
  VIVACE_RETURN_IF_ERROR(CheckSteps(epilogue));
  if (epilogue.steps[0].gated() && epilogue.n % (2 * kUnit) != 0) {
    return Unsupported("gates of " + std::to_string(epilogue.n / 2) +
                       " columns cannot be packed: they must be a multiple of 32; run with -O0");
  }
  const int packed = 2 * tensor::PanelLayout{spec.type, spec.k, epilogue.n}.panels();
  if (UnitCount(epilogue) > packed) {
    return Unsupported("epilogue: " + std::to_string(epilogue.n) + " columns, packed as " +
                       std::to_string(packed) + " units of 32, cannot be finished " +
                       std::to_string(epilogue.units) + " units at a time");
  }
  return Status::Ok();
}

// Single rows: a stream that is read line after line is left to the CPU's own prefetcher, where the target
// says so; nibbles are more work between the lines, and it needs some help. Planes apart from the codes, and
// it falls behind.
PrefetchDistances SingleRowPrefetch(const PanelGemmSpec& spec, const codegen::Target& target) {
  const tensor::WeightClassRow& row = tensor::Row(spec.type);
  const bool one_step = row.scale_group <= std::max(32, tensor::Row(spec.activation).group);
  if (!one_step || tensor::Row(spec.activation).planes != 1) return target.prefetch_rows;
  if (row.coding == tensor::WeightCoding::kNibble) return target.prefetch_single_row_nibbles;
  return row.coding == tensor::WeightCoding::kSignedByte ? target.prefetch_single_row : target.prefetch_rows;
}

// The tiles of float weights: slices of k stand for the expanded ones, of what lies packed.
void BuildFloatTiles(const PanelGemmSpec& spec, const codegen::Target& target,
                     PanelGemmSet<Function>& functions) {
  functions.direct_rows = functions.expanded_rows = FloatTileRows(target);
  FloatTileShape shape{spec.type, spec.activation, spec.k, 0, ResultStride(spec.epilogue)};
  for (shape.rows = 1; shape.rows <= functions.direct_rows; ++shape.rows) {
    shape.slice = true;
    shape.prefetch = {};
    functions.expanded[shape.rows - 1] = BuildFloatTile(shape, target);
    shape.slice = false;
    shape.prefetch = FloatPrefetch(shape.rows, target);
    functions.tile[shape.rows - 1] = BuildFloatTile(shape, target);
  }
}

// Codes with float rows: nothing but slices, dequantised for all rows of a task.
void BuildExpandedFloatTiles(const PanelGemmSpec& spec, const codegen::Target& target,
                             PanelGemmSet<Function>& functions) {
  functions.expanded_rows = FloatTileRows(target);
  for (int rows = 1; rows <= functions.expanded_rows; ++rows) {
    functions.expanded[rows - 1] =
        BuildFloatTile(ExpandedFloatShape(spec.k, rows, ResultStride(spec.epilogue)), target);
  }
  functions.expands = true;
  functions.expand = BuildFloatExpand(spec.type, target);
}

// The contraction's part of the set.
void BuildTiles(const PanelGemmSpec& spec, const codegen::Target& target, PanelGemmSet<Function>& functions) {
  if (HasFloatTiles(spec.type, spec.activation)) return BuildFloatTiles(spec, target, functions);
  if (ContractionOf(spec.type, spec.activation) == ContractionKind::kExpandedFloat)
    return BuildExpandedFloatTiles(spec, target, functions);
  functions.direct_rows = DirectRows(spec.type, spec.activation, target);
  functions.expanded_rows = ExpandedRows(spec.type, spec.activation, target);
  TileShape shape{spec.type, spec.activation, spec.k, 0, ResultStride(spec.epilogue)};
  shape.whole = IsOneSlice(spec);
  for (shape.rows = 1; shape.rows <= functions.expanded_rows; ++shape.rows)
    functions.expanded[shape.rows - 1] = BuildExpandedTile(shape, target);
  shape.whole = false;
  for (shape.rows = 1; shape.rows <= functions.direct_rows; ++shape.rows) {
    shape.prefetch = shape.rows == 1 ? SingleRowPrefetch(spec, target) : target.prefetch_rows;
    functions.tile[shape.rows - 1] = BuildDirectTile(shape, target);
  }
  functions.expands = functions.expanded_rows > 0;
  if (functions.expands) functions.expand = BuildExpand(spec.type, spec.activation, target);
}

}  // namespace

Result<PanelGemmSet<Function>> BuildPanelGemm(const PanelGemmSpec& spec, const codegen::Target& target) {
  VIVACE_RETURN_IF_ERROR(CheckShape(spec));
  PanelGemmSet<Function> functions;
  BuildTiles(spec, target, functions);
  functions.finish = BuildFinish(spec.epilogue, false);
  return functions;
}

Result<PanelGemmKernels> CompilePanelGemm(const PanelGemmSpec& spec, KernelLibrary& library) {
  VIVACE_ASSIGN_OR_RETURN(const PanelGemmSet<Function> functions, BuildPanelGemm(spec, library.target()));
  PanelGemmKernels kernels{};
  Status status;
  ForEachMember(functions, kernels, [&](const Function& function, KernelId& id) {
    if (!status.ok()) return;
    const Result<KernelId> compiled = library.Compile(function);
    compiled.ok() ? static_cast<void>(id = *compiled) : static_cast<void>(status = compiled.status());
  });
  if (!status.ok()) return status;
  return kernels;
}

PanelGemmCode Resolve(const PanelGemmKernels& kernels, const KernelLibrary& library) {
  PanelGemmCode code{};
  ForEachMember(kernels, code, [&](KernelId id, codegen::KernelFn& function) { function = library.Get(id); });
  return code;
}

}  // namespace vivace::kernels
