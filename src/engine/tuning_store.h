// Where tuning results stay between starts: one small text file for each class of machines, in a folder of
// the cache root. The file may be edited or come from another machine of the class; one that cannot be
// trusted (a link, somebody else's, too large, not the form) is left alone and nothing is read from it.
// Thread safety: immutable. Processes may share a folder: a file is replaced as a whole.
#pragma once

#include <string>

#include "base/cpu_features.h"
#include "codegen/target.h"
#include "program/tuning_table.h"
#include "vivace/status.h"

namespace vivace::engine {

/// What results depend on besides their key, in clear words: vendor, family, model, stepping and brand of the
/// CPU, its features, the sizes of its caches, the target that code is made for, the version of the kernels.
std::string HostClass(const base::CpuFeatures& cpu, const codegen::Target& target);

class TuningStore {
 public:
  /// Without a folder nothing is found and nothing is kept.
  TuningStore(std::string folder, std::string host);

  /// Empty without a folder.
  const std::string& path() const { return path_; }
  const std::string& host() const { return host_; }

  /// What is there; an empty table of this host where there is nothing. kDataLoss, naming the file and why,
  /// when the file cannot be used.
  Result<program::TuningTable> Load() const;
  /// Adds the results to those that are there by now; the folder is made. kUnavailable names the file.
  Status Save(const program::TuningTable& table) const;

 private:
  std::string folder_, host_, name_, path_;
};

}  // namespace vivace::engine
