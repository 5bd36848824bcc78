// What the classes of artifact.h keep, and the steps that several of them take. Internal to this folder.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "artifact/artifact.h"
#include "artifact/folder.h"
#include "artifact/manifest.h"
#include "artifact/mapping.h"

namespace vivace::artifact {

inline constexpr std::string_view kWriterPrefix = ".new-";    // a folder that is being written
inline constexpr std::string_view kRemovedPrefix = ".gone-";  // a folder that is being removed
inline constexpr std::string_view kLocksFolder = ".locks";    // of LockBuild

struct Entry::Parts {
  std::string name;
  Handle folder;  // holds the shared lock that keeps the entry from being evicted
  Manifest manifest;
  Mapping weights;
  std::vector<Mapping> files;  // parallel to manifest.files
};

struct Store::Parts {
  StoreConfig config;
  std::int64_t max_bytes = 0;
  std::string secret;
  Handle root;

  /// Takes a shared lock on an entry, reads its manifest and maps its files; small files are verified.
  /// kNotFound: there is none. kDataLoss, kUnavailable: what is wrong with it.
  Result<std::unique_ptr<Entry::Parts>> OpenEntry(const std::string& name) const;
  /// Evicts until `bytes` more fit. kUnavailable: they never will.
  Status MakeRoom(std::int64_t bytes) const;
  /// Removes what writers and removers that are dead have left.
  std::int64_t Sweep() const;
  /// Removes an entry unless somebody uses it. Returns the bytes that are free now; nothing when in use.
  std::optional<std::int64_t> RemoveEntry(const std::string& name, bool force) const;
};

struct Writer::Parts {
  std::shared_ptr<const Store::Parts> store;
  std::string name, temporary;
  Handle folder;  // holds an exclusive lock, by which others know that this writer lives
  Manifest manifest;
  bool committed = false;
};

/// True when the folder could be locked at once (LOCK_SH or LOCK_EX of flock).
bool TryLock(const Handle& file, int operation);
/// True when `folder` still has that name.
bool StillAt(const Handle& parent, const std::string& name, const Handle& folder);

}  // namespace vivace::artifact
