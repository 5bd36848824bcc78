// Any bytes: a safetensors file whose every tensor can be read, or a Status. What is read without foreign
// tensors is read with them too.
#include <cstddef>
#include <cstdint>
#include <span>

#include "checkpoint/safetensors_file.h"
#include "expect.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using vivace::checkpoint::ForeignTensors;
  using vivace::checkpoint::SafetensorsFile;
  using vivace::fuzz::Expect;
  const auto bytes = std::as_bytes(std::span(data, size));
  const auto file = SafetensorsFile::Parse(bytes, "fuzz.safetensors");
  const auto listed = SafetensorsFile::Parse(bytes, "fuzz.safetensors", ForeignTensors::kList);
  Expect(file.ok() || !file.status().message().empty(), "an error has a text");
  Expect(!file.ok() || (listed.ok() && listed->foreign().empty()), "what is read is read with any list");
  if (!listed.ok()) return 0;
  std::size_t covered = 0;
  unsigned sum = 0;
  for (const auto& tensor : listed->tensors()) {
    sum += std::to_integer<unsigned>(tensor.data.front()) + std::to_integer<unsigned>(tensor.data.back());
    covered += tensor.data.size();
  }
  for (const auto& tensor : listed->foreign()) covered += static_cast<std::size_t>(tensor.bytes);
  Expect(covered <= size, "tensors do not overlap");
  return sum == 1u << 31 ? 1 : 0;
}
