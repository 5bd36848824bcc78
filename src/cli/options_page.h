// docs/reference/options.md, made from the option rows.
#pragma once

#include <string>

namespace vivace::cli {

/// Markdown: one table a part of the list, one row an option.
std::string OptionsPage();

}  // namespace vivace::cli
