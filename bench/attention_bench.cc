// Time of paged attention, two threads: decode at two depths, one sequence and eight, in share of the best
// plain read of the same memory, and as information of a read of the same pieces in the order of decoding;
// prefill of 4096 positions in share of the register-only FMA loop. What is compared runs in turns; figures
// under their bar are marked. KV comes from memory (at least 192 MiB in layers). A busy process beside the
// two threads halves decode and not the plain read, which one thread saturates: leave the machine alone.
// Usage: attention_bench [part of a line's name, such as decode or i8] [threads]
#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <numeric>
#include <random>
#include <string>
#include <vector>

#include "kernels/attention_builder.h"
#include "kernels/paged_attention.h"
#include "roofline.h"

namespace vivace::bench {
namespace {

using kernels::PagedAttentionSpec;
using tensor::DType;
using tensor::KvLayout;

constexpr std::size_t kColdBytes = std::size_t{192} << 20;
constexpr Rounds kRounds = {.least = 5, .most = 21, .seconds = 1.0};
constexpr int kTaskPieces = 64;  // that one task of a piecewise read touches
constexpr double kDecodeBar = 0.80, kPrefillBar = 0.50;

struct Shape {
  int heads, kv_heads, dim;
};
constexpr Shape kShapes[] = {{9, 3, 64}, {32, 8, 64}, {32, 8, 128}};
constexpr DType kTypes[] = {DType::kF16, DType::kBF16, DType::kI8, DType::kF32};

/// Loads a word of each line of [data, data + bytes) and prefetches the line of `ahead` beside it into L2.
std::uint64_t TouchLines(const std::byte* data, const std::byte* ahead, std::size_t bytes) {
  std::uint64_t sum = 0, word = 0;
  for (std::size_t at = 0; at < bytes; at += 64) {
    __builtin_prefetch(ahead + at, 0, 2);
    std::memcpy(&word, data + at, sizeof(word));
    sum += word;
  }
  return sum;
}

/// Sequences of one length whose caches fill a pool in random order.
class Sequences {
 public:
  Sequences(const Shape& shape, DType type, int count, int length, int rows, int threads, bool cold)
      : workers_(threads), rows_(rows), count_(count) {
    KvLayout kv = {.layers = 1, .kv_heads = shape.kv_heads, .head_dim = shape.dim, .type = type};
    kv.blocks = count * (length / KvLayout::kBlockTokens);
    if (cold) kv.layers = static_cast<int>(kColdBytes / kv.layer_stride()) + 1;
    args_.spec = {shape.heads, kv, 0.125f, tensor::ActivationType::kU8Group32};
    pool_ = std::make_unique<Memory>(kv.bytes() + 4096);
    FillNumbers(pool_->data(), kv.bytes());
    blocks_.resize(static_cast<std::size_t>(kv.blocks));
    std::iota(blocks_.begin(), blocks_.end(), 0);
    std::shuffle(blocks_.begin(), blocks_.end(), std::mt19937(1));
    const std::size_t width = static_cast<std::size_t>(shape.heads * shape.dim);
    q_ = std::make_unique<Memory>(width * rows * count * 4);
    out_ = std::make_unique<Memory>(width * rows * count * 8);
    FillNumbers(q_->data(), width * rows * count * 4);
    const std::size_t split_bytes = AttentionSplitBytes(args_.spec, threads, length);
    splits_ = std::make_unique<Memory>(split_bytes);
    args_.splits = {splits_->data(), split_bytes, threads};
    args_.q = q_->floats();
    args_.output = out_->data();
    FillStep(length);
  }

  Status Compile() {
    const auto kernels = CompilePagedAttention(args_.spec, library_);
    if (!kernels.ok()) return kernels.status();
    const Status sealed = library_.Seal();
    if (sealed.ok()) args_.code = Resolve(*kernels, library_);
    return sealed;
  }

  /// The phase once for every layer.
  void Run() {
    const kernels::TaskKernel kernel = kernels::PagedAttentionKernel();
    for (int layer = 0; layer < args_.spec.kv.layers; ++layer) {
      args_.kv_layer = pool_->data() + layer * args_.spec.kv.layer_stride();
      workers_.RunTasks(kernel.grid(&args_, step_), [&](int task, int worker) {
        kernel.run(&args_, task, {step_, workers_.scratch(worker)});
      });
    }
  }

  /// Touches every line of the pool as decode does: one KV head after the other, its piece of each block in
  /// the order of the page table, the piece after the next one prefetched meanwhile.
  void ReadPieces() {
    const KvLayout& kv = args_.spec.kv;
    const int pieces = kv.kv_heads * kv.blocks;
    for (int layer = 0; layer < kv.layers; ++layer) {
      const std::byte* base = pool_->data() + layer * kv.layer_stride();
      const auto piece = [&](int i) {
        return base + blocks_[i % kv.blocks] * kv.block_stride() + i / kv.blocks * kv.head_bytes();
      };
      workers_.RunTasks((pieces + kTaskPieces - 1) / kTaskPieces, [&](int task, int) {
        std::uint64_t sum = 0;
        const int end = std::min(pieces, (task + 1) * kTaskPieces);
        for (int i = task * kTaskPieces; i < end; ++i)
          sum += TouchLines(piece(i), piece(std::min(i + 2, pieces - 1)), kv.head_bytes());
        asm volatile("" ::"r"(sum));  // keeps the loads
      });
    }
  }

  double products() const {
    const double last = step_.sequences[0].first_position + rows_, first = last - rows_ + 1;
    return (first + last) / 2 * rows_ * count_ * args_.spec.heads * args_.spec.kv.head_dim * 2 *
           args_.spec.kv.layers;
  }
  std::size_t bytes() const { return args_.spec.kv.bytes() / 512 * 512; }
  const std::byte* pool() const { return pool_->data(); }
  Workers& workers() { return workers_; }
  const PagedAttentionSpec& spec() const { return args_.spec; }

 private:
  void FillStep(int length) {
    const int tile_rows = AttentionTileRows(args_.spec);
    for (int s = 0; s < count_; ++s) {
      views_.push_back(
          {s * rows_, rows_, length - rows_, blocks_.data() + s * (length / KvLayout::kBlockTokens)});
      for (int r = 0; r < rows_; r += tile_rows)
        tiles_.push_back({s, s * rows_ + r, std::min(tile_rows, rows_ - r)});
    }
    step_.rows = rows_ * count_;
    step_.sequences = views_.data();
    step_.sequence_count = count_;
    step_.attention_tiles = tiles_.data();
    step_.attention_tile_count = static_cast<int>(tiles_.size());
  }

  Workers workers_;
  int rows_, count_;
  codegen::KernelLibrary library_;
  kernels::PagedAttentionArgs args_ = {};
  std::unique_ptr<Memory> pool_, q_, out_, splits_;
  std::vector<std::int32_t> blocks_;
  std::vector<tensor::SequenceView> views_;
  std::vector<tensor::AttentionTile> tiles_;
  tensor::StepView step_;
};

class Bench {
 public:
  Bench(std::string filter, int threads, const MachineLoops& loops)
      : filter_(std::move(filter)), threads_(threads), loops_(loops) {}

  void Decode(const Shape& shape, DType type, int count, int length) const {
    const std::string name = Name("decode", shape, type, count, length);
    if (name.find(filter_) == std::string::npos) return;
    Sequences sequences(shape, type, count, length, 1, threads_, true);
    if (!Compiled(sequences)) return;
    std::vector<std::function<void()>> bodies = {[&] { sequences.Run(); }, [&] { sequences.ReadPieces(); }};
    for (std::size_t v = 0; v < std::size(kReadVariants); ++v) {
      bodies.push_back(
          [&, v] { ReadOnAll(sequences.workers(), loops_, v, sequences.pool(), sequences.bytes()); });
    }
    const std::vector<double> t = InterleavedMedians(bodies, kRounds);
    const double best = *std::min_element(t.begin() + 2, t.end());
    const double bytes = static_cast<double>(sequences.bytes());
    std::printf(
        "%-38s %6.1f GB/s of %6.1f: %5.1f %% of the plain read%s, %5.1f %% of one in pieces  (%.1f us a "
        "layer)\n",
        name.c_str(), bytes / t[0] / 1e9, bytes / best / 1e9, 100 * best / t[0],
        best / t[0] < kDecodeBar ? " (!)" : "", 100 * t[1] / t[0], 1e6 * t[0] / sequences.spec().kv.layers);
    std::fflush(stdout);
  }

  void Prefill(const Shape& shape, DType type, int length) const {
    const std::string name = Name("prefill", shape, type, 1, length);
    if (name.find(filter_) == std::string::npos) return;
    Sequences sequences(shape, type, 1, length, length, threads_, false);
    if (!Compiled(sequences)) return;
    const std::vector<double> t = InterleavedMedians(
        {[&] { sequences.Run(); }, [&] { RunLoopOnAll(sequences.workers(), loops_, RegisterLoop::kFma); }},
        kRounds);
    const double rate = sequences.products() / t[0];
    const double loop = loops_.Products(RegisterLoop::kFma) * threads_ / t[1];
    std::printf("%-38s %6.1f GMAC/s of %6.1f: %5.1f %% of the FMA loop%s  (%.1f ms)\n", name.c_str(),
                rate / 1e9, loop / 1e9, 100 * rate / loop, rate / loop < kPrefillBar ? " (!)" : "",
                1e3 * t[0]);
    std::fflush(stdout);
  }

 private:
  static std::string Name(const char* what, const Shape& shape, DType type, int count, int length) {
    return std::string(what) + " " + std::to_string(shape.heads) + "/" + std::to_string(shape.kv_heads) +
           "/" + std::to_string(shape.dim) + " " + std::string(Row(type).name) + " " + std::to_string(count) +
           " x " + std::to_string(length);
  }
  static bool Compiled(Sequences& sequences) {
    const Status status = sequences.Compile();
    if (!status.ok()) std::printf("%s\n", std::string(status.message()).c_str());
    return status.ok();
  }

  std::string filter_;
  int threads_;
  const MachineLoops& loops_;
};

int Run(const std::string& filter, int threads) {
  const auto loops = MachineLoops::Create();
  if (!loops.ok()) {
    std::fprintf(stderr, "%s\n", std::string(loops.status().message()).c_str());
    return 1;
  }
  std::printf("%d threads; (!): under the bar of %.0f %% (decode) or %.0f %% (prefill)\n", threads,
              100 * kDecodeBar, 100 * kPrefillBar);
  const Bench bench(filter, threads, **loops);
  for (const Shape& shape : kShapes) {
    for (const DType type : kTypes) {
      for (const int length : {4096, 16384}) {
        for (const int count : {1, 8}) bench.Decode(shape, type, count, length);
      }
      bench.Prefill(shape, type, 4096);
    }
  }
  return 0;
}

}  // namespace
}  // namespace vivace::bench

int main(int argc, char** argv) {
  return vivace::bench::Run(argc > 1 ? argv[1] : "", argc > 2 ? std::max(1, std::atoi(argv[2])) : 2);
}
