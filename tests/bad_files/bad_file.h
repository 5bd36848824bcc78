// The catalogue of bad model files: one row a file or folder, made anew for each test from a fixed seed. Its
// groups M, G, C and T are those of docs/security.md; docs/reference/bad-files.md is written from it.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "checkpoint/test_folder.h"
#include "models/model_config.h"
#include "tokenizer/tokenizer_json_parts.h"
#include "vivace/status.h"

namespace vivace::bad_files {

using checkpoint::TestFolder;

/// Where the file is noticed. What loads must also answer, with numbers that are finite.
enum class Outcome {
  kRefused,  // nothing loads
  kLoads,    // the file means no harm in the end: `text` is part of the answer to `input` as tokens and back
  kChat,     // it loads; chats end in the error
  kText,     // it loads; `input` as a prompt ends in the error
  kNumerical,      // it loads; requests end in numerical_error
  kTextSide,       // nothing loads, and reading its tokenizer alone is refused as this row says
  kTextSideLoads,  // its tokenizer alone loads and has a token of this text
};

struct BadFile {
  std::string id;                                // group, underscore, what: "M1_NoBytes"
  std::string open;                              // what is opened within the folder "m"; "/..." as it stands
  std::function<void(TestFolder& folder)> make;  // the folder has an empty folder "m"
  std::string text;  // a part of the error, or of the answer; the page has all of it
  Outcome outcome = Outcome::kRefused;
  std::string input = {};
};

/// The rows of each file here, and all of them.
std::vector<BadFile> SafetensorsRows();
std::vector<BadFile> ModelSetRows();
std::vector<BadFile> GgufRows();
std::vector<BadFile> GgufModelRows();
std::vector<BadFile> WeightRows();
std::vector<BadFile> ConfigRows();
std::vector<BadFile> TokenizerRows();
std::vector<BadFile> TemplateRows();
std::vector<BadFile> AllRows();

/// config.json of a tiny llama of two layers and 300 rows in its embedding.
inline constexpr const char* kTinyConfig =
    R"({"architectures": ["LlamaForCausalLM"], "hidden_size": 32, "intermediate_size": 64, )"
    R"("num_hidden_layers": 2, "num_attention_heads": 2, "num_key_value_heads": 1, "vocab_size": 300, )"
    R"("max_position_embeddings": 64, "tie_word_embeddings": true})";

/// The text with `"key": <anything>` replaced or added.
std::string With(std::string_view text, const std::string& key, const std::string& value);

/// What a folder with this config needs; matrices bf16, vectors f32.
std::vector<models::WeightInfo> TinyWeights(std::string_view config = kTinyConfig);
/// A safetensors file with small values from the seed.
std::string WeightsFile(const std::vector<models::WeightInfo>& weights, std::uint64_t seed = 1);
/// A right folder "m": config.json, tokenizer.json, model.safetensors.
void WriteTinyFolder(TestFolder& folder, std::string_view config = kTinyConfig,
                     const tokenizer::TokenizerJsonParts& tokenizer = tokenizer::PlainTokenizerJson());
/// A FIFO, which no writer will ever open.
void MakeFifo(const std::string& path);

}  // namespace vivace::bad_files
