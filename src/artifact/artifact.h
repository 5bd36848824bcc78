// The artifact directory: what one start keeps for the next. A store is a folder with one folder ("entry") a
// key; an entry is manifest.json, weights.pack and small files by name. Nothing in it is executable, and
// nothing is believed before its checksum is (docs/artifact.md has format, key and trust). Every failure
// means running without: callers log the Status and go on. Thread safety: a Store may be used from any
// thread; an Entry is immutable; a Writer belongs to one thread. Ownership: an Entry owns its mappings and
// does not need the Store.
#pragma once

#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/worker_team.h"
#include "vivace/status.h"

namespace vivace::artifact {

/// One thing that the content depends on; names are unique within a key and their order is fixed.
struct KeyFactor {
  std::string name;   // "activation"
  std::string value;  // "auto"
};
using Key = std::vector<KeyFactor>;

/// The name of the entry's folder: 32 hexadecimal digits of the SHA-256 of all names and values.
std::string KeyName(std::span<const KeyFactor> key);

/// kManifest leaves out the packed weights: for images that nobody can write to.
enum class Verify { kFull, kManifest };

struct StoreConfig {
  std::string root;        // folder of entries
  bool read_only = false;  // never write, not even a folder that is missing
  Verify verify = Verify::kFull;
  std::int64_t max_bytes = 0;  // of all entries; 0: the smaller of 50 GiB and a fifth of the file system
  std::string hmac_key_file;   // outside root; empty: entries are not signed
};

/// A verified entry, mapped read-only (shared with other processes). While it lives, the entry is not
/// evicted.
class Entry {
 public:
  /// Checks every byte of weights.pack at the speed of memory, on the workers of `team`, if any; only an
  /// Entry of Store::Peek needs it. kDataLoss names the chunk that is wrong.
  Status CheckWeights(base::WorkerTeam* team) const;

  Entry(Entry&&) noexcept;
  Entry& operator=(Entry&&) noexcept;
  ~Entry();

  /// weights.pack, at an address that is a multiple of 2 MiB; empty when the entry has none.
  std::span<const std::byte> weights() const;
  /// A small file by its name ("tokenizer.img"); nothing when the entry has none of that name.
  std::optional<std::span<const std::byte>> Blob(std::string_view name) const;
  std::optional<std::string_view> Text(std::string_view name) const;
  /// The folder's name.
  const std::string& name() const;

  struct Parts;  // internal

 private:
  friend class Store;
  explicit Entry(std::unique_ptr<Parts> parts);
  std::unique_ptr<Parts> parts_;
};

/// Makes one entry in a folder of its own, which gets its name when all is on the disk.
class Writer {
 public:
  Writer(Writer&&) noexcept;
  Writer& operator=(Writer&&) noexcept;
  ~Writer();  // without a Commit: nothing is left

  /// A small file. Its name has letters, digits, '.', '-' and '_', 64 at most, and no '.' in front.
  Status Add(std::string_view name, std::span<const std::byte> bytes);
  Status Add(std::string_view name, std::string_view text);
  /// weights.pack; once. kCancelled: `stop` became true before all was written.
  Status AddWeights(std::span<const std::byte> bytes, const std::atomic<bool>* stop = nullptr);
  /// Makes the entry visible under its key, or drops it when an equal one is there already. Other entries are
  /// evicted first when the store would be too large.
  Status Commit();

  struct Parts;  // internal

 private:
  friend class Store;
  explicit Writer(std::unique_ptr<Parts> parts);
  std::unique_ptr<Parts> parts_;
};

/// Held by a process that makes an entry, so that others wait for it rather than do the same work.
class BuildLock {
 public:
  BuildLock() = default;
  BuildLock(BuildLock&& other) noexcept;
  BuildLock& operator=(BuildLock&& other) noexcept;
  ~BuildLock();

  /// False: somebody else has it and did not finish in time, or the folder cannot hold a lock.
  bool held() const { return file_ >= 0; }

 private:
  friend class Store;
  int file_ = -1;
};

/// What `cache ls` shows of an entry.
struct EntryInfo {
  std::string name;
  std::int64_t bytes = 0;      // of all its files
  std::int64_t last_used = 0;  // seconds since 1970
  bool in_use = false;         // by a process that runs now
  Key key;
  std::vector<std::pair<std::string, std::int64_t>> files;  // names and bytes, weights.pack among them
  std::string problem;                                      // empty: the manifest is whole
};

class Store {
 public:
  /// Opens the folder, or makes it (0700). The Status says why it cannot be used: it belongs to somebody
  /// else, others may write to it, it is a link or no folder, or it cannot be made.
  static Result<Store> Open(StoreConfig config);

  Store(Store&&) noexcept;
  Store& operator=(Store&&) noexcept;
  ~Store();

  /// The entry of `key`, verified. `why_not` says what differs when there is none: the factors in which the
  /// nearest entry differs, or what is wrong with the entry's files. `team` shares the work of checking.
  Result<std::optional<Entry>> Find(std::span<const KeyFactor> key, std::string& why_not,
                                    base::WorkerTeam* team = nullptr) const;

  /// The same without a check of weights.pack, which the caller has to do before it reads the weights.
  Result<std::optional<Entry>> Peek(std::span<const KeyFactor> key, std::string& why_not) const;

  /// Starts an entry. kUnavailable: the store is read-only, or the disk says no.
  Result<Writer> Begin(std::span<const KeyFactor> key) const;

  /// Waits until nobody else makes this entry, `timeout` at most. A dead process holds no lock.
  BuildLock LockBuild(std::span<const KeyFactor> key, std::chrono::milliseconds timeout) const;

  /// A small file of an entry anew (tuning, profile), atomically; the rest stays. kNotFound: no such entry.
  Status Replace(std::span<const KeyFactor> key, std::string_view name,
                 std::span<const std::byte> bytes) const;

  std::vector<EntryInfo> List() const;
  /// Checks every byte of an entry by its folder's name. The Status names the file that is wrong.
  Status VerifyEntry(const std::string& name, base::WorkerTeam* team = nullptr) const;
  /// Removes an entry, or all entries and what interrupted writers left. Entries in use are left unless
  /// `force`. Returns how many bytes are free now.
  Result<std::int64_t> Remove(const std::string& name, bool force = false) const;
  Result<std::int64_t> Clear(bool force = false) const;

  const StoreConfig& config() const;

  struct Parts;  // internal

 private:
  explicit Store(std::shared_ptr<const Parts> parts);
  std::shared_ptr<const Parts> parts_;  // its writers have it, too
};

}  // namespace vivace::artifact
