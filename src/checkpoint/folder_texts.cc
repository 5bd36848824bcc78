#include "checkpoint/folder_texts.h"

#include <fcntl.h>
#include <fmt/core.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "base/descriptor.h"
#include "base/status_macros.h"

namespace vivace::checkpoint {
namespace {

struct TextFile {
  std::string_view name;
  std::size_t limit;  // bytes
  std::string FolderTexts::*text;
};

constexpr std::size_t kMiB = 1 << 20;
constexpr TextFile kTextFiles[] = {
    {"config.json", 16 * kMiB, &FolderTexts::config},
    {"generation_config.json", 16 * kMiB, &FolderTexts::generation_config},
    {"tokenizer.json", 256 * kMiB, &FolderTexts::tokenizer},
    {"tokenizer_config.json", 16 * kMiB, &FolderTexts::tokenizer_config},
    {"special_tokens_map.json", 16 * kMiB, &FolderTexts::special_tokens_map},
    {"chat_template.jinja", 16 * kMiB, &FolderTexts::chat_template},
};

Result<std::string> ReadDescriptor(int descriptor, const std::string& path, std::size_t limit) {
  struct stat info {};
  if (::fstat(descriptor, &info) != 0) {
    const int error = errno;
    return Unavailable(fmt::format("cannot ask for the size of '{}': {}", path, std::strerror(error)));
  }
  if (S_ISDIR(info.st_mode)) return InvalidArgument(fmt::format("'{}' is a directory, not a text", path));
  if (!S_ISREG(info.st_mode)) return InvalidArgument(fmt::format("'{}' is not a regular file", path));
  const auto size = static_cast<std::size_t>(info.st_size);
  if (size > limit) {
    return DataLoss(fmt::format("{}: is {} bytes long, the limit is {}: no file of its kind is so large",
                                path, size, limit));
  }
  std::string text(size, '\0');
  std::size_t filled = 0;
  while (filled < size) {
    const ssize_t count = ::read(descriptor, text.data() + filled, size - filled);
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) return InvalidArgument(fmt::format("cannot read '{}': {}", path, std::strerror(errno)));
    if (count == 0) break;
    filled += static_cast<std::size_t>(count);
  }
  text.resize(filled);
  return text;
}

}  // namespace

Result<std::string> ReadText(const std::string& path, std::size_t limit) {
  // O_NONBLOCK: opening a FIFO must not wait for a writer.
  const base::Descriptor descriptor(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));
  if (descriptor.get() < 0) {
    if (errno == ENOENT || errno == ENOTDIR) return NotFound(fmt::format("no file at '{}'", path));
    return InvalidArgument(fmt::format("cannot open '{}': {}", path, std::strerror(errno)));
  }
  return ReadDescriptor(descriptor.get(), path, limit);
}

Result<FolderTexts> ReadFolderTexts(const ModelFolder& folder) {
  FolderTexts texts;
  for (const TextFile& file : kTextFiles) {
    const std::string name(file.name);
    if (!folder.Has(name)) continue;
    VIVACE_ASSIGN_OR_RETURN(const std::string path, folder.Resolve(name));
    VIVACE_ASSIGN_OR_RETURN(texts.*file.text, ReadText(path, file.limit));
  }
  return texts;
}

bool IsFolderText(std::string_view file_name) {
  for (const TextFile& file : kTextFiles) {
    if (file.name == file_name) return true;
  }
  return false;
}

}  // namespace vivace::checkpoint
