// The file model.safetensors.index.json: which shard of a model holds which tensor. Immutable after Parse;
// any thread.
#pragma once

#include <cstdint>
#include <deque>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "vivace/status.h"

namespace vivace::checkpoint {

class SafetensorsIndex {
 public:
  static constexpr std::string_view kFileName = "model.safetensors.index.json";
  static constexpr std::size_t kMaxBytes = 32 << 20;
  static constexpr std::size_t kMaxTensors = 1 << 18;
  static constexpr std::size_t kMaxFiles = 4096;

  struct Entry {
    std::string_view tensor;
    std::int32_t file = 0;  // index into files()
  };

  /// `name` stands for the file in errors. File names are not checked here: ModelFolder::Resolve does that.
  /// The stated total_size is not read: it may lie, and nothing depends on it.
  static Result<SafetensorsIndex> Parse(std::string text, std::string name);

  const std::string& name() const { return name_; }
  /// Sorted.
  const std::vector<std::string>& files() const { return files_; }
  /// Sorted by tensor, each once.
  const std::vector<Entry>& entries() const { return entries_; }

 private:
  friend class SafetensorsIndexParser;
  SafetensorsIndex() = default;

  std::string name_;
  std::unique_ptr<std::string> text_;  // what the entries view; a pointer keeps its address in moves
  std::deque<std::string> decoded_;
  std::vector<std::string> files_;
  std::vector<Entry> entries_;
};

}  // namespace vivace::checkpoint
