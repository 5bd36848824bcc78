// For tests of this folder: runs a phase as the runtime would, on one thread.
#pragma once

#include <cstddef>
#include <cstring>
#include <memory>

#include "kernels/task.h"

namespace vivace::kernels {

/// All tasks of a phase, last task first, each with NaN in the scratch that it may use first: neither the
/// order nor what scratch held may matter.
inline void RunPhase(const TaskKernel& kernel, const void* arguments, const tensor::StepView& step) {
  struct alignas(64) Scratch {
    std::byte bytes[kScratchBytes];
  };
  static const auto scratch = std::make_unique<Scratch>();
  for (int task = kernel.grid(arguments, step) - 1; task >= 0; --task) {
    std::memset(scratch->bytes, 0xff, kScratchBytes / 8);
    kernel.run(arguments, task, {step, scratch->bytes});
  }
}

}  // namespace vivace::kernels
