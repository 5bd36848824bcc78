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
OperandCounts Operands(PhaseKind kind);

using BufferId = base::Id<struct BufferTag>;
using WeightId = base::Id<struct WeightTag>;  // index into Program::weights
using SlotId = base::Id<struct SlotTag>;      // weight slot of a body; a layer binds it to a WeightId

/// An activation buffer: `bytes_per_row` for each token row (or logit row) of the largest step.
struct Buffer {
  std::string name;
  int bytes_per_row = 0;
  bool logit_rows = false;
};

/// A weight as the kernels want it: mapped as it lies in the checkpoint, or packed into panels from one or
/// several tensors.
struct Weight {
  std::string name;                  // "blk.3.qkv", "token_embd"
  std::vector<std::string> sources;  // tensor names in the checkpoint
  bool packed = false;               // false: sources[0] as it is
  tensor::PanelLayout layout{};      // when packed
  tensor::ColumnOrder order = tensor::ColumnOrder::kPlain;
  int rope_rows = 0, head_dim = 0;  // for kRopePairs
};

struct Phase {
  PhaseKind kind;
  std::string label;                    // "qkv", "attn_norm": for dumps and traces
  std::vector<BufferId> reads, writes;  // in the order of phase_kinds.def
  std::vector<SlotId> weights;
  // Shape facts (unused fields zero)
  int k = 0, n = 0;  // width in, width out (panel_embed: as its PanelLayout)
  int heads = 0, head_dim = 0;
  tensor::DType type = tensor::DType::kF32;  // of the weight
  float eps = 0, scale = 0, theta = 0, offset = 0, softcap = 0;
  int rope = 0;              // index into Program::ropes
  int half = 0, window = 0;  // as in graph::Attributes
  bool logit_rows = false;
  // What the fused kinds need besides
  std::variant<std::monostate, kernels::PanelGemmSpec, kernels::PagedAttentionSpec, kernels::PanelEmbedSpec>
      spec;
  std::variant<std::monostate, kernels::PanelGemmKernels, kernels::PagedAttentionKernels,
               kernels::PanelEmbedKernels>
      kernels;
  std::vector<std::string> fused;  // names of the graph nodes it computes, in order, for the text form
};

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
  std::vector<Layer> layers;                        // prologue, decoder layers, epilogue, in execution order
  BufferId logits;                                  // f32 [logit rows][vocabulary]
  std::unique_ptr<codegen::KernelLibrary> library;  // sealed; null at -O0
};

/// Sets phase.spec of a fused kind from the phase's shape facts and the program's; portable kinds have none.
void SetSpec(const Program& program, Phase& phase);

/// Text of the phases: bodies once, layers as counts. Parses back to everything but the machine code.
///   body layer
///     slot qkv {type = q4_1, k = 576, n = 960, order = rope_pairs, rope_rows = 768, head_dim = 64}
///     qkv qkv: x8, squares -> q with qkv {k = 576, n = 960, heads = 9, head_dim = 64, eps = 1e-05, type =
///     q4_1}
///       computes q, k, v, q_rope, k_rope, kv_new
///   run layer x 30 from kv layer 0
///     qkv = blk.#.qkv: blk.#.attn_q.weight, blk.#.attn_k.weight, blk.#.attn_v.weight
std::string Print(const Program& program);
Result<Program> Parse(std::string_view text);
/// Operand counts per kind, ids in range, buffers large enough and written before read, layer bindings
/// complete and alike. The message (kInternal) names the body and the phase.
Status Verify(const Program& program);

}  // namespace vivace::program
