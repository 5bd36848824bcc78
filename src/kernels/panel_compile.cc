// CompilePanelGemm and CompileResidualQuantize: which kernels a phase needs. See panel.h.
#include <string>

#include "base/status_macros.h"
#include "kernels/gemm_epilogue.h"
#include "kernels/gemm_tile.h"
#include "kernels/panel.h"

namespace vivace::kernels {

using codegen::KernelId;
using codegen::KernelLibrary;

namespace {

constexpr int kUnit = tensor::PanelLayout::kUnitColumns;

Status CheckShape(const PanelGemmSpec& spec) {
  if (spec.type != tensor::DType::kQ4_1 && spec.type != tensor::DType::kQ8_0) {
    return Unsupported("weights of type " + std::string(tensor::Row(spec.type).name) + " have no packed layout; run with -O0");
  }
  if (spec.k <= 0 || spec.k % kUnit != 0 || spec.n <= 0) {
    return Unsupported("a weight of " + std::to_string(spec.n) + " x " + std::to_string(spec.k) +
                       " cannot be packed: the width must be a multiple of 32; run with -O0");
  }
  if (spec.epilogue == Epilogue::kQkvRopeAppend && spec.kv.head_dim % kUnit != 0) {
    return Unsupported("head size " + std::to_string(spec.kv.head_dim) + " is not a multiple of 32; run with -O0");
  }
  if (spec.epilogue == Epilogue::kResidualQuant && (spec.hidden != spec.n || spec.n % kUnit != 0)) {
    return Unsupported("hidden size " + std::to_string(spec.hidden) + " is not a multiple of 32; run with -O0");
  }
  if (spec.epilogue == Epilogue::kSiluMulQuant && (spec.n != 2 * spec.output_k || spec.output_k % kUnit != 0)) {
    return Unsupported("feed-forward size " + std::to_string(spec.output_k) + " is not a multiple of 32; run with -O0");
  }
  return Status::Ok();
}

// Compiles the epilogues of a phase into kernels.epilogue, unused parts repeating the first.
Status CompileEpilogues(const PanelGemmSpec& spec, KernelLibrary& library, PanelGemmKernels& kernels) {
  for (int part = 0; part < kEpilogueParts; ++part) {
    Result<KernelId> id = Internal("unknown epilogue");
    switch (spec.epilogue) {
      case Epilogue::kQkvRopeAppend:
        id = library.Compile(BuildQkv(static_cast<QkvPart>(part), spec.heads, spec.kv));
        break;
      case Epilogue::kResidualQuant:
        id = library.Compile(BuildResidualQuant(spec.hidden));
        break;
      case Epilogue::kSiluMulQuant:
        id = library.Compile(BuildSiluMulQuant(spec.output_k));
        break;
      case Epilogue::kLogits:
        id = library.Compile(BuildLogits(spec.n));
        break;
    }
    if (!id.ok()) return id.status();
    kernels.epilogue[part] = *id;
  }
  return Status::Ok();
}

}  // namespace

Result<PanelGemmKernels> CompilePanelGemm(const PanelGemmSpec& spec, KernelLibrary& library) {
  VIVACE_RETURN_IF_ERROR(CheckShape(spec));
  PanelGemmKernels kernels{};
  for (int r = 1; r <= kTileRows; ++r) {
    const TileShape shape{spec.type, spec.k, r, ResultStride(spec.epilogue)};
    VIVACE_ASSIGN_OR_RETURN(kernels.tile[r - 1], library.Compile(BuildDirectTile(shape)));
    VIVACE_ASSIGN_OR_RETURN(kernels.expanded[r - 1], library.Compile(BuildExpandedTile(shape)));
  }
  VIVACE_ASSIGN_OR_RETURN(kernels.expand, library.Compile(BuildExpand(spec.type, spec.k)));
  VIVACE_RETURN_IF_ERROR(CompileEpilogues(spec, library, kernels));
  kernels.row_scale = kernels.epilogue[0];
  if (spec.epilogue != Epilogue::kResidualQuant) {
    VIVACE_ASSIGN_OR_RETURN(kernels.row_scale, library.Compile(BuildRowScale(spec.hidden, spec.eps)));
  }
  return kernels;
}

Result<KernelId> CompileResidualQuantize(int hidden, KernelLibrary& library) { return library.Compile(BuildRowQuant(hidden)); }

PanelGemmCode Resolve(const PanelGemmKernels& kernels, const KernelLibrary& library) {
  PanelGemmCode code{};
  for (int r = 0; r < kTileRows; ++r) {
    code.tile[r] = library.Get(kernels.tile[r]);
    code.expanded[r] = library.Get(kernels.expanded[r]);
  }
  code.expand = library.Get(kernels.expand);
  code.row_scale = library.Get(kernels.row_scale);
  for (int part = 0; part < kEpilogueParts; ++part) code.epilogue[part] = library.Get(kernels.epilogue[part]);
  return code;
}

}  // namespace vivace::kernels
