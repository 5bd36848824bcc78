// Rates of the portable linear kernel (-O0) on the shapes of the 135M model, in turns with a register-only
// loop of multiply-adds that says what the machine gives at that moment. Usage: portable_bench
#include <cstdio>
#include <memory>
#include <vector>

#include "kernels/portable.h"
#include "roofline.h"
#include "tensor/random_row.h"

namespace vivace::bench {
namespace {

using kernels::LinearArgs;
using kernels::TaskKernel;

constexpr Rounds kRounds = {.least = 5, .most = 101, .seconds = 0.2};

/// `loops` may be null where the CPU has no machine code to compare with.
void Measure(Workers& workers, const MachineLoops* loops, tensor::DType type, int k, int n, int rows) {
  const std::size_t weight_bytes =
      static_cast<std::size_t>(k) * n / Row(type).block_elements * Row(type).block_bytes;
  std::vector<std::byte> weight(weight_bytes);
  tensor::RandomRow(type, 1, 0, static_cast<std::int64_t>(k) * n, 0.05f, weight.data());
  std::vector<float> x(static_cast<std::size_t>(k) * rows, 0.25f), out(static_cast<std::size_t>(n) * rows);
  const LinearArgs args = {x.data(), weight.data(), type, k, n, out.data(), false};
  tensor::StepView step;
  step.rows = rows;
  const TaskKernel kernel = kernels::LinearKernel(type);
  const auto phase = [&] {
    workers.RunTasks(kernel.grid(&args, step), [&](int task, int worker) {
      kernel.run(&args, task, {step, workers.scratch(worker)});
    });
  };
  const auto peak = [&] {
    if (loops != nullptr) RunLoopOnAll(workers, *loops, RegisterLoop::kFma);
  };
  const std::vector<double> t = InterleavedMedians({phase, peak}, kRounds);
  const double rate = static_cast<double>(k) * n * rows / t[0];
  std::printf("%d threads  %-4s  rows %3d  %5d x %5d  %7.2f GMAC/s", workers.size(), Row(type).name.data(),
              rows, n, k, rate * 1e-9);
  if (loops != nullptr) {
    const double bound = workers.size() * loops->Products(RegisterLoop::kFma) / t[1];
    std::printf(" = %5.1f %% of float multiply-adds", 100 * rate / bound);
  }
  std::printf("  %7.2f GB/s of weights  %8.1f us\n", static_cast<double>(weight_bytes) / t[0] * 1e-9,
              t[0] * 1e6);
}

void Run() {
  struct Shape {
    int n, k;
  };
  const auto made = MachineLoops::Create();
  const MachineLoops* loops = made.ok() ? made->get() : nullptr;
  for (const int threads : {1, 2}) {
    Workers workers(threads);
    for (const int rows : {1, 2, 8, 512}) {
      for (const Shape shape : {Shape{576, 576}, Shape{576, 1536}, Shape{1536, 576}, Shape{49152, 576}}) {
        if (rows == 512 && shape.n > 10000) continue;  // logits are wanted for a few rows only
        Measure(workers, loops, tensor::DType::kQ4_1, shape.k, shape.n, rows);
      }
    }
    // Decode over weights that do not fit the caches, and prefill, for every type.
    for (int type = 0; type < tensor::kWeightTypes; ++type) {
      Measure(workers, loops, static_cast<tensor::DType>(type), 1536, 8192, 1);
      Measure(workers, loops, static_cast<tensor::DType>(type), 1536, 1536, 128);
    }
  }
}

}  // namespace
}  // namespace vivace::bench

int main() {
  vivace::bench::Run();
}
