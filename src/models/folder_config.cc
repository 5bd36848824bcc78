// The facts of a model from the config.json of a folder, in the spellings of transformers 4.x: which class,
// sizes, windows, special tokens. folder_rope.cc reads the rotary keys.

#include "models/folder_config.h"

#include <algorithm>
#include <cmath>

#include "base/status_macros.h"
#include "models/config_checks.h"
#include "models/model_families.h"

namespace vivace::models {
namespace {

constexpr std::string_view kWrapperClass = "Gemma3ForConditionalGeneration";
constexpr std::string_view kTypeNames[] = {"float32", "float16", "bfloat16", "float", "half", "auto"};

/// Reads the keys of one class into a config.
class FolderReader {
 public:
  FolderReader(const JsonFacts& facts, const ModelFamily& family) : facts_(facts), family_(family) {}
  Result<ModelConfig> Run();

 private:
  Status Size(std::string_view key, std::int64_t maximum, int fallback, int& value) const;
  Status Softcap(std::string_view key, float& value) const;
  Status Flag(std::string_view key, bool fallback, bool& value) const;
  Status ReadSizes();
  Status ReadBiases();
  Status ReadActivation() const;
  Status ReadScale();
  Status ReadWindow();
  Status ReadLayerTypes();
  Status ReadTokens(std::string_view key, std::vector<std::int32_t>& tokens) const;
  Status RefuseFeatures() const;
  bool Windowed(int layer, int from, int pattern) const;

  const JsonFacts& facts_;
  const ModelFamily& family_;
  ModelConfig config_;
};

/// fallback 0: the key must be there.
Status FolderReader::Size(std::string_view key, std::int64_t maximum, int fallback, int& value) const {
  value = fallback;
  if (fallback != 0 && !facts_.Has(key)) return Status::Ok();
  VIVACE_ASSIGN_OR_RETURN(const std::int64_t read, facts_.Integer(key, 1, maximum));
  value = static_cast<int>(read);
  return Status::Ok();
}

Status FolderReader::Softcap(std::string_view key, float& value) const {
  if (!facts_.Has(key)) return Status::Ok();
  VIVACE_ASSIGN_OR_RETURN(const double read, facts_.Number(key, 1e-3, 1e6));
  value = static_cast<float>(read);
  return Status::Ok();
}

Status FolderReader::Flag(std::string_view key, bool fallback, bool& value) const {
  value = fallback;
  if (!facts_.Has(key)) return Status::Ok();
  VIVACE_ASSIGN_OR_RETURN(value, facts_.Bool(key));
  return Status::Ok();
}

Status FolderReader::ReadSizes() {
  ModelConfig& c = config_;
  const ConfigDefaults& d = family_.defaults;
  VIVACE_RETURN_IF_ERROR(Size("num_hidden_layers", kMaxLayers, d.layers, c.layers));
  VIVACE_RETURN_IF_ERROR(Size("hidden_size", kMaxWidth, d.hidden, c.hidden));
  VIVACE_RETURN_IF_ERROR(Size("intermediate_size", kMaxWidth, d.ffn, c.ffn));
  VIVACE_RETURN_IF_ERROR(Size("vocab_size", kMaxVocabulary, d.vocabulary, c.vocabulary));
  VIVACE_RETURN_IF_ERROR(Size("max_position_embeddings", kMaxPositions, d.max_positions, c.max_positions));
  VIVACE_RETURN_IF_ERROR(Size("num_attention_heads", kMaxHeads, d.heads, c.heads));
  const int kv_default = d.kv_heads != 0 ? d.kv_heads : c.heads;
  VIVACE_RETURN_IF_ERROR(Size("num_key_value_heads", kMaxHeads, kv_default, c.kv_heads));
  if (facts_.Has("head_dim") || d.head_dim != 0) {
    VIVACE_RETURN_IF_ERROR(Size("head_dim", kMaxHeadDim, d.head_dim, c.head_dim));
  }
  c.norm_eps = 1e-6f;
  if (facts_.Has("rms_norm_eps")) {
    VIVACE_ASSIGN_OR_RETURN(const double eps, facts_.Number("rms_norm_eps", 1e-12, 1));
    c.norm_eps = static_cast<float>(eps);
  }
  return Status::Ok();
}

Status FolderReader::ReadBiases() {
  bool attention = false;
  VIVACE_RETURN_IF_ERROR(Flag("attention_bias", false, attention));
  // Classes whose projections always have biases, and Mistral, which has none, do not read the key.
  if (family_.window_rule == WindowRule::kAll || family_.qkv_bias) attention = false;
  config_.qkv_bias |= attention;
  config_.output_bias = attention;
  return Flag("mlp_bias", false, config_.ffn_bias);
}

Status FolderReader::ReadActivation() const {
  for (const char* key : {"hidden_activation", "hidden_act"}) {
    if (!facts_.Has(key)) continue;
    VIVACE_ASSIGN_OR_RETURN(const std::string name, facts_.String(key));
    const bool silu = name == "silu" || name == "swish";
    const bool gelu = name == "gelu_pytorch_tanh" || name == "gelu_new" || name == "gelu_fast";
    if (silu && config_.activation == Activation::kSilu) return Status::Ok();
    if (gelu && config_.activation == Activation::kGeluTanh) return Status::Ok();
    return Unsupported(facts_.Name(key) + " is '" + name.substr(0, 64) + "'; this build knows " +
                       (config_.activation == Activation::kSilu ? "'silu'" : "'gelu_pytorch_tanh'") +
                       " for " + config_.architecture + ".");
  }
  return Status::Ok();
}

Status FolderReader::ReadScale() {
  if (!family_.scaled_embedding) return Status::Ok();
  double scalar = 256;
  if (facts_.Has("query_pre_attn_scalar")) {
    VIVACE_ASSIGN_OR_RETURN(scalar, facts_.Number("query_pre_attn_scalar", 1e-3, 1e6));
  }
  config_.attention_scale = static_cast<float>(1 / std::sqrt(scalar));
  VIVACE_RETURN_IF_ERROR(Softcap("attn_logit_softcapping", config_.attention_softcap));
  return Softcap("final_logit_softcapping", config_.logit_softcap);
}

bool FolderReader::Windowed(int layer, int from, int pattern) const {
  switch (family_.window_rule) {
    case WindowRule::kNever:
      return false;
    case WindowRule::kAll:
      return true;
    case WindowRule::kUpperHalf:
      return layer >= from;
    case WindowRule::kAllButNth:
      return (layer + 1) % pattern != 0;
  }
  return false;
}

Status FolderReader::ReadWindow() {
  ModelConfig& c = config_;
  if (family_.window_rule == WindowRule::kNever) return Status::Ok();
  bool used = true;
  if (family_.window_rule == WindowRule::kUpperHalf) {
    VIVACE_RETURN_IF_ERROR(Flag("use_sliding_window", false, used));
  }
  // "sliding_window": null says that there is none; without the key the class has one.
  const bool stated = facts_.HasKey("sliding_window");
  if (!used || (stated && !facts_.Has("sliding_window"))) return Status::Ok();
  VIVACE_RETURN_IF_ERROR(Size("sliding_window", kMaxPositions, family_.defaults.window, c.window));
  int from = 0, pattern = 0;
  VIVACE_RETURN_IF_ERROR(Size("sliding_window_pattern", kMaxLayers, 6, pattern));
  from = 28;
  if (facts_.Has("max_window_layers")) {
    VIVACE_ASSIGN_OR_RETURN(const std::int64_t read, facts_.Integer("max_window_layers", 0, kMaxLayers));
    from = static_cast<int>(read);
  }
  for (int layer = 0; layer < c.layers; ++layer) c.windowed.push_back(Windowed(layer, from, pattern));
  return facts_.Has("layer_types") && family_.window_rule != WindowRule::kAll ? ReadLayerTypes()
                                                                              : Status::Ok();
}

Status FolderReader::ReadLayerTypes() {
  VIVACE_ASSIGN_OR_RETURN(const std::vector<std::string> types, facts_.Strings("layer_types"));
  if (types.size() != static_cast<std::size_t>(config_.layers)) {
    return DataLoss(facts_.Name("layer_types") + " has " + std::to_string(types.size()) +
                    " entries; num_hidden_layers is " + std::to_string(config_.layers) + ".");
  }
  for (std::size_t i = 0; i < types.size(); ++i) {
    const bool windowed = types[i] == "sliding_attention";
    if (!windowed && types[i] != "full_attention") {
      return Unsupported(facts_.Name("layer_types") + " has '" + types[i].substr(0, 64) +
                         "'; this build knows 'full_attention' and 'sliding_attention'.");
    }
    config_.windowed[i] = windowed;
  }
  return Status::Ok();
}

Status FolderReader::ReadTokens(std::string_view key, std::vector<std::int32_t>& tokens) const {
  if (!facts_.Has(key)) return Status::Ok();
  VIVACE_ASSIGN_OR_RETURN(const std::vector<std::int64_t> ids,
                          facts_.Integers(key, -1, config_.vocabulary - 1));
  for (const std::int64_t id : ids) {
    if (id >= 0) tokens.push_back(static_cast<std::int32_t>(id));
  }
  return Status::Ok();
}

/// What would change the result and is not built: refused, never ignored.
Status FolderReader::RefuseFeatures() const {
  if (facts_.Has("partial_rotary_factor")) {
    VIVACE_ASSIGN_OR_RETURN(const double part, facts_.Number("partial_rotary_factor", 0, 1));
    if (part != 1) return facts_.Wrong("partial_rotary_factor", "this build rotates whole heads only.");
  }
  for (const char* key : {"num_experts", "num_local_experts", "n_routed_experts"}) {
    if (facts_.Has(key)) return facts_.Wrong(key, "this build knows only models without experts.");
  }
  if (facts_.Has("use_bidirectional_attention")) {
    VIVACE_ASSIGN_OR_RETURN(const bool used, facts_.Bool("use_bidirectional_attention"));
    if (used) return facts_.Wrong("use_bidirectional_attention", "this build knows only causal attention.");
  }
  return Status::Ok();
}

Result<ModelConfig> FolderReader::Run() {
  ModelConfig& c = config_;
  c.source = Source::kFolder;
  c.interleaved_rope = false;
  VIVACE_RETURN_IF_ERROR(ReadSizes());
  ApplyFamily(family_, c);
  c.norm_offset = family_.norm_offset;
  VIVACE_RETURN_IF_ERROR(ReadScale());
  VIVACE_RETURN_IF_ERROR(FinishHeads({facts_.Name("hidden_size"), "num_attention_heads",
                                      facts_.Name("num_key_value_heads"), facts_.Name("head_dim")},
                                     c));
  VIVACE_RETURN_IF_ERROR(ReadActivation());
  VIVACE_RETURN_IF_ERROR(ReadBiases());
  VIVACE_RETURN_IF_ERROR(ReadWindow());
  VIVACE_RETURN_IF_ERROR(ReadFolderRope(facts_, family_, c));
  VIVACE_RETURN_IF_ERROR(RefuseFeatures());
  bool tied = false;
  VIVACE_RETURN_IF_ERROR(Flag("tie_word_embeddings", family_.defaults.tied, tied));
  c.tied = tied;
  VIVACE_RETURN_IF_ERROR(ReadTokens("bos_token_id", c.begin_tokens));
  VIVACE_RETURN_IF_ERROR(ReadTokens("eos_token_id", c.end_tokens));
  return std::move(config_);
}

/// What is said of the whole folder, beside the text model.
Status CheckFolder(const JsonFacts& facts) {
  for (const char* key : {"torch_dtype", "dtype"}) {
    if (!facts.Has(key)) continue;
    VIVACE_ASSIGN_OR_RETURN(const std::string name, facts.String(key));
    if (std::find(std::begin(kTypeNames), std::end(kTypeNames), name) != std::end(kTypeNames)) continue;
    return Unsupported(facts.Name(key) + " is '" + name.substr(0, 64) +
                       "'; this build knows 'float32', 'float16' and 'bfloat16'.");
  }
  if (!facts.Has("quantization_config")) return Status::Ok();
  std::string method = "unnamed";
  VIVACE_ASSIGN_OR_RETURN(const JsonFacts quantization, facts.Object("quantization_config"));
  if (quantization.Has("quant_method")) {
    VIVACE_ASSIGN_OR_RETURN(method, quantization.String("quant_method"));
  }
  return Unsupported(facts.Name("quantization_config") + " asks for method '" + method.substr(0, 64) +
                     "'; this build reads folders of float32, float16 and bfloat16 tensors, and quantised "
                     "models as GGUF.");
}

/// The one class name; empty when the file leaves it to model_type.
Result<std::string> ClassName(const JsonFacts& facts) {
  if (!facts.Has("architectures")) return std::string();
  VIVACE_ASSIGN_OR_RETURN(const std::vector<std::string> names, facts.Strings("architectures"));
  if (names.size() == 1 && !names[0].empty()) return names[0];
  return facts.Wrong("architectures", "it must name one class.");
}

}  // namespace

Result<ModelConfig> ReadConfigJson(std::string_view text) {
  VIVACE_ASSIGN_OR_RETURN(const JsonFacts facts, JsonFacts::Parse(text, "config.json"));
  VIVACE_RETURN_IF_ERROR(CheckFolder(facts));
  VIVACE_ASSIGN_OR_RETURN(std::string class_name, ClassName(facts));
  JsonFacts model = facts;
  const bool wrapper = class_name == kWrapperClass;
  if (wrapper) {
    VIVACE_ASSIGN_OR_RETURN(model, facts.Object("text_config"));
    class_name.clear();
  }
  std::string model_type;
  if (wrapper && !model.Has("model_type")) model_type = "gemma3_text";
  if (class_name.empty() && model_type.empty()) {
    VIVACE_ASSIGN_OR_RETURN(model_type, model.String("model_type"));
  }
  VIVACE_ASSIGN_OR_RETURN(const ModelFamily* family, FindFolderFamily(class_name, model_type));
  VIVACE_ASSIGN_OR_RETURN(ModelConfig config, FolderReader(model, *family).Run());
  if (wrapper)
    config.notes.push_back("this build reads text only: the image encoder of the model is left out");
  for (const char* key : {"auto_map", "trust_remote_code"}) {
    if (!facts.Has(key)) continue;
    config.notes.push_back(facts.Name(key) + " is ignored: code that comes with a model is never run");
  }
  return config;
}

}  // namespace vivace::models
