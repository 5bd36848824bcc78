// A GGUF file (versions 2 and 3, little-endian): its metadata and its tensors as views into the mapped bytes.
// Nothing is copied; parsing is one pass that allocates only what the file's own size can justify. Every
// error names the file, the key or tensor, its value and the remedy. Immutable after Open or Parse, so all
// const members may be called from any thread; views live as long as the GgufFile (moves keep them valid).
#pragma once

#include <cstddef>
#include <cstdint>
#include <limits>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/mapped_file.h"
#include "checkpoint/gguf_types.h"
#include "checkpoint/tensor_view.h"
#include "vivace/status.h"

namespace vivace::checkpoint {

class GgufFile {
 public:
  /// Maps and parses a file. Errors: those of base::MappedFile::Open; kDataLoss (broken or cut off);
  /// kUnsupported (another kind of file).
  static Result<GgufFile> Open(const std::string& path, ForeignTensors foreign = ForeignTensors::kRefuse);
  /// Parses bytes that the caller keeps alive, 8-byte aligned; `name` stands for the file in errors.
  static Result<GgufFile> Parse(std::span<const std::byte> bytes, std::string name,
                                ForeignTensors foreign = ForeignTensors::kRefuse);

  const std::string& name() const { return name_; }
  std::uint32_t version() const { return version_; }
  std::size_t bytes() const { return bytes_; }
  /// All that comes before the first tensor's bytes; empty for Parse.
  std::span<const std::byte> header() const;

  // Metadata. A missing key, a wrong type or a value out of range is kDataLoss and names file, key and value.
  // The ...Or forms give the fallback for a missing key only: a present key of a wrong type is still an
  // error.
  bool Has(std::string_view key) const { return Find(key) != nullptr; }
  Result<std::string_view> String(std::string_view key) const;
  Result<std::string_view> StringOr(std::string_view key, std::string_view fallback) const;
  /// Any integer type that fits, within minimum .. maximum.
  Result<std::int64_t> Integer(std::string_view key,
                               std::int64_t minimum = std::numeric_limits<std::int64_t>::min(),
                               std::int64_t maximum = std::numeric_limits<std::int64_t>::max()) const;
  Result<std::int64_t> IntegerOr(std::string_view key, std::int64_t fallback,
                                 std::int64_t minimum = std::numeric_limits<std::int64_t>::min(),
                                 std::int64_t maximum = std::numeric_limits<std::int64_t>::max()) const;
  /// Any float or integer type; always finite.
  Result<double> Number(std::string_view key) const;
  Result<double> NumberOr(std::string_view key, double fallback) const;
  Result<bool> Bool(std::string_view key) const;
  Result<bool> BoolOr(std::string_view key, bool fallback) const;
  /// An array of strings. The strings are bytes of the file: not checked to be UTF-8.
  Result<std::span<const std::string_view>> Strings(std::string_view key) const;
  /// An array of any integer type, widened.
  Result<std::vector<std::int64_t>> Integers(std::string_view key) const;
  /// An array of any float or integer type.
  Result<std::vector<float>> Floats(std::string_view key) const;
  /// Number of elements of an array of any type.
  Result<std::int64_t> ArraySize(std::string_view key) const;
  /// All keys in file order.
  std::vector<std::string_view> Keys() const;

  // Tensors, in file order.
  std::span<const TensorView> tensors() const { return tensors_; }
  /// Tensors of types that this build cannot read; empty unless opened with kList.
  std::span<const ForeignTensor> foreign() const { return foreign_; }
  /// Null when there is none of that name.
  const TensorView* FindTensor(std::string_view name) const;
  /// Like FindTensor, but a missing tensor is kDataLoss and names it.
  Result<const TensorView*> Tensor(std::string_view name) const;
  /// These bytes of a tensor were copied elsewhere: their pages may go. Does nothing for Parse.
  void Release(std::span<const std::byte> bytes) const;
  /// As base::MappedFile has them; a file in memory never changes.
  bool faulted() const { return file_ && file_->faulted(); }
  Status CheckUnchanged() const { return file_ ? file_->CheckUnchanged() : Status::Ok(); }

 private:
  friend class GgufParser;
  struct Entry {
    std::string_view key;
    GgufType type = GgufType::kUint8;  // of the value, or of the elements of an array
    bool is_array = false;
    std::uint64_t count = 1;  // elements of an array
    std::span<const std::byte>
        bytes;                  // the value: a string's characters, a number, an array's packed numbers
    std::int32_t strings = -1;  // index into string_arrays_ for an array of strings
  };

  GgufFile() = default;
  const Entry* Find(std::string_view key) const;
  Result<const Entry*> FindTyped(std::string_view key, bool array, std::string_view wanted) const;
  Status WrongType(const Entry& entry, std::string_view wanted) const;

  std::string name_;
  std::uint32_t version_ = 0;
  std::size_t bytes_ = 0;
  std::optional<base::MappedFile> file_;
  std::vector<Entry> entries_;                // file order
  std::vector<std::int32_t> entries_by_key_;  // indices, sorted by key
  std::vector<std::vector<std::string_view>> string_arrays_;
  std::vector<TensorView> tensors_;            // file order
  std::vector<std::int32_t> tensors_by_name_;  // indices, sorted by name
  std::vector<ForeignTensor> foreign_;
};

}  // namespace vivace::checkpoint
