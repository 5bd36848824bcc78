#include "models/decoder_body.h"

#include <map>

namespace vivace::models {
namespace {

using graph::Attributes;
using graph::BodyBuilder;
using graph::Op;
using graph::Type;
using graph::ValueId;
using tensor::DType;

class LayerBuilder {
 public:
  LayerBuilder(const ModelConfig& config, std::span<const WeightSlot> slots, const LayerKind& kind,
               std::string name)
      : c_(config), slots_(slots), kind_(kind), b_(std::move(name)) {}
  graph::Body Run();

 private:
  ValueId Attention(ValueId x, ValueId kv, ValueId positions, ValueId& kv_new);
  ValueId FeedForward(ValueId x);
  ValueId Norm(const std::string& out, ValueId in, std::string_view weight) {
    return b_.Add(Op::kRmsNorm, out, {in, weights_.at(weight)}, Hidden(),
                  {.eps = c_.norm_eps, .offset = c_.norm_offset});
  }
  ValueId Linear(const std::string& out, ValueId in, const std::string& weight);
  /// The norm of each head, when the family has one, then the rotation.
  ValueId NormAndRope(const std::string& out, ValueId in, int heads, std::string_view norm,
                      ValueId positions);
  Type Rows(int width) const { return Type::Tokens(DType::kF32, width); }
  Type Hidden() const { return Rows(c_.hidden); }

  const ModelConfig& c_;
  std::span<const WeightSlot> slots_;
  const LayerKind& kind_;
  BodyBuilder b_;
  std::map<std::string_view, ValueId> weights_;  // by slot name
  std::map<std::string_view, int> outputs_;      // rows of the matrices
};

/// A projection, with its bias when the model has one.
ValueId LayerBuilder::Linear(const std::string& out, ValueId in, const std::string& weight) {
  const auto bias = weights_.find(weight + ".bias");
  const bool biased = bias != weights_.end();
  const Type type = Rows(outputs_.at(weight + ".weight"));
  const ValueId product =
      b_.Add(Op::kLinear, biased ? out + "_mm" : out, {in, weights_.at(weight + ".weight")}, type);
  return biased ? b_.Add(Op::kAddBias, out, {product, bias->second}, type) : product;
}

ValueId LayerBuilder::NormAndRope(const std::string& out, ValueId in, int heads, std::string_view norm,
                                  ValueId positions) {
  const Type type = Rows(heads * c_.head_dim);
  ValueId x = in;
  if (c_.qk_norm) {
    x = b_.Add(Op::kHeadNorm, out + "_n", {x, weights_.at(norm)}, type,
               {.eps = c_.norm_eps, .offset = c_.norm_offset, .heads = heads, .head_dim = c_.head_dim});
  }
  return b_.Add(Op::kRope, out + "_rope", {x, positions}, type,
                {.theta = kind_.theta,
                 .heads = heads,
                 .head_dim = c_.head_dim,
                 .half = c_.interleaved_rope ? 0 : 1,
                 .scaling = kind_.scaling});
}

/// [T, hidden] -> q [T, heads * head_dim], k and v [T, kv_heads * head_dim] -> [T, hidden]
ValueId LayerBuilder::Attention(ValueId x, ValueId kv, ValueId positions, ValueId& kv_new) {
  const ValueId n = Norm("attn_n", x, "attn_norm.weight");
  const ValueId q = Linear("q", n, "attn_q"), k = Linear("k", n, "attn_k"), v = Linear("v", n, "attn_v");
  const ValueId q_rope = NormAndRope("q", q, c_.heads, "attn_q_norm.weight", positions);
  const ValueId k_rope = NormAndRope("k", k, c_.kv_heads, "attn_k_norm.weight", positions);
  kv_new = b_.Add(Op::kKvAppend, "kv_new", {kv, k_rope, v}, Type::KvCache());
  const ValueId attention = b_.Add(Op::kAttention, "attn", {q_rope, kv_new}, Rows(c_.heads * c_.head_dim),
                                   {.scale = c_.attention_scale,
                                    .softcap = c_.attention_softcap,
                                    .heads = c_.heads,
                                    .kv_heads = c_.kv_heads,
                                    .head_dim = c_.head_dim,
                                    .window = kind_.window});
  const ValueId out = Linear("attn_out", attention, "attn_output");
  return c_.post_norms ? Norm("attn_out_n", out, "post_attention_norm.weight") : out;
}

/// [T, hidden] -> gate and up [T, ffn] -> [T, hidden]
ValueId LayerBuilder::FeedForward(ValueId x) {
  const ValueId f = Norm("ffn_n", x, "ffn_norm.weight");
  const ValueId gate = Linear("gate", f, "ffn_gate"), up = Linear("up", f, "ffn_up");
  const Op activation = c_.activation == Activation::kSilu ? Op::kSiluMul : Op::kGeluMul;
  const ValueId act = b_.Add(activation, "act", {gate, up}, Rows(c_.ffn));
  const ValueId down = Linear("down", act, "ffn_down");
  return c_.post_norms ? Norm("down_n", down, "post_ffw_norm.weight") : down;
}

graph::Body LayerBuilder::Run() {
  const ValueId x = b_.Input("x", Hidden());
  const ValueId kv = b_.Input("kv", Type::KvCache());
  const ValueId positions = b_.Input("positions", Type::Tokens(DType::kI32, 0));
  for (std::size_t i = 0; i < slots_.size(); ++i) {
    // "attn_q.weight" is @attn_q, "attn_q.bias" is @attn_q_bias.
    const std::string_view slot = slots_[i].name;
    std::string name(slot.substr(0, slot.find('.')));
    if (slot.ends_with(".bias")) name += "_bias";
    weights_[slot] = b_.Weight(name, kind_.types[i]);
    outputs_[slot] = kind_.types[i].static_rows;
  }
  ValueId kv_new;
  const ValueId attention = Attention(x, kv, positions, kv_new);
  const ValueId x_attn = b_.Add(Op::kAdd, "x_attn", {x, attention}, Hidden());
  const ValueId down = FeedForward(x_attn);
  b_.Output(b_.Add(Op::kAdd, "x_ffn", {x_attn, down}, Hidden()));
  b_.Output(kv_new);
  return b_.Take();
}

}  // namespace

graph::Body DecoderBody(const ModelConfig& config, std::span<const WeightSlot> slots, const LayerKind& kind,
                        std::string name) {
  return LayerBuilder(config, slots, kind, std::move(name)).Run();
}

}  // namespace vivace::models
