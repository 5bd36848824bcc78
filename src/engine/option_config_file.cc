// Options from a YAML file: vivace::Options::SetFromConfigFile. yaml-cpp throws; nothing leaves this file.
#include <fmt/format.h>
#include <yaml-cpp/yaml.h>

#include <filesystem>
#include <fstream>
#include <iterator>

#include "base/status_macros.h"
#include "engine/option_list.h"
#include "vivace/options.h"

namespace vivace {
namespace {

constexpr std::uintmax_t kMaxConfigBytes = 1 << 20;

Result<std::string> ReadConfigText(const std::string& path) {
  std::error_code error;
  if (!std::filesystem::is_regular_file(path, error)) {
    return NotFound(fmt::format("there is no config file '{}' (--config)", path));
  }
  if (const auto bytes = std::filesystem::file_size(path, error); error || bytes > kMaxConfigBytes) {
    return InvalidArgument(
        fmt::format("config file '{}' has {} bytes: at most {} are read", path, bytes, kMaxConfigBytes));
  }
  std::ifstream file(path, std::ios::binary);
  if (!file) return NotFound(fmt::format("cannot open config file '{}' (--config)", path));
  return std::string(std::istreambuf_iterator<char>(file), {});
}

/// Where a key stands, for errors.
std::string Place(const std::string& path, const YAML::Node& key) {
  return fmt::format("config file '{}', line {}", path, key.Mark().line + 1);
}

/// A list or an object on one line, as JSON.
std::string FlowText(const YAML::Node& value) {
  YAML::Emitter out;
  out << YAML::Flow << value;
  return out.c_str();
}

/// Sets one key; a sequence sets each of its values, for options that may be given several times.
Status SetKey(Options& options, const std::string& name, const YAML::Node& value) {
  const auto index = engine::FindOption(name);
  const auto type = index ? engine::AllOptions()[*index].type : base::OptionType::kObject;
  const bool is_list = type == base::OptionType::kList;
  const bool is_json = index && engine::AllOptions()[*index].unit == base::kJsonUnit;
  const bool is_compound =
      is_json || type == base::OptionType::kObject || type == base::OptionType::kIntegers;
  if (is_compound && (value.IsSequence() || value.IsMap()))
    return options.Set(name, FlowText(value), OptionOrigin::kConfigFile);
  if (value.IsSequence() && is_list) {
    for (const YAML::Node& item : value) {
      if (!item.IsScalar()) return InvalidArgument(fmt::format("--{} takes a list of plain values", name));
      VIVACE_RETURN_IF_ERROR(options.Set(name, item.Scalar(), OptionOrigin::kConfigFile));
    }
    return Status::Ok();
  }
  if (value.IsNull()) return Status::Ok();  // "key:" leaves the default
  if (!value.IsScalar()) return InvalidArgument(fmt::format("--{} takes one plain value", name));
  return options.Set(name, value.Scalar(), OptionOrigin::kConfigFile);
}

Status SetAll(Options& options, const std::string& path, const YAML::Node& root) {
  if (root.IsNull()) return Status::Ok();  // an empty file
  if (!root.IsMap()) {
    return InvalidArgument(fmt::format("config file '{}' must be a list of 'option: value' lines", path));
  }
  for (const auto& entry : root) {
    if (!entry.first.IsScalar())
      return InvalidArgument(Place(path, entry.first) + ": an option's name must be plain text");
    const Status status = SetKey(options, entry.first.Scalar(), entry.second);
    if (!status.ok()) return {status.code(), Place(path, entry.first) + ": " + status.message()};
  }
  return Status::Ok();
}

}  // namespace

Status Options::SetFromConfigFile(const std::string& path) {
  VIVACE_ASSIGN_OR_RETURN(const std::string text, ReadConfigText(path));
  try {
    return SetAll(*this, path, YAML::Load(text));
  } catch (const YAML::Exception& error) {
    return InvalidArgument(
        fmt::format("config file '{}', line {}: {}", path, error.mark.line + 1, error.msg));
  }
}

}  // namespace vivace
