// The vector IR of a GEMM phase, before compilation: for CompilePanelGemm and for tests that interpret it.
#pragma once

#include "codegen/vir.h"
#include "kernels/panel.h"

namespace vivace::kernels {

/// kUnsupported, naming the size or type, when the phase cannot be packed.
Result<PanelGemmSet<codegen::Function>> BuildPanelGemm(const PanelGemmSpec& spec);

/// Calls convert(source, target) for every member of the set.
template <class A, class B, class Convert>
void ForEachMember(const PanelGemmSet<A>& from, PanelGemmSet<B>& to, Convert convert) {
  for (int r = 0; r < kTileRows; ++r) {
    convert(from.tile[r], to.tile[r]);
    convert(from.expanded[r], to.expanded[r]);
  }
  convert(from.expand, to.expand);
  convert(from.row_scale, to.row_scale);
  for (int part = 0; part < kEpilogueParts; ++part) convert(from.epilogue[part], to.epilogue[part]);
}

}  // namespace vivace::kernels
