// Time of attention on the shape of the 135M model (9 heads, 3 KV heads, head_dim 64), one thread: portable
// (-O0) and machine code (-O2), decode at several depths and a prefill of 512. Usage: attention_bench
#include <xmmintrin.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <memory>
#include <vector>

#include "kernels/attention_builder.h"
#include "kernels/paged_attention.h"
#include "kernels/portable.h"

namespace vivace {
namespace {

constexpr int kHeads = 9, kDim = 64, kLongest = 4096;

double Seconds() {
  return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count();
}

struct alignas(64) Scratch {
  std::byte bytes[kernels::kScratchBytes];
};

/// One sequence whose cache is full of small numbers.
struct Sequence {
  tensor::KvLayout layout = {
      .layers = 1, .kv_heads = 3, .head_dim = kDim, .type = tensor::DType::kF16, .blocks = kLongest / 16};
  std::vector<std::byte> cache = std::vector<std::byte>(layout.bytes(), std::byte{0x11});
  std::vector<std::int32_t> blocks;
  std::vector<float> q = std::vector<float>(512 * kHeads * kDim, 0.01f), out = q;
  std::vector<std::byte> quantised =
      std::vector<std::byte>(512 * tensor::QuantizedRows{kHeads * kDim}.row_stride());
  std::unique_ptr<Scratch> scratch = std::make_unique<Scratch>();

  Sequence() {
    for (int i = 0; i < layout.blocks; ++i) blocks.push_back((i * 37) % layout.blocks);
  }

  /// Best time of all tasks of one layer for rows [first, first + rows), in microseconds.
  double Time(const kernels::TaskKernel& kernel, const void* arguments, int first, int rows,
              int tile_rows) const {
    const tensor::SequenceView view = {0, rows, first, blocks.data()};
    std::vector<tensor::AttentionTile> tiles;
    for (int r = 0; r < rows; r += tile_rows) tiles.push_back({0, r, std::min(tile_rows, rows - r)});
    tensor::StepView step;
    step.rows = rows;
    step.sequences = &view;
    step.sequence_count = 1;
    step.attention_tiles = tiles.data();
    step.attention_tile_count = static_cast<int>(tiles.size());
    double best = 1e9;
    const double end = Seconds() + 0.2;
    do {
      const double start = Seconds();
      for (int task = kernel.grid(arguments, step) - 1; task >= 0; --task)
        kernel.run(arguments, task, {step, scratch->bytes});
      best = std::min(best, Seconds() - start);
    } while (Seconds() < end);
    return best * 1e6;
  }
};

void Print(const char* name, int first, int rows, double us) {
  const double macs = (static_cast<double>(first) + (rows + 1) / 2.0) * rows * kHeads * kDim * 2;
  std::printf("%-9s %3d rows after %4d: %9.2f us  %6.2f GMAC/s\n", name, rows, first, us, macs / us * 1e-3);
}

int Run() {
  _mm_setcsr(_mm_getcsr() | 0x8040);
  Sequence s;
  codegen::KernelLibrary library;
  const kernels::PagedAttentionSpec spec = {kHeads, s.layout, 0.125f};
  const auto kernels = kernels::CompilePagedAttention(spec, library);
  if (!kernels.ok() || !library.Seal().ok()) return 1;
  for (const codegen::KernelId id :
       {kernels->chunk[0], kernels->chunk[1], kernels->chunk[2], kernels->merge, kernels->finish}) {
    const codegen::KernelInfo& info = library.info(id);
    std::printf("%s: %zu bytes, %d vector and %d scalar registers, compiled in %.0f us\n", info.name.c_str(),
                info.code_bytes, info.vectors_used, info.scalars_used, info.compile_us);
  }
  const kernels::PagedAttentionArgs paged = {spec, kernels::Resolve(*kernels, library), s.q.data(),
                                             s.cache.data(), s.quantised.data()};
  const kernels::AttentionArgs portable = {s.q.data(),     s.out.data(), s.layout,
                                           s.cache.data(), kHeads,       0.125f};
  for (const int depth : {16, 128, 512, 4000}) {
    Print("portable", depth, 1, s.Time(kernels::AttentionKernel(), &portable, depth, 1, 1));
    Print("-O2", depth, 1, s.Time(kernels::PagedAttentionKernel(), &paged, depth, 1, 1));
  }
  Print("portable", 0, 512,
        s.Time(kernels::AttentionKernel(), &portable, 0, 512, kernels::kPortableAttentionRows));
  Print("-O2", 0, 512,
        s.Time(kernels::PagedAttentionKernel(), &paged, 0, 512, kernels::AttentionTileRows(spec)));
  return 0;
}

}  // namespace
}  // namespace vivace

int main() {
  return vivace::Run();
}
