// One pass over a safetensors header that fills a SafetensorsFile. Used once, on one thread.
#pragma once

#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

#include "checkpoint/json_cursor.h"
#include "checkpoint/safetensors_file.h"

namespace vivace::checkpoint {

class SafetensorsParser {
 public:
  SafetensorsParser(std::span<const std::byte> bytes, SafetensorsFile& file, ForeignTensors foreign)
      : bytes_(bytes), file_(file), foreign_(foreign) {}
  Status Run();

 private:
  // One entry of the header as written.
  struct Entry {
    std::string_view name, dtype;
    std::vector<std::uint64_t> shape;  // outermost first
    std::uint64_t begin = 0, end = 0;
    bool has_dtype = false, has_shape = false, has_offsets = false;
  };
  struct Range {
    std::uint64_t begin, end;
    std::string_view name;
  };

  Status ReadPrefix();
  Status ReadHeader();
  Status ReadMetadata();
  Status ReadEntry();
  Status ReadField(std::string_view field);
  Status ReadShape();
  Status ReadOffsets();
  Status AddTensor();
  Status AddReadable(tensor::DType type);
  Status AddForeign(std::string type, std::int64_t elements);
  Status CheckNames();
  Status CheckRanges();
  Status Broken(std::string_view what) const;
  Status BrokenJson(std::string_view wanted) const;

  std::span<const std::byte> bytes_;
  SafetensorsFile& file_;
  ForeignTensors foreign_;
  JsonCursor cursor_{""};
  std::span<const std::byte> data_;  // what follows the header
  Entry entry_;                      // reused, so that its shape allocates once
  std::deque<std::string> scratch_;  // decoded strings that nobody keeps
  std::size_t decoded_bytes_ = 0;    // of names with escapes
  bool has_metadata_ = false;
  std::vector<Range> ranges_;
};

}  // namespace vivace::checkpoint
