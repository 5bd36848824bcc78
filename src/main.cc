// The program `vivace`: reads the command line and hands over to the subcommand.
#include <cstdio>
#include <span>
#include <string>
#include <vector>

#include "base/file_fault.h"
#include "base/out_of_memory.h"
#include "base/status_macros.h"
#include "cli/bench.h"
#include "cli/command_line.h"
#include "cli/commands.h"
#include "cli/config.h"
#include "cli/model_catalogue.h"
#include "cli/program_options.h"
#include "server/serve.h"

namespace {

using vivace::Status;
using vivace::cli::Command;

// What the command line, the environment and the config file say together, and the model's path.
Status AddOtherSources(vivace::cli::Invocation& invocation) {
  VIVACE_RETURN_IF_ERROR(invocation.options.SetFromEnvironment());
  if (!invocation.config.empty()) {
    VIVACE_RETURN_IF_ERROR(invocation.options.SetFromConfigFile(invocation.config));
  }
  if (invocation.command == Command::kCache) return Status::Ok();  // has no model
  if (invocation.command == Command::kConfig && !invocation.options.IsSet("model")) return Status::Ok();
  return vivace::cli::ResolveModelOption(vivace::cli::ModelFolders(), invocation.options);
}

Status RunDiff(const vivace::cli::ConfigDiff& diff) {
  VIVACE_ASSIGN_OR_RETURN(auto before, vivace::cli::ParseCommandLine(diff.before));
  VIVACE_ASSIGN_OR_RETURN(auto after, vivace::cli::ParseCommandLine(diff.after));
  VIVACE_RETURN_IF_ERROR(AddOtherSources(before));
  VIVACE_RETURN_IF_ERROR(AddOtherSources(after));
  return vivace::cli::RunConfigDiff(diff, before, after);
}

Status Run(const std::vector<std::string>& arguments) {
  VIVACE_ASSIGN_OR_RETURN(const auto diff, vivace::cli::ReadConfigDiff(arguments));
  if (diff) return RunDiff(*diff);
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
  VIVACE_RETURN_IF_ERROR(AddOtherSources(invocation));
  if (invocation.command == Command::kCache) return vivace::cli::RunCache(invocation);
  switch (invocation.command) {
    case Command::kRun:
      return vivace::cli::RunChat(invocation);
    case Command::kGenerate:
      return vivace::cli::RunGenerate(invocation);
    case Command::kCompile:
      return vivace::cli::RunCompile(invocation);
    case Command::kInspect:
      return vivace::cli::RunInspect(invocation);
    case Command::kConfig:
      return vivace::cli::RunConfig(invocation);
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

Status RunToAnEnd(std::span<char*> arguments) try {
  return Run({arguments.begin(), arguments.end()});
} catch (...) {
  return vivace::base::CaughtExhaustion("the program ran");
}

}  // namespace

int main(int argument_count, char** arguments) {
  vivace::base::SurviveFileFaults();
  const Status status = RunToAnEnd(std::span(arguments, static_cast<std::size_t>(argument_count)).subspan(1));
  if (!status.ok()) std::fprintf(stderr, "vivace: error: %s\n", status.message().c_str());
  return vivace::cli::ExitStatus(status);
}
