// What each optimization level sets, as a Markdown table made from the option rows: part of docs/levels.md.
#pragma once

#include <string>

namespace vivace::cli {

/// One row an option whose default depends on the level, one column a level.
std::string LevelsTable();

}  // namespace vivace::cli
