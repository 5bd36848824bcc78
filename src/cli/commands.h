// The subcommands that work in the terminal. Each prints its output to stdout; an error is returned, not
// printed.
#pragma once

#include "cli/command_line.h"
#include "vivace/status.h"

namespace vivace::cli {

Status RunGenerate(const Invocation& invocation);
Status RunChat(const Invocation& invocation);
Status RunCompile(const Invocation& invocation);
Status RunTokenize(const Invocation& invocation);
Status RunInspect(const Invocation& invocation);
Status RunExplain(const Invocation& invocation);
Status RunTune(const Invocation& invocation);
Status RunCache(const Invocation& invocation);
/// Version, build and CPU features, for --version.
std::string VersionText();

/// 0 ok, 1 failed, 2 the caller's mistake, 130 interrupted.
int ExitStatus(const Status& status);

}  // namespace vivace::cli
