// A folder that holds a model, and the rule on which files count as its own: plain names, whose target (links
// followed) lies inside the folder. In a Hugging Face cache, where snapshots/<revision>/x is a link to
// blobs/y, the whole repository folder above snapshots counts as inside. Immutable; any thread.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "vivace/status.h"

namespace vivace::checkpoint {

class ModelFolder {
 public:
  /// kNotFound, or kInvalidArgument when it is no folder.
  static Result<ModelFolder> Open(const std::string& path);

  /// As given.
  const std::string& path() const { return path_; }
  /// Whether there is an entry of that name, of any kind.
  bool Has(const std::string& name) const;
  /// The real path of a file of the folder. kDataLoss: the name is no plain file name, or it leads out of
  /// the folder; kNotFound: it is missing, or a link to nothing.
  Result<std::string> Resolve(const std::string& name) const;
  /// Names that end in `suffix`, sorted; at most 10,000 entries of the folder are looked at.
  std::vector<std::string> Names(std::string_view suffix) const;

 private:
  ModelFolder() = default;

  std::string path_;
  std::string real_path_;
  std::string inside_;  // real path of what targets must lie in
};

}  // namespace vivace::checkpoint
