#include "checkpoint/model_folder.h"

#include <fmt/core.h>
#include <sys/stat.h>

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <memory>
#include <system_error>

#include "checkpoint/gguf_types.h"

namespace vivace::checkpoint {
namespace {

constexpr int kMaxEntries = 10'000;

// Empty, with errno set, when the path leads nowhere.
std::string RealPath(const std::string& path) {
  const std::unique_ptr<char, decltype(&std::free)> real(::realpath(path.c_str(), nullptr), &std::free);
  return real == nullptr ? std::string() : std::string(real.get());
}

bool IsPlainName(std::string_view name) {
  if (name.empty() || name.size() > 255 || name == "." || name == "..") return false;
  return std::none_of(name.begin(), name.end(),
                      [](char c) { return c == '/' || c == '\\' || static_cast<unsigned char>(c) < 0x20; });
}

}  // namespace

Result<ModelFolder> ModelFolder::Open(const std::string& path) {
  ModelFolder folder;
  folder.path_ = path;
  folder.real_path_ = RealPath(path);
  if (folder.real_path_.empty()) {
    if (errno == ENOENT || errno == ENOTDIR) return NotFound("no folder at '" + path + "': check the path");
    return InvalidArgument("cannot open '" + path + "': " + std::strerror(errno));
  }
  struct stat info {};
  if (::stat(folder.real_path_.c_str(), &info) != 0 || !S_ISDIR(info.st_mode)) {
    return InvalidArgument("'" + path + "' is not a folder");
  }
  const std::filesystem::path parent = std::filesystem::path(folder.real_path_).parent_path();
  folder.inside_ = parent.filename() == "snapshots" ? parent.parent_path().string() : folder.real_path_;
  return folder;
}

bool ModelFolder::Has(const std::string& name) const {
  struct stat info {};
  // What cannot be asked for is there: opening it says why it cannot be read.
  return ::lstat((real_path_ + "/" + name).c_str(), &info) == 0 || (errno != ENOENT && errno != ENOTDIR);
}

Result<std::string> ModelFolder::Resolve(const std::string& name) const {
  if (!IsPlainName(name)) {
    return DataLoss(fmt::format(
        "{}: {} is not the plain name of a file in this folder: fetch the model again", path_, Quoted(name)));
  }
  const std::string real = RealPath(real_path_ + "/" + name);
  if (real.empty()) {
    if (errno == ENOENT) return NotFound(fmt::format("{}: has no file {}: fetch it", path_, Quoted(name)));
    return InvalidArgument(fmt::format("{}: cannot open {}: {}", path_, Quoted(name), std::strerror(errno)));
  }
  if (inside_ != "/" && !real.starts_with(inside_ + "/")) {
    return DataLoss(fmt::format(
        "{}: {} is a link to a file outside this folder, which is not followed: put the file itself there",
        path_, Quoted(name)));
  }
  return real;
}

std::vector<std::string> ModelFolder::Names(std::string_view suffix) const {
  std::vector<std::string> names;
  std::error_code error;
  std::filesystem::directory_iterator at(real_path_, error);
  for (int i = 0; !error && at != std::filesystem::directory_iterator() && i < kMaxEntries; ++i) {
    std::string name = at->path().filename().string();
    if (name.ends_with(suffix)) names.push_back(std::move(name));
    at.increment(error);
  }
  std::sort(names.begin(), names.end());
  return names;
}

}  // namespace vivace::checkpoint
