// The subcommands that work in the terminal. Each prints its output to stdout; an error is returned, not
// printed.
#pragma once

#include "cli/command_line.h"
#include "vivace/sampling_params.h"
#include "vivace/status.h"

namespace vivace::cli {

Status RunGenerate(const Invocation& invocation);
Status RunChat(const Invocation& invocation);
Status RunCompile(const Invocation& invocation);
/// Version, build and CPU features, for --version.
std::string VersionText();

/// The sampling rows as the engine takes them; max_tokens as the row says.
SamplingParams SamplingFrom(const Invocation& invocation);
/// 0 ok, 1 failed, 2 the caller's mistake, 130 interrupted.
int ExitStatus(const Status& status);

}  // namespace vivace::cli
