// docs/reference/vllm-flags.md, made from the tables of vLLM's flags, keys and variables.
#pragma once

#include <string>

namespace vivace::cli {

/// Markdown: what becomes of each flag, key and variable of vLLM.
std::string VllmFlagsPage();

}  // namespace vivace::cli
