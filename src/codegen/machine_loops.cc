#include "codegen/machine_loops.h"

#include <algorithm>
#include <string>

#include "base/status_macros.h"
#include "codegen/vir.h"

namespace vivace::codegen {
namespace {

constexpr int kSteps = 20000;
constexpr std::size_t kReadStep = 512;

std::int64_t Address(const void* pointer) {
  return reinterpret_cast<std::int64_t>(pointer);
}

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
Function BuildRead(const PrefetchDistances& prefetch, const Target& target) {
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

}  // namespace

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
    VIVACE_ASSIGN_OR_RETURN(const KernelId id, library_.Compile(BuildRegisterLoop(row.id, target_)));
    loops_[static_cast<std::size_t>(row.id)] = id;
  }
  for (const ReadVariant& variant : kReadVariants) {
    VIVACE_ASSIGN_OR_RETURN(const KernelId id, library_.Compile(BuildRead(variant.distances, target_)));
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

}  // namespace vivace::codegen
