#include "roofline.h"

#include <pthread.h>
#include <sched.h>
#include <sys/mman.h>

#include <algorithm>
#include <chrono>
#include <cstring>

#include "base/check.h"

namespace vivace::bench {
namespace {

constexpr std::size_t kHuge = std::size_t{2} << 20;
constexpr std::size_t kReadPiece = std::size_t{1} << 20;

/// The cores that this process may use, found before any thread is put on one.
const std::vector<int>& Cores() {
  static const std::vector<int> cores = [] {
    std::vector<int> found;
    cpu_set_t set;
    if (sched_getaffinity(0, sizeof(set), &set) != 0) return std::vector<int>{0};
    for (int i = 0; i < CPU_SETSIZE; ++i) {
      if (CPU_ISSET(i, &set)) found.push_back(i);
    }
    return found;
  }();
  return cores;
}

void StayOn(const std::vector<int>& cores) {
  cpu_set_t set;
  CPU_ZERO(&set);
  for (const int core : cores) CPU_SET(core, &set);
  pthread_setaffinity_np(pthread_self(), sizeof(set), &set);
}

}  // namespace

double Seconds() {
  return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count();
}

Memory::Memory(std::size_t bytes) : mapped_((bytes + kHuge - 1) / kHuge * kHuge + kHuge) {
  void* mapping = mmap(nullptr, mapped_, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  VIVACE_CHECK(mapping != MAP_FAILED);
  madvise(mapping, mapped_, MADV_HUGEPAGE);
  mapping_ = static_cast<std::byte*>(mapping);
  aligned_ = mapping_ + (kHuge - reinterpret_cast<std::uintptr_t>(mapping_) % kHuge) % kHuge;
  std::memset(aligned_, 0, mapped_ - kHuge);
}

Memory::~Memory() {
  munmap(mapping_, mapped_);
}

void FillNumbers(std::byte* data, std::size_t bytes) {
  std::uint64_t state = 1;
  for (std::size_t i = 0; i + 8 <= bytes; i += 8) {
    state = state * 6364136223846793005u + 1442695040888963407u;
    // Bits of the exponent that are always set or never, in either byte of a half.
    const std::uint64_t value = ((state ^ (state >> 33)) & 0x2f2f2f2f2f2f2f2full) | 0x2020202020202020ull;
    std::memcpy(data + i, &value, 8);
  }
}

std::vector<std::vector<double>> InterleavedTimes(const std::vector<std::function<void()>>& bodies,
                                                  const Rounds& rounds) {
  std::vector<std::vector<double>> times(bodies.size());
  double end = 0;
  for (int round = 0; round <= rounds.least || (round <= rounds.most && Seconds() < end); ++round) {
    if (round == 1) end = Seconds() + rounds.seconds;
    for (std::size_t i = 0; i < bodies.size(); ++i) {
      const double start = Seconds();
      bodies[i]();
      if (round > 0) times[i].push_back(Seconds() - start);
    }
  }
  return times;
}

std::vector<double> InterleavedMedians(const std::vector<std::function<void()>>& bodies,
                                       const Rounds& rounds) {
  std::vector<double> medians;
  for (const std::vector<double>& times : InterleavedTimes(bodies, rounds)) medians.push_back(Median(times));
  return medians;
}

double Median(std::vector<double> values) {
  std::sort(values.begin(), values.end());
  return values[values.size() / 2];
}

double MedianRatio(const std::vector<double>& numerator, const std::vector<double>& denominator) {
  std::vector<double> ratios;
  for (std::size_t i = 0; i < numerator.size(); ++i) ratios.push_back(numerator[i] / denominator[i]);
  return Median(std::move(ratios));
}

double Spread(std::vector<double> values) {
  std::sort(values.begin(), values.end());
  return values[values.size() * 3 / 4] / values[values.size() / 4];
}

Workers::Workers(int count)
    : team_(count), ranges_(count), scratch_(kernels::kScratchBytes * static_cast<std::size_t>(count)) {
  Cores();  // before any thread is put on one
  team_.Run([](int worker) { StayOn({Cores()[static_cast<std::size_t>(worker) % Cores().size()]}); });
}

void Workers::ReleaseThisThread() {
  StayOn(Cores());
}

void RunLoopOnAll(Workers& workers, const MachineLoops& loops, RegisterLoop loop) {
  workers.Run([&](int) { loops.RunLoop(loop); });
}

void ReadOnAll(Workers& workers, const MachineLoops& loops, std::size_t variant, const std::byte* data,
               std::size_t bytes) {
  const int pieces = static_cast<int>((bytes + kReadPiece - 1) / kReadPiece);
  workers.RunTasks(pieces, [&](int piece, int) {
    const std::size_t first = static_cast<std::size_t>(piece) * kReadPiece;
    loops.Read(variant, data + first, std::min(kReadPiece, bytes - first));
  });
}

}  // namespace vivace::bench
