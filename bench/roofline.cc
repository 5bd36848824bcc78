#include "roofline.h"

#include <pthread.h>
#include <sched.h>
#include <sys/mman.h>

#include <algorithm>
#include <chrono>
#include <cstring>
#include <string>

#include "base/check.h"
#include "base/status_macros.h"

namespace vivace::bench {
namespace {

using codegen::Builder;
using codegen::Function;
using codegen::Op;
using codegen::Scalar;
using codegen::Target;
using codegen::Vec;

constexpr std::size_t kHuge = std::size_t{2} << 20;
constexpr int kSteps = 20000;
constexpr std::size_t kReadStep = 512;
constexpr std::size_t kReadPiece = std::size_t{1} << 20;

// Enough sums to hide the latency of the slowest instruction, and no more than fit beside two operands.
int Sums(const Target& target) {
  return std::min(24, target.vectors - 2);
}

Function BuildRegisterLoop(RegisterLoop loop, const Target& target) {
  Builder b("peak_" + std::to_string(static_cast<int>(loop)));
  const bool floats = loop == RegisterLoop::kFma;
  std::vector<Vec> sums;
  for (int i = 0; i < Sums(target); ++i) sums.push_back(b.ConstInt(0));
  const bool pairs = loop == RegisterLoop::kDotBf16;
  const Vec x = floats ? b.Const(1.0f) : b.ConstInt(pairs ? 0x3f803f80 : 0x01020304);
  const Vec w = floats ? b.Const(0.5f) : b.ConstInt(pairs ? 0x3f003f00 : 0x05060708);
  b.Loop(kSteps);
  for (const Vec sum : sums) {
    switch (loop) {
      case RegisterLoop::kFma:
        b.Fma(sum, x, w);
        break;
      case RegisterLoop::kDot4:
        b.Dot4(sum, x, w);
        break;
      case RegisterLoop::kDot2:
        b.Dot2(sum, x, w);
        break;
      case RegisterLoop::kDotBf16:
        b.DotBf16(sum, x, w);
        break;
    }
  }
  b.End();
  for (const Vec sum : sums) b.Store({b.Arg(0), 0}, sum);
  return b.Take();
}

// Arguments: memory, steps of 512 bytes, result, repeats.
Function BuildRead(const codegen::PrefetchDistances& prefetch, const Target& target) {
  Builder b("plain_read");
  const int lines = static_cast<int>(kReadStep) / 64;
  const int count = std::min(lines, target.vectors - 2);
  std::vector<Vec> sums;
  for (int i = 0; i < count; ++i) sums.push_back(b.ConstInt(0));
  b.Loop(b.Arg(3));
  const Scalar at = b.Arg(0);
  b.Loop(b.Arg(1));
  for (int i = 0; i < lines; ++i) {
    if (prefetch.far_bytes != 0) b.Prefetch1({at, prefetch.far_bytes + 64 * i});
    if (prefetch.near_bytes != 0) b.Prefetch0({at, prefetch.near_bytes + 64 * i});
    const Vec sum = sums[static_cast<std::size_t>(i % count)];
    b.BinaryTo(Op::kAddInt, sum, sum, b.Load({at, 64 * i}));
  }
  b.Bump(at, kReadStep);
  b.End();
  b.End();
  for (const Vec sum : sums) b.Store({b.Arg(2), 0}, sum);
  return b.Take();
}

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

MachineLoops::MachineLoops(const Target& target) : target_(target), loops_(std::size(kRegisterLoops)) {}

Result<std::unique_ptr<MachineLoops>> MachineLoops::Create(const Target& target) {
  if (!target.CanRun()) return Unsupported("this CPU has neither AVX-512 with VNNI nor AVX2 with FMA");
  std::unique_ptr<MachineLoops> loops(new MachineLoops(target));
  VIVACE_RETURN_IF_ERROR(loops->Compile());
  return loops;
}

Status MachineLoops::Compile() {
  for (const RegisterLoopRow& row : kRegisterLoops) {
    if (row.id == RegisterLoop::kDotBf16 && !target_.bf16) continue;
    VIVACE_ASSIGN_OR_RETURN(const codegen::KernelId id, library_.Compile(BuildRegisterLoop(row.id, target_)));
    loops_[static_cast<std::size_t>(row.id)] = id;
  }
  for (const ReadVariant& variant : kReadVariants) {
    VIVACE_ASSIGN_OR_RETURN(const codegen::KernelId id,
                            library_.Compile(BuildRead(variant.distances, target_)));
    reads_.push_back(id);
  }
  return library_.Seal();
}

void MachineLoops::RunLoop(RegisterLoop loop) const {
  alignas(64) std::byte result[64];
  const std::int64_t arguments[] = {Address(result)};
  library_.Get (*loops_[static_cast<std::size_t>(loop)])(arguments);
}

double MachineLoops::Products(RegisterLoop loop) const {
  return static_cast<double>(kRegisterLoops[static_cast<std::size_t>(loop)].products) * Sums(target_) *
         kSteps;
}

void MachineLoops::Read(std::size_t variant, const std::byte* data, std::size_t bytes, int repeats) const {
  alignas(64) std::byte result[64];
  const std::int64_t arguments[] = {Address(data), static_cast<std::int64_t>(bytes / kReadStep),
                                    Address(result), repeats};
  library_.Get(reads_[variant])(arguments);
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
