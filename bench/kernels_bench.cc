// Rates of the panel GEMM (-O2) on one thread: dot products in share of a register-only loop of the same
// instruction, decode in share of a plain prefetched read of the same memory. Compared loops are interleaved;
// medians. Usage: kernels_bench [filter]
#include <sys/mman.h>
#include <xmmintrin.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstring>
#include <functional>
#include <memory>
#include <random>
#include <string>
#include <vector>

#include "codegen/kernel_library.h"
#include "kernels/gemm_tile.h"
#include "kernels/panel.h"
#include "tensor/dequantize.h"

namespace vivace {
namespace {

using codegen::Builder;
using codegen::KernelFn;
using codegen::KernelLibrary;
using codegen::Op;
using codegen::Scalar;
using codegen::Vec;
using kernels::Epilogue;
using kernels::PanelGemmSpec;
using tensor::DType;
using tensor::PanelLayout;
using tensor::QuantizedRows;
using tensor::WeightClass;

double Seconds() {
  return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count();
}

std::int64_t Address(const void* pointer) {
  return reinterpret_cast<std::int64_t>(pointer);
}

/// Zeroed memory on huge pages where the system gives them.
class Memory {
 public:
  explicit Memory(std::size_t bytes) : bytes_((bytes + kHuge - 1) / kHuge * kHuge) {
    data_ = static_cast<std::byte*>(
        mmap(nullptr, bytes_ + kHuge, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));
    madvise(data_, bytes_ + kHuge, MADV_HUGEPAGE);
    std::memset(data(), 0, bytes_);
  }
  ~Memory() { munmap(data_, bytes_ + kHuge); }
  Memory(const Memory&) = delete;
  Memory& operator=(const Memory&) = delete;
  std::byte* data() const {
    return reinterpret_cast<std::byte*>((Address(data_) + kHuge - 1) / kHuge * kHuge);
  }

 private:
  static constexpr std::int64_t kHuge = 2 << 20;
  std::size_t bytes_;
  std::byte* data_;
};

/// Medians of the seconds that each of the bodies takes, run in turns.
std::vector<double> Interleaved(const std::vector<std::function<void()>>& bodies, int rounds) {
  std::vector<std::vector<double>> times(bodies.size());
  for (int round = 0; round < rounds + 1; ++round) {
    for (std::size_t i = 0; i < bodies.size(); ++i) {
      const double start = Seconds();
      bodies[i]();
      if (round > 0) times[i].push_back(Seconds() - start);
    }
  }
  std::vector<double> medians;
  for (std::vector<double>& t : times) {
    std::sort(t.begin(), t.end());
    medians.push_back(t[t.size() / 2]);
  }
  return medians;
}

constexpr int kPeakAccumulators = 24;
constexpr int kPeakSteps = 20000;
constexpr double kPeakProducts = 64.0 * kPeakAccumulators * kPeakSteps;

// Dot products from registers only.
codegen::Function PeakLoop() {
  Builder b("dot_peak");
  std::vector<Vec> sums;
  for (int i = 0; i < kPeakAccumulators; ++i) sums.push_back(b.ConstInt(0));
  const Vec x = b.ConstInt(0x01020304), w = b.ConstInt(0x05060708);
  b.Loop(kPeakSteps);
  for (const Vec sum : sums) b.Dot4(sum, x, w);
  b.End();
  for (const Vec sum : sums) b.Store({b.Arg(0), 0}, sum);
  return b.Take();
}

// The fastest plain read in the stream runs on Zen 4: what decode is compared with.
constexpr kernels::PrefetchDistances kReadPrefetch{.far_bytes = 8192, .near_bytes = 2048};

// Arguments: memory, lines of 8 x 64 bytes, result.
codegen::Function PlainRead(const kernels::PrefetchDistances& prefetch) {
  Builder b("plain_read");
  const Scalar at = b.Arg(0);
  std::vector<Vec> sums;
  for (int i = 0; i < 8; ++i) sums.push_back(b.ConstInt(0));
  b.Loop(b.Arg(1));
  for (int i = 0; i < 8; ++i) {
    if (prefetch.far_bytes != 0) b.Prefetch1({at, prefetch.far_bytes + 64 * i});
    if (prefetch.near_bytes != 0) b.Prefetch0({at, prefetch.near_bytes + 64 * i});
    b.BinaryTo(Op::kAddInt, sums[i], sums[i], b.Load({at, 64 * i}));
  }
  b.Bump(at, 512);
  b.End();
  for (const Vec sum : sums) b.Store({b.Arg(2), 0}, sum);
  return b.Take();
}

void FillRandom(std::byte* data, std::size_t bytes) {
  std::mt19937_64 random(1);
  for (std::size_t i = 0; i + 8 <= bytes; i += 8) {
    // Halves in either byte order have small exponents: no infinities among scales.
    const std::uint64_t value = random() & 0x2f2f2f2f2f2f2f2full;
    std::memcpy(data + i, &value, 8);
  }
}

/// Activation rows with plausible parameters.
void FillRows(std::byte* rows, int k, int count) {
  const QuantizedRows layout{k};
  FillRandom(rows, static_cast<std::size_t>(layout.row_stride()) * count);
  for (int r = 0; r < count; ++r) {
    for (int g = 0; g < layout.groups(); ++g) {
      const float scale = 0.01f, sum = 0.5f;
      const std::uint32_t negated = 0xff80;
      std::byte* row = rows + static_cast<std::ptrdiff_t>(r) * layout.row_stride();
      std::memcpy(row + layout.scale_offset() + 4 * g, &scale, 4);
      std::memcpy(row + layout.word_offset() + 4 * g, &negated, 4);
      std::memcpy(row + layout.sum_offset() + 4 * g, &sum, 4);
    }
  }
}

struct alignas(64) Scratch {
  std::byte bytes[kernels::kScratchBytes];
};

class Bench {
 public:
  explicit Bench(const char* filter) : filter_(filter), scratch_(std::make_unique<Scratch>()) {}

  bool Wanted(const std::string& name) const { return name.find(filter_) != std::string::npos; }

  // One tile kernel over data in cache.
  void Tile(WeightClass type, int k, int rows, bool expanded) {
    const std::string name = std::string(expanded ? "expanded" : "direct") + " tile " + std::to_string(rows) +
                             "x32 " + std::string(tensor::Row(type).name) + " k " + std::to_string(k);
    if (!Wanted(name)) return;
    KernelLibrary library;
    const kernels::TileShape shape{type, k, rows, 128};
    const auto id = library.Compile(expanded ? BuildExpandedTile(shape) : BuildDirectTile(shape));
    const auto expand = library.Compile(kernels::BuildExpand(type, k));
    const auto peak = library.Compile(PeakLoop());
    if (!id.ok() || !expand.ok() || !peak.ok() || !library.Seal().ok()) return;
    const PanelLayout layout{type, k, 32};
    Memory weights(layout.panel_bytes()), unit(layout.expanded_unit_bytes()),
        input(QuantizedRows{k}.row_stride() * 6);
    FillRandom(weights.data(), layout.panel_bytes());
    FillRows(input.data(), k, 6);
    const std::int64_t expand_arguments[] = {Address(weights.data()), Address(unit.data())};
    library.Get (*expand)(expand_arguments);
    const std::int64_t arguments[] = {Address(input.data()), Address(expanded ? unit.data() : weights.data()),
                                      Address(scratch_->bytes)};
    const int repeats = 2000000 / (k * rows) + 1;
    const std::vector<double> t = Interleaved({[&] { library.Get (*peak)(&arguments[2]); },
                                               [&] {
                                                 for (int i = 0; i < repeats; ++i)
                                                   library.Get (*id)(arguments);
                                               }},
                                              201);
    const double peak_rate = kPeakProducts / t[0], rate = 32.0 * k * rows * repeats / t[1];
    std::printf("%-44s %7.1f GMAC/s, dot loop %6.1f: %5.1f %%\n", name.c_str(), rate / 1e9, peak_rate / 1e9,
                100 * rate / peak_rate);
  }

  // Direct tiles over units from memory, for several prefetch distances.
  void Stream(WeightClass type, int k, int rows) {
    const std::string name = "stream " + std::string(tensor::Row(type).name) + " k " + std::to_string(k) +
                             " rows " + std::to_string(rows);
    if (!Wanted(name)) return;
    constexpr kernels::PrefetchDistances kDistances[] = {{0, 0},       {0, 512},     {0, 1024}, {0, 2048},
                                                         {0, 3072},    {0, 4096},    {0, 6144}, {0, 8192},
                                                         {8192, 1024}, {8192, 2048}, {8192, 0}};
    const PanelLayout layout{type, k, 32};
    const int units = static_cast<int>((std::size_t{192} << 20) / layout.unit_bytes());
    Memory weights(layout.unit_bytes() * units + (1 << 16)), input(QuantizedRows{k}.row_stride() * 6);
    FillRandom(weights.data(), layout.unit_bytes() * units);
    FillRows(input.data(), k, 6);
    std::vector<std::unique_ptr<KernelLibrary>> libraries;
    std::vector<std::function<void()>> bodies;
    for (const kernels::PrefetchDistances& distances : kDistances) {
      auto& library = libraries.emplace_back(std::make_unique<KernelLibrary>());
      const auto id = library->Compile(kernels::BuildDirectTile({type, k, rows, 128, distances}));
      if (!id.ok() || !library->Seal().ok()) return;
      bodies.push_back([&, run = library->Get(*id)] {
        for (int u = 0; u < units; ++u) {
          const std::int64_t arguments[] = {Address(input.data()),
                                            Address(weights.data() + u * layout.unit_bytes()),
                                            Address(scratch_->bytes)};
          run(arguments);
        }
      });
    }
    for (const kernels::PrefetchDistances& distances : kDistances) {
      auto& library = libraries.emplace_back(std::make_unique<KernelLibrary>());
      const auto id = library->Compile(PlainRead(distances));
      if (!id.ok() || !library->Seal().ok()) return;
      bodies.push_back([&, run = library->Get(*id)] {
        const std::int64_t arguments[] = {Address(weights.data()),
                                          static_cast<std::int64_t>(layout.unit_bytes() * units / 512),
                                          Address(scratch_->bytes)};
        run(arguments);
      });
    }
    const std::vector<double> t = Interleaved(bodies, 21);
    const double bytes = static_cast<double>(layout.unit_bytes() * units);
    constexpr std::size_t kVariants = std::size(kDistances);
    for (std::size_t i = 0; i < kVariants; ++i) {
      std::printf("%s, prefetch far %5d near %5d: %5.1f GB/s; plain read %5.1f GB/s\n", name.c_str(),
                  kDistances[i].far_bytes, kDistances[i].near_bytes, bytes / t[i] / 1e9,
                  bytes / t[i + kVariants] / 1e9);
    }
  }

  // A whole phase: `rows` rows, over enough copies of the weights that they come from memory when `cold`.
  void Phase(const char* what, const PanelGemmSpec& spec, int rows, bool cold) {
    const std::string name = std::string(what) + " " + std::string(tensor::Row(spec.type).name) + " " +
                             std::to_string(spec.n) + "x" + std::to_string(spec.k) + " rows " +
                             std::to_string(rows);
    if (!Wanted(name)) return;
    KernelLibrary library;
    const auto kernels = CompilePanelGemm(spec, library);
    const auto peak = library.Compile(PeakLoop());
    const auto read = library.Compile(PlainRead(kReadPrefetch));
    if (!kernels.ok() || !peak.ok() || !read.ok() || !library.Seal().ok()) return;
    const PanelLayout layout{spec.type, spec.k, spec.n};
    const std::size_t copies = cold ? (std::size_t{192} << 20) / layout.bytes() + 1 : 1;
    const auto count = static_cast<std::size_t>(rows);
    Memory weights(layout.bytes() * copies), input(count * QuantizedRows{spec.k}.row_stride());
    Memory squares(count * 4096), output(count * QuantizedRows{8192}.row_stride()),
        floats(count * 4 * std::max(spec.n, 8192));
    Memory table(8192 * 64 * 4), cache(count * 2 * 1024 * 64 + (1 << 20));
    FillRandom(weights.data(), layout.bytes() * copies);
    FillRows(input.data(), spec.k, rows);
    std::vector<float> norm(8192, 1.0f);
    std::vector<std::int32_t> numbers(count);
    for (int r = 0; r < rows; ++r) numbers[r] = r;
    kernels::PanelGemmArgs args{};
    args.spec = spec;
    args.code = Resolve(*kernels, library);
    args.input = input.data();
    args.squares_in = args.squares_out = reinterpret_cast<float*>(squares.data());
    args.residual = args.q = args.logits = reinterpret_cast<float*>(floats.data());
    args.norm_weight = norm.data();
    args.output = output.data();
    args.rope_table = reinterpret_cast<float*>(table.data());
    args.kv = spec.kv;
    args.kv_layer = cache.data();
    tensor::StepView step;
    step.rows = step.logit_count = rows;
    step.positions = step.kv_slots = step.logit_rows = numbers.data();
    const kernels::TaskKernel kernel = PanelGemmKernel(spec.epilogue);
    const std::int64_t read_arguments[] = {Address(weights.data()),
                                           static_cast<std::int64_t>(layout.bytes() * copies / 512),
                                           Address(scratch_->bytes)};
    const std::int64_t peak_arguments[] = {Address(scratch_->bytes)};
    const auto phase = [&] {
      for (std::size_t copy = 0; copy < copies; ++copy) {
        args.weights = weights.data() + copy * layout.bytes();
        const int tasks = kernel.grid(&args, step);
        for (int task = 0; task < tasks; ++task) kernel.run(&args, task, {step, scratch_->bytes});
      }
    };
    const std::vector<double> t = Interleaved(
        {[&] { library.Get (*peak)(peak_arguments); }, [&] { library.Get (*read)(read_arguments); }, phase},
        cold ? 15 : 41);
    const double products = static_cast<double>(spec.n) * spec.k * rows * static_cast<double>(copies);
    const double bytes = static_cast<double>(layout.bytes() * copies);
    std::printf(
        "%-44s %7.1f GMAC/s = %5.1f %% of the dot loop; %6.1f GB/s = %5.1f %% of a read (%.1f GB/s); %.1f "
        "us\n",
        name.c_str(), products / t[2] / 1e9, 100 * products / t[2] / (kPeakProducts / t[0]),
        bytes / t[2] / 1e9, 100 * t[1] / t[2], bytes / t[1] / 1e9, 1e6 * t[2] / static_cast<double>(copies));
  }

  void Packing(WeightClass type, int n, int k) {
    const std::string name =
        "pack " + std::string(tensor::Row(type).name) + " " + std::to_string(n) + "x" + std::to_string(k);
    if (!Wanted(name)) return;
    const PanelLayout layout{type, k, n};
    const std::size_t source_bytes = n * tensor::RowBytes(type, k);
    constexpr std::size_t kCopies = 16;
    Memory source(source_bytes * kCopies + 64), panels(layout.bytes() * kCopies);
    FillRandom(source.data(), source_bytes * kCopies);
    const auto pack = [&] {
      for (std::size_t copy = 0; copy < kCopies; ++copy) {
        kernels::PackPanels(layout, tensor::ColumnOrder::kPlain, {{source.data() + copy * source_bytes, n}},
                            0, 0, 0, layout.panels(), panels.data() + copy * layout.bytes());
      }
    };
    const auto copy = [&] { std::memcpy(panels.data(), source.data(), source_bytes * kCopies); };
    const std::vector<double> t = Interleaved({pack, copy}, 21);
    const double bytes = static_cast<double>(source_bytes * kCopies);
    std::printf("%-44s %7.2f GB/s; memcpy %.2f GB/s\n", name.c_str(), bytes / t[0] / 1e9, bytes / t[1] / 1e9);
  }

 private:
  std::string filter_;
  std::unique_ptr<Scratch> scratch_;
};

PanelGemmSpec Spec(WeightClass type, Epilogue epilogue) {
  constexpr int kHidden = 576, kWidth = 1536, kVocabulary = 49152;
  PanelGemmSpec spec{
      .type = type, .k = kHidden, .n = 0, .epilogue = epilogue, .hidden = kHidden, .eps = 1e-5f};
  switch (epilogue) {
    case Epilogue::kQkvRopeAppend:
      spec.n = 960, spec.heads = 9,
      spec.kv = {.layers = 1, .kv_heads = 3, .head_dim = 64, .type = DType::kF16, .blocks = 64};
      break;
    case Epilogue::kResidualQuant:
      spec.k = kWidth, spec.n = spec.output_k = kHidden;
      break;
    case Epilogue::kSiluMulQuant:
      spec.n = 2 * kWidth, spec.output_k = kWidth;
      break;
    case Epilogue::kLogits:
      spec.n = kVocabulary;
      break;
  }
  return spec;
}

void RunAll(Bench& bench) {
  for (const WeightClass type : {WeightClass::kQ4_1, WeightClass::kQ8_0}) {
    for (const int rows : {1, 2, 3, 4, 5, 6}) bench.Tile(type, 576, rows, false);
    for (const int k : {576, 1536}) bench.Tile(type, k, 6, true);
  }
  for (const int rows : {1, 2, 4, 6}) bench.Stream(WeightClass::kQ4_1, 576, rows);
  bench.Stream(WeightClass::kQ8_0, 576, 1);
  struct Row {
    const char* name;
    Epilogue epilogue;
  };
  constexpr Row kRows[] = {{"qkv", Epilogue::kQkvRopeAppend},
                           {"down", Epilogue::kResidualQuant},
                           {"gate-up", Epilogue::kSiluMulQuant},
                           {"logits", Epilogue::kLogits}};
  for (const Row& row : kRows) {
    for (const int rows : {1, 4, 8, 12, 32, 96})
      bench.Phase((std::string("decode ") + row.name).c_str(), Spec(WeightClass::kQ4_1, row.epilogue), rows,
                  true);
    if (row.epilogue != Epilogue::kLogits)
      bench.Phase((std::string("prefill ") + row.name).c_str(), Spec(WeightClass::kQ4_1, row.epilogue), 512,
                  false);
  }
  bench.Phase("decode gate-up", Spec(WeightClass::kQ8_0, Epilogue::kSiluMulQuant), 1, true);
  bench.Phase("prefill gate-up", Spec(WeightClass::kQ8_0, Epilogue::kSiluMulQuant), 512, false);
  PanelGemmSpec wide{.type = WeightClass::kQ4_1,
                     .k = 4096,
                     .n = 4096,
                     .epilogue = Epilogue::kLogits,
                     .hidden = 4096,
                     .eps = 1e-5f};
  for (const int rows : {1, 12, 480}) bench.Phase("wide", wide, rows, rows < 100);
  for (const WeightClass type : {WeightClass::kQ4_1, WeightClass::kQ8_0}) {
    bench.Packing(type, 3072, 576);
    bench.Packing(type, 1024, 4096);
  }
}

}  // namespace
}  // namespace vivace

int main(int argc, char** argv) {
  if (!vivace::codegen::KernelLibrary::Supported()) {
    std::puts("this CPU has no AVX-512 with VNNI");
    return 0;
  }
  _mm_setcsr(_mm_getcsr() | 0x8040u);
  vivace::Bench bench(argc > 1 ? argv[1] : "");
  vivace::RunAll(bench);
}
