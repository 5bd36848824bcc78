#include "compiler/pass_list.h"

namespace vivace::compiler {

// X(function, name, level, moves a rounding point, help), in the order in which they run.
#define VIVACE_PASSES(X)                                                                                     \
  X(EliminateNoops, "eliminate_noops", 2, false, "removes nodes and weights whose result nobody uses")       \
  X(QuantizeActivations, "quantize_activations", 2, true,                                                    \
    "quantises the input of each linear layer whose weights are quantised in groups of 32")                  \
  X(FuseNormQuant, "fuse_norm_quant", 2, true,                                                               \
    "quantises before the norm's scale is known: the scale is applied to the linear layer's result")         \
  X(CarryNormQuant, "carry_norm_quant", 2, false,                                                            \
    "moves the quantisation at the head of a layer to the end of the layer before it")                       \
  X(FuseEmbed, "fuse_embed", 2, false, "embedding with the quantisation that follows")                       \
  X(FuseQkv, "fuse_qkv", 2, false, "the three projections of attention in one contraction")                  \
  X(FuseRopeKvCache, "fuse_rope_kvcache", 2, false, "rotation and cache write in the projections' epilogue") \
  X(FuseAttnQuant, "fuse_attn_quant", 2, false, "attention with the quantisation of its result")             \
  X(FuseResidual, "fuse_residual", 2, false,                                                                 \
    "residual add and the quantisation that follows in a projection's epilogue")                             \
  X(FuseGateUp, "fuse_gate_up", 2, false, "gate and up projections in one contraction")                      \
  X(FuseActQuant, "fuse_act_quant", 2, false,                                                                \
    "gated activation and quantisation in the gate-up projection's epilogue")                                \
  X(FuseLmHead, "fuse_lm_head", 2, false, "row selection and norm scale in the output projection")

// Each is defined in pass_<name>.cc.
#define VIVACE_X(function, ...) Result<bool> function(graph::Graph& graph, const PassContext& context);
VIVACE_PASSES(VIVACE_X)
#undef VIVACE_X

namespace {

constexpr PassRow kPasses[] = {
#define VIVACE_X(function, name, level, moves, help) {name, function, level, moves, help},
    VIVACE_PASSES(VIVACE_X)
#undef VIVACE_X
};

}  // namespace

std::span<const PassRow> PassList() {
  return kPasses;
}

}  // namespace vivace::compiler
