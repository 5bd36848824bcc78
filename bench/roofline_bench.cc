// The machine's own limits, of one thread and of two at once: arithmetic from registers, reads of each level
// of memory, and the time that a cache line takes to another core and back. Says when two cores act as one.
// Usage: roofline_bench
#include <algorithm>
#include <atomic>
#include <cstdio>
#include <memory>
#include <string>

#include "base/cpu_features.h"
#include "roofline.h"

namespace vivace::bench {
namespace {

// Two threads below this many times the rate of one share a core.
constexpr double kOneCore = 1.3;
constexpr Rounds kRounds = {.least = 11, .most = 201, .seconds = 0.4};

class Limits {
 public:
  explicit Limits(const MachineLoops& loops) : loops_(loops) {}

  void Arithmetic() {
    std::printf("%-22s %10s %10s %7s\n", "registers only", "1 thread", "2 threads", "ratio");
    for (const RegisterLoopRow& row : kRegisterLoops) {
      if (!loops_.Has(row.id)) continue;
      const std::vector<double> t = InterleavedMedians(
          {[&] { RunLoopOnAll(one_, loops_, row.id); }, [&] { RunLoopOnAll(two_, loops_, row.id); }},
          kRounds);
      const double products = loops_.Products(row.id) / 1e9;
      Print(std::string(row.name), products / t[0], 2 * products / t[1], "GMAC/s");
      scaling_ = std::min(scaling_, 2 * t[0] / t[1]);
    }
  }

  /// Each thread reads a buffer of its own, again and again.
  void Cache(const char* name, std::size_t bytes) {
    constexpr std::size_t kTotal = std::size_t{32} << 20;
    const int repeats = static_cast<int>(kTotal / bytes);
    Memory memory(2 * bytes);
    const auto read = [&](int worker) { loops_.Read(0, memory.data() + worker * bytes, bytes, repeats); };
    const std::vector<double> t =
        InterleavedMedians({[&] { one_.Run(read); }, [&] { two_.Run(read); }}, kRounds);
    const double read_bytes = static_cast<double>(bytes) * repeats / 1e9;
    Print(name, read_bytes / t[0], 2 * read_bytes / t[1], "GB/s");
  }

  void MainMemory() {
    constexpr std::size_t kBytes = std::size_t{192} << 20;
    Memory memory(kBytes + (1 << 16));
    FillNumbers(memory.data(), kBytes);
    std::vector<std::function<void()>> bodies;
    for (std::size_t v = 0; v < std::size(kReadVariants); ++v) {
      bodies.push_back([&, v] { ReadOnAll(one_, loops_, v, memory.data(), kBytes); });
      bodies.push_back([&, v] { ReadOnAll(two_, loops_, v, memory.data(), kBytes); });
    }
    const std::vector<double> t = InterleavedMedians(bodies, {.least = 11, .most = 31, .seconds = 2.0});
    std::size_t best[2] = {0, 0};
    for (std::size_t v = 0; v < std::size(kReadVariants); ++v) {
      const std::string name = "read, " + std::string(kReadVariants[v].name);
      Print(name, kBytes / t[2 * v] / 1e9, kBytes / t[2 * v + 1] / 1e9, "GB/s");
      for (std::size_t i = 0; i < 2; ++i) {
        if (t[2 * v + i] < t[2 * best[i] + i]) best[i] = v;
      }
    }
    for (std::size_t i = 0; i < 2; ++i) {
      std::printf("best plain read of memory, %zu thread%s: %s, %.1f GB/s\n", i + 1, i == 0 ? "" : "s",
                  std::string(kReadVariants[best[i]].name).c_str(), kBytes / t[2 * best[i] + i] / 1e9);
    }
  }

  void PingPong() {
    constexpr int kTrips = 20000;
    alignas(64) std::atomic<int> ball{0};
    const std::vector<double> t =
        InterleavedMedians({[&] {
                             ball.store(0);
                             two_.Run([&](int worker) {
                               for (int i = 0; i < kTrips; ++i) {
                                 while (ball.load(std::memory_order_acquire) != 2 * i + worker) {
                                 }
                                 ball.store(2 * i + worker + 1, std::memory_order_release);
                               }
                             });
                           }},
                           kRounds);
    std::printf("%-22s %10.0f ns\n", "cache line, round trip", t[0] / kTrips * 1e9);
  }

  void Verdict() const {
    if (scaling_ < kOneCore) {
      std::printf(
          "The two cores act as one: two threads give %.2f times the arithmetic of one. Figures of two "
          "threads "
          "from this moment are those of a single core.\n",
          scaling_);
    } else {
      std::printf("The two cores are two: two threads give %.2f times the arithmetic of one.\n", scaling_);
    }
  }

 private:
  static void Print(const std::string& name, double one, double two, const char* unit) {
    std::printf("%-22s %10.1f %10.1f %7.2f  %s\n", name.c_str(), one, two, two / one, unit);
  }

  const MachineLoops& loops_;
  Workers one_{1}, two_{2};
  double scaling_ = 2;
};

int Run() {
  const codegen::Target& target = codegen::HostTarget();
  std::printf("%s, %s\n", base::DetectCpuFeatures().model.c_str(), target.name.c_str());
  const auto loops = MachineLoops::Create(target);
  if (!loops.ok()) {
    std::printf("%s\n", loops.status().message().c_str());
    return 0;
  }
  Limits limits(**loops);
  limits.Arithmetic();
  limits.Cache("L1 read, 16 KiB", 16 << 10);
  limits.Cache("L2 read, 384 KiB", 384 << 10);
  limits.Cache("L3 read, 6 MiB", 6 << 20);
  limits.MainMemory();
  limits.PingPong();
  limits.Verdict();
  return 0;
}

}  // namespace
}  // namespace vivace::bench

int main() {
  return vivace::bench::Run();
}
