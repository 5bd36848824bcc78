// vivace::ArtifactCache: the store's upkeep for people.
#include "vivace/artifact_cache.h"

#include <fmt/format.h>

#include <filesystem>
#include <utility>

#include "base/status_macros.h"
#include "base/worker_team.h"
#include "engine/artifact_use.h"
#include "engine/process_limits.h"

namespace vivace {
namespace {

CachedArtifact Described(const artifact::Store& store, artifact::EntryInfo info) {
  CachedArtifact out;
  out.name = std::move(info.name);
  out.bytes = info.bytes;
  out.last_used = info.last_used;
  out.in_use = info.in_use;
  out.files = std::move(info.files);
  out.problem = std::move(info.problem);
  std::string why_not;
  const auto entry = store.Peek(info.key, why_not);
  if (entry.ok() && entry->has_value()) {
    const std::string_view plan = (*entry)->Text(engine::kPlanText).value_or("");
    out.model = std::string(plan.substr(0, plan.find('\n')));
  } else if (out.problem.empty()) {
    out.problem = why_not;
  }
  for (artifact::KeyFactor& factor : info.key)
    out.key.emplace_back(std::move(factor.name), std::move(factor.value));
  return out;
}

}  // namespace

Result<ArtifactCache> ArtifactCache::Open(const Options& options) {
  ArtifactCache cache;
  cache.options_ = options;
  cache.folder_ = engine::ArtifactFolder(options);
  if (cache.folder_.empty())
    return InvalidArgument("there is no folder of artifacts: give --cache-dir, or set HOME");
  if (!std::filesystem::exists(cache.folder_))
    return NotFound(fmt::format("there is no folder of artifacts at '{}' yet", cache.folder_));
  VIVACE_RETURN_IF_ERROR(engine::OpenArtifactStore(options, true).status());
  return cache;
}

std::vector<CachedArtifact> ArtifactCache::List() const {
  std::vector<CachedArtifact> list;
  auto store = engine::OpenArtifactStore(options_, true);
  if (!store.ok()) return list;
  for (artifact::EntryInfo& info : store->List()) list.push_back(Described(*store, std::move(info)));
  return list;
}

Result<CachedArtifact> ArtifactCache::Find(std::string_view prefix) const {
  std::vector<CachedArtifact> list = List();
  std::erase_if(list, [&](const CachedArtifact& artifact) { return !artifact.name.starts_with(prefix); });
  if (list.size() == 1) return std::move(list.front());
  return NotFound(fmt::format("{} of the artifacts in '{}' begin with '{}': vivace cache ls shows them",
                              list.empty() ? "none" : "several", folder_, prefix.substr(0, 64)));
}

Status ArtifactCache::Verify(const std::string& name) const {
  VIVACE_ASSIGN_OR_RETURN(const artifact::Store store, engine::OpenArtifactStore(options_, true));
  base::WorkerTeam team(engine::AvailableCores());
  return store.VerifyEntry(name, &team);
}

Result<std::int64_t> ArtifactCache::Remove(const std::string& name) const {
  VIVACE_ASSIGN_OR_RETURN(const artifact::Store store, engine::OpenArtifactStore(options_, false));
  return name.empty() ? store.Clear() : store.Remove(name);
}

}  // namespace vivace
