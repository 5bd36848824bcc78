// Rates of the portable linear kernel (-O0) on the shapes of the 135M model, next to a register-only loop of
// multiply-adds that says what the machine gives at that moment. Usage: portable_bench
#include <chrono>
#include <cstdio>
#include <memory>
#include <vector>

#include "base/worker_team.h"
#include "kernels/portable.h"
#include "tensor/random_row.h"

namespace vivace {
namespace {

using kernels::LinearArgs;
using kernels::TaskKernel;

struct alignas(64) Scratch {
  std::byte bytes[kernels::kScratchBytes];
};

double Seconds() {
  return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count();
}

/// Best of several timings of body(), in seconds.
template <class Body>
double Best(Body&& body) {
  body();
  double best = 1e9;
  const double end = Seconds() + 0.3;
  do {
    const double start = Seconds();
    body();
    best = std::min(best, Seconds() - start);
  } while (Seconds() < end);
  return best;
}

class Workers {
 public:
  explicit Workers(int count) : team_(count), ranges_(count) {
    for (int i = 0; i < count; ++i) scratch_.push_back(std::make_unique<Scratch>());
  }
  base::WorkerTeam& team() { return team_; }
  void RunPhase(const TaskKernel& kernel, const void* arguments, const tensor::StepView& step) {
    ranges_.Reset(kernel.grid(arguments, step));
    team_.Run([&](int worker) {
      for (int task = ranges_.Take(worker); task >= 0; task = ranges_.Take(worker)) {
        kernel.run(arguments, task, {step, scratch_[worker]->bytes});
      }
    });
  }

 private:
  base::WorkerTeam team_;
  base::TaskRanges ranges_;
  std::vector<std::unique_ptr<Scratch>> scratch_;
};

__attribute__((target("avx512f"))) void MultiplyAddLoop(int count) {
  typedef float Lanes __attribute__((vector_size(64)));
  Lanes sum[12] = {};
  Lanes a = {1.0f}, b = {0.5f};
  for (int i = 0; i < count; ++i) {
    for (Lanes& s : sum) asm volatile("vfmadd231ps %1, %2, %0" : "+v"(s) : "v"(a), "v"(b));
  }
}

/// GMAC/s of registers only.
double RegisterRate(Workers& workers, int threads) {
  if (!__builtin_cpu_supports("avx512f")) return 0;
  const int count = 1000000;
  const double seconds = Best([&] { workers.team().Run([&](int) { MultiplyAddLoop(count); }); });
  return 12.0 * 16 * count * threads / seconds * 1e-9;
}

void Measure(Workers& workers, int threads, tensor::DType type, int k, int n, int rows) {
  const std::size_t weight_bytes =
      static_cast<std::size_t>(k) * n / Row(type).block_elements * Row(type).block_bytes;
  std::vector<std::byte> weight(weight_bytes);
  tensor::RandomRow(type, 1, 0, static_cast<std::int64_t>(k) * n, 0.05f, weight.data());
  std::vector<float> x(static_cast<std::size_t>(k) * rows, 0.25f), out(static_cast<std::size_t>(n) * rows);
  const LinearArgs args = {x.data(), weight.data(), type, k, n, out.data(), false};
  tensor::StepView step;
  step.rows = rows;
  const TaskKernel kernel = kernels::LinearKernel(type);
  const double seconds = Best([&] { workers.RunPhase(kernel, &args, step); });
  std::printf("%d threads  %-4s  rows %3d  %5d x %5d  %7.2f GMAC/s  %7.2f GB/s of weights  %8.1f us\n",
              threads, Row(type).name.data(), rows, n, k, static_cast<double>(k) * n * rows / seconds * 1e-9,
              static_cast<double>(weight_bytes) / seconds * 1e-9, seconds * 1e6);
}

void Run() {
  struct Shape {
    int n, k;
  };
  for (const int threads : {1, 2}) {
    Workers workers(threads);
    std::printf("%d threads  registers only: %.1f GMAC/s\n", threads, RegisterRate(workers, threads));
    for (const int rows : {1, 2, 8, 512}) {
      for (const Shape shape : {Shape{576, 576}, Shape{576, 1536}, Shape{1536, 576}, Shape{49152, 576}}) {
        if (rows == 512 && shape.n > 10000) continue;  // logits are wanted for a few rows only
        Measure(workers, threads, tensor::DType::kQ4_1, shape.k, shape.n, rows);
      }
    }
    // Decode over weights that do not fit the caches, and prefill, for every type.
    for (int type = 0; type < tensor::kWeightTypes; ++type) {
      Measure(workers, threads, static_cast<tensor::DType>(type), 1536, 8192, 1);
      Measure(workers, threads, static_cast<tensor::DType>(type), 1536, 1536, 128);
    }
  }
}

}  // namespace
}  // namespace vivace

int main() {
  vivace::Run();
}
