// vivace::Options: the values of the option list. The only place that reads the environment for them.
#include "vivace/options.h"

#include <unistd.h>

#include <algorithm>
#include <charconv>
#include <cstdlib>
#include <utility>

#include "base/check.h"
#include "base/nearest_name.h"
#include "base/status_macros.h"
#include "engine/compilation_keys.h"
#include "engine/option_list.h"
#include "engine/option_object.h"
#include "engine/vllm_flags.h"

namespace vivace {
namespace {

struct EnvironmentValue {
  std::string name;
  std::string text;  // empty: not set
};

// The value of the first variable of "A|B:UNIT" that is set, and its name.
EnvironmentValue ReadEnvironment(std::string_view names) {
  while (!names.empty()) {
    const std::string_view entry = names.substr(0, names.find('|'));
    names.remove_prefix(std::min(entry.size() + 1, names.size()));
    EnvironmentValue value{std::string(entry.substr(0, entry.find(':'))), {}};
    const char* text = std::getenv(value.name.c_str());
    if (text == nullptr || *text == '\0') continue;
    value.text = text;
    const bool has_unit = value.name.size() < entry.size();
    if (has_unit && value.text == "0") continue;
    if (has_unit) value.text += entry.substr(value.name.size() + 1);
    return value;
  }
  return {};
}

// Part `level` of "128|256|256"; a level beyond the last part has the last.
std::string_view AtLevel(std::string_view by_level, std::int64_t level) {
  for (; level > 0 && by_level.find('|') != std::string_view::npos; --level)
    by_level.remove_prefix(by_level.find('|') + 1);
  return by_level.substr(0, by_level.find('|'));
}

// What vLLM says of a key that is given twice, and which value counts.
std::string DuplicateNote(std::string_view name, const std::string& first, const std::string& last) {
  std::string key(name);
  std::replace(key.begin(), key.end(), '-', '_');
  const std::string found = "Found duplicate keys: " + key + " is '" + first + "' ";
  return found + (first == last ? "twice" : "and then '" + last + "': the last one counts");
}

// What is set in the environment of this process.
std::vector<std::pair<std::string, std::string>> AllVariables() {
  std::vector<std::pair<std::string, std::string>> all;
  for (char** entry = ::environ; entry != nullptr && *entry != nullptr; ++entry) {
    const std::string_view text = *entry;
    const std::size_t equals = std::min(text.find('='), text.size());
    all.emplace_back(text.substr(0, equals), text.substr(std::min(equals + 1, text.size())));
  }
  return all;
}

}  // namespace

std::string_view Name(OptionOrigin origin) {
  constexpr std::string_view kNames[] = {"default",     "platform",    "level",
                                         "config file", "environment", "user"};
  return kNames[static_cast<std::size_t>(origin)];
}

std::string engine::HomeFolder() {
  const char* home = std::getenv("HOME");
  return home == nullptr ? "" : home;
}

std::string engine::DefaultCacheRoot() {
  const auto row = FindOption("no-cache");
  const EnvironmentValue off = ReadEnvironment(AllOptions()[*row].environment);
  if (!off.text.empty() && off.text != "0" && off.text != "false") return "";
  const char* cache = std::getenv("XDG_CACHE_HOME");
  if (cache != nullptr && *cache == '/')
    return std::string(cache) + "/vivace";  // a relative one does not count
  const std::string home = HomeFolder();
  return home.empty() ? "" : home + "/.cache/vivace";
}

Options::Options() {
  for (const base::OptionRow& row : engine::AllOptions()) {
    values_.push_back({std::string(row.default_text), {}, {}, OptionOrigin::kDefault});
  }
}

Status Options::Set(std::string_view name, std::string_view text, OptionOrigin origin) {
  const std::string dashed = base::WithDashes(name);
  if (dashed.starts_with(engine::kCompilationKeyPrefix)) {
    if (text.starts_with('{')) return SetObject(dashed, text, origin);
    const auto key = std::string_view(dashed).substr(engine::kCompilationKeyPrefix.size());
    VIVACE_ASSIGN_OR_RETURN(const auto settings, engine::ReadCompilationKey(key, text, notes_));
    for (const engine::CompilationSetting& setting : settings)
      VIVACE_RETURN_IF_ERROR(SetRow(setting.name, setting.text, origin));
    return Status::Ok();
  }
  const auto index = engine::FindOption(dashed);
  if (!index) return SetVllmFlag(dashed, text, origin);
  if (engine::AllOptions()[*index].type == base::OptionType::kObject) return SetObject(dashed, text, origin);
  return SetRow(dashed, text, origin);
}

Status Options::Append(std::string_view name, std::string_view text, OptionOrigin origin) {
  const auto index = engine::FindOption(name);
  const bool grows = index && engine::AllOptions()[*index].type == base::OptionType::kIntegers &&
                     values_[*index].origin == origin && !values_[*index].text.empty();
  if (!grows) return Set(name, text, origin);
  VIVACE_ASSIGN_OR_RETURN(std::string value, engine::NormaliseOption(engine::AllOptions()[*index], text));
  values_[*index].text += "," + value;
  return Status::Ok();
}

// A flag or key of vLLM that is no row: another name of one, or nothing that is kept.
Status Options::SetVllmFlag(std::string_view name, std::string_view text, OptionOrigin origin) {
  const engine::VllmFlag* const found = engine::FindVllmFlag(name);
  if (found == nullptr) {
    const std::string_view object = name.substr(0, name.find('.'));
    const auto row = engine::FindOption(object);
    const bool is_object = row && engine::AllOptions()[*row].type == base::OptionType::kObject;
    const bool is_key = object.size() < name.size() && (is_object || engine::FindVllmFlag(object) != nullptr);
    return is_key ? engine::UnknownConfigKey(name) : engine::UnknownOption(name);
  }
  engine::VllmFlag flag = *found;
  const std::string_view inner = name.substr(flag.row.name.size());  // ".x" within an object taken as a whole
  if (flag.disposition == engine::Disposition::kByKey) return SetObject(name, text, origin);
  if (flag.disposition == engine::Disposition::kMapped) {
    const std::string target = std::string(flag.target) + std::string(inner);
    const Status status = Set(target, text, origin);
    const bool named = !status.ok() && status.message().starts_with("--" + target);
    if (!named) return status;
    return {status.code(), "--" + std::string(name) + status.message().substr(2 + target.size())};
  }
  if (!inner.empty()) flag.row.type = base::OptionType::kList;  // of a part nobody knows the type
  return engine::CheckVllmValue(flag, "--" + std::string(name), text, notes_);
}

// All keys are tried on a copy, so that a wrong one leaves everything as it was.
Status Options::SetObject(std::string_view name, std::string_view text, OptionOrigin origin) {
  // A number alone is the mode, as for vLLM's LLM(compilation_config=3).
  const bool is_number = !text.empty() && text.find_first_not_of("0123456789") == std::string_view::npos;
  if (is_number && engine::kCompilationKeyPrefix == std::string(name) + ".")
    return Set(std::string(name) + ".mode", text, origin);
  VIVACE_ASSIGN_OR_RETURN(const auto keys, engine::FlattenObject(name, text));
  Options changed = *this;
  for (const auto& [key, value] : keys) VIVACE_RETURN_IF_ERROR(changed.Set(key, value, origin));
  *this = std::move(changed);
  return Status::Ok();
}

Status Options::SetRow(std::string_view name, std::string_view text, OptionOrigin origin) {
  const auto index = engine::FindOption(name);
  if (!index) return engine::UnknownOption(name);
  VIVACE_ASSIGN_OR_RETURN(std::string value, engine::NormaliseOption(engine::AllOptions()[*index], text));
  Value& held = values_[*index];
  if (engine::AllOptions()[*index].environment_wins && origin != held.origin) {
    const bool is_from_environment = origin == OptionOrigin::kEnvironment;
    const OptionOrigin other = is_from_environment ? held.origin : origin;
    if (other > OptionOrigin::kEnvironment &&
        (is_from_environment || held.origin == OptionOrigin::kEnvironment)) {
      notes_.push_back("Config-specified debug dump path is overridden by VLLM_DEBUG_DUMP_PATH to " +
                       (is_from_environment ? value : held.text));
      if (is_from_environment) held = {std::move(value), {}, {}, origin};
      return Status::Ok();
    }
  }
  if (origin < held.origin) return Status::Ok();
  if (origin == held.origin && origin >= OptionOrigin::kConfigFile &&
      name.find('.') != std::string_view::npos)
    AddNote(DuplicateNote(name, held.text, value));
  if (engine::AllOptions()[*index].type == base::OptionType::kList) {
    if (origin > held.origin) held.list.clear();
    held.list.push_back(std::move(value));
    held.text = held.list.front();
    held.origin = origin;
  } else {
    held = {std::move(value), {}, {}, origin};
  }
  return Status::Ok();
}

Status Options::SetFromEnvironment() {
  for (const base::OptionRow& row : engine::AllOptions()) {
    const EnvironmentValue value = ReadEnvironment(row.environment);
    if (value.text.empty()) continue;
    const Status status = Set(row.name, value.text, OptionOrigin::kEnvironment);
    if (!status.ok()) return {status.code(), "environment variable " + value.name + ": " + status.message()};
  }
  std::vector<std::string> found;
  VIVACE_RETURN_IF_ERROR(engine::CheckVllmVariables(AllVariables(), found));
  for (std::string& note : found) {
    if (Flag("fail-on-environ-validation") && note.starts_with(engine::kUnknownVariable))
      return InvalidArgument(note + " (--fail-on-environ-validation)");
    AddNote(std::move(note));
  }
  return Status::Ok();
}

void Options::AddNote(std::string note) {
  if (std::find(notes_.begin(), notes_.end(), note) == notes_.end()) notes_.push_back(std::move(note));
}

Status Options::SetFromLevel() {
  const std::int64_t level = Integer("optimization-level");
  for (const base::OptionRow& row : engine::AllOptions()) {
    if (row.by_level.empty()) continue;
    VIVACE_RETURN_IF_ERROR(SetRow(row.name, AtLevel(row.by_level, level), OptionOrigin::kLevel));
  }
  return Status::Ok();
}

Status Options::Settle(std::string_view name, std::string_view text, OptionOrigin origin) {
  const auto index = engine::FindOption(name);
  if (!index) return engine::UnknownOption(name);
  VIVACE_ASSIGN_OR_RETURN(std::string value, engine::NormaliseOption(engine::AllOptions()[*index], text));
  Value& held = values_[*index];
  if (held.text == value) return Status::Ok();
  std::string asked = held.origin > OptionOrigin::kLevel ? held.text : held.asked;
  held = {std::move(value), {}, std::move(asked), origin};
  return Status::Ok();
}

const std::string& Options::Asked(std::string_view name) const {
  return Find(name).asked;
}

bool Options::Flag(std::string_view name) const {
  return Text(name) == "true";
}

std::int64_t Options::Integer(std::string_view name) const {
  const std::string& text = Text(name);
  std::int64_t value = 0;
  const auto result = std::from_chars(text.data(), text.data() + text.size(), value);
  VIVACE_CHECK(result.ec == std::errc());
  return value;
}

double Options::Number(std::string_view name) const {
  const std::string& text = Text(name);
  double value = 0;
  const auto result = std::from_chars(text.data(), text.data() + text.size(), value);
  VIVACE_CHECK(result.ec == std::errc());
  return value;
}

const std::string& Options::Text(std::string_view name) const {
  return Find(name).text;
}

const std::vector<std::string>& Options::List(std::string_view name) const {
  return Find(name).list;
}

std::vector<int> Options::Integers(std::string_view name) const {
  std::vector<int> values;
  for (std::string_view rest = Text(name); !rest.empty();) {
    const std::string_view word = rest.substr(0, rest.find(','));
    rest.remove_prefix(std::min(word.size() + 1, rest.size()));
    int value = 0;
    if (std::from_chars(word.data(), word.data() + word.size(), value).ec == std::errc())
      values.push_back(value);
  }
  return values;
}

bool Options::IsSet(std::string_view name) const {
  return !Find(name).text.empty();
}

OptionOrigin Options::Origin(std::string_view name) const {
  return Find(name).origin;
}

const Options::Value& Options::Find(std::string_view name) const {
  const auto index = engine::FindOption(name);
  VIVACE_CHECK(index.has_value());
  return values_[*index];
}

}  // namespace vivace
