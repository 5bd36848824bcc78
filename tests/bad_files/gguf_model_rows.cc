// GGUF files that are sound as containers and wrong as models, groups G14 to G16: their keys, their
// vocabulary.
#include "bad_file.h"
#include "checkpoint/gguf_test_file.h"
#include "runtime/tiny_model.h"

namespace vivace::bad_files {
namespace {

using checkpoint::GgufTestFile;
using checkpoint::GgufType;

struct KeyCase {
  const char* id;
  std::function<void(GgufTestFile&)> keys;
  std::uint64_t count;  // of keys
  const char* text;
};

auto Layers(GgufType type, std::uint32_t value) {
  return [=](GgufTestFile& f) { f.Key("llama.block_count", type, value); };
}

const KeyCase kKeyCases[] = {
    {"G14_NoLayerCount", [](GgufTestFile&) {}, 0, "llama.block_count"},
    {"G14_NoLayers", Layers(GgufType::kUint32, 0), 1, "'llama.block_count' is 0"},
    {"G14_BillionLayers", Layers(GgufType::kUint32, 1'000'000'000), 1, "'llama.block_count' is 1000000000"},
    {"G14_NegativeLayers", Layers(GgufType::kInt32, 0xffffffff), 1, "'llama.block_count' is -1"},
    {"G14_LayersAsFloat", Layers(GgufType::kFloat32, 0x41000000), 1, "'llama.block_count' is float32"},
    {"G14_LayersAsText", [](GgufTestFile& f) { f.StringKey("llama.block_count", "32"); }, 1,
     "'llama.block_count' is string"},
    {"G14_LayersAsArray",
     [](GgufTestFile& f) { f.ArrayKey("llama.block_count", GgufType::kUint32, 1).Put<std::uint32_t>(2); }, 1,
     "'llama.block_count' is an array of uint32"},
};

// A vocabulary of SentencePiece with these two last tokens, so many scores and types.
auto Vocabulary(std::string first, std::string second, std::uint64_t scores, std::uint64_t types) {
  return [=](GgufTestFile& f) {
    f.StringKey("tokenizer.ggml.model", "llama");
    f.ArrayKey("tokenizer.ggml.tokens", GgufType::kString, 4)
        .String("<unk>")
        .String("a")
        .String(first)
        .String(second);
    f.ArrayKey("tokenizer.ggml.scores", GgufType::kFloat32, scores);
    for (std::uint64_t i = 0; i < scores; ++i) f.Put(0.0f);
    f.ArrayKey("tokenizer.ggml.token_type", GgufType::kInt32, types);
    for (std::uint64_t i = 0; i < types; ++i) f.Put<std::int32_t>(i == 0 ? 2 : i == 1 ? 1 : 6);
  };
}

const KeyCase kVocabularyCases[] = {
    {"G16_FewerScores", Vocabulary("<0x00>", "<0x01>", 3, 4), 4, "scores"},
    {"G16_MoreScores", Vocabulary("<0x00>", "<0x01>", 5, 4), 4, "scores"},
    {"G16_FewerTypes", Vocabulary("<0x00>", "<0x01>", 4, 3), 4, "types"},
    {"G16_NoScores", Vocabulary("<0x00>", "<0x01>", 0, 4), 4, "scores"},
};

// A whole tiny model in which `from` is `to`, of the same length.
BadFile Edited(const char* id, std::string from, std::string to, const char* text) {
  const auto make = [from, to](TestFolder& folder) {
    std::string file = runtime::TinyModel({}).Bytes();
    const std::size_t at = file.find(from);
    ASSERT_NE(at, std::string::npos);
    folder.Write("m/m.gguf", file.replace(at, from.size(), to));
  };
  return {id, "m.gguf", make, text};
}

// The 32-bit value of a key of the tiny model.
BadFile Value(const char* id, const std::string& key, std::uint32_t value, const char* text) {
  const auto make = [key, value](TestFolder& folder) {
    std::string file = runtime::TinyModel({}).Bytes();
    const std::size_t at = file.find(key);
    ASSERT_NE(at, std::string::npos);
    std::memcpy(&file[at + key.size() + 4], &value, 4);
    folder.Write("m/m.gguf", file);
  };
  return {id, "m.gguf", make, text};
}

// A vocabulary alone, without tensors: enough for commands that read only the text side.
void WriteVocabulary(TestFolder& folder, const KeyCase& row) {
  GgufTestFile file;
  file.Header(0, row.count);
  row.keys(file);
  folder.Write("m/m.gguf", file.bytes());
}

}  // namespace

std::vector<BadFile> GgufModelRows() {
  std::vector<BadFile> all;
  for (const KeyCase& row : kKeyCases) {
    const auto make = [row](TestFolder& folder) {
      GgufTestFile file;
      file.Header(0, row.count + 1).StringKey("general.architecture", "llama");
      row.keys(file);
      folder.Write("m/m.gguf", file.bytes());
    };
    all.push_back({row.id, "m.gguf", make, row.text});
  }
  for (const KeyCase& row : kVocabularyCases) {
    all.push_back({row.id, "m.gguf", [row](TestFolder& folder) { WriteVocabulary(folder, row); }, row.text,
                   Outcome::kTextSide});
  }
  for (const char* token : {"<0x-1>", "<0xZZ>", "<0x100>", "<0x>"}) {
    const KeyCase row = {"", Vocabulary(token, "<0x01>", 4, 4), 4, ""};
    all.push_back({std::string("G15_Spells_") + token, "m.gguf",
                   [row](TestFolder& folder) { WriteVocabulary(folder, row); }, token,
                   Outcome::kTextSideLoads});
  }
  all.push_back(Value("G14_LayersPastTensors", "llama.block_count", 3, "blk.2."));
  all.push_back(Value("G14_LayersFewerThanTensors", "llama.block_count", 1, "blk.1."));
  all.push_back(Value("G14_NoHeads", "llama.attention.head_count", 0, "head_count"));
  all.push_back(Value("G14_HeadsDoNotDivide", "llama.attention.head_count", 3, "head_count"));
  all.push_back(Value("G14_NoContext", "llama.context_length", 0, "context_length"));
  all.push_back(Value("G14_HiddenOfBillion", "llama.embedding_length", 1'000'000'000, "embedding_length"));
  all.push_back(Value("G14_NoFeedForward", "llama.feed_forward_length", 0, "feed_forward_length"));
  all.push_back(Value("G14_ThetaNan", "llama.rope.freq_base", 0x7fc00000, "freq_base"));
  all.push_back(
      Value("G14_EpsilonInfinity", "llama.attention.layer_norm_rms_epsilon", 0x7f800000, "epsilon"));
  all.push_back(Value("G16_EndTokenPastVocabulary", "tokenizer.ggml.eos_token_id", 70000, "eos_token_id"));
  all.push_back(Value("G16_StartTokenMinusOne", "tokenizer.ggml.bos_token_id", 0xffffffff, "bos_token_id"));
  all.push_back(Edited("G16_UnknownTokenizerModel", "gpt2", "gpt9", "gpt9"));
  all.push_back(Edited("G16_UnknownPreTokenizer", "smollm", "smally", "smally"));
  all.push_back(Edited("G16_MergeOfNoTokens", "th e", "zz e", "merge"));
  return all;
}

}  // namespace vivace::bad_files
