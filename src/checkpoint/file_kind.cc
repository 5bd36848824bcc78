#include "checkpoint/file_kind.h"

#include <algorithm>

namespace vivace::checkpoint {

FileKind KindOf(std::span<const std::byte> bytes) {
  const std::string_view text(reinterpret_cast<const char*>(bytes.data()),
                              std::min<std::size_t>(bytes.size(), 64));
  if (text.starts_with("GGUF")) return FileKind::kGguf;
  if (text.starts_with("version https://git-lfs")) return FileKind::kGitLfsPointer;
  if (text.starts_with("PK\x03\x04")) return FileKind::kZip;
  // Protocol 2 to 5; a safetensors header of 128 bytes and a few MiB begins alike.
  if (text.size() >= 2 && text[0] == '\x80' && text[1] >= 2 && text[1] <= 5 &&
      (text.size() < 9 || text[8] != '{')) {
    return FileKind::kPickle;
  }
  // A header's length has zeros in its upper bytes, a text has none.
  if (text.substr(0, 8).find('\0') == std::string_view::npos) {
    const std::size_t first = text.find_first_not_of(" \t\r\n");
    if (first != std::string_view::npos && text[first] == '<') return FileKind::kWebPage;
    if (first != std::string_view::npos && text[first] == '{') return FileKind::kJson;
  }
  if (text.size() > 8 && text[8] == '{') return FileKind::kSafetensors;
  return FileKind::kUnknown;
}

std::string_view Describe(FileKind kind) {
  switch (kind) {
    case FileKind::kGguf:
      return "a GGUF file";
    case FileKind::kSafetensors:
      return "a safetensors file";
    case FileKind::kGitLfsPointer:
      return "a git-lfs pointer, not the model itself: run `git lfs pull`";
    case FileKind::kPickle:
      return "a PyTorch checkpoint (a pickle, which can run code when it is read): convert it to safetensors";
    case FileKind::kZip:
      return "a zip archive, as PyTorch checkpoints are: convert the model to safetensors";
    case FileKind::kWebPage:
      return "a web page, not a model: check the address that it came from";
    case FileKind::kJson:
      return "a JSON text, not a model: a server's error message, or a file of the model's folder; name the "
             "folder";
    case FileKind::kUnknown:
      break;
  }
  return "of an unknown kind: name a GGUF or a safetensors file";
}

}  // namespace vivace::checkpoint
