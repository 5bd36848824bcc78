// A model as it lies on disk, whatever its format: tensors by name, and the metadata or the texts that
// describe them. Immutable after Open, so all const members may be called from any thread. Views and texts
// live as long as the object.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "checkpoint/folder_texts.h"
#include "checkpoint/gguf_file.h"
#include "checkpoint/safetensors_file.h"
#include "checkpoint/tensor_view.h"
#include "vivace/status.h"

namespace vivace::checkpoint {

enum class Format { kGguf, kSafetensors, kDummy };

/// How much of a model Open must be able to read.
enum class Contents {
  kAll,      // every tensor, or it is an error
  kHeaders,  // tensors of types that this build does not know are listed in foreign(); no weights are read
  kTexts,    // what a tokenizer and a template need: a folder may have no weights, foreign types are no error
};

/// A tensor whose bytes the checkpoint owns itself (random weights). `data` of the view is ignored; dims and
/// type are as in TensorView.
struct OwnedTensor {
  std::string name;
  tensor::DType type = tensor::DType::kF32;
  int dim_count = 0;
  std::array<std::int64_t, TensorView::kMaxDims> dims = {};
  std::vector<std::byte> data;
};

class Checkpoint {
 public:
  /// `path` is a GGUF file (any part of a split one: all parts are opened), a .safetensors file with the
  /// texts beside it, or a folder: model.safetensors, else the shards of model.safetensors.index.json, else
  /// its only .safetensors or GGUF model. Errors name the file and what is wrong with it, and say what
  /// another kind of file is.
  static Result<std::unique_ptr<Checkpoint>> Open(const std::string& path,
                                                  Contents contents = Contents::kAll);
  /// One GGUF file in memory that the caller keeps alive; see GgufFile::Parse.
  static Result<std::unique_ptr<Checkpoint>> Parse(std::span<const std::byte> bytes, std::string name);
  static std::unique_ptr<Checkpoint> FromGguf(GgufFile file);
  /// Random or made weights with the texts that describe them.
  static std::unique_ptr<Checkpoint> FromTensors(std::string name, FolderTexts texts,
                                                 std::vector<OwnedTensor> tensors);
  Checkpoint(const Checkpoint&) = delete;
  Checkpoint& operator=(const Checkpoint&) = delete;
  ~Checkpoint();

  Format format() const { return format_; }
  /// What errors and logs call it: the path as given.
  const std::string& name() const { return name_; }
  /// The metadata of a GGUF file (of its first part); null for other formats.
  const GgufFile* gguf() const { return files_.empty() ? nullptr : &files_.front(); }
  /// The texts of a folder; all empty for GGUF.
  const FolderTexts& texts() const { return texts_; }

  /// In the order of the files.
  std::span<const TensorView> tensors() const { return tensors_; }
  /// Tensors that this build cannot read; empty unless opened with kHeaders or kTexts.
  std::span<const ForeignTensor> foreign() const { return foreign_; }
  /// Files that hold the weights, and their bytes together; 0 for weights in memory.
  int file_count() const { return file_count_; }
  std::int64_t file_bytes() const { return file_bytes_; }
  /// What each file says before its weights; empty for weights in memory.
  std::vector<std::span<const std::byte>> headers() const;
  /// Null when there is none of that name.
  const TensorView* FindTensor(std::string_view name) const;
  /// Like FindTensor, but a missing tensor is kDataLoss and names it.
  Result<const TensorView*> Tensor(std::string_view name) const;
  /// The tensor was copied elsewhere: its pages may go. Does nothing for memory that is not a mapped file.
  void Release(const TensorView& tensor) const;
  /// The same of `bytes`, a part of the tensor's data.
  void Release(const TensorView& tensor, std::span<const std::byte> bytes) const;
  /// A file became shorter or unreadable while it is mapped: what was read of it since may be zeros. Cheap.
  bool faulted() const;
  /// kDataLoss: the same, or a file was written to since Open. Looks at each file.
  Status CheckUnchanged() const;

 private:
  friend class CheckpointOpener;
  Checkpoint() = default;
  void AddGguf(GgufFile file);
  void AddSafetensors(SafetensorsFile file);
  /// Sorts the names. kDataLoss: two files have a tensor of one name.
  Status IndexTensors();
  /// Copies tensors that do not lie as their type's loads want them: rare, as writers align.
  void AlignTensors();
  std::optional<std::size_t> FindIndex(std::string_view name) const;

  Format format_ = Format::kGguf;
  std::string name_;
  std::vector<GgufFile> files_;               // the parts of a GGUF model, in order
  std::vector<SafetensorsFile> safetensors_;  // the shards
  FolderTexts texts_;
  std::vector<OwnedTensor> owned_;
  std::vector<std::vector<std::byte>> aligned_;  // of AlignTensors
  int file_count_ = 0;
  std::int64_t file_bytes_ = 0;
  std::vector<TensorView> tensors_;
  std::vector<std::int32_t> tensor_files_;  // which of the files has it
  std::vector<ForeignTensor> foreign_;
  std::vector<std::int32_t> tensors_by_name_;  // indices, sorted by name
};

}  // namespace vivace::checkpoint
