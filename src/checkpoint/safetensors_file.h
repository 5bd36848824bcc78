// A safetensors file: its tensors as views into the mapped bytes. The header is walked once without a tree;
// memory is bounded by the number of tensors, which is limited. Checks what the reference implementation
// checks (header size, UTF-8, ranges without holes from 0 to the end, shape times type equal to range) and
// refuses what it leaves open (duplicate keys, unknown fields). Every error names the file, the tensor and
// the remedy. Immutable after Open or Parse; views live as long as the object (moves keep them valid).
#pragma once

#include <cstddef>
#include <deque>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "base/mapped_file.h"
#include "checkpoint/tensor_view.h"
#include "vivace/status.h"

namespace vivace::checkpoint {

class SafetensorsFile {
 public:
  static constexpr std::uint64_t kMaxHeaderBytes = 100'000'000;  // as in the reference
  static constexpr std::size_t kMaxTensors = 1 << 18;
  static constexpr std::size_t kMaxNameBytes = 4096;

  /// Errors: those of base::MappedFile::Open; kDataLoss (broken or cut off); kUnsupported (another kind of
  /// file, or with kRefuse a tensor that this build cannot read).
  static Result<SafetensorsFile> Open(const std::string& path,
                                      ForeignTensors foreign = ForeignTensors::kRefuse);
  /// Parses bytes that the caller keeps alive; `name` stands for the file in errors.
  static Result<SafetensorsFile> Parse(std::span<const std::byte> bytes, std::string name,
                                       ForeignTensors foreign = ForeignTensors::kRefuse);

  const std::string& name() const { return name_; }
  std::size_t bytes() const { return bytes_; }
  /// All that comes before the first tensor's bytes; empty for Parse.
  std::span<const std::byte> header() const;
  /// In the order of the header. The file does not promise that data is aligned for its type.
  std::span<const TensorView> tensors() const { return tensors_; }
  std::span<const ForeignTensor> foreign() const { return foreign_; }
  /// These bytes of a tensor were copied elsewhere: their pages may go. Does nothing for Parse.
  void Release(std::span<const std::byte> bytes) const;
  /// As base::MappedFile has them; a file in memory never changes.
  bool faulted() const { return file_ && file_->faulted(); }
  Status CheckUnchanged() const { return file_ ? file_->CheckUnchanged() : Status::Ok(); }

 private:
  friend class SafetensorsParser;
  SafetensorsFile() = default;

  std::string name_;
  std::size_t bytes_ = 0;
  std::optional<base::MappedFile> file_;
  std::deque<std::string> decoded_names_;  // those with escapes; a deque keeps their addresses
  std::vector<TensorView> tensors_;
  std::vector<ForeignTensor> foreign_;
};

}  // namespace vivace::checkpoint
