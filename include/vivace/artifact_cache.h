// The folder of artifacts, as `vivace cache` shows it: what starts have kept for later ones.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "vivace/options.h"
#include "vivace/status.h"

namespace vivace {

/// One artifact. Plain data.
struct CachedArtifact {
  std::string name;                                         // of its folder: 32 hexadecimal digits
  std::string model;                                        // the first line of its plan
  std::int64_t bytes = 0;                                   // of all its files
  std::int64_t last_used = 0;                               // seconds since 1970
  bool in_use = false;                                      // by a process that runs now
  std::vector<std::pair<std::string, std::string>> key;     // factors and their values, in clear text
  std::vector<std::pair<std::string, std::int64_t>> files;  // names and bytes
  std::string problem;                                      // empty: nothing was found wrong
};

/// The artifacts of a folder. Thread safety: any thread; processes may use and change the folder meanwhile.
class ArtifactCache {
 public:
  /// The folder that cache-dir, cache-root and the environment name. kNotFound: there is none yet;
  /// kUnavailable: it is not safe to use, and why.
  static Result<ArtifactCache> Open(const Options& options);

  const std::string& folder() const { return folder_; }
  std::vector<CachedArtifact> List() const;
  /// The one whose name begins with `prefix`. kNotFound: none does, or several.
  Result<CachedArtifact> Find(std::string_view prefix) const;
  /// Reads and checks every byte. kDataLoss names the file that is wrong.
  Status Verify(const std::string& name) const;
  /// Removes one, or all with an empty name, and what interrupted writers left; those in use stay. Returns
  /// the bytes that are free now.
  Result<std::int64_t> Remove(const std::string& name) const;

 private:
  ArtifactCache() = default;
  Options options_;
  std::string folder_;
};

}  // namespace vivace
