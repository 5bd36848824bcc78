// The vector IR of a GEMM phase, before compilation: for CompilePanelGemm and for tests that interpret it.
#pragma once

#include "codegen/target.h"
#include "codegen/vir.h"
#include "kernels/panel.h"

namespace vivace::kernels {

/// kUnsupported, naming the size or type, when the phase cannot be packed.
Result<PanelGemmSet<codegen::Function>> BuildPanelGemm(const PanelGemmSpec& spec,
                                                       const codegen::Target& target);

/// Calls convert(source, target) for every member of the set that is used.
template <class A, class B, class Convert>
void ForEachMember(const PanelGemmSet<A>& from, PanelGemmSet<B>& to, Convert convert) {
  to.direct_rows = from.direct_rows;
  to.expanded_rows = from.expanded_rows;
  to.expands = from.expands;
  for (int r = 0; r < from.direct_rows; ++r) convert(from.tile[r], to.tile[r]);
  for (int r = 0; r < from.expanded_rows; ++r) convert(from.expanded[r], to.expanded[r]);
  if (from.expands) convert(from.expand, to.expand);
  convert(from.row_scale, to.row_scale);
  for (int part = 0; part < kEpilogueParts; ++part) convert(from.epilogue[part], to.epilogue[part]);
}

}  // namespace vivace::kernels
