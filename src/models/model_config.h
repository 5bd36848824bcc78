// The facts of one model, read from a checkpoint's metadata or its config.json and checked. Plain data:
// families differ by these fields, not by code. Every error names the key, its value and what would be right.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "checkpoint/checkpoint.h"
#include "tensor/dtype.h"
#include "vivace/status.h"

namespace vivace::models {

/// Which names a checkpoint's tensors have, and the conventions that come with them.
enum class Source : std::uint8_t {
  kGguf,    // "blk.0.attn_q.weight"
  kFolder,  // "model.layers.0.self_attn.q_proj.weight"; config.json
};

enum class Activation : std::uint8_t { kSilu, kGeluTanh };

/// Rotary positions: pair i of a head turns by position * theta^(-2i/head_dim) / factors[i]; cosines and
/// sines are multiplied by attention_factor. No factors: all 1.
struct RopeFacts {
  float theta = 0;
  float attention_factor = 1;
  std::vector<float> factors;
  bool operator==(const RopeFacts&) const = default;
};

struct ModelConfig {
  std::string architecture;  // "llama": the family, and the key prefix in GGUF
  Source source = Source::kGguf;
  int layers = 0;
  int hidden = 0;
  int heads = 0;
  int kv_heads = 0;       // divides heads
  int head_dim = 0;       // a multiple of 8
  int ffn = 0;            // width between gate-up and down
  int vocabulary = 0;     // 0: the metadata does not say; the embedding's rows decide
  int max_positions = 0;  // tokens the model was made for
  float norm_eps = 0;
  float norm_offset = 0;      // added to the weights of norms
  float attention_scale = 0;  // of scores; 1 / sqrt(head_dim) in most families
  float embedding_scale = 1;
  float attention_softcap = 0, logit_softcap = 0;  // 0: none
  Activation activation = Activation::kSilu;
  bool qkv_bias = false, output_bias = false, ffn_bias = false;
  bool qk_norm = false;          // a norm of each head of q and k before the rotation
  bool post_norms = false;       // norms also after attention and after feed-forward
  bool interleaved_rope = true;  // pairs (2i, 2i + 1), as GGUF orders llama's rows; else (i, i + head_dim/2)
  std::optional<bool> tied;      // output weight = embedding; not set: as the checkpoint has an output weight
  RopeFacts rope;                // of layers that see all positions
  RopeFacts local_rope;          // of layers with a window
  int window = 0;                // positions that a token of a windowed layer sees, itself included; 0: none
  std::vector<char> windowed;    // by layer; empty: none
  std::vector<std::int32_t> begin_tokens, end_tokens;  // bos and eos ids where config.json says them
  std::vector<std::string> notes;                      // what was ignored and why: one line each, for the log

  bool IsWindowed(int layer) const {
    return window > 0 && static_cast<std::size_t>(layer) < windowed.size() &&
           windowed[static_cast<std::size_t>(layer)] != 0;
  }
};

/// A tensor that a model has or needs. rows = 0: a vector of `width`.
struct WeightInfo {
  std::string name;  // canonical: as GGUF names it
  tensor::DType dtype = tensor::DType::kF32;
  std::int64_t rows = 0;    // outputs
  std::int64_t width = 0;   // contiguous; inputs of a linear layer
  std::string source = {};  // its name in the checkpoint; empty: the canonical one

  const std::string& in_checkpoint() const { return source.empty() ? name : source; }
};

/// Metadata by key. Getters fail on a missing key, a wrong type or a value out of range; the message names
/// them.
class MetadataView {
 public:
  virtual ~MetadataView() = default;
  virtual bool Has(std::string_view key) const = 0;
  virtual Result<std::int64_t> Integer(std::string_view key, std::int64_t minimum,
                                       std::int64_t maximum) const = 0;
  virtual Result<double> Number(std::string_view key) const = 0;
  virtual Result<std::string_view> String(std::string_view key) const = 0;
};

/// Reads and checks the facts, from GGUF metadata or from config.json. kUnsupported: an architecture or a
/// feature that this build does not know; the message lists the architectures that it knows.
Result<ModelConfig> ReadConfig(const checkpoint::Checkpoint& file);
/// GGUF keys. Facts that only tensors tell (biases, rotary factors) keep their defaults.
Result<ModelConfig> ReadConfig(const MetadataView& metadata);
/// The text of a config.json.
Result<ModelConfig> ReadConfigJson(std::string_view text);

/// All tensors of a checkpoint by canonical name; a name that the table does not have stays as it is. Leaves
/// out what is known to need nothing (stored rotary frequencies, the output weight of a tied folder, the
/// image encoder of a multimodal folder). kUnsupported: more than two dimensions.
Result<std::vector<WeightInfo>> ReadWeights(const checkpoint::Checkpoint& file, const ModelConfig& config);
/// The same, reading the config again.
Result<std::vector<WeightInfo>> ReadWeights(const checkpoint::Checkpoint& file);

/// What a folder of this model would hold: canonical and folder names with shapes, all of type f32. The
/// config must say its vocabulary (kInvalidArgument).
Result<std::vector<WeightInfo>> RequiredWeights(const ModelConfig& config, bool tied);

}  // namespace vivace::models
