#include "models/decoder.h"

#include <utility>

#include "base/status_macros.h"
#include "models/decoder_body.h"
#include "models/weight_names.h"
#include "models/weight_table.h"

namespace vivace::models {
namespace {

using graph::BodyBuilder;
using graph::Op;
using graph::Type;
using graph::ValueId;
using tensor::DType;

constexpr int kMaxVocabulary = 1 << 22;

class DecoderBuilder {
 public:
  DecoderBuilder(const ModelConfig& config, std::span<const WeightInfo> weights)
      : config_(config), table_(weights) {}
  Result<graph::Graph> Run();

 private:
  Status ReadVocabulary();
  Status Prologue();
  Status Layers();
  Status Epilogue();
  Result<LayerKind> TakeLayer(int layer, std::span<const WeightSlot> slots);
  /// What a missing tensor is called: by its name in folders, if this is one.
  std::string_view Shown(std::string_view folder_name) const {
    return config_.source == Source::kFolder ? folder_name : std::string_view();
  }
  int ScalingOf(const RopeFacts& rope);
  graph::BodyId AddBody(graph::Body body);
  graph::Layer Bind(graph::BodyId id, const std::vector<std::string>& names) const;
  Type Hidden() const { return Type::Tokens(DType::kF32, config_.hidden); }

  const ModelConfig& config_;
  WeightTable table_;
  graph::Graph graph_;
};

graph::BodyId DecoderBuilder::AddBody(graph::Body body) {
  graph_.bodies.push_back(std::move(body));
  return graph::BodyId{static_cast<std::int32_t>(graph_.bodies.size()) - 1};
}

/// The body's weights, in order, to the tensors of these canonical names.
graph::Layer DecoderBuilder::Bind(graph::BodyId id, const std::vector<std::string>& names) const {
  const graph::Body& body = graph_.body(id);
  graph::Layer layer{id, {}};
  std::size_t next = 0;
  for (std::size_t i = 0; i < body.values.size(); ++i) {
    if (body.values[i].kind != graph::ValueKind::kWeight) continue;
    layer.bindings.push_back({ValueId{static_cast<std::int32_t>(i)}, table_.Source(names[next++])});
  }
  return layer;
}

/// The graph's 1-based number of a scaling; 0 where frequencies are plain.
int DecoderBuilder::ScalingOf(const RopeFacts& rope) {
  if (rope.factors.empty() && rope.attention_factor == 1) return 0;
  const graph::RopeScaling scaling{rope.attention_factor, rope.factors};
  for (std::size_t i = 0; i < graph_.rope_scalings.size(); ++i) {
    if (graph_.rope_scalings[i] == scaling) return static_cast<int>(i) + 1;
  }
  graph_.rope_scalings.push_back(scaling);
  return static_cast<int>(graph_.rope_scalings.size());
}

Status DecoderBuilder::ReadVocabulary() {
  VIVACE_ASSIGN_OR_RETURN(const std::int64_t rows,
                          table_.Rows("token_embd.weight", Shown("model.embed_tokens.weight")));
  if (rows < 1 || rows > kMaxVocabulary || (config_.vocabulary != 0 && rows != config_.vocabulary)) {
    return DataLoss("tensor '" + table_.Source("token_embd.weight") + "' has " + std::to_string(rows) +
                    " rows; expected " +
                    (config_.vocabulary != 0 ? std::to_string(config_.vocabulary) + " (vocab_size)."
                                             : "1 to " + std::to_string(kMaxVocabulary) + "."));
  }
  graph_.vocabulary = static_cast<int>(rows);
  return Status::Ok();
}

Status DecoderBuilder::Prologue() {
  VIVACE_ASSIGN_OR_RETURN(const Type type,
                          table_.Take("token_embd.weight", graph_.vocabulary, config_.hidden));
  BodyBuilder b("prologue");
  const ValueId tokens = b.Input("tokens", Type::Tokens(DType::kI32, 0));
  const ValueId weight = b.Weight("token_embd", type);
  const bool scaled = config_.embedding_scale != 1;
  ValueId x = b.Add(Op::kEmbed, scaled ? "rows" : "x", {tokens, weight}, Hidden());
  if (scaled) x = b.Add(Op::kScale, "x", {x}, Hidden(), {.scale = config_.embedding_scale});
  b.Output(x);
  graph_.prologue = Bind(AddBody(b.Take()), {"token_embd.weight"});
  return Status::Ok();
}

Result<LayerKind> DecoderBuilder::TakeLayer(int layer, std::span<const WeightSlot> slots) {
  LayerKind kind;
  const bool windowed = config_.IsWindowed(layer);
  kind.window = windowed ? config_.window : 0;
  const RopeFacts& rope = windowed ? config_.local_rope : config_.rope;
  kind.theta = rope.theta;
  kind.scaling = ScalingOf(rope);
  for (const WeightSlot& slot : slots) {
    const std::string name = LayerWeightName(layer, slot.name);
    const std::string shown = "model.layers." + std::to_string(layer) + "." + std::string(slot.folder);
    VIVACE_ASSIGN_OR_RETURN(const Type type, table_.Take(name, slot.rows, slot.width, Shown(shown)));
    kind.types.push_back(type);
  }
  return kind;
}

Status DecoderBuilder::Layers() {
  const std::vector<WeightSlot> slots = LayerSlots(config_);
  std::vector<std::pair<LayerKind, graph::BodyId>> known;
  for (int layer = 0; layer < config_.layers; ++layer) {
    VIVACE_ASSIGN_OR_RETURN(const LayerKind kind, TakeLayer(layer, slots));
    const graph::BodyId* body = nullptr;
    for (const auto& [other, id] : known) body = other == kind ? &id : body;
    if (body == nullptr) {
      const std::string name = known.empty() ? "layer" : "layer." + std::to_string(known.size());
      known.emplace_back(kind, AddBody(DecoderBody(config_, slots, kind, name)));
      body = &known.back().second;
    }
    std::vector<std::string> names;
    for (const WeightSlot& slot : slots) names.push_back(LayerWeightName(layer, slot.name));
    graph_.layers.push_back(Bind(*body, names));
  }
  return Status::Ok();
}

Status DecoderBuilder::Epilogue() {
  VIVACE_ASSIGN_OR_RETURN(const Type norm_type,
                          table_.Take("output_norm.weight", 0, config_.hidden, Shown("model.norm.weight")));
  // Without an output weight of its own the embedding is used again.
  const bool tied = config_.tied.value_or(!table_.Has("output.weight"));
  const std::string output = tied ? "token_embd" : "output";
  VIVACE_ASSIGN_OR_RETURN(const Type output_type, table_.Take(output + ".weight", graph_.vocabulary,
                                                              config_.hidden, Shown("lm_head.weight")));
  BodyBuilder b("epilogue");
  const ValueId x = b.Input("x", Hidden());
  const ValueId norm_weight = b.Weight("output_norm", norm_type);
  const ValueId output_weight = b.Weight(output, output_type);
  const ValueId n = b.Add(Op::kRmsNorm, "output_n", {x, norm_weight}, Hidden(),
                          {.eps = config_.norm_eps, .offset = config_.norm_offset});
  const ValueId rows = b.Add(Op::kGatherRows, "rows", {n}, Type::Logits(DType::kF32, config_.hidden));
  const Type logits = Type::Logits(DType::kF32, graph_.vocabulary);
  const bool capped = config_.logit_softcap > 0;
  ValueId last = b.Add(Op::kLinear, capped ? "raw_logits" : "logits", {rows, output_weight}, logits);
  if (capped) last = b.Add(Op::kSoftcap, "logits", {last}, logits, {.softcap = config_.logit_softcap});
  b.Output(last);
  graph_.epilogue = Bind(AddBody(b.Take()), {"output_norm.weight", output + ".weight"});
  return Status::Ok();
}

Result<graph::Graph> DecoderBuilder::Run() {
  graph_.name = config_.architecture;
  graph_.hidden = config_.hidden;
  graph_.max_positions = config_.max_positions;
  VIVACE_RETURN_IF_ERROR(ReadVocabulary());
  VIVACE_RETURN_IF_ERROR(Prologue());
  VIVACE_RETURN_IF_ERROR(Layers());
  VIVACE_RETURN_IF_ERROR(Epilogue());
  VIVACE_RETURN_IF_ERROR(table_.CheckAllTaken());
  VIVACE_RETURN_IF_ERROR(graph::Verify(graph_));
  return std::move(graph_);
}

}  // namespace

Result<graph::Graph> BuildDecoder(const ModelConfig& config, std::span<const WeightInfo> weights) {
  return DecoderBuilder(config, weights).Run();
}

}  // namespace vivace::models
