#include "models/weight_names.h"

#include <charconv>

#include "base/status_macros.h"
#include "models/model_families.h"

namespace vivace::models {
namespace {

// Widths that a slot's shape is made of.
enum class Dim : std::uint8_t { kVector, kHidden, kQ, kKv, kFfn, kHead };

// When a model has the slot.
enum class When : std::uint8_t { kAlways, kPlain, kPostNorms, kQkvBias, kOutputBias, kQkNorm, kFfnBias };

struct SlotRow {
  std::string_view name, folder;
  Dim rows, width;
  When when;
};

// kPlain and kPostNorms: folders call the norm before feed-forward post_attention_layernorm, unless the
// family also has a norm after attention, which then has that name.
constexpr SlotRow kLayerSlots[] = {
    {"attn_norm.weight", "input_layernorm.weight", Dim::kVector, Dim::kHidden, When::kAlways},
    {"attn_q.weight", "self_attn.q_proj.weight", Dim::kQ, Dim::kHidden, When::kAlways},
    {"attn_k.weight", "self_attn.k_proj.weight", Dim::kKv, Dim::kHidden, When::kAlways},
    {"attn_v.weight", "self_attn.v_proj.weight", Dim::kKv, Dim::kHidden, When::kAlways},
    {"attn_q.bias", "self_attn.q_proj.bias", Dim::kVector, Dim::kQ, When::kQkvBias},
    {"attn_k.bias", "self_attn.k_proj.bias", Dim::kVector, Dim::kKv, When::kQkvBias},
    {"attn_v.bias", "self_attn.v_proj.bias", Dim::kVector, Dim::kKv, When::kQkvBias},
    {"attn_q_norm.weight", "self_attn.q_norm.weight", Dim::kVector, Dim::kHead, When::kQkNorm},
    {"attn_k_norm.weight", "self_attn.k_norm.weight", Dim::kVector, Dim::kHead, When::kQkNorm},
    {"attn_output.weight", "self_attn.o_proj.weight", Dim::kHidden, Dim::kQ, When::kAlways},
    {"attn_output.bias", "self_attn.o_proj.bias", Dim::kVector, Dim::kHidden, When::kOutputBias},
    {"post_attention_norm.weight", "post_attention_layernorm.weight", Dim::kVector, Dim::kHidden,
     When::kPostNorms},
    {"ffn_norm.weight", "post_attention_layernorm.weight", Dim::kVector, Dim::kHidden, When::kPlain},
    {"ffn_norm.weight", "pre_feedforward_layernorm.weight", Dim::kVector, Dim::kHidden, When::kPostNorms},
    {"ffn_gate.weight", "mlp.gate_proj.weight", Dim::kFfn, Dim::kHidden, When::kAlways},
    {"ffn_up.weight", "mlp.up_proj.weight", Dim::kFfn, Dim::kHidden, When::kAlways},
    {"ffn_gate.bias", "mlp.gate_proj.bias", Dim::kVector, Dim::kFfn, When::kFfnBias},
    {"ffn_up.bias", "mlp.up_proj.bias", Dim::kVector, Dim::kFfn, When::kFfnBias},
    {"ffn_down.weight", "mlp.down_proj.weight", Dim::kHidden, Dim::kFfn, When::kAlways},
    {"ffn_down.bias", "mlp.down_proj.bias", Dim::kVector, Dim::kHidden, When::kFfnBias},
    {"post_ffw_norm.weight", "post_feedforward_layernorm.weight", Dim::kVector, Dim::kHidden,
     When::kPostNorms},
};

bool Has(const ModelConfig& config, When when) {
  switch (when) {
    case When::kAlways:
      return true;
    case When::kPlain:
      return !config.post_norms;
    case When::kPostNorms:
      return config.post_norms;
    case When::kQkvBias:
      return config.qkv_bias;
    case When::kOutputBias:
      return config.output_bias;
    case When::kQkNorm:
      return config.qk_norm;
    case When::kFfnBias:
      return config.ffn_bias;
  }
  return false;
}

std::int64_t Size(const ModelConfig& config, Dim dim) {
  switch (dim) {
    case Dim::kVector:
      return 0;
    case Dim::kHidden:
      return config.hidden;
    case Dim::kQ:
      return static_cast<std::int64_t>(config.heads) * config.head_dim;
    case Dim::kKv:
      return static_cast<std::int64_t>(config.kv_heads) * config.head_dim;
    case Dim::kFfn:
      return config.ffn;
    case Dim::kHead:
      return config.head_dim;
  }
  return 0;
}

// Where folders put the text model; the longest first, as one is the start of the other.
constexpr std::string_view kFolderPrefixes[] = {"language_model.model.", "model.language_model.", "model.",
                                                ""};
constexpr std::string_view kImagePrefixes[] = {"vision_tower.", "multi_modal_projector.",
                                               "model.vision_tower.", "model.multi_modal_projector."};

bool TakePrefix(std::string_view& name, std::string_view prefix) {
  if (!name.starts_with(prefix)) return false;
  name.remove_prefix(prefix.size());
  return true;
}

/// The canonical name of a folder's tensor; the name itself when the table does not have it.
std::string Canonical(const ModelConfig& config, std::string_view source) {
  if (source == "lm_head.weight" || source == "language_model.lm_head.weight") return "output.weight";
  std::string_view name = source;
  for (const std::string_view prefix : kFolderPrefixes) {
    if (TakePrefix(name, prefix)) break;
  }
  if (name == "embed_tokens.weight") return "token_embd.weight";
  if (name == "norm.weight") return "output_norm.weight";
  int layer = 0;
  if (!TakePrefix(name, "layers.")) return std::string(source);
  const auto [end, error] = std::from_chars(name.data(), name.data() + name.size(), layer);
  name.remove_prefix(static_cast<std::size_t>(end - name.data()));
  if (error != std::errc() || layer < 0 || !TakePrefix(name, ".")) return std::string(source);
  for (const SlotRow& row : kLayerSlots) {
    if (row.folder == name && Has(config, row.when)) return LayerWeightName(layer, row.name);
  }
  return std::string(source);
}

/// Tensors that change nothing: frequencies and masks that older programs stored.
bool IsStoredTable(std::string_view name) {
  return name.ends_with(".rotary_emb.inv_freq") || name.ends_with(".attn.masked_bias") ||
         name == "rope_freqs.weight";
}

bool IsImagePart(std::string_view name) {
  for (const std::string_view prefix : kImagePrefixes) {
    if (name.starts_with(prefix)) return true;
  }
  return false;
}

}  // namespace

std::string LayerWeightName(int layer, std::string_view name) {
  return "blk." + std::to_string(layer) + "." + std::string(name);
}

std::vector<WeightSlot> LayerSlots(const ModelConfig& config) {
  std::vector<WeightSlot> slots;
  for (const SlotRow& row : kLayerSlots) {
    if (!Has(config, row.when)) continue;
    slots.push_back({row.name, row.folder, Size(config, row.rows), Size(config, row.width)});
  }
  return slots;
}

std::vector<WeightSlot> GlobalSlots(const ModelConfig& config, bool tied) {
  std::vector<WeightSlot> slots = {
      {"token_embd.weight", "model.embed_tokens.weight", config.vocabulary, config.hidden},
      {"output_norm.weight", "model.norm.weight", 0, config.hidden}};
  if (!tied) slots.push_back({"output.weight", "lm_head.weight", config.vocabulary, config.hidden});
  return slots;
}

Result<std::vector<WeightInfo>> ReadWeights(const checkpoint::Checkpoint& file, const ModelConfig& config) {
  const bool folder = config.source == Source::kFolder;
  std::vector<WeightInfo> weights;
  weights.reserve(file.tensors().size());
  for (const checkpoint::TensorView& tensor : file.tensors()) {
    const std::string source(tensor.name);
    if (IsStoredTable(source) || (folder && IsImagePart(source))) continue;
    if (tensor.dim_count > 2) {
      return Unsupported("tensor '" + source + "' of " + file.name() + " has " +
                         std::to_string(tensor.dim_count) + " dimensions; this build knows at most 2.");
    }
    const std::string name = folder ? Canonical(config, source) : source;
    if (folder && config.tied == true && name == "output.weight") continue;
    weights.push_back(
        {name, tensor.type, tensor.dim_count == 2 ? tensor.dims[1] : 0, tensor.dims[0], source});
  }
  return weights;
}

Result<std::vector<WeightInfo>> ReadWeights(const checkpoint::Checkpoint& file) {
  VIVACE_ASSIGN_OR_RETURN(const ModelConfig config, ReadConfig(file));
  return ReadWeights(file, config);
}

Result<std::vector<WeightInfo>> RequiredWeights(const ModelConfig& config, bool tied) {
  if (config.vocabulary <= 0) {
    return InvalidArgument("the config does not say vocab_size, so the shape of the embedding is not known");
  }
  std::vector<WeightInfo> weights;
  for (const WeightSlot& slot : GlobalSlots(config, tied)) {
    weights.push_back(
        {std::string(slot.name), tensor::DType::kF32, slot.rows, slot.width, std::string(slot.folder)});
  }
  for (int layer = 0; layer < config.layers; ++layer) {
    const std::string prefix = "model.layers." + std::to_string(layer) + ".";
    for (const WeightSlot& slot : LayerSlots(config)) {
      weights.push_back({LayerWeightName(layer, slot.name), tensor::DType::kF32, slot.rows, slot.width,
                         prefix + std::string(slot.folder)});
    }
  }
  return weights;
}

}  // namespace vivace::models
