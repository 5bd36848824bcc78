// Which kernels a phase needs: BuildPanelGemm, CompilePanelGemm, CompileResidualQuantize. See panel.h.
#include <algorithm>
#include <numeric>
#include <string>

#include "base/status_macros.h"
#include "kernels/float_tile.h"
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
  if (!HasIntegerTiles(spec.type, spec.activation) && !HasFloatTiles(spec.type, spec.activation)) {
    return Unsupported("weights of type " + std::string(tensor::Row(spec.type).name) + " with activations " +
                       std::string(tensor::Row(spec.activation).name) + " have no kernels; run with -O0");
  }
  const int unit = std::lcm(
      kUnit, std::lcm(tensor::Row(spec.type).block_k, std::max(1, tensor::Row(spec.activation).group)));
  if (spec.k <= 0 || spec.k % unit != 0 || spec.n <= 0) {
    return Unsupported("a weight of " + std::to_string(spec.n) + " x " + std::to_string(spec.k) +
                       " cannot be packed: the width must be a multiple of " + std::to_string(unit) +
                       "; run with -O0");
  }
  if (spec.epilogue == Epilogue::kQkvRopeAppend && spec.kv.head_dim % kUnit != 0) {
    return Unsupported("head size " + std::to_string(spec.kv.head_dim) +
                       " is not a multiple of 32; run with -O0");
  }
  if (spec.epilogue == Epilogue::kResidualQuant && (spec.hidden != spec.n || spec.n % kUnit != 0)) {
    return Unsupported("hidden size " + std::to_string(spec.hidden) +
                       " is not a multiple of 32; run with -O0");
  }
  if (spec.epilogue == Epilogue::kSiluMulQuant &&
      (spec.n != 2 * spec.output_k || spec.output_k % kUnit != 0)) {
    return Unsupported("feed-forward size " + std::to_string(spec.output_k) +
                       " is not a multiple of 32; run with -O0");
  }
  return CheckSteps(spec);
}

// Single rows: a stream that is read line after line is left to the CPU's own prefetcher, where the target
// says so. Planes and scales apart from the codes, or more work between the lines, and it falls behind.
PrefetchDistances SingleRowPrefetch(const PanelGemmSpec& spec, const codegen::Target& target) {
  const tensor::WeightClassRow& row = tensor::Row(spec.type);
  const bool one_plane =
      row.coding == tensor::WeightCoding::kNibble || row.coding == tensor::WeightCoding::kSignedByte;
  const bool one_step = row.scale_group <= std::max(32, tensor::Row(spec.activation).group);
  const bool in_sequence = one_plane && one_step && row.scales != tensor::WeightScale::kSuperMinimum &&
                           tensor::Row(spec.activation).planes == 1;
  return in_sequence ? target.prefetch_single_row : target.prefetch_rows;
}

// The tiles of float weights: slices of k stand for the expanded ones, of what lies packed.
void BuildFloatTiles(const PanelGemmSpec& spec, const codegen::Target& target,
                     PanelGemmSet<Function>& functions) {
  functions.direct_rows = functions.expanded_rows = FloatTileRows(target);
  FloatTileShape shape{spec.type, spec.activation, spec.k, 0, ResultStride(spec)};
  for (shape.rows = 1; shape.rows <= functions.direct_rows; ++shape.rows) {
    shape.slice = true;
    shape.prefetch = {};
    functions.expanded[shape.rows - 1] = BuildFloatTile(shape, target);
    shape.slice = false;
    shape.prefetch = FloatPrefetch(shape.rows, target);
    functions.tile[shape.rows - 1] = BuildFloatTile(shape, target);
  }
}

// The contraction's part of the set.
void BuildTiles(const PanelGemmSpec& spec, const codegen::Target& target, PanelGemmSet<Function>& functions) {
  if (HasFloatTiles(spec.type, spec.activation)) return BuildFloatTiles(spec, target, functions);
  functions.direct_rows = DirectRows(spec.type, spec.activation, target);
  functions.expanded_rows = ExpandedRows(spec.type, spec.activation, target);
  TileShape shape{spec.type, spec.activation, spec.k, 0, ResultStride(spec)};
  for (shape.rows = 1; shape.rows <= functions.expanded_rows; ++shape.rows)
    functions.expanded[shape.rows - 1] = BuildExpandedTile(shape, target);
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
  for (int part = 0; part < kEpilogueParts; ++part) {
    const EpilogueSteps& steps = StepsOf(spec, part);
    functions.epilogue[part] = steps.size() > 0 ? BuildEpilogue(steps, ShapeOf(spec)) : functions.epilogue[0];
  }
  functions.row_scale = NeedsRowScale(spec) ? BuildRowScale(spec.hidden, spec.eps) : functions.epilogue[0];
  return functions;
}

Result<PanelGemmKernels> CompilePanelGemm(const PanelGemmSpec& spec, KernelLibrary& library) {
  VIVACE_ASSIGN_OR_RETURN(const PanelGemmSet<Function> functions, BuildPanelGemm(spec, library.target()));
  PanelGemmKernels kernels{};
  Status status;
  ForEachMember(functions, kernels, [&](const Function& function, KernelId& id) {
    if (!status.ok()) return;
    Result<KernelId> compiled = library.Compile(function);
    if (compiled.ok()) {
      id = *compiled;
    } else {
      status = compiled.status();
    }
  });
  if (!status.ok()) return status;
  return kernels;
}

Result<KernelId> CompileResidualQuantize(int hidden, KernelLibrary& library) {
  return library.Compile(BuildRowQuant({hidden}));
}

PanelGemmCode Resolve(const PanelGemmKernels& kernels, const KernelLibrary& library) {
  PanelGemmCode code{};
  ForEachMember(kernels, code, [&](KernelId id, codegen::KernelFn& function) { function = library.Get(id); });
  return code;
}

}  // namespace vivace::kernels
