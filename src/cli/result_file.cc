#include "cli/result_file.h"

#include <cerrno>
#include <cstring>
#include <filesystem>
#include <fstream>

namespace vivace::cli {
namespace {

Status Unwritable(std::string_view option, const std::string& path) {
  return InvalidArgument("cannot write --" + std::string(option) + " '" + path +
                         "': " + std::strerror(errno));
}

}  // namespace

Status CheckWritable(std::string_view option, const std::string& path) {
  if (path.empty()) return Status::Ok();
  std::error_code ignored;
  const bool is_new = !std::filesystem::exists(path, ignored);
  if (!std::ofstream(path, std::ios::binary | std::ios::app)) return Unwritable(option, path);
  if (is_new) std::filesystem::remove(path, ignored);
  return Status::Ok();
}

Status WriteResult(std::string_view option, const std::string& path, std::string_view text) {
  if (path.empty()) return Status::Ok();
  std::ofstream file(path, std::ios::binary | std::ios::trunc);
  file << text;
  file.flush();
  return file ? Status::Ok() : Unwritable(option, path);
}

}  // namespace vivace::cli
