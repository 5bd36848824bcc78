#include "cli/command_table.h"

#include <algorithm>
#include <array>

#include "base/nearest_name.h"
#include "cli/bench_option_rows.h"
#include "cli/program_options.h"
#include "engine/option_list.h"

namespace vivace::cli {
namespace {

using base::OptionRow;
using base::OptionType;

using base::kInspectOption;
using base::kTokenizeOption;

constexpr unsigned kAnswer = base::kModelOption | base::kSamplingOption;
constexpr std::array kCommands = {
    CommandRow{"run", Command::kRun, kAnswer | base::kRunOption, "vivace run MODEL [PROMPT] [OPTIONS]",
               "chat with a model in the terminal, or get one answer"},
    CommandRow{"generate", Command::kGenerate, kAnswer | base::kGenerateOption,
               "vivace generate MODEL [PROMPT ...] [OPTIONS]",
               "go on from prompts (arguments, standard input, files), all at once"},
    CommandRow{"serve", Command::kServe, base::kModelOption | base::kServeOption,
               "vivace serve MODEL [OPTIONS]", "serve a model over the OpenAI API"},
    CommandRow{"compile", Command::kCompile, base::kModelOption,
               "vivace compile MODEL [-O2] [-o DIR] [--dump STAGES]",
               "compile a model and keep the artifact (in DIR), write what --dump asks for"},
    CommandRow{"tokenize", Command::kTokenize, kTokenizeOption, "vivace tokenize MODEL [OPTIONS] < TEXT",
               "text on the standard input to a JSON array of token ids, or back with --decode"},
    CommandRow{"inspect", Command::kInspect, kInspectOption, "vivace inspect MODEL [--json] [OPTIONS]",
               "what a model is: architecture, tensors, tokenizer, context, memory"},
    CommandRow{"explain", Command::kExplain, base::kModelOption | base::kExplainOption,
               "vivace explain MODEL [-O2] [--tokens N] [--context N] [OPTIONS]",
               "where the time of a step goes, phase by phase, against what this machine could do"},
    CommandRow{
        "tune", Command::kTune, base::kModelOption | base::kTuneOption,
        "vivace tune MODEL [-O3] [--show] [OPTIONS]",
        "measure which tile plans run a model's compile sizes fastest, and keep them for later starts"},
    CommandRow{
        "config", Command::kConfig, base::kModelOption | base::kServeOption | base::kConfigOption,
        "vivace config [MODEL] [OPTIONS] [--diff -O1 -O2]",
        "every option with its value and where that comes from; --diff: what differs between two command "
        "lines"},
    CommandRow{"bench", Command::kBench, 0,
               "vivace bench latency|throughput|startup|serve|levels [MODEL] [OPTIONS]",
               "measure speed and start; each has a list of options of its own"},
    CommandRow{"bench latency", Command::kBenchLatency, base::kModelOption | base::kBenchLatencyOption,
               "vivace bench latency MODEL [OPTIONS]", "how long one batch of requests takes"},
    CommandRow{"bench throughput", Command::kBenchThroughput,
               base::kModelOption | base::kBenchThroughputOption, "vivace bench throughput MODEL [OPTIONS]",
               "requests and tokens per second when all requests are there at once"},
    CommandRow{"bench startup", Command::kBenchStartup, base::kModelOption | base::kBenchStartupOption,
               "vivace bench startup MODEL [OPTIONS]", "how long cold and warm starts take"},
    CommandRow{"bench serve", Command::kBenchServe, base::kBenchServeOption,
               "vivace bench serve [--base-url http://HOST:PORT] [OPTIONS]",
               "requests over HTTP to any server of the OpenAI API"},
    CommandRow{"bench levels", Command::kBenchLevels, base::kModelOption | base::kBenchLevelsOption,
               "vivace bench levels MODEL [OPTIONS]",
               "what each level costs and gains, and whether a higher one is never slower"},
    CommandRow{"cache", Command::kCache, base::kCacheOption,
               "vivace cache ls|show|verify|clear [ARTIFACT] [--json]",
               "what starts have kept for later ones: list, show, check or remove it"},
    CommandRow{"version", Command::kVersion, 0, "vivace version", "version, build and CPU features"},
};

constexpr std::size_t kHelpColumn = 36;
constexpr std::size_t kNameColumn = 10;
constexpr std::string_view kBenchPrefix = "bench ";
constexpr std::size_t kBenchNameColumn = 12;

std::string NameColumn(const OptionRow& row) {
  std::string out = row.short_form.empty() ? "  --" : "  -" + std::string(row.short_form) + ", --";
  if (row.type == OptionType::kFlag) {
    return out + (row.default_text == "true" ? "no-" : "") + std::string(row.name);
  }
  out += std::string(row.name) + " ";
  if (row.type == OptionType::kChoice) return out + std::string(row.choices);
  if (row.type == OptionType::kObject) return out + "JSON";
  if (row.type == OptionType::kIntegers) return out + "N,N" + (row.several ? " ..." : "");
  if (row.type == OptionType::kList && row.unit.empty()) return out + (row.several ? "VALUE ..." : "VALUE");
  return out + (row.unit.empty() ? "VALUE" : std::string(row.unit));
}

std::string DefaultColumn(const OptionRow& row) {
  if (!row.by_level.empty()) return " [-O0|1|2: " + std::string(row.by_level) + "]";
  if (row.type == OptionType::kFlag) return row.default_text == "true" ? " [on]" : "";
  return row.default_text.empty() ? "" : " [" + std::string(row.default_text) + "]";
}

void AppendRow(const OptionRow& row, std::string& out) {
  const std::string name = NameColumn(row);
  out += name;
  if (name.size() + 2 > kHelpColumn) {
    out += "\n" + std::string(kHelpColumn, ' ');
  } else {
    out += std::string(kHelpColumn - name.size(), ' ');
  }
  out += row.help;
  out += DefaultColumn(row);
  if (!row.environment.empty()) {
    out += " ($" + std::string(row.environment.substr(0, row.environment.find_first_of("|:"))) + ")";
  }
  out += '\n';
}

std::string Overview() {
  std::string out =
      "usage: vivace COMMAND [MODEL] [OPTIONS]\n\nMODEL is a GGUF file, a folder with safetensors, or a name "
      "of the catalogue.\n\n";
  for (const CommandRow& row : kCommands) {
    if (row.name.starts_with(kBenchPrefix)) continue;
    out += "  " + std::string(row.name) + std::string(kNameColumn - row.name.size(), ' ') +
           std::string(row.help) + "\n";
  }
  return out + "\nvivace COMMAND --help lists the options of a command.\n";
}

std::string BenchOverview() {
  std::string out = "usage: vivace bench NAME [MODEL] [OPTIONS]\n\n";
  for (const CommandRow& row : kCommands) {
    if (row.command == Command::kBench) out += std::string(row.help) + "\n\n";
    if (!row.name.starts_with(kBenchPrefix)) continue;
    const std::string name(row.name.substr(kBenchPrefix.size()));
    out += "  " + name + std::string(kBenchNameColumn - name.size(), ' ') + std::string(row.help) + "\n";
  }
  return out + "\nvivace bench NAME --help lists the options of one.\n";
}

bool HasWord(std::string_view text, std::string_view word) {
  const auto lower = [](char c) { return c >= 'A' && c <= 'Z' ? c - 'A' + 'a' : static_cast<int>(c); };
  return std::search(text.begin(), text.end(), word.begin(), word.end(),
                     [&](char a, char b) { return lower(a) == lower(b); }) != text.end();
}

/// The rows of a topic of HelpText.
std::vector<OptionRow> Select(const std::vector<OptionRow>& rows, std::string_view topic) {
  std::vector<OptionRow> selected;
  const std::string name =
      base::WithDashes(topic.substr(std::min(topic.find_first_not_of("-_"), topic.size())));
  for (const OptionRow& row : rows) {
    const bool matches =
        topic == "all" || (topic.empty() ? row.common : HasWord(row.name, name) || HasWord(row.help, topic));
    if (matches) selected.push_back(row);
  }
  return selected;
}

}  // namespace

std::span<const CommandRow> CommandTable() {
  return kCommands;
}

std::vector<OptionRow> RowsOf(Command command) {
  std::vector<OptionRow> rows;
  for (const CommandRow& entry : kCommands) {
    if (entry.command != command) continue;
    for (const auto part : {ProgramOptionRows(), BenchOptionRows(), engine::AllOptions()}) {
      for (const OptionRow& row : part) {
        if ((row.scope & entry.scope) != 0) rows.push_back(row);
      }
    }
  }
  return rows;
}

Result<std::string> HelpText(Command command, std::string_view topic) {
  if (command == Command::kBench) return BenchOverview();
  for (const CommandRow& entry : kCommands) {
    if (entry.command != command) continue;
    std::string out = "usage: " + std::string(entry.usage) + "\n\n" + std::string(entry.help) + "\n";
    const auto all = RowsOf(command);
    const auto rows = Select(all, topic);
    if (rows.empty() && !all.empty() && !topic.empty()) {
      return InvalidArgument("no option of '" + std::string(entry.name) + "' has '" +
                             std::string(topic.substr(0, 64)) + "' in its name or help; see --help=all");
    }
    if (!rows.empty()) out += "\noptions (- and _ are alike in names; -O2 is --optimization-level 2):\n";
    for (const OptionRow& row : rows) AppendRow(row, out);
    if (rows.size() < all.size()) {
      out += "\n--help=all lists all " + std::to_string(all.size()) +
             " options, --help=WORD those about a word.\n";
    }
    return out;
  }
  return Overview();
}

}  // namespace vivace::cli
