// Writes GGUF files byte by byte for tests, right or wrong as told.
#pragma once

#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <string_view>
#include <vector>

#include "checkpoint/gguf_types.h"

namespace vivace::checkpoint {

class GgufTestFile {
 public:
  template <class T>
  GgufTestFile& Put(T value) {
    const auto* bytes = reinterpret_cast<const std::byte*>(&value);
    for (std::size_t i = 0; i < sizeof(T); ++i) bytes_.push_back(bytes[i]);
    return *this;
  }
  GgufTestFile& Text(std::string_view text) {
    for (const char c : text) bytes_.push_back(static_cast<std::byte>(c));
    return *this;
  }
  GgufTestFile& String(std::string_view text) { return Put<std::uint64_t>(text.size()).Text(text); }
  GgufTestFile& Type(GgufType type) { return Put(static_cast<std::uint32_t>(type)); }

  GgufTestFile& Header(std::uint64_t tensors, std::uint64_t keys, std::uint32_t version = 3) {
    return Text("GGUF").Put(version).Put(tensors).Put(keys);
  }
  template <class T>
  GgufTestFile& Key(std::string_view key, GgufType type, T value) {
    return String(key).Type(type).Put(value);
  }
  GgufTestFile& StringKey(std::string_view key, std::string_view value) {
    return String(key).Type(GgufType::kString).String(value);
  }
  GgufTestFile& ArrayKey(std::string_view key, GgufType type, std::uint64_t count) {
    return String(key).Type(GgufType::kArray).Type(type).Put(count);
  }
  GgufTestFile& Tensor(std::string_view name, std::initializer_list<std::uint64_t> dims, std::uint32_t type,
                       std::uint64_t offset) {
    String(name).Put(static_cast<std::uint32_t>(dims.size()));
    for (const std::uint64_t dim : dims) Put(dim);
    return Put(type).Put(offset);
  }
  /// Zeros up to a multiple of alignment, then `count` bytes of data.
  GgufTestFile& Data(std::size_t count, std::size_t alignment = 32) {
    while (bytes_.size() % alignment != 0) bytes_.push_back(std::byte{0});
    for (std::size_t i = 0; i < count; ++i) bytes_.push_back(static_cast<std::byte>(i));
    return *this;
  }

  std::vector<std::byte>& bytes() { return bytes_; }

 private:
  std::vector<std::byte> bytes_;
};

}  // namespace vivace::checkpoint
