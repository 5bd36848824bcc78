#include "engine/tuning_store.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdint>
#include <cstring>
#include <filesystem>
#include <system_error>
#include <utility>

#include "base/status_macros.h"

namespace vivace::engine {
namespace {

constexpr int kKernelVersion = 2;  // a plan means the same speed as long as kernels and their rules stay
constexpr off_t kMostBytes = off_t{1} << 20;

/// Closes a descriptor that is open.
struct Descriptor {
  explicit Descriptor(int opened) : value(opened) {}
  ~Descriptor() {
    if (value >= 0) close(value);
  }
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;
  const int value;
};

// FNV-1a, for a file's name only: the words themselves stand in the file.
std::uint64_t HashOf(std::string_view text) {
  std::uint64_t hash = 0xcbf29ce484222325u;
  for (const char c : text) hash = (hash ^ static_cast<unsigned char>(c)) * 0x100000001b3u;
  return hash;
}

// A word of the text form: others of a brand's characters become '-'.
std::string WordOf(std::string_view text) {
  std::string word;
  for (const char c : text) {
    const bool is_plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
    word += is_plain || c == '.' ? c : '_';
  }
  return word.empty() ? "unknown" : word;
}

// What is wrong with a file that others might have put there; empty: nothing.
std::string Distrust(const struct stat& facts) {
  if (!S_ISREG(facts.st_mode)) return "it is no plain file";
  if (facts.st_uid != geteuid() && facts.st_uid != 0) return "it belongs to another user";
  if ((facts.st_mode & (S_IWGRP | S_IWOTH)) != 0) return "others may write to it";
  if (facts.st_size > kMostBytes) return fmt::format("it is larger than {} bytes", kMostBytes);
  return "";
}

Status Unusable(const std::string& path, std::string_view why) {
  return {StatusCode::kDataLoss, fmt::format("tuning results in '{}' are not used: {}", path, why)};
}

Status CannotWrite(const std::string& path, int error) {
  return Unavailable(fmt::format("cannot write tuning results to '{}': {}", path, std::strerror(error)));
}

// Up to kMostBytes; false with errno.
bool ReadAll(int file, std::string& text) {
  char piece[4096];
  for (;;) {
    const ssize_t count = read(file, piece, sizeof piece);
    if (count < 0 && errno == EINTR) continue;
    if (count <= 0) return count == 0;
    text.append(piece, static_cast<std::size_t>(count));
    if (text.size() > static_cast<std::size_t>(kMostBytes)) return true;
  }
}

bool WriteAll(int file, std::string_view text) {
  while (!text.empty()) {
    const ssize_t count = write(file, text.data(), text.size());
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) return false;
    text.remove_prefix(static_cast<std::size_t>(count));
  }
  return fsync(file) == 0;
}

}  // namespace

std::string HostClass(const base::CpuFeatures& cpu, const codegen::Target& target) {
  std::string out = fmt::format("{} {} {} {} {} target {}", WordOf(cpu.vendor), cpu.family, cpu.model_number,
                                cpu.stepping, WordOf(cpu.model), WordOf(target.name));
  out += fmt::format(" caches {} {} {}", sysconf(_SC_LEVEL1_DCACHE_SIZE), sysconf(_SC_LEVEL2_CACHE_SIZE),
                     sysconf(_SC_LEVEL3_CACHE_SIZE));
  out += fmt::format(" kernels {}", kKernelVersion);
  for (const std::string_view name : cpu.Names()) out += " " + std::string(name);
  return out;
}

TuningStore::TuningStore(std::string folder, std::string host)
    : folder_(std::move(folder)),
      host_(std::move(host)),
      path_(folder_.empty() ? "" : fmt::format("{}/{:016x}.txt", folder_, HashOf(host_))) {}

Result<program::TuningTable> TuningStore::Load() const {
  program::TuningTable table;
  table.host = host_;
  if (path_.empty()) return table;
  // Not blocking: the name might be a pipe.
  const Descriptor file(open(path_.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK));
  if (file.value < 0)
    return errno == ENOENT ? Result(std::move(table)) : Unusable(path_, std::strerror(errno));
  struct stat facts {};
  if (fstat(file.value, &facts) != 0) return Unusable(path_, std::strerror(errno));
  if (const std::string why = Distrust(facts); !why.empty()) return Unusable(path_, why);
  std::string text;
  if (!ReadAll(file.value, text)) return Unusable(path_, std::strerror(errno));
  auto parsed = program::ParseTuning(text);
  if (!parsed.ok()) return Unusable(path_, parsed.status().message());
  if (parsed->host != host_) return Unusable(path_, "they are of another class of machines");
  return std::move(*parsed);
}

Status TuningStore::Save(const program::TuningTable& table) const {
  if (path_.empty()) return Status::Ok();
  auto now = Load();  // another process may have stored its own in the meantime
  program::TuningTable all = now.ok() ? std::move(*now) : program::TuningTable();
  all.host = host_;
  for (const program::TuningResult& result : table.results()) all.Set(result);
  std::error_code ignored;  // a folder that is not there shows when the file is written
  std::filesystem::create_directories(std::filesystem::path(folder_).parent_path(), ignored);
  if (mkdir(folder_.c_str(), S_IRWXU) != 0 && errno != EEXIST) return CannotWrite(path_, errno);
  const std::string fresh = fmt::format("{}.{}.new", path_, getpid());
  unlink(fresh.c_str());  // left by a process of the same number that was killed
  {
    const Descriptor file(
        open(fresh.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, S_IRUSR | S_IWUSR));
    if (file.value < 0) return CannotWrite(path_, errno);
    if (!WriteAll(file.value, program::Print(all))) {
      const int error = errno;
      unlink(fresh.c_str());
      return CannotWrite(path_, error);
    }
  }
  if (rename(fresh.c_str(), path_.c_str()) == 0) return Status::Ok();
  const int error = errno;
  unlink(fresh.c_str());
  return CannotWrite(path_, error);
}

}  // namespace vivace::engine
