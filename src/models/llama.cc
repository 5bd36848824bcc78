#include "models/llama.h"

#include <array>
#include <utility>

#include "base/status_macros.h"
#include "models/weight_table.h"

namespace vivace::models {
namespace {

using graph::Attributes;
using graph::BodyBuilder;
using graph::Op;
using graph::Type;
using graph::ValueId;
using tensor::DType;

constexpr int kMaxVocabulary = 1 << 22;

/// The weights of a layer in the order of LayerTypes.
enum LayerWeight { kAttnNorm, kQ, kK, kV, kAttnOutput, kFfnNorm, kGate, kUp, kDown, kLayerWeights };
constexpr std::string_view kLayerWeightNames[kLayerWeights] = {
    "attn_norm", "attn_q", "attn_k", "attn_v", "attn_output", "ffn_norm", "ffn_gate", "ffn_up", "ffn_down"};
using LayerTypes = std::array<Type, kLayerWeights>;

class LlamaBuilder {
 public:
  LlamaBuilder(const ModelConfig& config, std::span<const WeightInfo> weights)
      : config_(config), table_(weights) {}
  Result<graph::Graph> Run();

 private:
  Status Prologue();
  Status Layers();
  Status Epilogue();
  Result<LayerTypes> TakeLayer(int layer);
  graph::Body LayerBody(const LayerTypes& types, std::string name) const;
  graph::BodyId AddBody(graph::Body body);
  static graph::Layer Bind(const graph::Body& body, graph::BodyId id, const std::string& prefix);
  Type Hidden() const { return Type::Tokens(DType::kF32, config_.hidden); }

  const ModelConfig& config_;
  WeightTable table_;
  graph::Graph graph_;
};

graph::BodyId LlamaBuilder::AddBody(graph::Body body) {
  graph_.bodies.push_back(std::move(body));
  return graph::BodyId{static_cast<std::int32_t>(graph_.bodies.size()) - 1};
}

/// Each weight @name is bound to <prefix>name.weight.
graph::Layer LlamaBuilder::Bind(const graph::Body& body, graph::BodyId id, const std::string& prefix) {
  graph::Layer layer{id, {}};
  for (std::size_t i = 0; i < body.values.size(); ++i) {
    if (body.values[i].kind != graph::ValueKind::kWeight) continue;
    layer.bindings.push_back(
        {ValueId{static_cast<std::int32_t>(i)}, prefix + body.values[i].name + ".weight"});
  }
  return layer;
}

Status LlamaBuilder::Prologue() {
  VIVACE_ASSIGN_OR_RETURN(const std::int64_t rows, table_.Rows("token_embd.weight"));
  if (rows < 1 || rows > kMaxVocabulary || (config_.vocabulary != 0 && rows != config_.vocabulary)) {
    return DataLoss("tensor 'token_embd.weight' has " + std::to_string(rows) + " rows; expected " +
                    (config_.vocabulary != 0 ? std::to_string(config_.vocabulary) + " (vocab_size)."
                                             : "1 to " + std::to_string(kMaxVocabulary) + "."));
  }
  VIVACE_ASSIGN_OR_RETURN(const Type type, table_.Take("token_embd.weight", rows, config_.hidden));
  graph_.vocabulary = static_cast<int>(rows);
  BodyBuilder b("prologue");
  const ValueId tokens = b.Input("tokens", Type::Tokens(DType::kI32, 0));
  b.Output(b.Add(Op::kEmbed, "x", {tokens, b.Weight("token_embd", type)}, Hidden()));
  const graph::BodyId id = AddBody(b.Take());
  graph_.prologue = Bind(graph_.body(id), id, "");
  return Status::Ok();
}

Result<LayerTypes> LlamaBuilder::TakeLayer(int layer) {
  const ModelConfig& c = config_;
  const int q = c.heads * c.head_dim, kv = c.kv_heads * c.head_dim;
  const std::pair<int, int> shapes[kLayerWeights] = {{0, c.hidden},     {q, c.hidden},     {kv, c.hidden},
                                                     {kv, c.hidden},    {c.hidden, q},     {0, c.hidden},
                                                     {c.ffn, c.hidden}, {c.ffn, c.hidden}, {c.hidden, c.ffn}};
  LayerTypes types;
  const std::string prefix = "blk." + std::to_string(layer) + ".";
  for (std::size_t i = 0; i < kLayerWeights; ++i) {
    const std::string name = prefix + std::string(kLayerWeightNames[i]) + ".weight";
    VIVACE_ASSIGN_OR_RETURN(types[i], table_.Take(name, shapes[i].first, shapes[i].second));
  }
  return types;
}

graph::Body LlamaBuilder::LayerBody(const LayerTypes& types, std::string name) const {
  const ModelConfig& c = config_;
  BodyBuilder b(std::move(name));
  const ValueId x = b.Input("x", Hidden());
  const ValueId kv = b.Input("kv", Type::KvCache());
  const ValueId positions = b.Input("positions", Type::Tokens(DType::kI32, 0));
  std::array<ValueId, kLayerWeights> w;
  for (std::size_t i = 0; i < kLayerWeights; ++i)
    w[i] = b.Weight(std::string(kLayerWeightNames[i]), types[i]);

  const auto norm = [&](const char* out, ValueId in, LayerWeight weight) {
    return b.Add(Op::kRmsNorm, out, {in, w[weight]}, Hidden(), {.eps = c.norm_eps});
  };
  const auto linear = [&](const char* out, ValueId in, LayerWeight weight) {
    return b.Add(Op::kLinear, out, {in, w[weight]}, Type::Tokens(DType::kF32, types[weight].static_rows));
  };
  const auto rope = [&](const char* out, ValueId in, int heads) {
    return b.Add(Op::kRope, out, {in, positions}, Type::Tokens(DType::kF32, heads * c.head_dim),
                 {.theta = c.rope_theta, .heads = heads, .head_dim = c.head_dim});
  };

  // Attention: [T, hidden] -> q [T, heads * head_dim], k and v [T, kv_heads * head_dim] -> [T, hidden]
  const ValueId n = norm("attn_n", x, kAttnNorm);
  const ValueId q = linear("q", n, kQ), k = linear("k", n, kK), v = linear("v", n, kV);
  const ValueId q_rope = rope("q_rope", q, c.heads), k_rope = rope("k_rope", k, c.kv_heads);
  const ValueId kv_new = b.Add(Op::kKvAppend, "kv_new", {kv, k_rope, v}, Type::KvCache());
  const ValueId attention =
      b.Add(Op::kAttention, "attn", {q_rope, kv_new}, Type::Tokens(DType::kF32, c.heads * c.head_dim),
            {.scale = c.attention_scale, .heads = c.heads, .kv_heads = c.kv_heads, .head_dim = c.head_dim});
  const ValueId attn_out = linear("attn_out", attention, kAttnOutput);
  const ValueId x_attn = b.Add(Op::kAdd, "x_attn", {x, attn_out}, Hidden());

  // Feed-forward: [T, hidden] -> gate and up [T, ffn] -> [T, hidden]
  const ValueId f = norm("ffn_n", x_attn, kFfnNorm);
  const ValueId gate = linear("gate", f, kGate), up = linear("up", f, kUp);
  const ValueId act = b.Add(Op::kSiluMul, "act", {gate, up}, Type::Tokens(DType::kF32, c.ffn));
  const ValueId down = linear("down", act, kDown);
  b.Output(b.Add(Op::kAdd, "x_ffn", {x_attn, down}, Hidden()));
  b.Output(kv_new);
  return b.Take();
}

Status LlamaBuilder::Layers() {
  std::vector<std::pair<LayerTypes, graph::BodyId>> known;
  for (int layer = 0; layer < config_.layers; ++layer) {
    VIVACE_ASSIGN_OR_RETURN(const LayerTypes types, TakeLayer(layer));
    const graph::BodyId* body = nullptr;
    for (const auto& [other, id] : known) body = other == types ? &id : body;
    if (body == nullptr) {
      const std::string name = known.empty() ? "layer" : "layer." + std::to_string(known.size());
      known.emplace_back(types, AddBody(LayerBody(types, name)));
      body = &known.back().second;
    }
    graph_.layers.push_back(Bind(graph_.body(*body), *body, "blk." + std::to_string(layer) + "."));
  }
  return Status::Ok();
}

Status LlamaBuilder::Epilogue() {
  VIVACE_ASSIGN_OR_RETURN(const Type norm_type, table_.Take("output_norm.weight", 0, config_.hidden));
  // Without an output weight of its own the embedding is used again (tied).
  const std::string output = table_.Has("output.weight") ? "output" : "token_embd";
  VIVACE_ASSIGN_OR_RETURN(const Type output_type,
                          table_.Take(output + ".weight", graph_.vocabulary, config_.hidden));
  BodyBuilder b("epilogue");
  const ValueId x = b.Input("x", Hidden());
  const ValueId norm_weight = b.Weight("output_norm", norm_type);
  const ValueId output_weight = b.Weight(output, output_type);
  const ValueId n = b.Add(Op::kRmsNorm, "output_n", {x, norm_weight}, Hidden(), {.eps = config_.norm_eps});
  const ValueId rows = b.Add(Op::kGatherRows, "rows", {n}, Type::Logits(DType::kF32, config_.hidden));
  b.Output(b.Add(Op::kLinear, "logits", {rows, output_weight}, Type::Logits(DType::kF32, graph_.vocabulary)));
  const graph::BodyId id = AddBody(b.Take());
  graph_.epilogue = Bind(graph_.body(id), id, "");
  return Status::Ok();
}

Result<graph::Graph> LlamaBuilder::Run() {
  graph_.name = config_.architecture;
  graph_.hidden = config_.hidden;
  graph_.max_positions = config_.max_positions;
  VIVACE_RETURN_IF_ERROR(Prologue());
  VIVACE_RETURN_IF_ERROR(Layers());
  VIVACE_RETURN_IF_ERROR(Epilogue());
  VIVACE_RETURN_IF_ERROR(table_.CheckAllTaken());
  VIVACE_RETURN_IF_ERROR(graph::Verify(graph_));
  return std::move(graph_);
}

}  // namespace

Result<graph::Graph> BuildLlama(const ModelConfig& config, std::span<const WeightInfo> weights) {
  return LlamaBuilder(config, weights).Run();
}

}  // namespace vivace::models
