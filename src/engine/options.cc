// vivace::Options: the values of the option list. The only place that reads the environment for them.
#include "vivace/options.h"

#include <charconv>
#include <cstdlib>

#include "base/check.h"
#include "base/status_macros.h"
#include "engine/option_list.h"

namespace vivace {
namespace {

// The value of the first variable of "A|B" that is set, and its name.
struct EnvironmentValue {
  std::string name;
  const char* text = nullptr;
};

EnvironmentValue ReadEnvironment(std::string_view names) {
  while (!names.empty()) {
    EnvironmentValue value{std::string(names.substr(0, names.find('|'))), nullptr};
    value.text = std::getenv(value.name.c_str());
    if (value.text != nullptr && *value.text != '\0') return value;
    names.remove_prefix(std::min(value.name.size() + 1, names.size()));
  }
  return {};
}

}  // namespace

Options::Options() {
  for (const base::OptionRow& row : engine::AllOptions()) {
    values_.push_back({std::string(row.default_text), {}, OptionOrigin::kDefault});
  }
}

Status Options::Set(std::string_view name, std::string_view text, OptionOrigin origin) {
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
    if (value.text == nullptr) continue;
    const Status status = Set(row.name, value.text, OptionOrigin::kEnvironment);
    if (!status.ok()) return {status.code(), "environment variable " + value.name + ": " + status.message()};
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
