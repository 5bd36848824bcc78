#include "cli/model_catalogue.h"

#include <spawn.h>
#include <sys/wait.h>

#include <array>
#include <cerrno>
#include <csignal>
#include <cstring>
#include <filesystem>
#include <sstream>
#include <string_view>

#include "base/status_macros.h"
#include "models/known_shapes.h"

namespace vivace::cli {
namespace {

constexpr std::string_view kScript =
#include <fetch_model.inc>
    ;

std::string NamesOf(const std::vector<CatalogueEntry>& entries) {
  std::string names;
  for (const CatalogueEntry& entry : entries) names += (names.empty() ? "" : ", ") + entry.name;
  return names;
}

/// Whether the whole file is there. Its content was checked when it was fetched.
bool IsFetched(const std::filesystem::path& path, const CatalogueEntry& entry) {
  std::error_code error;
  const auto bytes = std::filesystem::file_size(path, error);
  return !error && static_cast<std::int64_t>(bytes) == entry.bytes;
}

}  // namespace

std::vector<CatalogueEntry> Catalogue() {
  constexpr std::string_view kOpen = "\nCATALOGUE = \"\"\"\n";
  const std::size_t begin = kScript.find(kOpen) + kOpen.size();
  const std::size_t end = kScript.find("\"\"\"", begin);
  std::istringstream table{std::string(kScript.substr(begin, end - begin))};
  std::vector<CatalogueEntry> entries;
  for (std::string line; std::getline(table, line);) {
    std::istringstream fields(line);
    CatalogueEntry entry;
    std::string package, version, member;
    fields >> entry.name >> package >> version >> member >> entry.bytes >> entry.sha256;
    if (fields) entries.push_back(std::move(entry));
  }
  return entries;
}

Status FetchModel(const std::string& name, const std::string& folder) {
  std::string program = "python3", option = "-c", script(kScript), model = name, target = folder;
  std::array<char*, 6> arguments = {program.data(), option.data(), script.data(),
                                    model.data(),   target.data(), nullptr};
  // Ctrl-C is for the child, which tidies up; this process waits for it.
  sigset_t interrupt;
  sigemptyset(&interrupt);
  sigaddset(&interrupt, SIGINT);
  posix_spawnattr_t attributes;
  posix_spawnattr_init(&attributes);
  posix_spawnattr_setsigdefault(&attributes, &interrupt);
  posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGDEF);
  const auto usual = std::signal(SIGINT, SIG_IGN);
  pid_t child = 0;
  const int error = ::posix_spawnp(&child, program.c_str(), nullptr, &attributes, arguments.data(), environ);
  posix_spawnattr_destroy(&attributes);
  int status = 0;
  while (error == 0 && ::waitpid(child, &status, 0) < 0 && errno == EINTR) {
  }
  std::signal(SIGINT, usual);
  if (error != 0) {
    return Unavailable("cannot run python3 to fetch '" + name + "' (" + std::strerror(error) +
                       "); install python3 and its pip, or give the path of a GGUF file");
  }
  if (WIFEXITED(status) && WEXITSTATUS(status) == 0) return Status::Ok();
  const bool interrupted = (WIFEXITED(status) && WEXITSTATUS(status) == 130) ||
                           (WIFSIGNALED(status) && WTERMSIG(status) == SIGINT);
  if (interrupted) return {StatusCode::kCancelled, "fetching '" + name + "' was interrupted"};
  return Unavailable("could not fetch '" + name + "'; give the path of a GGUF file instead, or try again");
}

Result<std::string> ResolveModel(const std::string& model, const std::vector<std::string>& folders) {
  const std::vector<CatalogueEntry> catalogue = Catalogue();
  if (model.empty()) {
    return InvalidArgument("no model: give the path of a GGUF file, or a name of the catalogue (" +
                           NamesOf(catalogue) + ")");
  }
  std::error_code error;
  if (std::filesystem::exists(model, error)) return model;
  for (const CatalogueEntry& entry : catalogue) {
    if (entry.name != model) continue;
    for (const std::string& folder : folders) {
      const auto path = std::filesystem::path(folder) / (model + ".gguf");
      if (IsFetched(path, entry)) return path.string();
    }
    VIVACE_RETURN_IF_ERROR(FetchModel(model, folders.front()));
    return (std::filesystem::path(folders.front()) / (model + ".gguf")).string();
  }
  std::string more;
  if (model.find('/') != std::string::npos) more = "; models of a hub are not fetched";
  if (models::KnownShapeConfig(model))
    more += "; its shape is known: --load-format dummy runs it with random weights";
  return NotFound("there is no file '" + model + "', and no model of that name in the catalogue (" +
                  NamesOf(catalogue) + ")" + more);
}

Status ResolveModelOption(const std::vector<std::string>& folders, Options& options) {
  if (options.Text("load-format") == "dummy") return Status::Ok();  // names a shape, not a file
  const std::string typed = options.Text("model");
  VIVACE_ASSIGN_OR_RETURN(const std::string path, ResolveModel(typed, folders));
  if (!options.IsSet("served-model-name")) {
    VIVACE_RETURN_IF_ERROR(options.Set("served-model-name", typed));
  }
  return options.Set("model", path);
}

}  // namespace vivace::cli
