// One pass over a GGUF file's bytes that fills a GgufFile. Every count is compared with the bytes that are
// left before memory is taken for it, and every size goes through base::SafeSize. Used once, on one thread.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "checkpoint/byte_cursor.h"
#include "checkpoint/gguf_file.h"

namespace vivace::checkpoint {

class GgufParser {
 public:
  // Bounds on what a file may ask for beyond its own size: indices in memory are larger than the smallest
  // entries in the file.
  static constexpr std::uint64_t kMaxKeys = 1 << 16;
  static constexpr std::uint64_t kMaxTensors = 1 << 18;
  static constexpr std::uint64_t kMaxStrings = 1 << 21;  // over all arrays
  static constexpr std::uint64_t kMaxKeyBytes = 65535;
  static constexpr std::uint64_t kMaxTensorNameBytes = 64;
  static constexpr std::uint64_t kMaxAlignment = 1 << 20;

  GgufParser(std::span<const std::byte> bytes, GgufFile& file, ForeignTensors foreign)
      : bytes_(bytes), cursor_(bytes), file_(file), foreign_(foreign) {}
  Status Run();

 private:
  Status ReadHeader();
  Status ExplainMagic() const;
  Status ReadEntry(std::uint64_t index);
  Status ReadArray(GgufFile::Entry& entry);
  Status ReadStringArray(GgufFile::Entry& entry);
  Status SortKeys();
  Status ReadTensor(std::uint64_t index);
  Status ReadShape(TensorView& tensor);
  Status AddForeign(const TensorView& tensor, std::uint32_t gguf_id);
  Status SortTensors();
  Status FindAlignment();
  Status PlaceTensors();
  Status PlaceTensor(TensorView& tensor, std::uint64_t data_start, std::uint64_t offset);
  Status CheckOverlaps() const;
  Status Broken(std::string_view what) const;
  Status CutOff(std::string_view where) const;
  Result<std::string_view> ReadString(std::string_view what, std::uint64_t limit);

  std::span<const std::byte> bytes_;
  ByteCursor cursor_;
  GgufFile& file_;
  const ForeignTensors foreign_;
  std::uint64_t key_count_ = 0;
  std::uint64_t tensor_count_ = 0;
  std::uint64_t string_count_ = 0;
  std::uint64_t alignment_ = 32;
  std::vector<std::uint64_t> offsets_;  // of tensors, from the start of the data
};

}  // namespace vivace::checkpoint
