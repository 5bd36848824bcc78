// Checks the text of one option against its row.
#include <fmt/format.h>

#include <charconv>
#include <cmath>
#include <cstdint>
#include <limits>

#include "base/nearest_name.h"
#include "base/status_macros.h"
#include "engine/option_list.h"
#include "engine/option_object.h"

namespace vivace::engine {
namespace {

using base::OptionRow;
using base::OptionType;

Status WrongValue(const OptionRow& row, std::string_view text, std::string_view wanted) {
  return InvalidArgument(fmt::format("--{} is '{}': it must be {}", row.name, text.substr(0, 100), wanted));
}

std::string RangeText(const OptionRow& row, std::string_view kind) {
  const std::string unit = row.unit.empty() ? "" : fmt::format(" ({})", row.unit);
  if (row.minimum > row.maximum) return fmt::format("{}{}", kind, unit);
  if (row.minimum == row.maximum) return fmt::format("{}: {}", row.minimum, row.help);
  if (row.maximum >= 9e15) return fmt::format("{} of {} or more{}", kind, row.minimum, unit);
  return fmt::format("{} from {} to {}{}", kind, row.minimum, row.maximum, unit);
}

bool InRange(const OptionRow& row, double value) {
  return row.minimum > row.maximum || (value >= row.minimum && value <= row.maximum);
}

std::string Lower(std::string_view text) {
  std::string out(text);
  for (char& c : out) {
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  }
  return out;
}

Result<std::string> NormaliseFlag(const OptionRow& row, std::string_view text) {
  const std::string lower = Lower(text);
  if (lower.empty() || lower == "true" || lower == "1" || lower == "yes" || lower == "on") {
    return std::string("true");
  }
  if (lower == "false" || lower == "0" || lower == "no" || lower == "off") return std::string("false");
  return WrongValue(row, text, "true or false");
}

// What a suffix multiplies by: small letters decimal, capitals binary; 0 for none of them.
double SuffixFactor(char suffix) {
  constexpr std::string_view kLetters = "kmgt";
  const bool capital = suffix >= 'A' && suffix <= 'Z';
  const std::size_t power = kLetters.find(capital ? static_cast<char>(suffix - 'A' + 'a') : suffix);
  if (power == std::string_view::npos) return 0;
  double factor = 1;
  for (std::size_t i = 0; i <= power; ++i) factor *= capital ? 1024 : 1000;
  return factor;
}

// "25.6k", "4G", "1.5GiB", "512MB": a number with a suffix, as vLLM reads them; false for anything else.
bool ReadHumanInteger(std::string_view text, std::int64_t& value) {
  std::string_view digits = text;
  bool is_binary = false, is_decimal = false;
  if (digits.ends_with("iB")) {
    is_binary = true;
    digits.remove_suffix(2);
  } else if (digits.ends_with('B')) {
    is_decimal = true;
    digits.remove_suffix(1);
  }
  if (digits.size() < 2) return false;
  char suffix = digits.back();
  if (is_binary || is_decimal) suffix = Lower(std::string_view(&suffix, 1))[0];
  if (is_binary) suffix = static_cast<char>(suffix - 'a' + 'A');
  const double factor = SuffixFactor(suffix);
  digits.remove_suffix(1);
  double number = 0;
  const auto [end, error] =
      std::from_chars(digits.data(), digits.data() + digits.size(), number, std::chars_format::fixed);
  if (factor == 0 || error != std::errc() || end != digits.data() + digits.size()) return false;
  const double product = std::round(number * factor);
  if (!std::isfinite(product) || std::abs(product) > 9e15) return false;
  value = static_cast<std::int64_t>(product);
  return true;
}

Result<std::string> NormaliseInteger(const OptionRow& row, std::string_view text) {
  if (row.name == "optimization-level" && (text.starts_with('O') || text.starts_with('o')))
    text.remove_prefix(1);
  if (!row.choices.empty() && (text == "-1" || Lower(text) == row.choices)) return std::string("-1");
  std::int64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  bool whole = error == std::errc() && end == text.data() + text.size();
  if (!whole) whole = ReadHumanInteger(text, value);
  if (!whole || !InRange(row, static_cast<double>(value))) {
    const std::string word = row.choices.empty() ? "" : fmt::format(", or {}", row.choices);
    return WrongValue(row, text, RangeText(row, "a whole number") + word);
  }
  return std::to_string(value);
}

Result<std::string> NormaliseNumber(const OptionRow& row, std::string_view text) {
  if (!row.choices.empty() && Lower(text) == row.choices) return std::string(row.choices);
  double value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  const bool whole = error == std::errc() && end == text.data() + text.size();
  if (!whole || !std::isfinite(value) || !InRange(row, value)) {
    return WrongValue(row, text, RangeText(row, "a number"));
  }
  return std::string(text);
}

Result<std::string> NormaliseChoice(const OptionRow& row, std::string_view text) {
  // Some of vLLM's choices are written with dashes and with underscores.
  const std::string lower = base::WithDashes(Lower(text));
  std::string listed;
  for (std::string_view rest = row.choices; !rest.empty();) {
    const std::string_view choice = rest.substr(0, rest.find('|'));
    if (base::WithDashes(Lower(choice)) == lower) return std::string(choice);
    listed += fmt::format("{}{}", listed.empty() ? "" : ", ", choice);
    rest.remove_prefix(std::min(choice.size() + 1, rest.size()));
  }
  return WrongValue(row, text, "one of " + listed);
}

// "[1, 2, 4]", "1,2,4" and "1 2 4" become "1,2,4".
Result<std::string> NormaliseIntegers(const OptionRow& row, std::string_view text) {
  constexpr std::string_view kBetween = ", \t[]";
  std::string out;
  std::string_view rest = text;
  while (true) {
    rest.remove_prefix(std::min(rest.find_first_not_of(kBetween), rest.size()));
    if (rest.empty()) return out;
    std::string_view word = rest.substr(0, rest.find_first_of(kBetween));
    rest.remove_prefix(word.size());
    if (word.size() > 2 && word.front() == '"' && word.back() == '"') word = word.substr(1, word.size() - 2);
    std::int64_t value = 0;
    const auto [end, error] = std::from_chars(word.data(), word.data() + word.size(), value);
    const bool whole = error == std::errc() && end == word.data() + word.size();
    const bool is_word = !row.choices.empty() && word == row.choices;
    if (!is_word && (!whole || !InRange(row, static_cast<double>(value)))) {
      const std::string also = row.choices.empty() ? "" : fmt::format(", or {}", row.choices);
      return WrongValue(row, text, RangeText(row, "whole numbers") + " with commas between" + also);
    }
    out += (out.empty() ? "" : ",") + std::string(word);
  }
}

}  // namespace

Result<std::string> NormaliseOption(const OptionRow& row, std::string_view text) {
  switch (row.type) {
    case OptionType::kFlag:
      return NormaliseFlag(row, text);
    case OptionType::kInteger:
      return NormaliseInteger(row, text);
    case OptionType::kNumber:
      return NormaliseNumber(row, text);
    case OptionType::kChoice:
      return NormaliseChoice(row, text);
    case OptionType::kIntegers:
      return NormaliseIntegers(row, text);
    case OptionType::kString:
      if (row.unit == base::kJsonUnit && !text.empty()) return JsonText(row.name, text);
      break;
    case OptionType::kList:
    case OptionType::kObject:
      break;
  }
  return std::string(text);
}

}  // namespace vivace::engine
