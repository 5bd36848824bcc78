#include "cli/options_page.h"

#include <fmt/format.h>

#include <algorithm>
#include <span>

#include "cli/bench_option_rows.h"
#include "cli/command_table.h"
#include "cli/levels_table.h"
#include "cli/program_options.h"
#include "engine/compilation_keys.h"
#include "engine/option_list.h"

namespace vivace::cli {
namespace {

using base::OptionRow;
using base::OptionType;

std::string Escaped(std::string_view text) {
  std::string out;
  for (const char c : text) out += c == '|' ? "\\|" : std::string(1, c);
  return out;
}

std::string Values(const OptionRow& row) {
  const std::string unit = row.unit.empty() ? "" : fmt::format(" {}", row.unit);
  switch (row.type) {
    case OptionType::kFlag:
      return "true or false";
    case OptionType::kChoice:
      return Escaped(row.choices);
    case OptionType::kString:
      return row.unit == base::kJsonUnit ? "JSON" : "text";
    case OptionType::kList:
      return "text, may be repeated";
    case OptionType::kObject:
      return "JSON object";
    case OptionType::kIntegers:
      return fmt::format("whole numbers {} to {} with commas between", row.minimum, row.maximum);
    case OptionType::kInteger:
    case OptionType::kNumber:
      break;
  }
  if (row.minimum == row.maximum) return fmt::format("{}", row.minimum);
  const std::string_view kind = row.type == OptionType::kInteger ? "whole number" : "number";
  if (row.minimum > row.maximum) return fmt::format("{}{}", kind, unit);
  if (row.maximum >= 9e15) return fmt::format("{} from {}{}", kind, row.minimum, unit);
  return fmt::format("{} {} to {}{}", kind, row.minimum, row.maximum, unit);
}

std::string Commands(const OptionRow& row) {
  std::string out;
  for (const CommandRow& command : CommandTable()) {
    if ((command.scope & row.scope) == 0) continue;
    const bool is_bench = command.name.starts_with("bench ");
    if (is_bench && (row.scope & base::kModelOption) != 0) continue;  // those with a model take all of these
    out += fmt::format("{}{}", out.empty() ? "" : ", ", command.name);
  }
  if ((row.scope & base::kModelOption) != 0) out += ", bench";
  return out;
}

std::string Default(const OptionRow& row) {
  if (!row.by_level.empty()) return "by level";
  return row.default_text.empty() ? "" : fmt::format("`{}`", row.default_text);
}

void AppendPart(std::string_view title, std::span<const OptionRow> rows, std::string& out) {
  out += fmt::format(
      "\n## {}\n\n| option | values | default | environment | commands | what it does "
      "|\n|---|---|---|---|---|---|\n",
      title);
  for (const OptionRow& row : rows) {
    out += fmt::format("| `{}` | {} | {} | {} | {} | {} |\n", TypedOption(row), Values(row), Default(row),
                       Escaped(row.environment), Commands(row), Escaped(row.help));
  }
}

}  // namespace

std::string TypedOption(const OptionRow& row) {
  if (!row.name.starts_with(engine::kCompilationKeyPrefix)) return fmt::format("--{}", row.name);
  std::string key(row.name.substr(engine::kCompilationKeyPrefix.size()));
  std::replace(key.begin(), key.end(), '-', '_');
  return "-cc." + key;
}

std::string OptionsPage() {
  std::string out =
      "# Options\n\nMade from the option rows of the program; a test keeps it fresh. `-` and `_` are alike "
      "in names, `-O2` is\n"
      "`--optimization-level 2`, a flag that is on is turned off with `--no-` in front. Numbers may have a "
      "suffix: `4k` is 4000,\n"
      "`4K` 4096, `25.6k` 25600, `1.5GiB` and `512MB` as one reads them. The command line wins over the "
      "environment, that over\n"
      "`--config` (YAML, one `option: value` a line), that over the defaults of the level and of the "
      "machine.\n"
      "`-cc` is `--compilation-config`; its keys have vLLM's names. What becomes of other flags of vLLM is "
      "in "
      "[vllm-flags](vllm-flags.md).\n";
  AppendPart("Model and engine", engine::ModelOptionRows(), out);
  AppendPart("Compiler", engine::CompileOptionRows(), out);
  AppendPart("Keys of the compilation config", engine::CompilationKeyRows(), out);
  out +=
      "\n## Levels\n\nDefaults that depend on the level; what each means: docs/levels.md. What is set "
      "explicitly always wins over\nthem, so each level can be put together by hand.\n\n" +
      LevelsTable();
  AppendPart("Artifacts", engine::ArtifactOptionRows(), out);
  AppendPart("Tuning", engine::TunerOptionRows(), out);
  AppendPart("Start", engine::StartOptionRows(), out);
  AppendPart("Sampling", engine::SamplingOptionRows(), out);
  AppendPart("Server", engine::ServeOptionRows(), out);
  AppendPart("Programs", ProgramOptionRows(), out);
  AppendPart("Benchmarks", BenchOptionRows(), out);
  return out;
}

}  // namespace vivace::cli
