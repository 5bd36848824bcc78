// Options that only the programs know, beside the engine's list; and the folders of models, which come from
// the environment. Plain data.
#pragma once

#include <span>
#include <string>
#include <vector>

#include "base/option_row.h"

namespace vivace::cli {

/// What the command line can say beside the engine's options: prompts and the form of the output.
std::span<const base::OptionRow> ProgramOptionRows();

/// Folders in which a model of the catalogue may lie; it is fetched to the first.
std::vector<std::string> ModelFolders();

}  // namespace vivace::cli
