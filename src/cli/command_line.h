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
#include "vivace/options.h"
#include "vivace/status.h"

namespace vivace::cli {

enum class Command { kHelp, kVersion, kRun, kGenerate, kServe, kCompile };

using Prompt = std::variant<std::string, std::vector<std::int32_t>>;  // text or token ids

struct Invocation {
  Command command = Command::kHelp;
  bool help = false;  // the help of `command` instead
  Options options;
  std::vector<Prompt> prompts;  // of --prompt and --prompt-ids, in their order
  std::vector<std::string> prompt_files;
  std::optional<std::string> system;
  bool json = false;
};

/// Arguments after the program's name. kInvalidArgument names the argument and, for a name that is not known,
/// the nearest one.
Result<Invocation> ParseCommandLine(std::span<const std::string> arguments);

/// The rows that `command` takes, the program's and the engine's.
std::vector<base::OptionRow> RowsOf(Command command);
/// What --help prints; made from the rows.
std::string HelpText(Command command);

/// "1,2,3" as token ids; "" is none.
Result<std::vector<std::int32_t>> ParseTokenIds(std::string_view text);

}  // namespace vivace::cli
