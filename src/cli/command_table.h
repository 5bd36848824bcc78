// The subcommands, each once: name, what it takes, what it does.
#pragma once

#include <span>
#include <string_view>

#include "cli/command_line.h"

namespace vivace::cli {

struct CommandRow {
  std::string_view name;
  Command command;
  unsigned scope;  // bits of base::OptionScope: the option rows that it takes
  std::string_view usage;
  std::string_view help;
};

std::span<const CommandRow> CommandTable();

}  // namespace vivace::cli
