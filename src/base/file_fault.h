// A mapped file that becomes shorter, or cannot be read, while it is mapped: touching its missing pages
// raises SIGBUS. Thread safety: all of it from any thread.
#pragma once

#include <cstddef>
#include <span>

namespace vivace::base {

/// Says that memory is a mapped file. A fault there then puts zeros in the place of the missing pages, and
/// who reads the file asks faulted() before it believes what it read. Movable; must go before the memory is
/// unmapped.
class FileRange {
 public:
  FileRange() = default;
  explicit FileRange(std::span<const std::byte> mapping);
  FileRange(FileRange&& other) noexcept;
  FileRange& operator=(FileRange&& other) noexcept;
  ~FileRange();

  bool faulted() const;

 private:
  int slot_ = -1;  // none: more ranges than the table has, whose faults end the process
};

/// From now on such a fault is survived inside a FileRange; elsewhere it ends the process with one line on
/// stderr and exit status 2, instead of a signal. For programs, once, before threads start; a library leaves
/// the signal to its host.
void SurviveFileFaults();

}  // namespace vivace::base
