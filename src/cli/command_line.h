// The command line, read against the option rows: vivace COMMAND [MODEL] [--name value ...]. Values; no
// state.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "base/option_row.h"
#include "cli/row_values.h"
#include "vivace/explain.h"
#include "vivace/options.h"
#include "vivace/status.h"

namespace vivace::cli {

enum class Command {
  kHelp,
  kVersion,
  kRun,
  kGenerate,
  kServe,
  kCompile,
  kTokenize,
  kInspect,
  kExplain,
  kTune,
  kCache,
  kConfig,
  kBench,  // without the name of one: the list of them
  kBenchLatency,
  kBenchThroughput,
  kBenchStartup,
  kBenchServe,
  kBenchLevels
};

using Prompt = std::variant<std::string, std::vector<std::int32_t>>;  // text or token ids

/// What explain takes besides a model's options.
struct ExplainArguments {
  ExplainRequest request;
  std::string format = "text";  // or "json", "html"
  std::string output;           // a file; empty: the standard output
};

struct Invocation {
  Command command = Command::kHelp;
  bool help = false;       // the help of `command` instead
  std::string help_topic;  // of --help=TOPIC: "all", or a word to look for
  std::string config;      // of --config: a YAML file with options
  Options options;
  std::vector<Prompt> prompts;  // of --prompt, --prompt-ids and arguments after the model, in their order
  std::vector<std::string> prompt_files;
  std::optional<std::string> system;
  std::vector<std::string> words;  // of cache: what to do, and with which artifact
  bool json = false;
  bool show = false;                                 // of tune
  bool decode = false, special = false, bos = true;  // of tokenize
  ExplainArguments explain;
  RowValues bench;                     // of a benchmark: its own options
  std::vector<std::string> arguments;  // as typed, behind the command
};

/// Arguments after the program's name. kInvalidArgument names the argument and, for a name that is not known,
/// the nearest one.
Result<Invocation> ParseCommandLine(std::span<const std::string> arguments);

/// The rows that `command` takes, the program's and the engine's.
std::vector<base::OptionRow> RowsOf(Command command);
/// What --help=TOPIC prints; made from the rows. Topic "": the common options; "all": all of them; else those
/// whose name or help has the word. kInvalidArgument when none has.
Result<std::string> HelpText(Command command, std::string_view topic);

/// A JSON array of token ids. The error says where it is none.
Result<std::vector<std::int32_t>> ParseIdArray(std::string_view text);
/// "1,2,3" as token ids; "" is none.
Result<std::vector<std::int32_t>> ParseTokenIds(std::string_view text);

}  // namespace vivace::cli
