// The program: how to run a graph. A list of phases; each is a kernel kind with declared reads and writes,
// and every phase ends with one barrier. -O0 and -O2 make the same form, so there is one executor. Bodies are
// stored once; layers bind weights to them. Owns the machine code of its kernels. Immutable after the
// compiler has made it; read from any thread.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "base/ids.h"
#include "codegen/kernel_library.h"
#include "kernels/paged_attention.h"
#include "kernels/panel.h"
#include "tensor/dtype.h"
#include "tensor/packed_panel.h"
#include "tensor/rope_spec.h"
#include "vivace/status.h"

namespace vivace::program {

enum class PhaseKind : std::uint8_t {
#define PHASE_KIND(id, ...) id,
#include "program/phase_kinds.def"
#undef PHASE_KIND
};
std::string_view Name(PhaseKind kind);
std::optional<PhaseKind> PhaseKindFromName(std::string_view name);
struct OperandCounts {
  int reads, writes, weights;
};
/// Of kinds that are no tile kinds.
OperandCounts Operands(PhaseKind kind);
/// The kinds that finish tiles by lists of steps; their operands follow from the lists.
constexpr bool IsTileKind(PhaseKind kind) {
  return kind >= PhaseKind::kRowSteps;
}

using BufferId = base::Id<struct BufferTag>;
using WeightId = base::Id<struct WeightTag>;  // index into Program::weights
using SlotId = base::Id<struct SlotTag>;      // weight slot of a body; a layer binds it to a WeightId

/// An activation buffer: `bytes_per_row` for each token row (or logit row) of the largest step.
struct Buffer {
  std::string name;
  int bytes_per_row = 0;
  bool logit_rows = false;
};

/// How a weight lies in memory.
enum class WeightForm : std::uint8_t {
  kPlain,   // sources[0] as it is in the checkpoint
  kPanel,   // packed into panels from one or several tensors
  kVector,  // f32 [n, zeros up to a multiple of 64], made of one or several vectors of float types
};

/// A weight as the kernels want it.
struct Weight {
  std::string name;                  // "blk.3.qkv", "token_embd"
  std::vector<std::string> sources;  // tensor names in the checkpoint
  WeightForm form = WeightForm::kPlain;
  tensor::PanelLayout layout{};  // kPanel; its k may be larger than the sources'. kVector: only n
  tensor::ColumnOrder order = tensor::ColumnOrder::kPlain;  // of a panel's columns, or a vector's entries
  int rope_rows = 0, head_dim = 0;                          // for kRopePairs and kRopeHalves
  float offset = 0;                                         // kVector: added to each entry
};

struct Phase {
  PhaseKind kind;
  std::string label;                    // "qkv", "attn_norm": for dumps and traces
  std::vector<BufferId> reads, writes;  // in the order of phase_kinds.def
  std::vector<SlotId> weights;
  // Shape facts (unused fields zero)
  int k = 0, n = 0;  // width in, width out; tile kinds: columns of all parts, or of gate and up, together
                     // (panel_embed: as its PanelLayout; its columns are the program's hidden ones)
  int heads = 0, head_dim = 0;               // of q; tile kinds with heads have parts q, k and v
  tensor::DType type = tensor::DType::kF32;  // of the weight
  float eps = 0, scale = 0, theta = 0, offset = 0, softcap = 0;
  int rope = 0;              // index into Program::ropes
  int half = 0, window = 0;  // as in graph::Attributes
  bool logit_rows = false;   // of the rows whose logits are wanted; panel_gemm gathers them from its reads,
                             // all others find them in their reads
  // Tile kinds, and paged_attention for its result
  kernels::EpilogueLists steps{};  // of q, k, v, a part without steps does not exist; else one list
  tensor::ActivationType input = tensor::ActivationType::kU8Group32;   // rows that panel_gemm reads
  tensor::ActivationType output = tensor::ActivationType::kU8Group32;  // rows that are written
  int output_k = 0;                                         // width of those rows, padding included
  bool float_output = false;                                // paged_attention: plain f32, not rows
  tensor::ColumnOrder order = tensor::ColumnOrder::kPlain;  // row_steps: how its columns are taken
  int rope_rows = 0;                                        // row_steps: columns that rotate
  bool joined = false;  // no barrier before the next phase: neither reads what the other writes
  // What the compiled kinds need besides
  std::variant<std::monostate, kernels::PanelGemmSpec, kernels::PanelEmbedSpec, kernels::RowStepsSpec,
               kernels::PagedAttentionSpec>
      spec;
  std::variant<std::monostate, kernels::PanelGemmKernels, kernels::PanelEmbedKernels,
               kernels::RowStepsKernels, kernels::PagedAttentionKernels>
      kernels;
  std::vector<std::string> fused;  // names of the graph nodes it computes, in order, for the text form
};

/// What an operand of a tile kind is.
enum class Role : std::uint8_t {
  kInput,     // rows of `input` (panel_gemm), f32 (row_steps: gate and up, or the parts that exist)
  kSquares,   // partial sums of squares, see SquareStride
  kResidual,  // f32, read and written
  kFloats,    // f32 [columns of the part]
  kRows,      // rows of `output`
  kMaxima,    // kernels::MaximaRows
  kPanel,     // and the weights that are vectors, of all columns but for those of a head
  kBias,
  kPostNorm,
  kNorm,
  kQueryNorm,
  kKeyNorm,
};
struct Operand {
  Role role;
  int part = 0;  // of kInput and kFloats
  bool operator==(const Operand&) const = default;
};
struct OperandList {
  std::vector<Operand> reads, writes, weights;
};
/// The operands of a phase of a tile kind, in order.
OperandList OperandsOf(const Phase& phase);
/// True when any list of the phase has such a step.
bool HasStep(const Phase& phase, kernels::StepKind kind);
/// True when the columns of a tile kind are those of gate and up.
bool IsGated(const Phase& phase);
/// True when the columns of a tile kind are those of q, k and v, with a list of steps each.
bool HasParts(const Phase& phase);
/// Columns that a part of a tile kind has after its gate, padding left out; 0: there is no such part.
int PartColumns(const struct Program& program, const Phase& phase, int part);

struct Body {
  std::string name;
  std::vector<std::string> slots;  // weight slots, by SlotId
  std::vector<Phase> phases;
};

struct Layer {
  int body = 0;
  int kv_layer = -1;              // index in the KV cache, or -1
  std::vector<WeightId> weights;  // by SlotId of the body
};

/// How the phases of steps of first_rows to last_rows token rows are tiled; the same bits as without. An
/// exact size (first_rows == last_rows) wins over a range.
struct Specialisation {
  int first_rows = 1, last_rows = 1;
  std::vector<std::vector<kernels::TilePlan>> plans;  // [body][phase]
};

struct Program {
  std::string name;
  int level = 0;
  int vocabulary = 0, hidden = 0, max_positions = 0;
  std::vector<tensor::RopeSpec> ropes;  // rotary tables, [max_positions][dim] each
  tensor::KvLayout kv;                  // blocks are set by the engine
  int attention_tile_rows = 1;          // rows per AttentionTile that the kernels want
  std::vector<Buffer> buffers;
  std::vector<Weight> weights;
  std::vector<Body> bodies;
  std::vector<Layer> layers;  // prologue, decoder layers, epilogue, in execution order
  BufferId logits;            // f32 [logit rows][vocabulary]
  BufferId maxima{-1};        // MaximaRows{vocabulary} [logit rows]; -1: none
  std::vector<Specialisation> specialisations;
  std::unique_ptr<codegen::KernelLibrary> library;  // sealed; null at -O0
};

/// Sets phase.spec of a compiled kind from the phase's facts and the program's; portable kinds have none.
void SetSpec(const Program& program, Phase& phase);

/// Text of the phases: bodies once, layers as counts. Parses back to everything but the machine code.
///   body layer
///     slot qkv {type = q4_1, k = 576, n = 960, order = rope_pairs, rope_rows = 768, head_dim = 64}
///     panel_gemm qkv: x8, squares -> q with qkv {k = 576, n = 960, heads = 9, head_dim = 64, eps = 1e-05,
///     type = q4_1, input = u8g32, q_steps = rs rope floats, k_steps = rs rope key, v_steps = rs value}
///       computes q, k, v, q_rope, k_rope, kv_new
///   run layer x 30 from kv layer 0
///     qkv = blk.#.qkv, from blk.#.attn_q.weight, blk.#.attn_k.weight, blk.#.attn_v.weight
///   specialise {first_rows = 1, last_rows = 1}
///     layer 0 {direct_rows = 12}
std::string Print(const Program& program);
Result<Program> Parse(std::string_view text);
/// Operands as the kinds and steps want them, ids in range, buffers large enough and written before read,
/// rows read as the type they were written as, layer bindings complete and packed alike, nothing joined that
/// reads what its neighbour writes, plans for the bodies that there are. The message (kInternal) names the
/// body and the phase.
Status Verify(const Program& program);

}  // namespace vivace::program
