// Targets that tests of code generation run over, here and in the folders above.
#pragma once

#include <cstdlib>
#include <vector>

#include "codegen/target.h"

namespace vivace::codegen {

/// AVX2, FMA and F16C alone: the smallest target that there is.
inline Target PlainAvx2() {
  base::CpuFeatures features;
  features.avx2 = features.fma = features.f16c = true;
  return TargetFor(features);
}

/// AVX2 with VNNI in its VEX encoding.
inline Target Avx2WithVnni() {
  base::CpuFeatures features;
  features.avx2 = features.fma = features.f16c = features.avx_vnni = true;
  return TargetFor(features);
}

/// AVX-512 with VNNI, without bf16.
inline Target PlainAvx512() {
  base::CpuFeatures features;
  features.avx2 = features.fma = features.f16c = true;
  features.avx512f = features.avx512bw = features.avx512dq = features.avx512vl = features.avx512_vnni = true;
  return TargetFor(features);
}

/// What this CPU can run, and AVX2 with VNNI: where a target cannot run, code is made for it all the same and
/// CompareWithInterpreter only interprets. Never empty.
inline const std::vector<Target>& TargetsUnderTest() {
  static const std::vector<Target> targets = [] {
    std::vector<Target> out = RunnableTargets();
    if (out.empty()) out = {PlainAvx512(), PlainAvx2()};
    out.push_back(Avx2WithVnni());
    return out;
  }();
  return targets;
}

/// True under an emulator, which finds instructions that a CPU lacks but is no judge of bits: of two NaN it
/// may pass on the other one, and it flushes denormals of f16.
inline bool IsEmulated() {
  return std::getenv("VIVACE_EMULATED") != nullptr;
}

}  // namespace vivace::codegen
