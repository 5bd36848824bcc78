// Files and folders of the store by descriptor: opened without following links, and refused when somebody
// else could have written them. Every function reports through Status; none throws.
#pragma once

#include <sys/types.h>

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "vivace/status.h"

namespace vivace::artifact {

/// Owns a descriptor. Movable.
class Handle {
 public:
  explicit Handle(int file = -1) : file_(file) {}
  Handle(Handle&& other) noexcept;
  Handle& operator=(Handle&& other) noexcept;
  ~Handle();
  int get() const { return file_; }
  bool ok() const { return file_ >= 0; }
  int Take();  // the caller owns it from now on

 private:
  int file_;
};

/// A folder of this user or of root that neither group nor others may write to; links are refused, but for
/// those above it. kUnavailable says which of these it is not; kNotFound when there is none.
Result<Handle> OpenFolder(const std::string& path);
Result<Handle> OpenFolderIn(const Handle& parent, const std::string& name);
/// The same for a regular file, for reading. `bytes` is its size.
Result<Handle> OpenFileIn(const Handle& folder, const std::string& name, std::int64_t& bytes);

/// Makes the folder and those above it that are missing, for this user only.
Status MakeFolders(const std::string& path);

/// All of a regular file; kDataLoss when it is larger than `limit`.
Result<std::string> ReadFileIn(const Handle& folder, const std::string& name, std::int64_t limit);
/// Makes a new file (0600) and brings it to the disk. kUnavailable: the disk is full, over quota or
/// read-only; kCancelled: `stop` became true.
Status WriteFileIn(const Handle& folder, const std::string& name, std::span<const std::byte> bytes,
                   const std::atomic<bool>* stop = nullptr);
/// Brings the folder's names to the disk.
Status SyncFolder(const Handle& folder);

/// Names in a folder, without "." and "..".
std::vector<std::string> NamesIn(const Handle& folder);
/// Removes a folder of plain files. Returns the bytes that they had; failures leave what they leave.
std::int64_t RemoveFolderIn(const Handle& parent, const std::string& name);

/// 16 random hexadecimal digits.
std::string RandomName();

}  // namespace vivace::artifact
