// For tests: the instruction set that a run is masked to, VIVACE_CPU_ISA, as --cpu-isa takes it.
#pragma once

#include <cstdlib>
#include <optional>
#include <string>

#include "codegen/target.h"

namespace vivace::codegen {

/// Nothing when the run is not masked. "none" for a target that this CPU cannot run: tests of compiled levels
/// then do what they do on a CPU without AVX2.
inline std::optional<std::string> MaskedTargetName() {
  const char* name = std::getenv("VIVACE_CPU_ISA");
  if (name == nullptr) return std::nullopt;
  return TargetByName(name, RunnableTargets()).ok() ? name : "none";
}

inline std::optional<Target> MaskedTarget() {
  const std::optional<std::string> name = MaskedTargetName();
  if (!name) return std::nullopt;
  return *TargetByName(*name, RunnableTargets());
}

}  // namespace vivace::codegen
