#include "cli/inspect_text.h"

#include <fmt/format.h>

#include <iterator>
#include <utility>

#include "cli/json_object.h"

namespace vivace::cli {
namespace {

std::string Amount(double value, std::string_view unit, double step) {
  constexpr std::string_view kPrefixes[] = {"", "K", "M", "G", "T"};
  std::size_t prefix = 0;
  for (; value >= step && prefix + 1 < std::size(kPrefixes); ++prefix) value /= step;
  const std::string_view infix = step == 1024 && prefix > 0 ? "i" : "";
  return fmt::format("{:.{}f} {}{}{}", value, prefix == 0 ? 0 : 2, kPrefixes[prefix], infix, unit);
}
std::string Bytes(std::int64_t bytes) {
  return Amount(static_cast<double>(bytes), "B", 1024);
}
std::string Count(std::int64_t count) {
  return Amount(static_cast<double>(count), "", 1000);
}

void AppendLine(std::string_view name, std::string_view value, std::string& out) {
  out += fmt::format("{:<14}{}\n", name, value);
}

}  // namespace

std::string InspectText(const ModelSummary& model) {
  std::string out;
  AppendLine("model", model.path, out);
  AppendLine("format", fmt::format("{}, {}", model.format, Bytes(model.file_bytes)), out);
  AppendLine("architecture", model.architecture + (model.supported ? "" : " (cannot be run)"), out);
  if (!model.supported) AppendLine("", model.unsupported_reason, out);
  AppendLine("parameters", Count(model.parameters), out);
  if (model.layers > 0) {
    AppendLine("shape",
               fmt::format("{} layers, hidden {}, {} heads of {} ({} KV), feed-forward {}, vocabulary {}",
                           model.layers, model.hidden, model.heads, model.head_dim, model.kv_heads, model.ffn,
                           model.vocabulary),
               out);
    AppendLine("context", fmt::format("{} tokens", model.context), out);
  }
  for (std::size_t i = 0; i < model.types.size(); ++i) {
    const TensorTypeSummary& type = model.types[i];
    AppendLine(i == 0 ? "tensors" : "",
               fmt::format("{:<6}{:>6} tensors {:>12}", type.type, type.tensors, Bytes(type.bytes)), out);
  }
  AppendLine("tokenizer", model.tokenizer.empty() ? "none" : model.tokenizer, out);
  AppendLine("chat template",
             model.has_chat_template ? fmt::format("{} bytes", model.chat_template.size()) : "none", out);
  if (model.kv_bytes > 0) {
    AppendLine("memory",
               fmt::format("{} weights + {} KV cache for {} tokens ({} a token)", Bytes(model.weight_bytes),
                           Bytes(model.kv_bytes), model.context_for_memory, Bytes(model.kv_bytes_per_token)),
               out);
  }
  return out;
}

std::string InspectJson(const ModelSummary& model) {
  std::string types = "[";
  for (const TensorTypeSummary& type : model.types) {
    JsonObject entry;
    entry.Add("type", type.type);
    entry.Add("tensors", type.tensors);
    entry.Add("elements", type.elements);
    entry.Add("bytes", type.bytes);
    types += (types.size() > 1 ? "," : "") + entry.Take();
  }
  JsonObject out;
  out.Add("path", model.path);
  out.Add("format", model.format);
  out.Add("file_bytes", model.file_bytes);
  out.Add("architecture", model.architecture);
  out.AddRaw("supported", model.supported ? "true" : "false");
  if (!model.supported) out.Add("unsupported_reason", model.unsupported_reason);
  out.Add("parameters", model.parameters);
  out.AddRaw("tensor_types", types + "]");
  const std::pair<std::string_view, std::int64_t> numbers[] = {
      {"layers", model.layers},
      {"hidden_size", model.hidden},
      {"heads", model.heads},
      {"kv_heads", model.kv_heads},
      {"head_dim", model.head_dim},
      {"feed_forward", model.ffn},
      {"vocabulary", model.vocabulary},
      {"context", model.context},
      {"memory_context", model.context_for_memory},
      {"weight_bytes", model.weight_bytes},
      {"kv_bytes_per_token", model.kv_bytes_per_token},
      {"kv_bytes", model.kv_bytes}};
  for (const auto& [key, number] : numbers) out.Add(key, number);
  out.Add("tokenizer", model.tokenizer);
  if (model.has_chat_template) out.Add("chat_template", model.chat_template);
  return out.Take();
}

}  // namespace vivace::cli
