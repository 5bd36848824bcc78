// Opening and checking of entries.
#include <fcntl.h>
#include <fmt/format.h>
#include <sys/file.h>
#include <sys/stat.h>

#include <algorithm>
#include <atomic>
#include <limits>
#include <utility>

#include "artifact/store_parts.h"
#include "base/status_macros.h"

namespace vivace::artifact {
namespace {

constexpr int kAttempts = 3;  // a small file may be replaced between two looks

Status MapFiles(Entry::Parts& entry) {
  for (const FileRecord& record : entry.manifest.files) {
    std::int64_t bytes = 0;
    VIVACE_ASSIGN_OR_RETURN(const Handle file, OpenFileIn(entry.folder, record.file, bytes));
    if (bytes != record.bytes)
      return DataLoss(fmt::format("'{}' has {} bytes instead of {}", record.file, bytes, record.bytes));
    VIVACE_ASSIGN_OR_RETURN(Mapping mapping, Mapping::Map(file, bytes));
    if (Sha256(mapping.bytes()) != record.sha256)
      return DataLoss(fmt::format("'{}' has another checksum than it should", record.file));
    entry.files.push_back(std::move(mapping));
  }
  if (!entry.manifest.weights) return Status::Ok();
  std::int64_t bytes = 0;
  const std::string name(kWeightsFile);
  VIVACE_ASSIGN_OR_RETURN(const Handle file, OpenFileIn(entry.folder, name, bytes));
  if (bytes != entry.manifest.weights->bytes)
    return DataLoss(
        fmt::format("'{}' has {} bytes instead of {}", name, bytes, entry.manifest.weights->bytes));
  VIVACE_ASSIGN_OR_RETURN(entry.weights, Mapping::Map(file, bytes));
  return Status::Ok();
}

}  // namespace

Result<std::unique_ptr<Entry::Parts>> Store::Parts::OpenEntry(const std::string& name) const {
  VIVACE_ASSIGN_OR_RETURN(Handle folder, OpenFolderIn(root, name));
  if (!TryLock(folder, LOCK_SH) || !StillAt(root, name, folder))
    return NotFound(fmt::format("'{}' is being removed", name));
  Status problem;
  for (int attempt = 0; attempt < kAttempts; ++attempt) {
    auto entry = std::make_unique<Entry::Parts>();
    entry->name = name;
    VIVACE_ASSIGN_OR_RETURN(const std::string text,
                            ReadFileIn(folder, std::string(kManifestFile), kMaxManifestBytes));
    VIVACE_ASSIGN_OR_RETURN(entry->manifest, ReadManifest(text, secret));
    entry->folder = std::move(folder);
    problem = MapFiles(*entry);
    if (problem.ok()) return entry;
    folder = std::move(entry->folder);
  }
  // A file that is missing is damage of the entry, not the lack of one.
  return problem.code() == StatusCode::kNotFound ? DataLoss(problem.message()) : problem;
}

Entry::Entry(std::unique_ptr<Parts> parts) : parts_(std::move(parts)) {}
Entry::Entry(Entry&&) noexcept = default;
Entry& Entry::operator=(Entry&&) noexcept = default;
Entry::~Entry() = default;

Status Entry::CheckWeights(base::WorkerTeam* team) const {
  if (!parts_->manifest.weights) return Status::Ok();
  const WeightsRecord& record = *parts_->manifest.weights;
  const std::span<const std::byte> bytes = parts_->weights.bytes();
  const auto chunk_bytes = static_cast<std::size_t>(kChunkBytes);
  const int chunks = static_cast<int>(record.chunks.size());
  std::atomic<int> first_wrong = std::numeric_limits<int>::max();
  base::TaskRanges ranges(team == nullptr ? 1 : team->size());
  ranges.Reset(chunks);
  auto check = [&](int worker) {
    for (int chunk = ranges.Take(worker); chunk >= 0; chunk = ranges.Take(worker)) {
      const std::size_t begin = static_cast<std::size_t>(chunk) * chunk_bytes;
      const auto part = bytes.subspan(begin, std::min(chunk_bytes, bytes.size() - begin));
      if (DigestOf(record.digest, part) == record.chunks[static_cast<std::size_t>(chunk)]) continue;
      int known = first_wrong.load();
      while (chunk < known && !first_wrong.compare_exchange_weak(known, chunk)) {
      }
    }
  };
  if (team == nullptr) {
    check(0);
  } else {
    team->Run(check);
  }
  if (first_wrong >= chunks) return Status::Ok();
  return DataLoss(fmt::format("'{}' has another checksum than it should in chunk {} of {}", kWeightsFile,
                              first_wrong.load(), chunks));
}

std::span<const std::byte> Entry::weights() const {
  return parts_->weights.bytes();
}

std::optional<std::span<const std::byte>> Entry::Blob(std::string_view name) const {
  for (std::size_t i = 0; i < parts_->files.size(); ++i) {
    if (parts_->manifest.files[i].name == name) return parts_->files[i].bytes();
  }
  return std::nullopt;
}

std::optional<std::string_view> Entry::Text(std::string_view name) const {
  const auto blob = Blob(name);
  if (!blob) return std::nullopt;
  return std::string_view(reinterpret_cast<const char*>(blob->data()), blob->size());
}

const std::string& Entry::name() const {
  return parts_->name;
}

}  // namespace vivace::artifact
