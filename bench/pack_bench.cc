// Rates of packing weights into panels, by class, on one core and on two: source bytes per second into fresh
// memory with large pages, as loading a model does it. Usage: pack_bench [MiB of source]
#include <sys/mman.h>

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <vector>

#include "base/worker_team.h"
#include "kernels/pack_panels.h"

namespace vivace {
namespace {

using kernels::PackSource;
using tensor::PanelLayout;
using tensor::WeightClass;

constexpr int kK = 4096, kRuns = 5;
constexpr std::size_t kHugePage = std::size_t{2} << 20;

double Seconds() {
  return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count();
}

/// Fresh memory, not touched yet.
class FreshMemory {
 public:
  explicit FreshMemory(std::size_t bytes) : bytes_(bytes + kHugePage) {
    start_ = ::mmap(nullptr, bytes_, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (start_ == MAP_FAILED) std::abort();
    const auto address = (reinterpret_cast<std::uintptr_t>(start_) + kHugePage - 1) & ~(kHugePage - 1);
    data_ = reinterpret_cast<std::byte*>(address);
    ::madvise(data_, bytes, MADV_HUGEPAGE);
  }
  ~FreshMemory() { ::munmap(start_, bytes_); }
  FreshMemory(const FreshMemory&) = delete;
  FreshMemory& operator=(const FreshMemory&) = delete;
  std::byte* data() const { return data_; }

 private:
  std::size_t bytes_;
  void* start_;
  std::byte* data_;
};

/// Planes of any bytes: what they mean is of no interest to the packer.
struct Source {
  std::vector<std::byte> data, scales;
  int rows;

  Source(WeightClass type, std::size_t bytes) {
    const PanelLayout one{type, kK, 64};
    const std::size_t row_bytes = kernels::SourceRowBytes(one);
    rows = static_cast<int>(bytes / row_bytes / 64 * 64);
    data.assign(row_bytes * static_cast<std::size_t>(rows), std::byte{0x5a});
    scales.assign(static_cast<std::size_t>(rows) * kK / 16, std::byte{0x11});
  }
  PackSource source() const { return {data.data(), rows, scales.data(), scales.data()}; }
};

/// GB/s of source bytes.
double Rate(base::WorkerTeam& team, const PanelLayout& layout, const Source& source) {
  const FreshMemory panels(layout.bytes());
  base::TaskRanges ranges(team.size());
  ranges.Reset(layout.panels());
  const std::vector<PackSource> sources = {source.source()};
  const double start = Seconds();
  team.Run([&](int worker) {
    for (int panel = ranges.Take(worker); panel >= 0; panel = ranges.Take(worker)) {
      kernels::PackPanels(layout, tensor::ColumnOrder::kPlain, sources, 0, 0, panel, panel + 1,
                          panels.data());
    }
  });
  return static_cast<double>(source.data.size()) / (Seconds() - start) * 1e-9;
}

void Run(std::size_t source_bytes) {
  std::printf("%-9s %10s %10s   GB/s of source bytes, median of %d, %zu MiB, k = %d\n", "class", "1 core",
              "2 cores", kRuns, source_bytes >> 20, kK);
  base::WorkerTeam one(1), two(2);
  for (int i = 0; i < tensor::kWeightClasses; ++i) {
    const auto type = static_cast<WeightClass>(i);
    const Source source(type, source_bytes);
    const PanelLayout layout{type, kK, source.rows};
    std::vector<double> rates[2];
    for (int run = 0; run < kRuns; ++run) {  // interleaved, as the machine's speed drifts
      rates[0].push_back(Rate(one, layout, source));
      rates[1].push_back(Rate(two, layout, source));
    }
    for (auto& rate : rates) std::sort(rate.begin(), rate.end());
    std::printf("%-9s %10.2f %10.2f\n", Row(type).name.data(), rates[0][kRuns / 2], rates[1][kRuns / 2]);
  }
}

}  // namespace
}  // namespace vivace

int main(int argc, char** argv) {
  vivace::Run((argc > 1 ? std::strtoul(argv[1], nullptr, 10) : 128) << 20);
}
