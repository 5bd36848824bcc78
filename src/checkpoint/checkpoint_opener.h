// Finds out what a path holds and opens its files into a Checkpoint. Used once, on one thread.
#pragma once

#include <memory>
#include <string>

#include "checkpoint/checkpoint.h"
#include "checkpoint/model_folder.h"
#include "checkpoint/safetensors_index.h"
#include "vivace/status.h"

namespace vivace::checkpoint {

class CheckpointOpener {
 public:
  CheckpointOpener(std::string path, Contents contents);
  Result<std::unique_ptr<Checkpoint>> Run();

 private:
  Status OpenPath();
  Status OpenFolder(const std::string& path);
  Status OpenFolderWeights(const ModelFolder& folder);
  Status OpenOnlyModel(const ModelFolder& folder);
  Status ExplainFolder(const ModelFolder& folder) const;
  Status OpenSafetensors(const std::string& path);
  Status OpenBesideTexts(const std::string& path);
  Status OpenShards(const ModelFolder& folder);
  Status OpenShard(const ModelFolder& folder, const std::string& file);
  Status CheckIndex(const SafetensorsIndex& index) const;
  Status OpenGguf(const std::string& path);
  Status OpenGgufParts(GgufFile first, const std::string& path, std::int64_t count);
  ForeignTensors foreign() const {
    return contents_ == Contents::kAll ? ForeignTensors::kRefuse : ForeignTensors::kList;
  }

  const std::string path_;
  const Contents contents_;
  std::unique_ptr<Checkpoint> checkpoint_;
  std::vector<std::string> shard_paths_;  // real paths, to notice one file under two names
};

}  // namespace vivace::checkpoint
