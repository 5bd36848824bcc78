// Any text as model.safetensors.index.json: entries in order, each with a file of the list, or a Status.
#include <cstddef>
#include <cstdint>

#include "checkpoint/safetensors_index.h"
#include "expect.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using vivace::checkpoint::SafetensorsIndex;
  using vivace::fuzz::Expect;
  const auto index =
      SafetensorsIndex::Parse(std::string(reinterpret_cast<const char*>(data), size), "index.json");
  if (!index.ok()) {
    Expect(!index.status().message().empty(), "an error has a text");
    return 0;
  }
  Expect(!index->entries().empty(), "an index lists tensors");
  for (std::size_t i = 0; i < index->entries().size(); ++i) {
    const SafetensorsIndex::Entry& entry = index->entries()[i];
    Expect(entry.file >= 0 && static_cast<std::size_t>(entry.file) < index->files().size(),
           "a tensor has a file");
    Expect(i == 0 || index->entries()[i - 1].tensor < entry.tensor, "names come in order, each once");
  }
  return 0;
}
