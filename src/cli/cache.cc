// `vivace cache`: the artifacts that starts have kept, as a table or as JSON.
#include <fmt/chrono.h>
#include <fmt/format.h>

#include <cstdio>
#include <ctime>

#include "base/nearest_name.h"
#include "base/status_macros.h"
#include "cli/commands.h"
#include "cli/json_object.h"
#include "vivace/artifact_cache.h"

namespace vivace::cli {
namespace {

constexpr std::size_t kShownDigits = 12;

void PrintText(const std::string& text) {
  std::fwrite(text.data(), 1, text.size(), stdout);
}

std::string Megabytes(std::int64_t bytes) {
  return fmt::format("{:.1f} MB", static_cast<double>(bytes) / 1e6);
}

std::string JsonOf(const CachedArtifact& artifact) {
  JsonObject key, files, out;
  for (const auto& [name, value] : artifact.key) key.Add(name, value);
  for (const auto& [name, bytes] : artifact.files) files.Add(name, bytes);
  out.Add("name", artifact.name);
  out.Add("model", artifact.model);
  out.Add("bytes", artifact.bytes);
  out.Add("last_used", artifact.last_used);
  out.Add("in_use", artifact.in_use);
  out.AddRaw("key", key.Take());
  out.AddRaw("files", files.Take());
  out.Add("problem", artifact.problem);
  return out.Take();
}

Status ListAll(const ArtifactCache& cache, bool json) {
  std::string out = json ? "[" : fmt::format("artifacts in {}\n", cache.folder());
  std::int64_t total = 0;
  for (const CachedArtifact& artifact : cache.List()) {
    total += artifact.bytes;
    if (json) {
      out += (out.size() > 1 ? ",\n" : "") + JsonOf(artifact);
      continue;
    }
    out += fmt::format("{}  {:>10}  used {:%Y-%m-%d %H:%M}{}  {}\n", artifact.name.substr(0, kShownDigits),
                       Megabytes(artifact.bytes), fmt::gmtime(static_cast<std::time_t>(artifact.last_used)),
                       artifact.in_use ? ", in use now" : "",
                       artifact.problem.empty() ? artifact.model : artifact.problem);
  }
  PrintText(out + (json ? "]\n" : fmt::format("{} in all\n", Megabytes(total))));
  return Status::Ok();
}

Status Show(const ArtifactCache& cache, const std::string& prefix, bool json) {
  VIVACE_ASSIGN_OR_RETURN(const CachedArtifact artifact, cache.Find(prefix));
  std::string out = fmt::format("{}/{}\n{}\n", cache.folder(), artifact.name, artifact.model);
  for (const auto& [name, value] : artifact.key) out += fmt::format("  {:<16} {}\n", name, value);
  for (const auto& [name, bytes] : artifact.files)
    out += fmt::format("  {:<16} {}\n", name, Megabytes(bytes));
  if (!artifact.problem.empty()) out += fmt::format("  {:<16} {}\n", "problem", artifact.problem);
  PrintText(json ? JsonOf(artifact) + "\n" : out);
  return Status::Ok();
}

// Every artifact, or the one that is named; the status is that of the first that is damaged.
Status Verify(const ArtifactCache& cache, const std::string& prefix, bool json) {
  std::vector<CachedArtifact> list = cache.List();
  if (!prefix.empty()) {
    VIVACE_ASSIGN_OR_RETURN(CachedArtifact one, cache.Find(prefix));
    list = {std::move(one)};
  }
  Status first;
  std::string out;
  for (const CachedArtifact& artifact : list) {
    const Status status = cache.Verify(artifact.name);
    if (first.ok() && !status.ok())
      first = DataLoss(fmt::format("artifact {} is damaged, the next start makes it again: {}", artifact.name,
                                   status.message()));
    if (json) {
      JsonObject row;
      row.Add("name", artifact.name);
      row.Add("good", status.ok());
      row.Add("problem", status.message());
      out += (out.empty() ? "" : ",\n") + row.Take();
    } else {
      out += fmt::format("{}  {}\n", artifact.name.substr(0, kShownDigits),
                         status.ok() ? "good" : status.message());
    }
  }
  PrintText(json ? "[" + out + "]\n" : out);
  return first;
}

Status Clear(const ArtifactCache& cache, const std::string& prefix, bool json) {
  std::string name;
  if (!prefix.empty()) {
    VIVACE_ASSIGN_OR_RETURN(const CachedArtifact artifact, cache.Find(prefix));
    name = artifact.name;
  }
  VIVACE_ASSIGN_OR_RETURN(const std::int64_t bytes, cache.Remove(name));
  PrintText(json ? fmt::format("{{\"removed_bytes\":{}}}\n", bytes)
                 : fmt::format("{} removed\n", Megabytes(bytes)));
  return Status::Ok();
}

}  // namespace

Status RunCache(const Invocation& invocation) {
  struct Action {
    std::string_view name;
  };
  constexpr Action kActions[] = {{"ls"}, {"show"}, {"verify"}, {"clear"}};
  const std::string action = invocation.words.empty() ? "ls" : invocation.words[0];
  const std::string prefix = invocation.words.size() > 1 ? invocation.words[1] : "";
  const bool known = action == "ls" || action == "show" || action == "verify" || action == "clear";
  if (!known) {
    return InvalidArgument(
        fmt::format("cache has no command '{}': did you mean '{}'? (ls, show, verify, clear)",
                    action.substr(0, 64), base::NearestName(action, kActions)));
  }
  if (invocation.words.size() > 2)
    return InvalidArgument(fmt::format("'{}' is one argument too many", invocation.words[2].substr(0, 64)));
  if (action == "show" && prefix.empty())
    return InvalidArgument("cache show needs the name of an artifact, or how it begins: see vivace cache ls");
  VIVACE_ASSIGN_OR_RETURN(const ArtifactCache cache, ArtifactCache::Open(invocation.options));
  if (action == "ls") return ListAll(cache, invocation.json);
  if (action == "show") return Show(cache, prefix, invocation.json);
  return action == "verify" ? Verify(cache, prefix, invocation.json) : Clear(cache, prefix, invocation.json);
}

}  // namespace vivace::cli
