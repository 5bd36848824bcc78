// docs/reference/options.md, made from the option rows.
#pragma once

#include <string>

#include "base/option_row.h"

namespace vivace::cli {

/// Markdown: one table a part of the list, one row an option.
std::string OptionsPage();

/// As one types it: "--threads", "-cc.cudagraph_mode".
std::string TypedOption(const base::OptionRow& row);

}  // namespace vivace::cli
