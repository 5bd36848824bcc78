// InspectModel: opens the headers, adds up the tensors, and asks each part whether it could run the model.
#include "vivace/inspect.h"

#include <fmt/format.h>

#include <algorithm>
#include <limits>
#include <map>

#include "base/out_of_memory.h"
#include "base/status_macros.h"
#include "engine/inspect_facts.h"
#include "engine/model_opening.h"
#include "engine/text_source.h"
#include "models/model_families.h"

namespace vivace {
namespace {

using checkpoint::Checkpoint;

std::string FormatText(const Checkpoint& file) {
  if (file.format() == checkpoint::Format::kDummy) return "dummy";
  std::string text = file.gguf() != nullptr ? fmt::format("gguf v{}", file.gguf()->version()) : "safetensors";
  if (file.file_count() > 1) text += fmt::format(", {} files", file.file_count());
  return text;
}

void CountTensors(const Checkpoint& file, ModelSummary& summary) {
  std::map<std::string, TensorTypeSummary> types;
  const auto add = [&](const std::string& type, std::int64_t elements, std::int64_t bytes) {
    TensorTypeSummary& row = types[type];
    row.type = type;
    ++row.tensors;
    row.elements += elements;
    row.bytes += bytes;
    summary.parameters += elements;
    summary.weight_bytes += bytes;
  };
  for (const checkpoint::TensorView& tensor : file.tensors()) {
    const tensor::DTypeRow& row = tensor::Row(tensor.type);
    add(std::string(row.name), tensor.elements(), tensor.elements() / row.block_elements * row.block_bytes);
  }
  for (const checkpoint::ForeignTensor& tensor : file.foreign())
    add(tensor.type, tensor.elements, tensor.bytes);
  for (auto& [name, row] : types) summary.types.push_back(std::move(row));
  std::stable_sort(summary.types.begin(), summary.types.end(),
                   [](const auto& a, const auto& b) { return a.bytes > b.bytes; });
}

// Reads and checks all that a run would, but for the weights themselves.
Status CheckModel(const Checkpoint& file, ModelSummary& summary) {
  VIVACE_ASSIGN_OR_RETURN(const models::ModelConfig config, models::ReadConfig(file));
  summary.layers = config.layers;
  summary.hidden = config.hidden;
  summary.heads = config.heads;
  summary.kv_heads = config.kv_heads;
  summary.head_dim = config.head_dim;
  summary.ffn = config.ffn;
  summary.context = config.max_positions;
  if (config.vocabulary > 0) summary.vocabulary = config.vocabulary;
  if (!file.foreign().empty()) {
    const checkpoint::ForeignTensor& first = file.foreign().front();
    return Unsupported(
        fmt::format("tensor '{}' is {}, which this build does not read", first.name, first.type));
  }
  VIVACE_ASSIGN_OR_RETURN(const auto weights, models::ReadWeights(file, config));
  return models::BuildGraph(config, weights).status();
}

Status CheckText(const Checkpoint& file, ModelSummary& summary) {
  const std::string kind = engine::TokenizerKind(file);
  summary.tokenizer = kind;
  VIVACE_ASSIGN_OR_RETURN(const engine::TextSource text, engine::ReadText(file));
  summary.tokenizer = fmt::format("{}, {} tokens", kind, text.tokenizer.size());
  for (const engine::NamedTemplate& named : text.templates) {
    if (summary.has_chat_template && named.name != "default") continue;
    summary.has_chat_template = true;
    summary.chat_template = named.source;
  }
  return Status::Ok();
}

void AddKvMemory(const Options& options, ModelSummary& summary) {
  const std::int64_t element = options.Text("kv-cache-dtype") == "float32" ? 4 : 2;
  summary.context_for_memory =
      options.IsSet("max-model-len") ? static_cast<int>(options.Integer("max-model-len")) : summary.context;
  // Wide enough for what any header may say.
  const auto wide = static_cast<__int128>(2 * element) * summary.layers * summary.kv_heads * summary.head_dim;
  const auto limit = static_cast<__int128>(std::numeric_limits<std::int64_t>::max());
  summary.kv_bytes_per_token = static_cast<std::int64_t>(std::min(wide, limit));
  summary.kv_bytes = static_cast<std::int64_t>(
      std::min(static_cast<__int128>(summary.kv_bytes_per_token) * summary.context_for_memory, limit));
}

}  // namespace

Result<ModelSummary> InspectModel(const Options& options) try {
  VIVACE_ASSIGN_OR_RETURN(const auto file, engine::OpenModel(options, checkpoint::Contents::kHeaders));
  ModelSummary summary;
  summary.path = file->name();
  summary.format = FormatText(*file);
  summary.file_bytes = file->file_bytes();
  CountTensors(*file, summary);
  engine::ReadStatedFacts(*file, summary);
  const Status model = CheckModel(*file, summary);
  const Status text = CheckText(*file, summary);
  summary.supported = model.ok() && text.ok();
  summary.unsupported_reason = model.ok() ? text.message() : model.message();
  AddKvMemory(options, summary);
  return summary;
} catch (...) {
  return base::CaughtExhaustion("the model was described");
}

}  // namespace vivace
