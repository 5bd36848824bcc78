// Any bytes: parsing ends in a file whose every tensor and key can be read, or in a Status; tensors of
// foreign types are refused or listed.
#include <cstddef>
#include <cstdint>
#include <span>

#include "checkpoint/gguf_file.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using vivace::checkpoint::GgufFile;
  const auto bytes = std::as_bytes(std::span(data, size));
  const auto strict = GgufFile::Parse(bytes, "fuzz.gguf");
  const auto file = GgufFile::Parse(bytes, "fuzz.gguf", vivace::checkpoint::ForeignTensors::kList);
  if (!strict.ok() && strict.status().message().empty()) __builtin_trap();
  if (strict.ok() && (!file.ok() || !file->foreign().empty())) __builtin_trap();
  if (!file.ok()) return 0;
  unsigned sum = 0;
  for (const auto key : file->Keys()) {
    static_cast<void>(file->String(key).ok());
    static_cast<void>(file->Number(key).ok());
    static_cast<void>(file->Bool(key).ok());
    static_cast<void>(file->Integers(key).ok());
    if (const auto strings = file->Strings(key); strings.ok()) {
      for (const auto text : *strings) sum += text.empty() ? 0u : static_cast<unsigned char>(text.back());
    }
  }
  for (const auto& tensor : file->tensors()) {
    sum += std::to_integer<unsigned>(tensor.data.front()) + std::to_integer<unsigned>(tensor.data.back());
    if (file->FindTensor(tensor.name) != &tensor) __builtin_trap();
  }
  return sum == 1u << 31 ? 1 : 0;
}
