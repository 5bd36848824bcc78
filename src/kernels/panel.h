// The tile phases: a source of tile values (a contraction over packed panels, the token's row of a packed
// panel, or f32 rows of buffers), then lists of epilogue steps (epilogue_spec.h). The same kernels finish the
// tiles of every source, so a fusion that is switched off gives the same bits. Machine code from the vector
// IR, called from small drivers. Bits of a tile do not depend on the number of rows, on whether codes are
// read directly or expanded first, on the plan, or on the task split. Arithmetic of one output of a
// contraction, for groups g in order (of 16 weights where they have a scale each):
//   integer  i = sum_k (u8[k] - zero[g]) * (code[k] + offset)      (exact; of two planes 256 * high + low)
//   y = fma(float(i) * weight_scale[g], x_scale[g], y);  with a minimum: y = fma(minimum[g], x_sum[g], y)
// With a scale per column: y = fma(float(i), x_scale[g], y), times it at the end; rows per token: i over all
// of k, y = float(i) * x_scale * scale. Activations: tensor::QuantizedRows. Residual stream x: float32
// [rows][hidden].
//
// Deferred RMSNorm: the producer writes quantised (x * norm_weight) and, per 32 columns, the partial sum of
// x^2; the consumer's epilogue multiplies by rs = 1 / sqrt(sum(partials in order) / hidden + eps).
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "codegen/kernel_library.h"
#include "codegen/target.h"
#include "kernels/epilogue_spec.h"
#include "kernels/pack_panels.h"
#include "kernels/task.h"
#include "tensor/kv_layout.h"
#include "tensor/packed_panel.h"
#include "tensor/quantized_rows.h"

namespace vivace::kernels {

/// What follows a tile of any source. Columns are those of the source before a gate; of parts q, k and v they
/// lie one part after another, and a part exists when its list is not empty.
struct TileEpilogue {
  int n = 0;      // columns before padding, of all parts together (gate and up: both)
  int units = 1;  // units of 32 columns that one call finishes: 2 for a gate, a whole head for HeadNorm
                  // and for caches of 8 bits, twice as many for output rows in groups of 64
  EpilogueLists steps{};  // the first list, or with parts one each
  int heads = 0;          // of q. Parts are there when this is not 0 or another list than the first has steps
  tensor::KvLayout kv{};  // with parts: kv_heads, head_dim, type (blocks and layers are not used)
  int hidden = 0;         // width of x, over which the sums of RowScale and Squares are taken
  float eps = 0;          // of RowScale
  int output_k = 0;       // width of the rows that Activations writes, padding included
  tensor::ActivationType output = tensor::ActivationType::kU8Group32;

  constexpr bool has_parts() const { return heads != 0 || steps[1].size() != 0 || steps[2].size() != 0; }
};

/// Where the steps of a phase read and write; what no list needs is null. Vectors have entries in the order
/// of packed columns and zeros up to a multiple of 64.
struct TileOutputs {
  const float* squares_in = nullptr;   // partials for RowScale, [input rows][SquareStride(hidden)]
  float* residual = nullptr;           // x [rows][hidden]
  const float* norm = nullptr;         // [columns]
  const float* post_norm = nullptr;    // [columns]
  const float* bias = nullptr;         // [n], of all parts
  const float* query_norm = nullptr;   // [head_dim]
  const float* key_norm = nullptr;     // [head_dim]
  float* squares_out = nullptr;        // [rows][SquareStride(hidden)]
  std::byte* output = nullptr;         // QuantizedRows{output_k, output} rows
  float* floats[kEpilogueParts] = {};  // part p: [rows][its columns, after a gate]
  const float* rope_table = nullptr;   // [positions][head_dim] as in portable.h
  tensor::KvLayout kv{};               // the whole cache's
  std::byte* kv_layer = nullptr;
  std::byte* maxima = nullptr;  // MaximaRows{n}
};

/// The kernels that finish tiles. row_scale makes rs of rows, once per task; epilogue[p] is of part p.
/// Members that a phase has no use for repeat another one.
template <class T>
struct FinishSet {
  T row_scale{};
  std::array<T, kEpilogueParts> epilogue{};
};
/// Kernel addresses, resolved once after Seal.
using FinishCode = FinishSet<codegen::KernelFn>;
FinishCode Resolve(const FinishSet<codegen::KernelId>& kernels, const codegen::KernelLibrary& library);

// --- panel_gemm: a contraction ---

/// Rows of the largest tile of any kind.
inline constexpr int kMaximumTileRows = 12;

/// What one GEMM phase is made of. tile[r-1] takes exactly r rows (1 .. direct_rows) of one unit of 32
/// columns, reading packed weights; expanded[r-1] (1 .. expanded_rows, which may be none) the same from a
/// slice of an expanded unit; expand makes one. Members past the counts, and expand without expanded tiles,
/// are not used.
template <class T>
struct PanelGemmSet {
  int direct_rows = 0;
  int expanded_rows = 0;
  bool expands = false;  // whether there is `expand`; float weights are read in slices as they lie packed
  T tile[kMaximumTileRows];
  T expanded[kMaximumTileRows];
  T expand;
  FinishSet<T> finish;
};
using PanelGemmKernels = PanelGemmSet<codegen::KernelId>;
using PanelGemmCode = PanelGemmSet<codegen::KernelFn>;

/// What the compiler asks for.
struct PanelGemmSpec {
  tensor::WeightClass type{};
  int k = 0;
  tensor::ActivationType activation = tensor::ActivationType::kU8Group32;  // of the input rows
  TileEpilogue epilogue{};
  bool gathered = false;  // rows of the outputs are step.logit_rows of the input
};
/// Makes (and shares) all kernels of a phase in `library`. kUnsupported, with the size or type and the
/// reason, when types, shape or steps do not fit.
Result<PanelGemmKernels> CompilePanelGemm(const PanelGemmSpec& spec, codegen::KernelLibrary& library);
PanelGemmCode Resolve(const PanelGemmKernels& kernels, const codegen::KernelLibrary& library);

/// How a phase goes about a number of rows; changes no bit. The default leaves all to rules that look at the
/// rows at run time.
struct TilePlan {
  int direct_rows = 0;  // rows of a tile, direct or expanded, at most; 0: the rules, for `expand` too
  bool expand = false;  // slices of weights are expanded once for all rows of a task
  int task_units = 0;   // units of 32 columns of one task; 0: the rule

  bool operator==(const TilePlan&) const = default;
};
/// The plan for exactly `rows` rows (for a range: its last) on so many threads.
TilePlan PlanTiles(const PanelGemmSpec& spec, int rows, int threads, const codegen::Target& target);

/// The plans that are worth measuring for the same, each once, PlanTiles' first: other numbers of columns of
/// a task, and with `all` every height of tiles that splits the rows otherwise, direct and expanded.
std::vector<TilePlan> TileCandidates(const PanelGemmSpec& spec, int rows, int threads,
                                     const codegen::Target& target, bool all);
/// Numbers of columns of a task alone, for rows that are not known: the default plan, then some that differ.
std::vector<TilePlan> TaskCandidates(const PanelGemmSpec& spec, int threads);

/// Bound arguments of a panel GEMM phase.
struct PanelGemmArgs {
  PanelGemmSpec spec{};
  PanelGemmCode code{};
  const std::byte* weights = nullptr;  // PanelLayout{spec.type, spec.k, n}
  const std::byte* input = nullptr;    // QuantizedRows{spec.k, spec.activation} rows
  TileOutputs out{};
  TilePlan plan{};
};
TaskKernel PanelGemmKernel();

// --- panel_embed: the row of each token, read back from packed columns (tied weights are in memory once) ---

/// Tile values are the first `epilogue.n` of the dequantised row of step.token_ids[row]. Steps of heads and
/// of the cache, gates and parts have no place here.
struct PanelEmbedSpec {
  tensor::PanelLayout layout{};  // k: width of the table's rows, n: rows of the table
  TileEpilogue epilogue{};
};
struct PanelEmbedKernels : FinishSet<codegen::KernelId> {};
Result<PanelEmbedKernels> CompilePanelEmbed(const PanelEmbedSpec& spec, codegen::KernelLibrary& library);

struct PanelEmbedArgs {
  PanelEmbedSpec spec{};
  FinishCode code{};
  const std::byte* weights = nullptr;  // spec.layout
  TileOutputs out{};
};
TaskKernel PanelEmbedKernel();

// --- row_steps: f32 rows of buffers ---

/// Tile values are read from buffers as a contraction would have left them:
///   one input       x [rows][n]
///   a gated list    inputs 0 and 1, gate and up [rows][n / 2] each
///   parts           input p of each part p that exists [rows][its columns]; columns below rope_rows (counted
///                   over the parts) are taken in `order`, by heads of head_dim
struct RowStepsSpec {
  int inputs = 1;  // how many are there
  tensor::ColumnOrder order = tensor::ColumnOrder::kPlain;
  int rope_rows = 0, head_dim = 0;
  TileEpilogue epilogue{};
  bool logit_rows = false;  // there are step.logit_count rows; squares_in is by the step's rows all the same
};
struct RowStepsKernels : FinishSet<codegen::KernelId> {};
Result<RowStepsKernels> CompileRowSteps(const RowStepsSpec& spec, codegen::KernelLibrary& library);

struct RowStepsArgs {
  RowStepsSpec spec{};
  FinishCode code{};
  std::array<const float*, kEpilogueParts> inputs{};
  TileOutputs out{};
};
TaskKernel RowStepsKernel();

}  // namespace vivace::kernels
