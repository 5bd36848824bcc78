#include "cli/config_text.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <string_view>

#include "cli/json_object.h"
#include "cli/options_page.h"

namespace vivace::cli {
namespace {

constexpr std::string_view kRanges = "compilation-config.compile-ranges-endpoints";

std::string Key(const ResolvedOption& row) {
  return TypedOption({.name = row.name, .type = {}, .default_text = {}, .help = {}});
}

std::string Shown(const std::string& value) {
  return value.empty() ? "-" : value;
}

/// "platform (asked for DYNAMO_TRACE_ONCE)".
std::string OriginText(const ResolvedOption& row) {
  std::string out(Name(row.origin));
  if (!row.asked.empty()) out += fmt::format(" (asked for {})", row.asked);
  if (row.value != "true" || row.condition.empty()) return out;
  if (row.is_taken && !*row.is_taken) out += "; not taken, nothing of that in this model";
  out += fmt::format("; for {}", row.condition);
  return out;
}

/// "(1, 16) (17, 256)": the ranges of step sizes that have plans of their own, the last to the largest step.
std::string RangesText(const ResolvedOptions& options) {
  std::string out;
  int first = 1;
  const auto add = [&](int last) {
    if (last >= first) out += fmt::format("{}({}, {})", out.empty() ? "" : " ", first, last);
    first = last + 1;
  };
  for (const ResolvedOption& row : options.rows) {
    if (row.name != kRanges) continue;
    for (std::string_view rest = row.value; !rest.empty();) {
      const std::string_view word = rest.substr(0, rest.find(','));
      rest.remove_prefix(std::min(word.size() + 1, rest.size()));
      int last = 0;
      std::from_chars(word.data(), word.data() + word.size(), last);
      add(last);
    }
  }
  add(options.max_tokens);
  return out;
}

std::string NotesJson(const ResolvedOptions& options) {
  std::string out = "[";
  for (const std::string& note : options.notes) {
    if (out.size() > 1) out += ',';
    base::AppendJsonString(note, out);
  }
  return out + "]";
}

std::string RowJson(const ResolvedOption& row) {
  JsonObject out;
  out.Add("value", row.value);
  out.Add("origin", Name(row.origin));
  if (!row.asked.empty()) out.Add("asked", row.asked);
  if (!row.condition.empty()) out.Add("condition", row.condition);
  if (row.is_taken) out.Add("taken", *row.is_taken);
  return out.Take();
}

const ResolvedOption* Find(const ResolvedOptions& options, std::string_view name) {
  const auto row = std::find_if(options.rows.begin(), options.rows.end(),
                                [&](const ResolvedOption& entry) { return entry.name == name; });
  return row == options.rows.end() ? nullptr : &*row;
}

struct Difference {
  const ResolvedOption* before;  // null: that side does not show it
  const ResolvedOption* after;
  const ResolvedOption& any() const { return before != nullptr ? *before : *after; }
};

std::vector<Difference> Differences(const ResolvedOptions& before, const ResolvedOptions& after) {
  std::vector<Difference> out;
  for (const ResolvedOption& row : before.rows) {
    const ResolvedOption* const other = Find(after, row.name);
    if (other == nullptr ? !row.value.empty() : row.value != other->value || row.is_taken != other->is_taken)
      out.push_back({&row, other});
  }
  for (const ResolvedOption& row : after.rows) {
    if (Find(before, row.name) == nullptr && !row.value.empty()) out.push_back({nullptr, &row});
  }
  return out;
}

std::string Side(const ResolvedOption* row) {
  if (row == nullptr) return "-";
  std::string out = fmt::format("{} ({})", Shown(row->value), Name(row->origin));
  if (row->is_taken && !*row->is_taken) out += ", not taken";
  return out;
}

}  // namespace

std::string ConfigText(const ResolvedOptions& options) {
  constexpr std::size_t kWidestValue = 32;
  std::size_t keys = 0, values = 0;
  for (const ResolvedOption& row : options.rows) {
    keys = std::max(keys, Key(row).size());
    values = std::max(values, std::min(Shown(row.value).size(), kWidestValue));
  }
  std::string out = fmt::format("{:{}}  {:{}}  {}\n", "key", keys, "value", values, "origin");
  for (const ResolvedOption& row : options.rows)
    out += fmt::format("{:{}}  {:{}}  {}\n", Key(row), keys, Shown(row.value), values, OriginText(row));
  out += fmt::format("\ncompile ranges: {}\n", options.level > 0 ? RangesText(options) : "none (-O0)");
  for (const std::string& note : options.notes) out += "note: " + note + "\n";
  return out;
}

std::string ConfigJson(const ResolvedOptions& options) {
  JsonObject rows;
  for (const ResolvedOption& row : options.rows) rows.AddRaw(Key(row), RowJson(row));
  JsonObject out;
  out.Add("model", options.model);
  out.Add("compiled_level", options.level);
  out.Add("compile_ranges", options.level > 0 ? RangesText(options) : "");
  out.AddRaw("options", rows.Take());
  out.AddRaw("notes", NotesJson(options));
  return out.Take();
}

std::string DiffText(const ResolvedOptions& before, const ResolvedOptions& after,
                     const std::vector<std::string>& names) {
  const std::vector<Difference> differences = Differences(before, after);
  if (differences.empty()) return "";
  std::size_t keys = 3, sides = names.front().size();
  for (const Difference& difference : differences) {
    keys = std::max(keys, Key(difference.any()).size());
    sides = std::max(sides, Side(difference.before).size());
  }
  std::string out = fmt::format("{:{}}  {:{}}  {}\n", "key", keys, names.front(), sides, names.back());
  for (const Difference& difference : differences) {
    out += fmt::format("{:{}}  {:{}}  {}\n", Key(difference.any()), keys, Side(difference.before), sides,
                       Side(difference.after));
  }
  return out;
}

std::string DiffJson(const ResolvedOptions& before, const ResolvedOptions& after) {
  JsonObject out;
  for (const Difference& difference : Differences(before, after)) {
    std::string pair = "[";
    pair += difference.before != nullptr ? RowJson(*difference.before) : "null";
    pair += ",";
    pair += difference.after != nullptr ? RowJson(*difference.after) : "null";
    out.AddRaw(Key(difference.any()), pair + "]");
  }
  return out.Take();
}

}  // namespace vivace::cli
