// What code is made for: an instruction set with its registers, and the facts of a microarchitecture. A plain
// value, found once by CPUID from one table; tests mask features off. Facts marked "arithmetic" decide bits:
// they follow from CPUID alone and are never probed or tuned. The others change no bit.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/cpu_features.h"
#include "vivace/status.h"

namespace vivace::codegen {

enum class InstructionSet : std::uint8_t {
  kNone,    // no machine code here: the interpreter only
  kAvx2,    // AVX2, FMA, F16C: a vector of the IR is two ymm registers
  kAvx512,  // AVX-512 F, BW, DQ, VL and VNNI: a vector is one zmm register
};

/// How far ahead of its reads a kernel that streams weights asks for them: into the second cache level, and
/// into the first. 0: not at all.
struct PrefetchDistances {
  int far_bytes = 0;
  int near_bytes = 0;
};

struct Target {
  InstructionSet isa = InstructionSet::kNone;
  std::string name;  // "avx512-vnni-bf16", for dumps and keys

  // Instructions beyond the set's own.
  bool vnni = false;      // dp4, dp2 as one instruction
  bool vnni_vex = false;  // in the VEX encoding (AVX-VNNI) rather than AVX-512's, for kAvx2
  bool bf16 = false;      // conversions to bf16 and dot products of bf16 pairs (AVX512_BF16)
  bool fp16 = false;      // arithmetic on f16 (AVX512_FP16)
  bool amx_int8 = false;
  bool amx_bf16 = false;

  // Arithmetic: weights of bf16 by bf16 dot products (activations rounded to bf16), else by float FMA.
  bool bf16_dot = false;

  // Virtual vector registers that a kernel may have alive at once.
  int vectors = 0;

  // Neutral facts.
  PrefetchDistances prefetch_single_row{};          // kernels of one activation row
  PrefetchDistances prefetch_single_row_nibbles{};  // the same, of 4-bit weights
  PrefetchDistances prefetch_rows{};                // of several

  bool CanRun() const { return isa != InstructionSet::kNone; }
};

/// True when a CPU with these features can run code made for `target`.
bool CanRun(const Target& target, const base::CpuFeatures& features);

/// The best target for these features; kNone below AVX2 with FMA and F16C.
Target TargetFor(const base::CpuFeatures& features);
/// The target of this CPU, found once.
const Target& HostTarget();
/// Every target that this CPU can run, the best first: the same CPU with features masked off.
std::vector<Target> RunnableTargets();
/// Of `runnable` (RunnableTargets()), the one of that name: "avx512-vnni", "avx2-vnni", "avx2". "auto" is the
/// best of them; "none" is the target without machine code, as on a CPU without AVX2. Tests run with features
/// masked off this way. kInvalidArgument: this CPU has no such target; the message lists those it has.
Result<Target> TargetByName(std::string_view name, const std::vector<Target>& runnable);

}  // namespace vivace::codegen
