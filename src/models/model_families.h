// The one list of model families. A family is a row of facts; the function that builds its graph is shared
// by all families of one kind (decoder.h), and reads the facts, not the family's name.
#pragma once

#include <span>
#include <string>
#include <string_view>

#include "graph/graph.h"
#include "models/model_config.h"
#include "vivace/status.h"

namespace vivace::models {

using BuildFn = Result<graph::Graph> (*)(const ModelConfig& config, std::span<const WeightInfo> weights);

/// Which layers have a window, when config.json does not list them one by one.
enum class WindowRule {
  kNever,      // the family has no windows
  kAll,        // every layer, when there is a window
  kUpperHalf,  // those from max_window_layers on, when use_sliding_window is true
  kAllButNth,  // every layer but each sliding_window_pattern-th
};

/// Values of config.json that its class fills in when a file leaves them out; 0: must be there.
struct ConfigDefaults {
  int hidden = 0, layers = 0, heads = 0, kv_heads = 0, head_dim = 0, ffn = 0, vocabulary = 0;
  int max_positions = 0, window = 0;
  float rope_theta = 10000.0f;
  bool tied = false;
};

struct ModelFamily {
  std::string_view architecture;  // general.architecture of GGUF; name of the family
  std::string_view models;        // which models people know it by
  std::string_view class_name;    // in `architectures` of config.json
  std::string_view model_type;    // in config.json; also of a text_config within it
  Activation activation;
  bool qkv_bias, qk_norm, post_norms;
  float norm_offset;      // that folders leave to the program; GGUF has it in the weights
  bool scaled_embedding;  // by sqrt(hidden)
  bool gguf_interleaved;  // GGUF has the rows of q and k in pairs (2i, 2i + 1)
  WindowRule window_rule;
  ConfigDefaults defaults;
  BuildFn build;
};

std::span<const ModelFamily> ModelFamilies();
/// By general.architecture. kUnsupported with the list of known ones when there is none.
Result<const ModelFamily*> FindFamily(std::string_view architecture);
/// By a class name of config.json, or by its model_type when that is empty. The multimodal wrapper of a
/// family (Gemma3ForConditionalGeneration) is not found here: its text_config is.
Result<const ModelFamily*> FindFolderFamily(std::string_view class_name, std::string_view model_type);

/// Builds the graph of the config's family. Each tensor that the family needs must exist with the right shape
/// and type, and each tensor of the checkpoint must be one that the family knows; errors name the tensor, its
/// dimensions and the expected ones.
Result<graph::Graph> BuildGraph(const ModelConfig& config, std::span<const WeightInfo> weights);

}  // namespace vivace::models
