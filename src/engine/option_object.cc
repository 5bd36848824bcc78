// JSON of options by the YAML parser, whose language has JSON in it. yaml-cpp throws; nothing leaves this
// file.
#include "engine/option_object.h"

#include <fmt/format.h>
#include <yaml-cpp/yaml.h>

#include <charconv>
#include <cmath>
#include <utility>

#include "base/json_text.h"
#include "base/status_macros.h"

namespace vivace::engine {
namespace {

constexpr std::size_t kMaxObjectBytes = 1 << 16;
constexpr int kMaxObjectDepth = 4;
constexpr int kMaxJsonDepth = 32;
/// What aliases of YAML (`*a`) may make of a text, in bytes and keys: a few bytes of them can stand for any
/// amount.
constexpr std::size_t kMaxExpandedBytes = 1 << 20;
constexpr std::size_t kMaxKeys = 1 << 10;

Status WrongObject(std::string_view name, std::string_view text, std::string_view wanted) {
  return InvalidArgument(fmt::format("--{} is '{}': it must be {}", name, text.substr(0, 100), wanted));
}

Result<std::string> ListText(const std::string& name, const YAML::Node& list) {
  if (list.size() == 0) return std::string("[]");
  std::string out;
  for (const YAML::Node& item : list) {
    if (!item.IsScalar())
      return InvalidArgument(fmt::format("--{} is a list: its items must be plain values", name));
    out += (out.empty() ? "" : ",") + item.Scalar();
    if (out.size() > kMaxExpandedBytes)
      return InvalidArgument(fmt::format("--{} is a list of over {} bytes", name, kMaxExpandedBytes));
  }
  return out;
}

Status Flatten(const std::string& name, const YAML::Node& node, int depth, std::vector<ObjectKey>& out) {
  if (out.size() >= kMaxKeys) return InvalidArgument(fmt::format("--{}: over {} keys", name, kMaxKeys));
  // None is how Python writes null; in quotes it is a text.
  if (node.IsNull() || (node.IsScalar() && node.Tag() == "?" && node.Scalar() == "None")) return Status::Ok();
  if (node.IsScalar()) {
    out.emplace_back(name, node.Scalar());
    return Status::Ok();
  }
  if (node.IsSequence()) {
    VIVACE_ASSIGN_OR_RETURN(std::string text, ListText(name, node));
    out.emplace_back(name, std::move(text));
    return Status::Ok();
  }
  if (depth == kMaxObjectDepth)
    return InvalidArgument(fmt::format("--{}: objects are nested too deep", name));
  if (node.size() == 0 && depth > 0) out.emplace_back(name, "");
  for (const auto& entry : node) {
    if (!entry.first.IsScalar()) return InvalidArgument(fmt::format("--{}: a key must be plain text", name));
    VIVACE_RETURN_IF_ERROR(Flatten(name + "." + entry.first.Scalar(), entry.second, depth + 1, out));
  }
  return Status::Ok();
}

/// A plain word as JSON: numbers and true, false and null, which Python writes True, False and None; else a
/// text.
void AppendWord(const std::string& word, std::string& out) {
  constexpr std::pair<std::string_view, std::string_view> kWords[] = {
      {"true", "true"}, {"True", "true"}, {"false", "false"}, {"False", "false"}, {"None", "null"}};
  for (const auto& [from, to] : kWords) {
    if (word == from) {
      out += to;
      return;
    }
  }
  double number = 0;
  const char* const end = word.data() + word.size();
  const auto read = std::from_chars(word.data(), end, number);
  const std::string_view digits = std::string_view(word).substr(word.starts_with('-') ? 1 : 0);
  const bool has_json_form = digits.size() < 2 || (digits.front() != '.' && digits.back() != '.' &&
                                                   (digits.front() != '0' || digits[1] == '.'));
  const bool is_number = read.ec == std::errc() && read.ptr == end && std::isfinite(number) && has_json_form;
  if (is_number) {
    out += word;
  } else {
    base::AppendJsonString(word, out);
  }
}

// Deeper than `depth` levels is null: what reads the text refuses it. Ends early past kMaxExpandedBytes.
void AppendJson(const YAML::Node& node, int depth, std::string& out) {
  if (out.size() > kMaxExpandedBytes) return;
  if (node.IsScalar()) {
    const bool is_plain = node.Tag() == "?";
    return is_plain ? AppendWord(node.Scalar(), out) : base::AppendJsonString(node.Scalar(), out);
  }
  if (depth == 0 || (!node.IsMap() && !node.IsSequence())) {
    out += "null";
    return;
  }
  out += node.IsMap() ? '{' : '[';
  bool first = true;
  for (const auto& entry : node) {
    if (!std::exchange(first, false)) out += ',';
    if (node.IsMap()) {
      base::AppendJsonString(entry.first.IsScalar() ? entry.first.Scalar() : "", out);
      out += ':';
    }
    AppendJson(node.IsMap() ? entry.second : YAML::Node(entry), depth - 1, out);
  }
  out += node.IsMap() ? '}' : ']';
}

}  // namespace

Result<std::vector<ObjectKey>> FlattenObject(std::string_view name, std::string_view text) {
  const std::string wanted = fmt::format(R"(a JSON object, as '{{"KEY": 3}}', or write --{}.KEY=3)", name);
  std::vector<ObjectKey> keys;
  if (text.size() > kMaxObjectBytes) return WrongObject(name, text, wanted);
  try {
    const YAML::Node root = YAML::Load(std::string(text));
    if (!root.IsMap()) return WrongObject(name, text, wanted);
    VIVACE_RETURN_IF_ERROR(Flatten(std::string(name), root, 0, keys));
  } catch (const YAML::Exception& error) {
    return WrongObject(name, text, fmt::format("{} ({})", wanted, error.msg));
  }
  return keys;
}

Result<std::string> JsonText(std::string_view name, std::string_view text) {
  constexpr std::string_view kWanted = "a JSON object or list";
  if (text.size() > kMaxObjectBytes) return WrongObject(name, text, "shorter");
  try {
    const YAML::Node root = YAML::Load(std::string(text));
    std::string out;
    AppendJson(root, kMaxJsonDepth, out);
    if (out.size() > kMaxExpandedBytes) return WrongObject(name, text, "shorter");
    if (out == "null") return std::string();
    if (root.IsMap() || root.IsSequence()) return out;
  } catch (const YAML::Exception& error) {
    return WrongObject(name, text, fmt::format("{} ({})", kWanted, error.msg));
  }
  return WrongObject(name, text, kWanted);
}

Result<std::string> FlattenValue(std::string_view name, std::string_view text) {
  if (!text.starts_with('[')) return std::string(text);
  if (text.size() > kMaxObjectBytes) return WrongObject(name, text, "shorter");
  try {
    const YAML::Node root = YAML::Load(std::string(text));
    if (root.IsSequence()) return ListText(std::string(name), root);
  } catch (const YAML::Exception&) {  // the message below says what is wanted
  }
  return WrongObject(name, text, "a list, as [1,2,4]");
}

}  // namespace vivace::engine
