// The keys of --compilation-config: rows of their own for those that mean something here, and what becomes of
// vLLM's other ones. vLLM's names: vllm.config.CompilationConfig and PassConfig (0.32). Free functions; any
// thread.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "vivace/status.h"

namespace vivace::engine {

inline constexpr std::string_view kCompilationKeyPrefix = "compilation-config.";
inline constexpr std::string_view kPassKeyPrefix = "compilation-config.pass-config.";

struct CompilationSetting {
  std::string name;  // of a row
  std::string text;
};

/// What a key ("pass-config.fuse-norm-quant") with this text sets: old names become the present ones. A key
/// of vLLM that changes nothing here sets nothing, and `notes` gets a line. kInvalidArgument: a key that
/// nobody knows (the nearest is named), or one of vLLM that asks for what this engine does not do.
Result<std::vector<CompilationSetting>> ReadCompilationKey(std::string_view key, std::string_view text,
                                                           std::vector<std::string>& notes);

}  // namespace vivace::engine
