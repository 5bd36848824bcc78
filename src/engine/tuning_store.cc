#include "engine/tuning_store.h"

#include <fmt/format.h>
#include <unistd.h>

#include <cerrno>
#include <cstdint>
#include <cstdio>
#include <cstring>
#include <span>
#include <utility>

#include "artifact/folder.h"
#include "base/status_macros.h"

namespace vivace::engine {
namespace {

constexpr int kKernelVersion = 2;  // a plan means the same speed as long as kernels and their rules stay
constexpr std::int64_t kMostBytes = std::int64_t{1} << 20;

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

Status Unusable(const std::string& path, std::string_view why) {
  return {StatusCode::kDataLoss, fmt::format("tuning results in '{}' are not used: {}", path, why)};
}

Status CannotWrite(const std::string& path, std::string_view why) {
  return Unavailable(fmt::format("cannot write tuning results to '{}': {}", path, why));
}

// The file of that name in the folder, anew, as a whole.
Status Replace(const std::string& folder_path, const std::string& name, const std::string& text) {
  VIVACE_RETURN_IF_ERROR(artifact::MakeFolders(folder_path));
  VIVACE_ASSIGN_OR_RETURN(const artifact::Handle folder, artifact::OpenFolder(folder_path));
  const std::string fresh = fmt::format("{}.{}.new", name, getpid());
  unlinkat(folder.get(), fresh.c_str(), 0);  // left by a process of the same number that was killed
  Status status = artifact::WriteFileIn(folder, fresh, std::as_bytes(std::span(text)));
  if (status.ok() && renameat(folder.get(), fresh.c_str(), folder.get(), name.c_str()) != 0)
    status = Unavailable(std::strerror(errno));
  if (!status.ok()) unlinkat(folder.get(), fresh.c_str(), 0);
  return status;
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
      name_(fmt::format("{:016x}.txt", HashOf(host_))),
      path_(folder_.empty() ? "" : folder_ + "/" + name_) {}

Result<program::TuningTable> TuningStore::Load() const {
  program::TuningTable table;
  table.host = host_;
  if (path_.empty()) return table;
  const auto folder = artifact::OpenFolder(folder_);
  if (!folder.ok())
    return folder.status().code() == StatusCode::kNotFound ? Result(std::move(table))
                                                           : Unusable(path_, folder.status().message());
  const auto text = artifact::ReadFileIn(*folder, name_, kMostBytes);
  if (!text.ok())
    return text.status().code() == StatusCode::kNotFound ? Result(std::move(table))
                                                         : Unusable(path_, text.status().message());
  auto parsed = program::ParseTuning(*text);
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
  const Status status = Replace(folder_, name_, program::Print(all));
  return status.ok() ? status : CannotWrite(path_, status.message());
}

}  // namespace vivace::engine
