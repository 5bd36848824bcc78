#include "engine/inspect_facts.h"

#include <limits>

#include "checkpoint/json_cursor.h"
#include "models/json_facts.h"

namespace vivace::engine {
namespace {

constexpr int kMost = std::numeric_limits<int>::max();

// A fact with its key in config.json and in GGUF, there after the architecture and a dot.
struct Fact {
  int ModelSummary::*value;
  const char* json;
  const char* gguf;
};
constexpr Fact kFacts[] = {
    {&ModelSummary::layers, "num_hidden_layers", "block_count"},
    {&ModelSummary::hidden, "hidden_size", "embedding_length"},
    {&ModelSummary::heads, "num_attention_heads", "attention.head_count"},
    {&ModelSummary::kv_heads, "num_key_value_heads", "attention.head_count_kv"},
    {&ModelSummary::head_dim, "head_dim", "attention.key_length"},
    {&ModelSummary::ffn, "intermediate_size", "feed_forward_length"},
    {&ModelSummary::context, "max_position_embeddings", "context_length"},
    {&ModelSummary::vocabulary, "vocab_size", "vocab_size"},
};

void ReadGguf(const checkpoint::GgufFile& file, ModelSummary& summary) {
  if (const auto name = file.String("general.architecture"); name.ok()) summary.architecture = *name;
  for (const Fact& fact : kFacts) {
    const auto value = file.Integer(summary.architecture + "." + fact.gguf, 0, kMost);
    if (value.ok()) summary.*fact.value = static_cast<int>(*value);
  }
  const auto tokens = file.ArraySize("tokenizer.ggml.tokens");
  if (summary.vocabulary == 0 && tokens.ok()) summary.vocabulary = static_cast<int>(*tokens);
}

void ReadConfig(const std::string& text, ModelSummary& summary) {
  auto facts = models::JsonFacts::Parse(text, "config.json");
  if (!facts.ok()) return;
  const auto names = facts->Strings("architectures");
  const auto type = facts->String("model_type");
  summary.architecture = names.ok() && !names->empty() ? names->front() : type.ok() ? *type : "";
  auto inner = facts->Object("text_config");  // of a multimodal model
  const models::JsonFacts& model = inner.ok() ? *inner : *facts;
  for (const Fact& fact : kFacts) {
    const auto value = model.Integer(fact.json, 0, kMost);
    if (value.ok()) summary.*fact.value = static_cast<int>(*value);
  }
}

// The text of model.type in a tokenizer.json; empty when there is none.
std::string ModelType(std::string_view json) {
  checkpoint::JsonCursor cursor(json);
  std::deque<std::string> decoded;
  // The members up to one of this name; false when there is none.
  const auto enter = [&](std::string_view wanted) {
    if (!cursor.Take('{')) return false;
    do {
      const auto key = cursor.String(decoded);
      if (!key || !cursor.Take(':')) return false;
      if (*key == wanted) return true;
      if (!cursor.Skip()) return false;
    } while (cursor.Take(','));
    return false;
  };
  if (!enter("model") || !enter("type")) return "";
  return std::string(cursor.String(decoded).value_or(""));
}

}  // namespace

void ReadStatedFacts(const checkpoint::Checkpoint& file, ModelSummary& summary) {
  if (file.gguf() != nullptr) {
    ReadGguf(*file.gguf(), summary);
  } else {
    ReadConfig(file.texts().config, summary);
  }
  if (summary.kv_heads == 0) summary.kv_heads = summary.heads;
  if (summary.head_dim == 0 && summary.heads > 0) summary.head_dim = summary.hidden / summary.heads;
}

std::string TokenizerKind(const checkpoint::Checkpoint& file) {
  if (file.gguf() == nullptr) {
    if (file.texts().tokenizer.empty()) return "none";
    const std::string type = ModelType(file.texts().tokenizer);
    return type.empty() ? "of an unknown kind" : type;
  }
  const auto model = file.gguf()->String("tokenizer.ggml.model");
  if (!model.ok()) return "none";
  if (*model == "gpt2") {
    const auto pre = file.gguf()->StringOr("tokenizer.ggml.pre", "default");
    return "byte-level BPE (" + std::string(pre.ok() ? *pre : "") + ")";
  }
  if (*model == "llama") return "SentencePiece BPE";
  if (*model == "t5") return "unigram";
  if (*model == "bert") return "WordPiece";
  return std::string(*model);
}

}  // namespace vivace::engine
