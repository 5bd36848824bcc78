#include "compiler/pass_list.h"

#include "compiler/passes.h"

namespace vivace::compiler {
namespace {

constexpr PassRow kPasses[] = {
    {"eliminate_noops", EliminateNoops, 2, false, "removes nodes and weights whose result nobody uses"},
    {"quantize_activations", QuantizeActivations, 2, true,
     "quantises the input of each linear layer whose weights are quantised in groups of 32"},
    {"fuse_norm_quant", FuseNormQuant, 2, true,
     "quantises before the norm's scale is known: the scale is applied to the linear layer's result"},
    {"carry_norm_quant", CarryNormQuant, 2, false,
     "moves the quantisation at the head of a layer to the end of the layer before it"},
    {"fuse_embed", FuseEmbed, 2, false, "embedding with the quantisation that follows"},
    {"fuse_qkv", FuseQkv, 2, false, "the three projections of attention in one contraction"},
    {"fuse_rope_kvcache", FuseRopeKvCache, 2, false, "rotation and cache write in the projections' epilogue"},
    {"fuse_attn_quant", FuseAttnQuant, 2, false, "attention with the quantisation of its result"},
    {"fuse_residual", FuseResidual, 2, false,
     "residual add and the quantisation that follows in a projection's epilogue"},
    {"fuse_gate_up", FuseGateUp, 2, false, "gate and up projections in one contraction"},
    {"fuse_act_quant", FuseActQuant, 2, false,
     "gated activation and quantisation in the gate-up projection's epilogue"},
    {"fuse_lm_head", FuseLmHead, 2, false, "row selection and norm scale in the output projection"},
};

}  // namespace

std::span<const PassRow> PassList() {
  return kPasses;
}

}  // namespace vivace::compiler
