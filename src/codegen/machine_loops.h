// The machine's own limits as machine code of the vector IR: loops that need registers only, and plain reads
// of memory. What benchmarks and `vivace explain` measure kernels against. Thread safety: make on one thread;
// after that any thread may run the loops, each call on the calling thread alone.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string_view>
#include <vector>

#include "codegen/kernel_library.h"
#include "codegen/target.h"
#include "vivace/status.h"

namespace vivace::codegen {

//  id  name  multiply-adds per 64-byte instruction
#define VIVACE_REGISTER_LOOPS(X) \
  X(Fma, "f32 fma", 16)          \
  X(Dot4, "u8 x s8 dot", 64)     \
  X(Dot2, "s16 x s16 dot", 32)   \
  X(DotBf16, "bf16 dot", 32)

enum class RegisterLoop : std::uint8_t {
#define VIVACE_X(id, ...) k##id,
  VIVACE_REGISTER_LOOPS(VIVACE_X)
#undef VIVACE_X
};
struct RegisterLoopRow {
  RegisterLoop id;
  std::string_view name;
  int products;
};
inline constexpr RegisterLoopRow kRegisterLoops[] = {
#define VIVACE_X(id, name, products) {RegisterLoop::k##id, name, products},
    VIVACE_REGISTER_LOOPS(VIVACE_X)
#undef VIVACE_X
};

/// The fixed variants of a plain read: what they prefetch ahead. The best one counts.
struct ReadVariant {
  std::string_view name;
  PrefetchDistances distances;
};
inline constexpr ReadVariant kReadVariants[] = {
    {"no prefetch", {}},
    {"T0 +2 KiB", {.far_bytes = 0, .near_bytes = 2048}},
    {"T0 +4 KiB", {.far_bytes = 0, .near_bytes = 4096}},
    {"T1 +8 KiB", {.far_bytes = 8192, .near_bytes = 0}},
    {"T1 +8 KiB, T0 +1 KiB", {.far_bytes = 8192, .near_bytes = 1024}},
};

/// The loops as machine code for one target.
class MachineLoops {
 public:
  /// Fails where the target cannot run here.
  static Result<std::unique_ptr<MachineLoops>> Create(const Target& target = HostTarget());

  /// False for instructions that the target lacks.
  bool Has(RegisterLoop loop) const { return loops_[static_cast<std::size_t>(loop)].has_value(); }
  /// Runs a register-only loop once on the calling thread: Products(loop) multiply-adds.
  void RunLoop(RegisterLoop loop) const;
  double Products(RegisterLoop loop) const;
  /// Reads `bytes` (a multiple of 512), `repeats` times.
  void Read(std::size_t variant, const std::byte* data, std::size_t bytes, int repeats = 1) const;

 private:
  explicit MachineLoops(const Target& target);
  Status Compile();

  Target target_;
  KernelLibrary library_;
  std::vector<std::optional<KernelId>> loops_;
  std::vector<KernelId> reads_;
};

}  // namespace vivace::codegen
