#include "cli/vllm_flags_page.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <span>

#include "engine/option_list.h"
#include "engine/vllm_flags.h"

namespace vivace::cli {
namespace {

using engine::Disposition;
using engine::VllmFlag;

std::string Escaped(std::string_view text) {
  std::string out;
  for (const char c : text) out += c == '|' ? "\\|" : std::string(1, c);
  return out;
}

/// "1" or `none` or left out.
std::string Allowed(std::string_view list) {
  std::string out;
  while (!list.empty()) {
    const std::string_view value = list.substr(0, list.find('|'));
    out += fmt::format("`{}`, ", value);
    list.remove_prefix(std::min(value.size() + 1, list.size()));
  }
  return out.empty() ? "" : fmt::format(" ({}or nothing, is allowed)", out);
}

/// The options that read a variable.
std::string Readers(std::string_view variable) {
  std::string out;
  for (const base::OptionRow& row : engine::AllOptions()) {
    for (std::string_view rest = row.environment; !rest.empty();) {
      const std::string_view entry = rest.substr(0, rest.find('|'));
      if (entry.substr(0, entry.find(':')) == variable)
        out += fmt::format("{}`--{}`", out.empty() ? "" : ", ", row.name);
      rest.remove_prefix(std::min(entry.size() + 1, rest.size()));
    }
  }
  return out;
}

std::string Remark(const VllmFlag& flag, bool is_variable) {
  switch (flag.disposition) {
    case Disposition::kHonoured: {
      if (is_variable) return "sets " + Readers(flag.row.name);
      const auto row = engine::FindOption(flag.row.name);
      return row ? Escaped(engine::AllOptions()[*row].help) : "see `vivace serve --help`";
    }
    case Disposition::kMapped:
      return fmt::format("as `--{}`", flag.target);
    case Disposition::kByKey:
      return "see its keys below";
    case Disposition::kRefused:
      return Escaped(flag.row.help) + Allowed(flag.target);
    case Disposition::kWithoutEffect:
      return Escaped(flag.row.help);
    case Disposition::kOthers:
      break;
  }
  return "";
}

void AppendTable(std::string_view title, std::span<const VllmFlag> flags, std::string_view dashes,
                 std::string& out) {
  const bool is_variable = dashes.empty();
  out += fmt::format("\n## {}\n\n| {} | becomes | remark |\n|---|---|---|\n", title,
                     is_variable ? "variable" : "flag");
  for (const VllmFlag& flag : flags) {
    const std::string short_form =
        flag.row.short_form.empty() ? "" : fmt::format(", `-{}`", flag.row.short_form);
    out += fmt::format("| `{}{}`{} | {} | {} |\n", dashes, flag.row.name, short_form, Name(flag.disposition),
                       Remark(flag, is_variable));
  }
}

std::string Counts(std::span<const VllmFlag> flags) {
  std::array<int, 6> counts{};
  for (const VllmFlag& flag : flags) ++counts[static_cast<std::size_t>(flag.disposition)];
  std::string out;
  for (std::size_t i = 0; i < counts.size(); ++i) {
    if (counts[i] == 0) continue;
    out += fmt::format("{}{} {}", out.empty() ? "" : ", ", counts[i], Name(static_cast<Disposition>(i)));
  }
  return out;
}

}  // namespace

std::string VllmFlagsPage() {
  std::string out = fmt::format(
      "# Flags and variables of vLLM\n\nMade from the tables of the program; a test keeps it fresh. What "
      "becomes of every flag "
      "of `vllm serve` (0.32), of its\nconfig objects' keys and of every environment variable that vLLM "
      "reads:\n\n"
      "- **honoured**: an option of the same name, see [options](options.md);\n"
      "- **mapped**: the same as another option;\n"
      "- **without effect**: the value is checked as vLLM would, and one line of the log says why it changes "
      "nothing here;\n"
      "- **refused**: ignoring it would change security, answers or capacity, so the program does not "
      "start;\n"
      "- **of other programs**: a variable that is not only vLLM's; nothing is said.\n\n"
      "Flags: {}.\nKeys: {}.\nVariables: {}.\n\n"
      "A `VLLM_` variable that is not below leaves the line `{}NAME`; with\n`--fail-on-environ-validation` "
      "it is an "
      "error. The keys of `--compilation-config` are in [options](options.md).\n",
      Counts(engine::VllmFlags()), Counts(engine::VllmConfigKeys()), Counts(engine::VllmVariables()),
      engine::kUnknownVariable);
  AppendTable("Flags of `vllm serve`", engine::VllmFlags(), "--", out);
  AppendTable("Flags of older versions", engine::VllmOldFlags(), "--", out);
  AppendTable("Keys of config objects", engine::VllmConfigKeys(), "--", out);
  AppendTable("Environment variables", engine::VllmVariables(), "", out);
  return out;
}

}  // namespace vivace::cli
