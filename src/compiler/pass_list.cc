#include "compiler/pass_list.h"

namespace vivace::compiler {

// X(function, name, level, moves a rounding point, help, what it is for, a name of vLLM's), in the order in
// which they run.
#define VIVACE_PASSES(X)                                                                                \
  X(EliminateNoops, "eliminate_noops", 1, false, "removes nodes and weights whose result nobody uses",  \
    "results that nobody uses", true)                                                                   \
  X(ExpandNorms, "expand_norms", 1, true,                                                               \
    "norms as sum of squares, scale and weight, which other passes move apart", "RMSNorm", false)       \
  X(QuantizeActivations, "quantize_activations", 1, true,                                               \
    "rounds the input of linear layers to rows by weight class and --activation-dtype: uint8 and "      \
    "int16 go with quantised weights (float ones beside them keep their own type, and it is an "        \
    "error when all are float), bfloat16 with bf16 weights only, float32 with all",                     \
    "linear layers whose weights are packed", false)                                                    \
  X(FuseActPadding, "fuse_act_padding", 1, false,                                                       \
    "padding of rows to whole groups in the phase that makes them",                                     \
    "rows that are no whole number of groups, made by a linear layer or an activation", true)           \
  X(FuseNormQuant, "fuse_norm_quant", 1, true,                                                          \
    "norms with the quantisation that follows, the scale deferred to the linear layers' results",       \
    "expanded norms whose result is quantised", true)                                                   \
  X(FuseQkv, "fuse_qkv", 1, false, "the three projections of attention in one contraction",             \
    "q, k and v from the same rows", false)                                                             \
  X(FuseQkNormRope, "enable_qk_norm_rope_fusion", 2, false,                                             \
    "norms of heads and rotation in the phase that makes q and k",                                      \
    "heads of q and k that are normalised before they are rotated", true)                               \
  X(FuseRopeKvCache, "fuse_rope_kvcache", 1, false,                                                     \
    "rotation and cache write in the projections' phase, or in one of their own",                       \
    "attention with rotated q and k", true)                                                             \
  X(FuseAttnQuant, "fuse_attn_quant", 2, false, "attention with the quantisation of its result",        \
    "attention whose result is quantised", true)                                                        \
  X(FuseGateUp, "fuse_gate_up", 1, false, "gate and up projections with the gating in one contraction", \
    "a gated feed-forward with both weights of one type and shape, in whole units of columns", false)   \
  X(FuseActQuant, "fuse_act_quant", 1, false, "quantisation in the phase of the gated activation",      \
    "a gated activation whose result is quantised", true)                                               \
  X(FuseResidual, "fuse_residual", 2, false, "projections with the residual add and what follows it",   \
    "a projection whose result is added to the residual stream", false)                                 \
  X(FuseEmbed, "fuse_embed", 2, false, "embedding with its scale and the quantisation that follows",    \
    "an embedding whose rows the first layer takes quantised", false)                                   \
  X(FuseLmHeadSample, "fuse_lm_head_sample", 2, false,                                                  \
    "output projection with soft-cap and the maxima that sampling starts from",                         \
    "an output projection whose weights are packed", false)

// Each is defined in pass_<name>.cc.
#define VIVACE_X(function, ...) Result<bool> function(graph::Graph& graph, const PassContext& context);
VIVACE_PASSES(VIVACE_X)
#undef VIVACE_X

namespace {

constexpr PassRow kPasses[] = {
#define VIVACE_X(function, name, level, moves, help, condition, vllm) \
  {name, function, level, moves, help, condition, vllm},
    VIVACE_PASSES(VIVACE_X)
#undef VIVACE_X
};

}  // namespace

std::span<const PassRow> PassList() {
  return kPasses;
}

}  // namespace vivace::compiler
