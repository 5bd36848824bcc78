// How the runtime calls a kernel: a phase is a bound argument struct, a grid function and a task function.
// Task functions are pure: they write only what their arguments say and their worker's scratch; which worker
// runs which task changes no bit.
#pragma once

#include <cstddef>

#include "tensor/step_view.h"

namespace vivace::kernels {

struct TaskContext {
  const tensor::StepView& step;
  std::byte* scratch;  // this worker's own, 64-byte aligned, kScratchBytes
};

inline constexpr std::size_t kScratchBytes = 1 << 20;

/// Runs task `task` of the phase whose arguments are at `arguments` (one of the structs of portable.h,
/// panel.h, paged_attention.h).
using TaskFn = void (*)(const void* arguments, int task, const TaskContext& context);
/// How many tasks the phase has in this step.
using GridFn = int (*)(const void* arguments, const tensor::StepView& step);

/// What runs a phase.
struct TaskKernel {
  GridFn grid;
  TaskFn run;
};

}  // namespace vivace::kernels
