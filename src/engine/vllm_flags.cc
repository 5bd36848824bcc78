#include "engine/vllm_flags.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "base/nearest_name.h"
#include "base/status_macros.h"
#include "engine/option_list.h"
#include "engine/vllm_reasons.h"

namespace vivace::engine {
namespace {

using base::OptionRow;
using base::OptionType;

// ---- how the tables write a type ----

constexpr OptionRow Typed(OptionType type, std::string_view choices = {}, std::string_view unit = {},
                          bool several = false) {
  // minimum > maximum: no range.
  return {.name = {},
          .type = type,
          .default_text = {},
          .minimum = 1,
          .maximum = 0,
          .choices = choices,
          .unit = unit,
          .help = {},
          .several = several};
}
constexpr OptionRow Flag() {
  return Typed(OptionType::kFlag);
}
constexpr OptionRow Integer(std::string_view word = {}) {
  return Typed(OptionType::kInteger, word);
}
constexpr OptionRow Integers() {
  return Typed(OptionType::kIntegers, {}, {}, true);
}
constexpr OptionRow Number(std::string_view word = {}) {
  return Typed(OptionType::kNumber, word);
}
constexpr OptionRow Choice(std::string_view choices) {
  return Typed(OptionType::kChoice, choices);
}
constexpr OptionRow Choices(std::string_view choices) {
  OptionRow row = Typed(OptionType::kChoice, choices);
  row.several = true;
  return row;
}
constexpr OptionRow Text() {
  return Typed(OptionType::kString);
}
constexpr OptionRow Any() {  // the other name checks it
  return Typed(OptionType::kString);
}
constexpr OptionRow OptionalText() {
  OptionRow row = Typed(OptionType::kString);
  row.value_optional = true;
  return row;
}
constexpr OptionRow Texts() {
  return Typed(OptionType::kList, {}, {}, true);
}
constexpr OptionRow Json() {
  return Typed(OptionType::kString, {}, base::kJsonUnit);
}

constexpr VllmFlag Entry(Disposition disposition, std::string_view name, std::string_view short_form,
                         OptionRow row, std::string_view target, std::string_view why) {
  row.name = name;
  row.short_form = short_form;
  row.help = why;
  return {disposition, row, target};
}

#define VLLM_HONOURED(name) Entry(Disposition::kHonoured, name, {}, Text(), {}, {}),
#define VLLM_MAPPED(name, short_form, type, to) Entry(Disposition::kMapped, name, short_form, type, to, {}),
#define VLLM_BY_KEY(name, short_form) \
  Entry(Disposition::kByKey, name, short_form, Typed(OptionType::kObject), {}, {}),
#define VLLM_WITHOUT_EFFECT(name, short_form, type, why) \
  Entry(Disposition::kWithoutEffect, name, short_form, type, {}, vllm::why),
#define VLLM_REFUSED(name, short_form, type, fine, why) \
  Entry(Disposition::kRefused, name, short_form, type, fine, vllm::why),
#define VLLM_OTHERS(name) Entry(Disposition::kOthers, name, {}, Text(), {}, {}),

constexpr auto kFlags = std::to_array<VllmFlag>({
#include "engine/vllm_flags.def"
});
constexpr auto kOldFlags = std::to_array<VllmFlag>({
#include "engine/vllm_old_flags.def"
});
constexpr auto kConfigKeys = std::to_array<VllmFlag>({
#include "engine/vllm_config_keys.def"
});
constexpr auto kVariables = std::to_array<VllmFlag>({
#include "engine/vllm_variables.def"
});

#undef VLLM_HONOURED
#undef VLLM_MAPPED
#undef VLLM_BY_KEY
#undef VLLM_WITHOUT_EFFECT
#undef VLLM_REFUSED
#undef VLLM_OTHERS

const VllmFlag* FindExact(std::string_view name) {
  for (const auto part : {VllmFlags(), VllmOldFlags(), VllmConfigKeys()}) {
    for (const VllmFlag& flag : part) {
      const bool elsewhere = flag.disposition == Disposition::kHonoured;
      if (!elsewhere && flag.row.name == name) return &flag;
    }
  }
  return nullptr;
}

/// Whether a "a|b" list has the text; capitals do not count, and null is none.
bool IsOneOf(std::string_view list, std::string_view text) {
  const auto lower = [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; };
  std::string wanted(text);
  std::transform(wanted.begin(), wanted.end(), wanted.begin(), lower);
  if (wanted == "null") wanted = "none";
  while (!list.empty()) {
    const std::string_view entry = list.substr(0, list.find('|'));
    if (entry == wanted) return true;
    list.remove_prefix(std::min(entry.size() + 1, list.size()));
  }
  return false;
}

/// "1 or none, or left out".
std::string FineText(std::string_view list) {
  std::string out;
  for (const char c : list) out += c == '|' ? " or " : std::string(1, c);
  return out.empty() ? "left out" : out + ", or left out";
}

Status WithName(const Status& status, std::string_view name, std::string_view shown) {
  // The row's own message begins with "--NAME".
  const std::string own = fmt::format("--{}", name);
  const std::string& message = status.message();
  if (!message.starts_with(own)) return status;
  return {status.code(), std::string(shown) + message.substr(own.size())};
}

void AddOnce(std::string note, std::vector<std::string>& notes) {
  if (std::find(notes.begin(), notes.end(), note) == notes.end()) notes.push_back(std::move(note));
}

bool IsReadByARow(std::string_view variable) {
  for (const OptionRow& row : AllOptions()) {
    for (std::string_view rest = row.environment; !rest.empty();) {
      const std::string_view entry = rest.substr(0, rest.find('|'));
      if (entry.substr(0, entry.find(':')) == variable) return true;
      rest.remove_prefix(std::min(entry.size() + 1, rest.size()));
    }
  }
  return false;
}

}  // namespace

std::string_view Name(Disposition disposition) {
  constexpr std::string_view kNames[] = {"honoured",       "mapped",  "key by key",
                                         "without effect", "refused", "of other programs"};
  return kNames[static_cast<std::size_t>(disposition)];
}

std::span<const VllmFlag> VllmFlags() {
  return kFlags;
}

std::span<const VllmFlag> VllmOldFlags() {
  return kOldFlags;
}

std::span<const VllmFlag> VllmConfigKeys() {
  return kConfigKeys;
}

std::span<const VllmFlag> VllmVariables() {
  return kVariables;
}

const VllmFlag* FindVllmFlag(std::string_view name) {
  const std::string dashed = base::WithDashes(name);
  std::string_view wanted = dashed;
  if (const VllmFlag* flag = FindExact(wanted)) return flag;
  while (wanted.find('.') != std::string_view::npos) {
    wanted = wanted.substr(0, wanted.rfind('.'));
    const VllmFlag* const whole = FindExact(wanted);
    if (whole == nullptr) continue;
    const bool has_keys = std::any_of(kConfigKeys.begin(), kConfigKeys.end(), [&](const VllmFlag& key) {
      return key.row.name.size() > wanted.size() && key.row.name.starts_with(wanted) &&
             key.row.name[wanted.size()] == '.';
    });
    return has_keys ? nullptr : whole;
  }
  return nullptr;
}

const VllmFlag* FindVllmShortForm(std::string_view name) {
  const auto flag = std::find_if(kFlags.begin(), kFlags.end(), [&](const VllmFlag& one) {
    return !name.empty() && one.row.short_form == name;
  });
  return flag == kFlags.end() ? nullptr : flag;
}

Status UnknownConfigKey(std::string_view name) {
  const std::string dashed = base::WithDashes(name);
  const std::size_t dot = dashed.find('.');
  const std::string prefix = dashed.substr(0, dot + 1);
  struct Key {
    std::string_view name;
  };
  std::vector<Key> known;
  for (const VllmFlag& key : kConfigKeys) {
    if (key.row.name.starts_with(prefix)) known.push_back({key.row.name.substr(prefix.size())});
  }
  for (const OptionRow& row : AllOptions()) {
    if (row.name.starts_with(prefix)) known.push_back({row.name.substr(prefix.size())});
  }
  const auto underscored = [](std::string_view text) {
    std::string out(text.substr(0, 64));
    std::replace(out.begin(), out.end(), '-', '_');
    return out;
  };
  const std::string key = dashed.substr(dot + 1);
  return InvalidArgument(fmt::format("{} has no key '{}': did you mean '{}'?",
                                     underscored(dashed.substr(0, dot)), underscored(key),
                                     underscored(base::NearestName(key, known))));
}

Status CheckVllmValue(const VllmFlag& flag, std::string_view shown, std::string_view text,
                      std::vector<std::string>& notes) {
  if (flag.disposition == Disposition::kRefused) {
    if (IsOneOf(flag.target, text)) return Status::Ok();
    auto value = NormaliseOption(flag.row, text);
    if (!value.ok()) return WithName(value.status(), flag.row.name, shown);
    if (IsOneOf(flag.target, *value)) return Status::Ok();
    return InvalidArgument(fmt::format("{} is '{}': it must be {}: {}", shown, text.substr(0, 100),
                                       FineText(flag.target), flag.row.help));
  }
  if (flag.disposition != Disposition::kWithoutEffect) return Status::Ok();
  const auto value = NormaliseOption(flag.row, text);
  if (!value.ok()) return WithName(value.status(), flag.row.name, shown);
  AddOnce(fmt::format("{} has no effect here: {}", shown, flag.row.help), notes);
  return Status::Ok();
}

Status CheckVllmVariables(std::span<const std::pair<std::string, std::string>> environment,
                          std::vector<std::string>& notes) {
  for (const auto& [name, text] : environment) {
    const auto known = std::find_if(kVariables.begin(), kVariables.end(),
                                    [&wanted = name](const VllmFlag& one) { return one.row.name == wanted; });
    if (IsReadByARow(name)) continue;
    if (known != kVariables.end()) {
      if (!text.empty()) {
        VIVACE_RETURN_IF_ERROR(CheckVllmValue(*known, "environment variable " + name, text, notes));
      }
    } else if (name.starts_with("VLLM_")) {
      AddOnce(std::string(kUnknownVariable) + name, notes);
    }
  }
  return Status::Ok();
}

}  // namespace vivace::engine
