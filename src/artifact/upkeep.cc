// Upkeep of the store: what it holds, how large it may be, and removal.
#include <fcntl.h>
#include <fmt/format.h>
#include <sys/file.h>
#include <sys/stat.h>

#include <algorithm>
#include <utility>

#include "artifact/store_parts.h"
#include "base/status_macros.h"

namespace vivace::artifact {
namespace {

constexpr std::size_t kEntryDigits = 32;

struct Stored {
  std::string name;
  std::int64_t bytes = 0, last_used = 0;
};

// Sizes and times without a look into manifests: damaged entries count, too.
Stored Measure(const Handle& root, const std::string& name) {
  Stored stored{name};
  const auto folder = OpenFolderIn(root, name);
  if (!folder.ok()) return stored;
  for (const std::string& file : NamesIn(*folder)) {
    struct stat info {};
    if (::fstatat(folder->get(), file.c_str(), &info, AT_SYMLINK_NOFOLLOW) != 0) continue;
    stored.bytes += info.st_size;
    if (file == kManifestFile) stored.last_used = info.st_mtim.tv_sec;
  }
  return stored;
}

std::vector<std::string> EntryNames(const Handle& root) {
  std::vector<std::string> names = NamesIn(root);
  std::erase_if(names, [](const std::string& name) { return !IsHex(name, kEntryDigits); });
  return names;
}

// Of the process's own, too: a lock belongs to the descriptor.
bool IsInUse(const Handle& root, const std::string& name) {
  const auto folder = OpenFolderIn(root, name);
  return folder.ok() && !TryLock(*folder, LOCK_EX);
}

}  // namespace

std::optional<std::int64_t> Store::Parts::RemoveEntry(const std::string& name, bool force) const {
  const auto folder = OpenFolderIn(root, name);
  if (!folder.ok()) return 0;
  if (!TryLock(*folder, LOCK_EX) && !force) return std::nullopt;
  // The lock goes with the folder under its new name: nobody trusts a name that begins so.
  const std::string gone = std::string(kRemovedPrefix) + RandomName();
  if (::renameat(root.get(), name.c_str(), root.get(), gone.c_str()) != 0) return 0;
  return RemoveFolderIn(root, gone);
}

std::int64_t Store::Parts::Sweep() const {
  std::int64_t bytes = 0;
  for (const std::string& name : NamesIn(root)) {
    if (!name.starts_with(kWriterPrefix) && !name.starts_with(kRemovedPrefix)) continue;
    const auto folder = OpenFolderIn(root, name);
    // A writer locks its folder when it makes it; whoever can lock it has met a dead one. In between, the
    // living one loses its folder and does without.
    if (folder.ok() && TryLock(*folder, LOCK_EX)) bytes += RemoveFolderIn(root, name);
  }
  return bytes;
}

Status Store::Parts::MakeRoom(std::int64_t bytes) const {
  if (bytes > max_bytes) {
    return Unavailable(fmt::format("{} bytes are more than the {} of '{}': give --cache-max-bytes", bytes,
                                   max_bytes, config.root));
  }
  std::vector<Stored> stored;
  std::int64_t total = bytes;
  for (const std::string& name : EntryNames(root)) {
    stored.push_back(Measure(root, name));
    total += stored.back().bytes;
  }
  std::sort(stored.begin(), stored.end(),
            [](const Stored& a, const Stored& b) { return a.last_used < b.last_used; });
  for (const Stored& entry : stored) {
    if (total <= max_bytes) break;
    if (const auto freed = RemoveEntry(entry.name, false)) total -= *freed;
  }
  if (total <= max_bytes) return Status::Ok();
  return Unavailable(
      fmt::format("'{}' would be larger than {} bytes, and all in it is in use: give "
                  "--cache-max-bytes",
                  config.root, max_bytes));
}

std::vector<EntryInfo> Store::List() const {
  std::vector<EntryInfo> list;
  for (const std::string& name : EntryNames(parts_->root)) {
    const Stored stored = Measure(parts_->root, name);
    EntryInfo info;
    info.name = name;
    info.bytes = stored.bytes;
    info.last_used = stored.last_used;
    info.in_use = IsInUse(parts_->root, name);
    const auto folder = OpenFolderIn(parts_->root, name);
    const auto text = folder.ok() ? ReadFileIn(*folder, std::string(kManifestFile), kMaxManifestBytes)
                                  : Result<std::string>(folder.status());
    const auto manifest = text.ok() ? ReadManifest(*text, parts_->secret) : Result<Manifest>(text.status());
    if (manifest.ok()) {
      info.key = manifest->key;
      if (manifest->weights) info.files.emplace_back(kWeightsFile, manifest->weights->bytes);
      for (const FileRecord& file : manifest->files) info.files.emplace_back(file.name, file.bytes);
    } else {
      info.problem = manifest.status().message();
    }
    list.push_back(std::move(info));
  }
  return list;
}

Status Store::VerifyEntry(const std::string& name, base::WorkerTeam* team) const {
  if (!IsHex(name, kEntryDigits))
    return NotFound(fmt::format("there is no artifact '{}'", name.substr(0, 64)));
  VIVACE_ASSIGN_OR_RETURN(auto parts, parts_->OpenEntry(name));
  if (KeyName(parts->manifest.key) != name) return DataLoss("its manifest is that of another key");
  return Entry(std::move(parts)).CheckWeights(team);
}

Result<std::int64_t> Store::Remove(const std::string& name, bool force) const {
  if (!IsHex(name, kEntryDigits))
    return NotFound(fmt::format("there is no artifact '{}'", name.substr(0, 64)));
  if (const auto freed = parts_->RemoveEntry(name, force)) return *freed;
  return Unavailable(fmt::format("artifact {} is in use", name));
}

Result<std::int64_t> Store::Clear(bool force) const {
  std::int64_t bytes = parts_->Sweep();
  for (const std::string& name : EntryNames(parts_->root))
    bytes += parts_->RemoveEntry(name, force).value_or(0);
  return bytes;
}

}  // namespace vivace::artifact
