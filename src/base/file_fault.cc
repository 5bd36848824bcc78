// The table of ranges is the one thing that a signal handler can look at: fixed, of atomics, without locks.
#include "base/file_fault.h"

#include <signal.h>
#include <sys/mman.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <cstdint>
#include <limits>
#include <string_view>
#include <utility>

namespace vivace::base {
namespace {

constexpr int kSlots = 8192;  // more than the files of any model
constexpr std::uintptr_t kFree = 0, kBeingSet = std::numeric_limits<std::uintptr_t>::max();

struct Slot {
  std::atomic<std::uintptr_t> begin{kFree};  // also kBeingSet: not to be looked at
  std::atomic<std::uintptr_t> end{0};
  std::atomic<bool> faulted{false};
};
constinit Slot slots[kSlots];

// Zeros from the page of `address` to the end of its range: what is missing in one page is missing in those
// behind it.
bool PatchRange(std::uintptr_t address) {
  constexpr std::uintptr_t kPage = 4096;
  for (Slot& slot : slots) {
    if (address < slot.begin.load(std::memory_order_acquire)) continue;
    const std::uintptr_t end = slot.end.load(std::memory_order_acquire);
    if (slot.begin.load(std::memory_order_acquire) == kFree || address >= end) continue;
    slot.faulted.store(true, std::memory_order_release);
    const std::uintptr_t page = address & ~(kPage - 1);
    return ::mmap(reinterpret_cast<void*>(page), end - page, PROT_READ,
                  MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0) != MAP_FAILED;
  }
  return false;
}

// Only what may be called in a signal handler.
void OnBusError(int, siginfo_t* info, void*) {
  constexpr std::string_view kLine =
      "vivace: error: a file that is in use became shorter or unreadable (SIGBUS): do not change a file "
      "while it is "
      "read; fetch it again and start anew\n";
  const int error = errno;
  const bool patched = PatchRange(reinterpret_cast<std::uintptr_t>(info->si_addr));
  errno = error;
  if (patched) return;
  [[maybe_unused]] const auto written = ::write(STDERR_FILENO, kLine.data(), kLine.size());
  ::_exit(2);
}

}  // namespace

FileRange::FileRange(std::span<const std::byte> mapping) {
  const auto begin = reinterpret_cast<std::uintptr_t>(mapping.data());
  for (int i = 0; i < kSlots; ++i) {
    std::uintptr_t free = kFree;
    if (!slots[i].begin.compare_exchange_strong(free, kBeingSet)) continue;
    slots[i].end.store(begin + mapping.size(), std::memory_order_release);
    slots[i].faulted.store(false, std::memory_order_release);
    slots[i].begin.store(begin, std::memory_order_release);
    slot_ = i;
    return;
  }
}

FileRange::FileRange(FileRange&& other) noexcept : slot_(std::exchange(other.slot_, -1)) {}

FileRange& FileRange::operator=(FileRange&& other) noexcept {
  std::swap(slot_, other.slot_);
  return *this;
}

FileRange::~FileRange() {
  if (slot_ < 0) return;
  slots[slot_].begin.store(kBeingSet, std::memory_order_release);
  slots[slot_].end.store(0, std::memory_order_release);
  slots[slot_].begin.store(kFree, std::memory_order_release);
}

bool FileRange::faulted() const {
  return slot_ >= 0 && slots[slot_].faulted.load(std::memory_order_acquire);
}

void SurviveFileFaults() {
  struct sigaction action {};
  action.sa_sigaction = OnBusError;
  action.sa_flags = SA_SIGINFO;
  ::sigaction(SIGBUS, &action, nullptr);
}

}  // namespace vivace::base
