// Models by name: where they lie, and how they are fetched. The table itself is in tools/fetch_model.py,
// whose text is part of the program. Free functions; files and one child process.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "vivace/options.h"
#include "vivace/status.h"

namespace vivace::cli {

struct CatalogueEntry {
  std::string name;
  std::int64_t bytes = 0;
  std::string sha256;
};

/// The table.
std::vector<CatalogueEntry> Catalogue();

/// The path of the file that `model` means: itself when it is a path; for a name of the catalogue the file in
/// one of the folders, fetched to the first one when it is in none (progress on stderr). kNotFound otherwise.
Result<std::string> ResolveModel(const std::string& model, const std::vector<std::string>& folders);
/// Replaces the option "model" by its path and names the served model after what the user typed.
Status ResolveModelOption(const std::vector<std::string>& folders, Options& options);

/// Makes FOLDER/NAME.gguf by the script; kCancelled when it was interrupted.
Status FetchModel(const std::string& name, const std::string& folder);

}  // namespace vivace::cli
