// The vector IR of the tile phases, before compilation: for the Compile functions of panel.h and for tests
// that interpret it.
#pragma once

#include "codegen/target.h"
#include "codegen/vir.h"
#include "kernels/gemm_tile.h"
#include "kernels/panel.h"
#include "kernels/panel_finish.h"

namespace vivace::kernels {

/// kUnsupported, naming the size or type, when the phase cannot be packed.
Result<PanelGemmSet<codegen::Function>> BuildPanelGemm(const PanelGemmSpec& spec,
                                                       const codegen::Target& target);

/// Of expanded units of integer tiles, at most so many k at once; a multiple of every class's block.
inline constexpr int kSliceK = 1024;
/// True when the slice of an expanded unit is always the whole of k, so that its tiles start their results.
inline bool IsOneSlice(const PanelGemmSpec& spec) {
  return spec.k <= kSliceK && HasIntegerTiles(spec.type, spec.activation);
}

/// The same of the sources without a contraction.
Result<FinishSet<codegen::Function>> BuildPanelEmbed(const PanelEmbedSpec& spec);
Result<FinishSet<codegen::Function>> BuildRowStepsPhase(const RowStepsSpec& spec);

/// Calls convert(source, target) for every member of the set that is used.
template <class A, class B, class Convert>
void ForEachMember(const PanelGemmSet<A>& from, PanelGemmSet<B>& to, Convert convert) {
  to.direct_rows = from.direct_rows;
  to.expanded_rows = from.expanded_rows;
  to.expands = from.expands;
  for (int r = 0; r < from.direct_rows; ++r) convert(from.tile[r], to.tile[r]);
  for (int r = 0; r < from.expanded_rows; ++r) convert(from.expanded[r], to.expanded[r]);
  if (from.expands) convert(from.expand, to.expand);
  ForEachMember(from.finish, to.finish, convert);
}

}  // namespace vivace::kernels
