// Writes safetensors files for tests, right or wrong as told.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string>
#include <string_view>
#include <vector>

namespace vivace::checkpoint {

/// The header's length, the header, then `data` bytes that count up.
inline std::vector<std::byte> SafetensorsBytes(std::string_view header, std::size_t data,
                                               std::uint64_t stated_length) {
  std::vector<std::byte> bytes(8 + header.size() + data);
  std::memcpy(bytes.data(), &stated_length, 8);
  std::memcpy(bytes.data() + 8, header.data(), header.size());
  for (std::size_t i = 0; i < data; ++i) bytes[8 + header.size() + i] = static_cast<std::byte>(i);
  return bytes;
}

inline std::vector<std::byte> SafetensorsBytes(std::string_view header, std::size_t data) {
  return SafetensorsBytes(header, data, header.size());
}

/// Collects entries whose data follows on one another, padded as writers do.
class SafetensorsTestFile {
 public:
  /// `shape` is the text between the brackets, outermost first; `bytes` the size of the tensor.
  SafetensorsTestFile& Tensor(std::string_view name, std::string_view dtype, std::string_view shape,
                              std::size_t bytes) {
    header_ += header_.empty() ? "{" : ",";
    header_ += "\"" + std::string(name) + R"(":{"dtype":")" + std::string(dtype) + R"(","shape":[)" +
               std::string(shape) + R"(],"data_offsets":[)" + std::to_string(size_) + "," +
               std::to_string(size_ + bytes) + "]}";
    size_ += bytes;
    return *this;
  }
  std::vector<std::byte> bytes() const {
    std::string header = header_ + "}";
    header.resize((header.size() + 7) / 8 * 8, ' ');
    return SafetensorsBytes(header, size_);
  }

 private:
  std::string header_;
  std::size_t size_ = 0;
};

}  // namespace vivace::checkpoint
