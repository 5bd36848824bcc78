// The program `vivace`: reads the command line and hands over to the subcommand.
#include <cstdio>
#include <string>
#include <vector>

#include "base/file_fault.h"
#include "base/status_macros.h"
#include "cli/bench.h"
#include "cli/command_line.h"
#include "cli/commands.h"
#include "cli/model_catalogue.h"
#include "cli/program_options.h"
#include "server/serve.h"

namespace {

using vivace::Status;
using vivace::cli::Command;

Status Run(const std::vector<std::string>& arguments) {
  VIVACE_ASSIGN_OR_RETURN(auto invocation, vivace::cli::ParseCommandLine(arguments));
  if (invocation.help || invocation.command == Command::kHelp || invocation.command == Command::kBench) {
    VIVACE_ASSIGN_OR_RETURN(const std::string help,
                            vivace::cli::HelpText(invocation.command, invocation.help_topic));
    std::fputs(help.c_str(), stdout);
    return Status::Ok();
  }
  if (invocation.command == Command::kVersion) {
    std::fputs(vivace::cli::VersionText().c_str(), stdout);
    return Status::Ok();
  }
  if (invocation.command == Command::kBenchServe) return vivace::cli::RunBench(invocation);  // no model here
  VIVACE_RETURN_IF_ERROR(invocation.options.SetFromEnvironment());
  if (!invocation.config.empty()) {
    VIVACE_RETURN_IF_ERROR(invocation.options.SetFromConfigFile(invocation.config));
  }
  if (invocation.command == Command::kCache) return vivace::cli::RunCache(invocation);
  VIVACE_RETURN_IF_ERROR(vivace::cli::ResolveModelOption(vivace::cli::ModelFolders(), invocation.options));
  switch (invocation.command) {
    case Command::kRun:
      return vivace::cli::RunChat(invocation);
    case Command::kGenerate:
      return vivace::cli::RunGenerate(invocation);
    case Command::kCompile:
      return vivace::cli::RunCompile(invocation);
    case Command::kInspect:
      return vivace::cli::RunInspect(invocation);
    case Command::kExplain:
      return vivace::cli::RunExplain(invocation);
    case Command::kTune:
      return vivace::cli::RunTune(invocation);
    case Command::kBenchLatency:
    case Command::kBenchThroughput:
    case Command::kBenchStartup:
    case Command::kBenchLevels:
      return vivace::cli::RunBench(invocation);
    case Command::kTokenize:
      return vivace::cli::RunTokenize(invocation);
    default:
      return vivace::server::Serve(invocation.options);
  }
}

}  // namespace

int main(int argument_count, char** arguments) {
  vivace::base::ExitOnFileFault();
  const Status status = Run({arguments + 1, arguments + argument_count});
  if (!status.ok()) std::fprintf(stderr, "vivace: error: %s\n", status.message().c_str());
  return vivace::cli::ExitStatus(status);
}
