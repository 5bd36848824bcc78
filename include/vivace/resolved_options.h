// How the options of an engine come out, without starting one: for `vivace config` and for embedders. Plain
// data and one function.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "vivace/options.h"
#include "vivace/status.h"

namespace vivace {

struct ResolvedOption {
  std::string name;   // "max-num-seqs", "compilation-config.mode"
  std::string value;  // empty: unset; secrets are shown as "***"
  OptionOrigin origin = OptionOrigin::kDefault;
  std::string asked;             // what was set, where another setting or the platform overrules it
  std::string condition;         // of a pass: what a model must have for it
  std::optional<bool> is_taken;  // of a pass that is on, for a model: whether the model has it
};

struct ResolvedOptions {
  std::string model;                 // as the option says; empty: none
  int level = 0;                     // of the program: 0 runs portable kernels
  int max_tokens = 0;                // of a step
  std::vector<ResolvedOption> rows;  // in the order of the option list; old names only where they are set
  std::vector<std::string> notes;    // one line each: settings that mean something else, or nothing
};

/// Checks and joins the options of an engine and a server, those of requests left out. With a model its
/// headers are read, and its graph is compiled without machine code, for is_taken and level. Errors: those of
/// Engine::Create that need no weights. Takes milliseconds; any thread.
Result<ResolvedOptions> ResolveOptions(const Options& options);

}  // namespace vivace
