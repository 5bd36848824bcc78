// Writing of entries: a folder of its own under another name, renamed when all is on the disk.
#include <fcntl.h>
#include <fmt/format.h>
#include <stdio.h>
#include <sys/file.h>
#include <sys/stat.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <utility>

#include "artifact/store_parts.h"
#include "base/out_of_memory.h"
#include "base/status_macros.h"

namespace vivace::artifact {
namespace {

Status CannotRename(const std::string& name) {
  return Unavailable(fmt::format("cannot give the artifact its name '{}': {}", name, std::strerror(errno)));
}

// Gives the new folder its name. An entry that has it already goes: it has the same bytes, or is damaged.
Status TakeName(const Handle& root, const std::string& temporary, const std::string& name) {
  const int at = root.get();
  if (::renameat2(at, temporary.c_str(), at, name.c_str(), RENAME_NOREPLACE) == 0) return Status::Ok();
  if (errno == EEXIST || errno == ENOTEMPTY) {
    if (::renameat2(at, temporary.c_str(), at, name.c_str(), RENAME_EXCHANGE) == 0) {
      RemoveFolderIn(root, temporary);
      return Status::Ok();
    }
  }
  if (errno != EINVAL && errno != ENOSYS) return CannotRename(name);
  // A file system without these forms: the name is nobody's for a moment, which is a miss for others.
  const std::string old = std::string(kRemovedPrefix) + RandomName();
  const bool moved = ::renameat(at, name.c_str(), at, old.c_str()) == 0;
  if (::renameat(at, temporary.c_str(), at, name.c_str()) != 0) return CannotRename(name);
  if (moved) RemoveFolderIn(root, old);
  return Status::Ok();
}

}  // namespace

Writer::Writer(std::unique_ptr<Parts> parts) : parts_(std::move(parts)) {}
Writer::Writer(Writer&&) noexcept = default;
Writer& Writer::operator=(Writer&&) noexcept = default;

Writer::~Writer() {
  if (parts_ == nullptr || parts_->committed) return;
  // What stays behind where memory ran out, the next writer sweeps away.
  base::IfMemoryLasts([this] { RemoveFolderIn(parts_->store->root, parts_->temporary); });
}

Result<Writer> Store::Begin(std::span<const KeyFactor> key) const {
  if (parts_->config.read_only)
    return Unavailable(fmt::format("'{}' is opened for reading only", parts_->config.root));
  parts_->Sweep();
  auto parts = std::make_unique<Writer::Parts>();
  parts->store = parts_;
  parts->name = KeyName(key);
  parts->temporary = std::string(kWriterPrefix) + RandomName();
  parts->manifest.key.assign(key.begin(), key.end());
  if (::mkdirat(parts_->root.get(), parts->temporary.c_str(), S_IRWXU) != 0)
    return Unavailable(fmt::format("cannot write to '{}': {}", parts_->config.root, std::strerror(errno)));
  Writer writer(std::move(parts));
  VIVACE_ASSIGN_OR_RETURN(writer.parts_->folder, OpenFolderIn(parts_->root, writer.parts_->temporary));
  TryLock(writer.parts_->folder, LOCK_EX);
  return writer;
}

Status Writer::Add(std::string_view name, std::span<const std::byte> bytes) {
  if (!IsFileName(name) || name.size() > 64 || parts_->manifest.Find(name) != nullptr)
    return InvalidArgument(fmt::format("'{}' is no name for a file of an artifact", name.substr(0, 100)));
  VIVACE_RETURN_IF_ERROR(WriteFileIn(parts_->folder, std::string(name), bytes));
  parts_->manifest.files.push_back(
      {std::string(name), std::string(name), static_cast<std::int64_t>(bytes.size()), Sha256(bytes)});
  return Status::Ok();
}

Status Writer::Add(std::string_view name, std::string_view text) {
  return Add(name, std::as_bytes(std::span(text)));
}

Status Writer::AddWeights(std::span<const std::byte> bytes, const std::atomic<bool>* stop) {
  if (bytes.empty()) return Status::Ok();
  VIVACE_RETURN_IF_ERROR(parts_->store->MakeRoom(static_cast<std::int64_t>(bytes.size())));
  WeightsRecord record;
  record.bytes = static_cast<std::int64_t>(bytes.size());
  record.digest = parts_->store->secret.empty() ? ChunkDigest::kXxh3 : ChunkDigest::kSha256;
  const auto chunk_bytes = static_cast<std::size_t>(kChunkBytes);
  for (std::size_t begin = 0; begin < bytes.size(); begin += chunk_bytes) {
    record.chunks.push_back(
        DigestOf(record.digest, bytes.subspan(begin, std::min(chunk_bytes, bytes.size() - begin))));
  }
  VIVACE_RETURN_IF_ERROR(WriteFileIn(parts_->folder, std::string(kWeightsFile), bytes, stop));
  parts_->manifest.weights = std::move(record);
  return Status::Ok();
}

Status Writer::Commit() {
  const std::string text = WriteManifest(parts_->manifest, parts_->store->secret);
  VIVACE_RETURN_IF_ERROR(
      WriteFileIn(parts_->folder, std::string(kManifestFile), std::as_bytes(std::span(text))));
  VIVACE_RETURN_IF_ERROR(SyncFolder(parts_->folder));
  TryLock(parts_->folder, LOCK_SH);  // it is an entry now: others may read it, and nobody removes it yet
  VIVACE_RETURN_IF_ERROR(TakeName(parts_->store->root, parts_->temporary, parts_->name));
  parts_->committed = true;
  parts_->folder = Handle();
  return SyncFolder(parts_->store->root);
}

}  // namespace vivace::artifact
