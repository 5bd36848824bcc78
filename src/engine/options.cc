// vivace::Options: the values of the option list. The only place that reads the environment for them.
#include "vivace/options.h"

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

}  // namespace

std::string_view Name(OptionOrigin origin) {
  constexpr std::string_view kNames[] = {"default",     "level",       "platform",
                                         "environment", "config file", "user"};
  return kNames[static_cast<std::size_t>(origin)];
}

std::string engine::HomeFolder() {
  const char* home = std::getenv("HOME");
  return home == nullptr ? "" : home;
}

std::string engine::CacheHome() {
  const char* cache = std::getenv("XDG_CACHE_HOME");
  if (cache != nullptr && *cache == '/')
    return cache;  // a relative one is to be ignored, says its specification
  const std::string home = HomeFolder();
  return home.empty() ? "" : home + "/.cache";
}

Options::Options() {
  for (const base::OptionRow& row : engine::AllOptions()) {
    values_.push_back({std::string(row.default_text), {}, OptionOrigin::kDefault});
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
  if (index && engine::AllOptions()[*index].type == base::OptionType::kObject)
    return SetObject(dashed, text, origin);
  return SetRow(dashed, text, origin);
}

// All keys are tried on a copy, so that a wrong one leaves everything as it was.
Status Options::SetObject(std::string_view name, std::string_view text, OptionOrigin origin) {
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
  if (origin < held.origin) return Status::Ok();
  if (engine::AllOptions()[*index].type == base::OptionType::kList) {
    if (origin > held.origin) held.list.clear();
    held.list.push_back(std::move(value));
    held.text = held.list.front();
    held.origin = origin;
  } else {
    held = {std::move(value), {}, origin};
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
  return Status::Ok();
}

Status Options::SetFromLevel() {
  const std::int64_t level = Integer("optimization-level");
  for (const base::OptionRow& row : engine::AllOptions()) {
    if (row.by_level.empty()) continue;
    VIVACE_RETURN_IF_ERROR(SetRow(row.name, AtLevel(row.by_level, level), OptionOrigin::kLevel));
  }
  return Status::Ok();
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
