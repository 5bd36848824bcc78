// For tests: the instruction set that a run is masked to, VIVACE_CPU_ISA, as --cpu-isa takes it.
#pragma once

#include <cstdlib>
#include <optional>
#include <string>

#include "codegen/target.h"

namespace vivace::codegen {

/// Nothing when the run is not masked, or masked to what this CPU cannot run anyhow.
inline std::optional<std::string> MaskedTargetName() {
  const char* name = std::getenv("VIVACE_CPU_ISA");
  if (name == nullptr || !TargetByName(name, RunnableTargets()).ok()) return std::nullopt;
  return name;
}

inline std::optional<Target> MaskedTarget() {
  const std::optional<std::string> name = MaskedTargetName();
  if (!name) return std::nullopt;
  return *TargetByName(*name, RunnableTargets());
}

}  // namespace vivace::codegen
