// The store: opening it, looking up, replacing small files. See upkeep.cc for size and removal.
#include <fcntl.h>
#include <fmt/format.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <thread>
#include <utility>

#include "artifact/store_parts.h"
#include "base/status_macros.h"

namespace vivace::artifact {
namespace {

constexpr std::int64_t kLargestDefault = std::int64_t{50} << 30;
constexpr std::int64_t kMaxSecretBytes = 4096;
constexpr std::size_t kFactorsNamed = 4;
constexpr std::string_view kModelPrefix = "model.";  // factors of which model it is

std::int64_t DefaultMaxBytes(const Handle& root) {
  struct statvfs info {};
  if (::fstatvfs(root.get(), &info) != 0) return kLargestDefault;
  const auto total = static_cast<std::int64_t>(info.f_blocks) * static_cast<std::int64_t>(info.f_frsize);
  return std::min(kLargestDefault, total / 5);
}

Result<std::string> ReadSecret(const std::string& path) {
  const std::size_t slash = path.rfind('/');
  const std::string folder_path = slash == std::string::npos ? "." : slash == 0 ? "/" : path.substr(0, slash);
  const Handle folder(::open(folder_path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  auto secret =
      ReadFileIn(folder, slash == std::string::npos ? path : path.substr(slash + 1), kMaxSecretBytes);
  if (!secret.ok() || secret->empty()) {
    return InvalidArgument(fmt::format(
        "--artifact-key-file is '{}': it must be a file of 1 to {} bytes that nobody "
        "else may write to{}{}",
        path, kMaxSecretBytes, secret.ok() ? "" : "; ", secret.ok() ? "" : secret.status().message()));
  }
  return secret;
}

const std::string* ValueOf(std::span<const KeyFactor> key, std::string_view name) {
  const auto found = std::find_if(key.begin(), key.end(), [&](const KeyFactor& f) { return f.name == name; });
  return found == key.end() ? nullptr : &found->value;
}

struct Difference {
  std::string name, wanted, there;
};

std::vector<Difference> Differences(std::span<const KeyFactor> wanted, std::span<const KeyFactor> there) {
  std::vector<Difference> out;
  for (const KeyFactor& factor : wanted) {
    const std::string* other = ValueOf(there, factor.name);
    if (other == nullptr || *other != factor.value)
      out.push_back({factor.name, factor.value, other == nullptr ? "unknown" : *other});
  }
  for (const KeyFactor& factor : there) {
    if (ValueOf(wanted, factor.name) == nullptr) out.push_back({factor.name, "unknown", factor.value});
  }
  return out;
}

// Says in what the nearest entry differs from the one that is wanted.
std::string NearestText(const Store::Parts& store, std::span<const KeyFactor> key) {
  std::vector<Difference> nearest;
  std::string nearest_name;
  for (const std::string& name : NamesIn(store.root)) {
    if (!IsHex(name, 32)) continue;
    const auto folder = OpenFolderIn(store.root, name);
    if (!folder.ok()) continue;
    const auto text = ReadFileIn(*folder, std::string(kManifestFile), kMaxManifestBytes);
    if (!text.ok()) continue;
    const auto manifest = ReadManifest(*text, store.secret);
    if (!manifest.ok()) continue;
    auto differences = Differences(key, manifest->key);
    const bool same_model = std::none_of(differences.begin(), differences.end(),
                                         [](const Difference& d) { return d.name == "model.headers"; });
    if (!same_model || (!nearest_name.empty() && differences.size() >= nearest.size())) continue;
    nearest = std::move(differences);
    nearest_name = name;
  }
  if (nearest_name.empty()) return "there is none of this model yet";
  std::string out;
  for (std::size_t i = 0; i < std::min(nearest.size(), kFactorsNamed); ++i) {
    const Difference& difference = nearest[i];
    out += fmt::format("{}{} is '{}' and not '{}'", out.empty() ? "" : ", ", difference.name,
                       difference.wanted.substr(0, 80), difference.there.substr(0, 80));
  }
  if (nearest.size() > kFactorsNamed) out += fmt::format(" and {} more", nearest.size() - kFactorsNamed);
  return fmt::format("{} as in the nearest one, {}", out, nearest_name.substr(0, 8));
}

}  // namespace

bool TryLock(const Handle& file, int operation) {
  return ::flock(file.get(), operation | LOCK_NB) == 0;
}

bool StillAt(const Handle& parent, const std::string& name, const Handle& folder) {
  struct stat here {
  }, there{};
  return ::fstat(folder.get(), &here) == 0 &&
         ::fstatat(parent.get(), name.c_str(), &there, AT_SYMLINK_NOFOLLOW) == 0 &&
         here.st_ino == there.st_ino && here.st_dev == there.st_dev;
}

std::string KeyName(std::span<const KeyFactor> key) {
  std::string text;
  for (const KeyFactor& factor : key)
    text += fmt::format("{}:{}={}:{}\n", factor.name.size(), factor.name, factor.value.size(), factor.value);
  return Sha256(text).substr(0, 32);
}

Store::Store(std::shared_ptr<const Parts> parts) : parts_(std::move(parts)) {}
Store::Store(Store&&) noexcept = default;
Store& Store::operator=(Store&&) noexcept = default;
Store::~Store() = default;

const StoreConfig& Store::config() const {
  return parts_->config;
}

Result<Store> Store::Open(StoreConfig config) {
  auto parts = std::make_shared<Parts>();
  while (config.root.size() > 1 && config.root.back() == '/') config.root.pop_back();
  if (config.root.empty()) return InvalidArgument("no folder for artifacts: give --cache-dir");
  if (!config.hmac_key_file.empty()) {
    VIVACE_ASSIGN_OR_RETURN(parts->secret, ReadSecret(config.hmac_key_file));
  }
  auto root = OpenFolder(config.root);
  if (!root.ok() && root.status().code() == StatusCode::kNotFound && !config.read_only) {
    VIVACE_RETURN_IF_ERROR(MakeFolders(config.root));
    root = OpenFolder(config.root);
  }
  if (!root.ok()) return Unavailable(root.status().message());
  parts->root = std::move(*root);
  parts->max_bytes = config.max_bytes > 0 ? config.max_bytes : DefaultMaxBytes(parts->root);
  parts->config = std::move(config);
  return Store(std::move(parts));
}

Result<std::optional<Entry>> Store::Peek(std::span<const KeyFactor> key, std::string& why_not) const {
  auto opened = parts_->OpenEntry(KeyName(key));
  if (!opened.ok()) {
    why_not = opened.status().code() == StatusCode::kNotFound ? NearestText(*parts_, key)
                                                              : opened.status().message();
    return std::optional<Entry>();
  }
  if (!Differences(key, (*opened)->manifest.key).empty()) {
    why_not = "its manifest is that of another key";
    return std::optional<Entry>();
  }
  // Marks the entry as used just now; a folder that nobody may write to needs no order of use.
  ::utimensat((*opened)->folder.get(), std::string(kManifestFile).c_str(), nullptr, AT_SYMLINK_NOFOLLOW);
  return std::optional<Entry>(Entry(std::move(*opened)));
}

Result<std::optional<Entry>> Store::Find(std::span<const KeyFactor> key, std::string& why_not,
                                         base::WorkerTeam* team) const {
  VIVACE_ASSIGN_OR_RETURN(std::optional<Entry> entry, Peek(key, why_not));
  if (!entry || parts_->config.verify == Verify::kManifest) return entry;
  if (const Status status = entry->CheckWeights(team); !status.ok()) {
    why_not = status.message();
    entry.reset();
  }
  return entry;
}

BuildLock::BuildLock(BuildLock&& other) noexcept : file_(std::exchange(other.file_, -1)) {}

BuildLock& BuildLock::operator=(BuildLock&& other) noexcept {
  std::swap(file_, other.file_);
  return *this;
}

BuildLock::~BuildLock() {
  if (file_ >= 0) ::close(file_);
}

BuildLock Store::LockBuild(std::span<const KeyFactor> key, std::chrono::milliseconds timeout) const {
  BuildLock lock;
  if (parts_->config.read_only) return lock;
  const std::string folder_name(kLocksFolder);
  ::mkdirat(parts_->root.get(), folder_name.c_str(), S_IRWXU);
  const auto folder = OpenFolderIn(parts_->root, folder_name);
  if (!folder.ok()) return lock;
  const int flags = O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC;
  Handle file(::openat(folder->get(), KeyName(key).c_str(), flags, S_IRUSR | S_IWUSR));
  if (!file.ok()) return lock;
  // Somebody who was stopped holds the lock for good, so nobody waits in the kernel.
  constexpr auto kPause = std::chrono::milliseconds(20);
  const auto end = std::chrono::steady_clock::now() + timeout;
  while (!TryLock(file, LOCK_EX)) {
    if (errno != EWOULDBLOCK && errno != EINTR)
      return lock;  // a file system without locks: nobody will give it
    if (std::chrono::steady_clock::now() >= end) return lock;
    std::this_thread::sleep_for(kPause);
  }
  lock.file_ = file.Take();
  return lock;
}

Status Store::Replace(std::span<const KeyFactor> key, std::string_view name,
                      std::span<const std::byte> bytes) const {
  if (parts_->config.read_only)
    return Unavailable(fmt::format("'{}' is opened for reading only", parts_->config.root));
  if (!IsFileName(name) || name.size() > 64)
    return InvalidArgument(fmt::format("'{}' is no name for a file of an artifact", name.substr(0, 100)));
  constexpr auto kPatience = std::chrono::seconds(5);
  const BuildLock lock = LockBuild(key, kPatience);
  if (!lock.held()) return Unavailable("somebody else writes to this artifact");
  const std::string entry_name = KeyName(key);
  VIVACE_ASSIGN_OR_RETURN(const auto entry, parts_->OpenEntry(entry_name));
  const FileRecord record{std::string(name), fmt::format("{}.{}", name, RandomName()),
                          static_cast<std::int64_t>(bytes.size()), Sha256(bytes)};
  if (FileRecord* known = entry->manifest.Find(name)) {
    if (known->sha256 == record.sha256) return Status::Ok();
    *known = record;
  } else {
    entry->manifest.files.push_back(record);
  }
  VIVACE_RETURN_IF_ERROR(WriteFileIn(entry->folder, record.file, bytes));
  const std::string text = WriteManifest(entry->manifest, parts_->secret);
  const std::string temporary = fmt::format("{}{}", kWriterPrefix, RandomName());
  VIVACE_RETURN_IF_ERROR(WriteFileIn(entry->folder, temporary, std::as_bytes(std::span(text))));
  if (::renameat(entry->folder.get(), temporary.c_str(), entry->folder.get(),
                 std::string(kManifestFile).c_str()) != 0) {
    return Unavailable("cannot replace the manifest of an artifact");
  }
  // Whatever the manifest does not name is of no use to anybody: the file before, and what died before this.
  for (const std::string& file : NamesIn(entry->folder)) {
    const bool named = std::any_of(entry->manifest.files.begin(), entry->manifest.files.end(),
                                   [&](const FileRecord& f) { return f.file == file; });
    if (!named && file != kManifestFile && file != kWeightsFile)
      ::unlinkat(entry->folder.get(), file.c_str(), 0);
  }
  return SyncFolder(entry->folder);
}

}  // namespace vivace::artifact
