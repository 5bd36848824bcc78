#include "compiler/pass_list.h"

namespace vivace::compiler {

// X(function, name, level, moves a rounding point, help), in the order in which they run.
#define VIVACE_OLD_PASSES(X)                                                                           \
  X(EliminateNoops, "eliminate_noops", 2, false, "removes nodes and weights whose result nobody uses") \
  X(OldQuantizeActivations, "quantize_activations", 2, true,                                           \
    "quantises the input of each linear layer whose weights are quantised in groups of 32")            \
  X(OldFuseNormQuant, "fuse_norm_quant", 2, true,                                                      \
    "quantises before the norm's scale is known: the scale is applied to the linear layer's result")   \
  X(OldCarryNormQuant, "carry_norm_quant", 2, false,                                                   \
    "moves the quantisation at the head of a layer to the end of the layer before it")                 \
  X(OldFuseEmbed, "fuse_embed", 2, false, "embedding with the quantisation that follows")              \
  X(OldFuseQkv, "fuse_qkv", 2, false, "the three projections of attention in one contraction")         \
  X(OldFuseRopeKvCache, "fuse_rope_kvcache", 2, false,                                                 \
    "rotation and cache write in the projections' epilogue")                                           \
  X(OldFuseAttnQuant, "fuse_attn_quant", 2, false, "attention with the quantisation of its result")    \
  X(OldFuseResidual, "fuse_residual", 2, false,                                                        \
    "residual add and the quantisation that follows in a projection's epilogue")                       \
  X(OldFuseGateUp, "fuse_gate_up", 2, false, "gate and up projections in one contraction")             \
  X(OldFuseActQuant, "fuse_act_quant", 2, false,                                                       \
    "gated activation and quantisation in the gate-up projection's epilogue")                          \
  X(OldFuseLmHead, "fuse_lm_head", 2, false, "row selection and norm scale in the output projection")

// X(function, name, level, moves a rounding point, help, a name of vLLM's), in the order in which they run.
#define VIVACE_GENERIC_PASSES(X)                                                                             \
  X(EliminateNoops, "eliminate_noops", 1, false, "removes nodes and weights whose result nobody uses", true) \
  X(ExpandNorms, "expand_norms", 1, true,                                                                    \
    "norms as sum of squares, scale and weight, which other passes move apart", false)                       \
  X(QuantizeActivations, "quantize_activations", 1, true,                                                    \
    "rounds the input of linear layers to rows by weight class and --activation-dtype: uint8 and int16 go "  \
    "with quantised weights (float ones beside them keep their own type, and it is an error when all are "   \
    "float), bfloat16 with bf16 weights only, float32 with all",                                             \
    false)                                                                                                   \
  X(FuseActPadding, "fuse_act_padding", 1, false,                                                            \
    "padding of rows to whole groups in the phase that makes them", true)                                    \
  X(FuseNormQuant, "fuse_norm_quant", 1, true,                                                               \
    "norms with the quantisation that follows, the scale deferred to the linear layers' results", true)      \
  X(FuseQkv, "fuse_qkv", 1, false, "the three projections of attention in one contraction", false)           \
  X(FuseQkNormRope, "enable_qk_norm_rope_fusion", 2, false,                                                  \
    "norms of heads and rotation in the phase that makes q and k", true)                                     \
  X(FuseRopeKvCache, "fuse_rope_kvcache", 1, false,                                                          \
    "rotation and cache write in the projections' phase, or in one of their own", true)                      \
  X(FuseAttnQuant, "fuse_attn_quant", 2, false, "attention with the quantisation of its result", true)       \
  X(FuseGateUp, "fuse_gate_up", 1, false, "gate and up projections with the gating in one contraction",      \
    false)                                                                                                   \
  X(FuseActQuant, "fuse_act_quant", 1, false, "quantisation in the phase of the gated activation", true)     \
  X(FuseResidual, "fuse_residual", 2, false, "projections with the residual add and what follows it", false) \
  X(FuseEmbed, "fuse_embed", 2, false, "embedding with its scale and the quantisation that follows", false)  \
  X(FuseLmHeadSample, "fuse_lm_head_sample", 2, false,                                                       \
    "output projection with soft-cap and the maxima that sampling starts from", false)

// Each is defined in pass_<name>.cc.
#define VIVACE_X(function, ...) Result<bool> function(graph::Graph& graph, const PassContext& context);
VIVACE_OLD_PASSES(VIVACE_X)
VIVACE_GENERIC_PASSES(VIVACE_X)
#undef VIVACE_X

namespace {

constexpr PassRow kOldPasses[] = {
#define VIVACE_X(function, name, level, moves, help) {name, function, level, moves, help},
    VIVACE_OLD_PASSES(VIVACE_X)
#undef VIVACE_X
};

constexpr PassRow kGenericPasses[] = {
#define VIVACE_X(function, name, level, moves, help, vllm) {name, function, level, moves, help, vllm},
    VIVACE_GENERIC_PASSES(VIVACE_X)
#undef VIVACE_X
};

}  // namespace

std::span<const PassRow> PassList() {
  return kOldPasses;
}

std::span<const PassRow> GenericPassList() {
  return kGenericPasses;
}

}  // namespace vivace::compiler
