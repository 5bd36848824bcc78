// Makes the k-th allocation, system call or thread of a stretch of code fail, in this binary. One stretch at
// a time; what other threads do in it counts, too.
#pragma once

namespace vivace::faults {

enum class Kind {
  kAllocation,  // operator new throws, or returns null where it must not throw
  kCall,    // open, read, mmap, write, fsync, rename and their kin return EIO, ENOMEM, ENOSPC and the like
  kThread,  // the system gives no thread
};

struct Fault {
  Kind kind = Kind::kAllocation;
  long at = 0;           // the how many-th fails, from 1
  bool lasting = false;  // and all after it
};

/// The stretch is the life of this.
class Armed {
 public:
  explicit Armed(const Fault& fault);
  ~Armed();
  Armed(const Armed&) = delete;
  Armed& operator=(const Armed&) = delete;
  /// How many there were so far.
  long count() const;
};

/// What this thread does in the life of this neither counts nor fails: the test's own work.
class Exempt {
 public:
  Exempt();
  ~Exempt();
  Exempt(const Exempt&) = delete;
  Exempt& operator=(const Exempt&) = delete;

 private:
  const bool before_;
};

/// What was taken and not given back yet: by operator new, by mmap, and descriptors.
struct Held {
  long allocations = 0, mappings = 0, descriptors = 0;
  bool operator==(const Held&) const = default;
};
Held HeldNow();

}  // namespace vivace::faults
