// The fused phases of -O2: a contraction over packed panels with its prologue and epilogue, made of machine
// code from the vector IR (gemm_tile.h) called from a small driver. Bits: a tile's result does not depend
// on the number of rows, on whether nibbles are read directly or expanded first, or on the task split.
// Arithmetic of one output, for groups g in order (of 16 weights where they have a scale each):
//   integer  i = sum_k (u8[k] - zero[g]) * (code[k] + offset)      (exact; of two planes 256 * high + low)
//   y = fma(float(i) * weight_scale[g], x_scale[g], y);  with a minimum: y = fma(minimum[g], x_sum[g], y)
// With a scale per column: y = fma(float(i), x_scale[g], y), times it at the end; rows per token: i over all
// of k, y = float(i) * x_scale * scale. Then the epilogue. Activations: tensor::QuantizedRows. Residual
// stream x: float32 [rows][hidden].
//
// Deferred RMSNorm: the producer writes quantised (x * norm_weight) and, per 32 columns, the partial sum of
// x^2; the consumer's epilogue multiplies by rs = 1 / sqrt(sum(partials in order) / hidden + eps).
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "codegen/kernel_library.h"
#include "kernels/epilogue_spec.h"
#include "kernels/pack_panels.h"
#include "kernels/task.h"
#include "tensor/kv_layout.h"
#include "tensor/packed_panel.h"
#include "tensor/quantized_rows.h"

namespace vivace::kernels {

/// Rows of the largest tile of any kind.
inline constexpr int kMaximumTileRows = 12;

/// What one GEMM phase is made of. tile[r-1] takes exactly r rows (1 .. direct_rows) of one unit of 32
/// columns, reading packed weights; expanded[r-1] (1 .. expanded_rows, which may be none) the same from a
/// slice of an expanded unit; expand makes one. row_scale makes rs of rows, once per task (kResidualQuant has
/// no use for it and repeats its epilogue there). kQkvRopeAppend has three epilogues, of units of q, k and v;
/// most others use the first. Members past the counts, and expand without expanded tiles, are not used.
template <class T>
struct PanelGemmSet {
  int direct_rows = 0;
  int expanded_rows = 0;
  bool expands = false;  // whether there is `expand`; float weights are read in slices as they lie packed
  T tile[kMaximumTileRows];
  T expanded[kMaximumTileRows];
  T expand;
  T row_scale;
  T epilogue[kEpilogueParts];
};
using PanelGemmKernels = PanelGemmSet<codegen::KernelId>;
/// Kernel addresses, resolved once after Seal.
using PanelGemmCode = PanelGemmSet<codegen::KernelFn>;

/// What the compiler asks for: makes (and shares) all kernels of a phase in `library`.
struct PanelGemmSpec {
  tensor::WeightClass type;
  int k, n;
  Epilogue epilogue;
  int hidden =
      0;  // width that rs is taken over (kQkvRopeAppend, kSiluMulQuant, kLogits) or of x (kResidualQuant)
  float eps = 0;
  int heads = 0;          // kQkvRopeAppend
  tensor::KvLayout kv{};  // kQkvRopeAppend: kv_heads, head_dim, type (blocks and layers are not used)
  int output_k = 0;       // width of the output rows, if any
  tensor::ActivationType activation = tensor::Row(type).activation;               // of the input rows
  tensor::ActivationType output_activation = tensor::ActivationType::kU8Group32;  // of the output rows
  EpilogueLists steps{};  // kSteps; with heads != 0 the units of q, k and v have a list each
  int tile_units = 1;     // kSteps: units that one call finishes: 2 for a gate, all of a head for HeadNorm
                          // and for caches of 8 bits, twice as many where the output rows have groups of 64
};
Result<PanelGemmKernels> CompilePanelGemm(const PanelGemmSpec& spec, codegen::KernelLibrary& library);

PanelGemmCode Resolve(const PanelGemmKernels& kernels, const codegen::KernelLibrary& library);

/// Bound arguments of a panel GEMM phase. Pointers that the epilogue does not use are null.
struct PanelGemmArgs {
  PanelGemmSpec spec;
  PanelGemmCode code;
  const std::byte* weights;  // PanelLayout{spec.type, spec.k, spec.n}
  const std::byte* input;    // QuantizedRows{spec.k, spec.activation} rows
  const float* squares_in;   // partials for rs
  float* residual;           // x, kResidualQuant
  const float* norm_weight;  // kResidualQuant: of the norm that follows
  float* squares_out;        // kResidualQuant
  std::byte* output;         // QuantizedRows{spec.output_k} rows
  float* q;                  // kQkvRopeAppend
  const float* rope_table;   // [positions][head_dim] as in portable.h
  tensor::KvLayout kv;
  std::byte* kv_layer;
  float* logits;  // kLogits, kFloats; kSteps: where Floats goes, unless q is given
  // Of further steps.
  const float* bias = nullptr;        // [n], in the order of packed columns
  const float* post_norm = nullptr;   // [n]
  const float* query_norm = nullptr;  // [head_dim], in the order of packed columns
  const float* key_norm = nullptr;    // the same
  std::byte* maxima = nullptr;        // MaximaRows{n}
};
TaskKernel PanelGemmKernel(Epilogue epilogue);

/// First phase: x = embedding row of each token, read from the panel (tied weights are in memory once),
/// partial squares, and quantised x * norm_weight.
struct PanelEmbedArgs {
  tensor::PanelLayout layout;
  const std::byte* weights;
  const float* norm_weight;
  float* residual;
  float* squares_out;
  std::byte* output;           // QuantizedRows{layout.k}
  codegen::KernelFn quantize;  // from CompileResidualQuantize
};
/// The kernel that PanelEmbed needs: one row's squares and quantisation, the same bits as kResidualQuant's
/// epilogue.
Result<codegen::KernelId> CompileResidualQuantize(int hidden, codegen::KernelLibrary& library);
TaskKernel PanelEmbedKernel();

}  // namespace vivace::kernels
