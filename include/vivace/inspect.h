// What a model is, read from its headers only: for `vivace inspect` and for embedders.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "vivace/options.h"
#include "vivace/status.h"

namespace vivace {

struct TensorTypeSummary {
  std::string type;  // "q4_1"
  std::int64_t tensors = 0;
  std::int64_t elements = 0;
  std::int64_t bytes = 0;
};

struct ModelSummary {
  std::string path;
  std::string format;        // "gguf v3", "safetensors, 2 files", "dummy"
  std::string architecture;  // "llama"
  bool supported = false;    // this build can run it
  std::string unsupported_reason;
  std::int64_t parameters = 0;
  std::int64_t file_bytes = 0;
  std::vector<TensorTypeSummary> types;  // most bytes first
  int layers = 0, hidden = 0, heads = 0, kv_heads = 0, head_dim = 0, ffn = 0, vocabulary = 0;
  int context = 0;        // tokens that the model was made for
  std::string tokenizer;  // kind and size in words: "byte-level BPE (smollm), 49152 tokens"
  bool has_chat_template = false;
  std::string chat_template;  // its text
  // Memory at a context length (--max-model-len, else the model's), in bytes
  int context_for_memory = 0;
  std::int64_t weight_bytes = 0;
  std::int64_t kv_bytes_per_token = 0;
  std::int64_t kv_bytes = 0;  // of one sequence of that context
};

/// Reads headers and metadata, no weights. Takes the options of a model (model, load-format, max-model-len,
/// kv-cache-dtype). A model that cannot be run is no error: `supported` says so.
Result<ModelSummary> InspectModel(const Options& options);

}  // namespace vivace
