// Contractions beside oneDNN's on the same shapes in the same run, two threads each, in turns: float32, bf16,
// and bytes with a scale per column (u8 activations x s8 weights). oneDNN packs its weights as it likes; both
// go through copies that are larger than the caches. Built only where oneDNN is (VIVACE_ONEDNN); ./dev bench
// onednn fetches it. Usage: onednn_bench
#include <algorithm>
#include <cmath>
#include <cstdio>
#include <oneapi/dnnl/dnnl.hpp>
#include <string>
#include <vector>

#include "gemm_case.h"

namespace vivace::bench {
namespace {

using DataType = dnnl::memory::data_type;
using Tag = dnnl::memory::format_tag;
using tensor::ActivationType;
using tensor::WeightClass;

constexpr std::size_t kWeightBytes = std::size_t{128} << 20;
constexpr Rounds kRounds = {.least = 5, .most = 41, .seconds = 0.15};

struct Pair {
  GemmTypes types;
  DataType activations, weights;
};
constexpr Pair kPairs[] = {
    {{WeightClass::kF32, ActivationType::kF32}, DataType::f32, DataType::f32},
    {{WeightClass::kBF16, ActivationType::kBF16}, DataType::bf16, DataType::bf16},
    {{WeightClass::kInt8Channel, ActivationType::kU8Token}, DataType::u8, DataType::s8},
    {{WeightClass::kInt8Channel, ActivationType::kU8Group64}, DataType::u8, DataType::s8},
};

/// oneDNN's matmul over as many copies of the weights as `bytes` hold.
class Opponent {
 public:
  Opponent(const Pair& pair, const GemmShape& shape, int rows, std::size_t bytes)
      : engine_(dnnl::engine::kind::cpu, 0), stream_(engine_) {
    const dnnl::memory::desc a({rows, shape.k}, pair.activations, Tag::ab);
    const dnnl::memory::desc b({shape.k, shape.n}, pair.weights, Tag::any);
    const dnnl::memory::desc c({rows, shape.n}, DataType::f32, Tag::ab);
    dnnl::primitive_attr attributes;
    const bool scaled = pair.weights == DataType::s8;
    if (scaled) attributes.set_scales_mask(DNNL_ARG_WEIGHTS, 1 << 1);
    const dnnl::matmul::primitive_desc description(engine_, a, b, c, attributes);
    name_ = description.impl_info_str();
    matmul_ = dnnl::matmul(description);
    arguments_ = {{DNNL_ARG_SRC, Made(a)}, {DNNL_ARG_DST, Made(c)}};
    if (scaled) {
      arguments_[DNNL_ARG_ATTR_SCALES | DNNL_ARG_WEIGHTS] = Made({{shape.n}, DataType::f32, Tag::a});
    }
    const std::size_t copies = bytes / description.weights_desc().get_size();
    for (std::size_t i = 0; i < std::max<std::size_t>(copies, 1); ++i) {
      weights_.push_back(Made(description.weights_desc()));
    }
  }

  void Run(int copies) {
    for (int i = 0; i < copies; ++i, ++next_) {
      arguments_[DNNL_ARG_WEIGHTS] = weights_[next_ % weights_.size()];
      matmul_.execute(stream_, arguments_);
    }
    stream_.wait();
  }
  const std::string& name() const { return name_; }

 private:
  dnnl::memory Made(const dnnl::memory::desc& description) {
    dnnl::memory memory(description, engine_);
    auto* data = static_cast<std::byte*>(memory.map_data());
    FillNumbers(data, description.get_size());
    memory.unmap_data(data);
    return memory;
  }

  dnnl::engine engine_;
  dnnl::stream stream_;
  dnnl::matmul matmul_;
  std::unordered_map<int, dnnl::memory> arguments_;
  std::vector<dnnl::memory> weights_;
  std::size_t next_ = 0;
  std::string name_;
};

void Compare(const Pair& pair, const GemmShape& shape, Workers& workers, const MachineLoops& loops,
             const Memory& weights) {
  const auto made = GemmCase::Create(pair.types, shape, weights, kWeightBytes);
  for (const int rows : kGemmRows) {
    Opponent opponent(pair, shape, rows, kWeightBytes);
    std::vector<std::function<void()>> bodies = {[&] { RunLoopOnAll(workers, loops, LoopOf(pair.types)); },
                                                 [&] { opponent.Run(1); }};
    int copies = 1;
    if (made.ok()) {
      copies = (*made)->PassCopies(rows);
      bodies[1] = [&] { opponent.Run(copies); };
      bodies.push_back([&] { (*made)->Run(workers, rows); });
    }
    const std::vector<double> t = InterleavedMedians(bodies, kRounds);
    const double products = static_cast<double>(shape.k) * shape.n * rows * copies;
    const double bound = workers.size() * loops.Products(LoopOf(pair.types)) / t[0];
    std::printf("| %s | %d x %d | %d | %.1f, %.0f %% |", Name(pair.types).c_str(), shape.k, shape.n, rows,
                products / t[1] / 1e9, 100 * products / t[1] / bound);
    if (made.ok()) {
      std::printf(" %.1f, %.0f %%%s | **%.2f** | %s |\n", products / t[2] / 1e9,
                  100 * products / t[2] / bound, (*made)->quantises(rows) ? " with quantising" : "",
                  t[1] / t[2], opponent.name().c_str());
    } else {
      std::printf(" - | - | %s |\n", opponent.name().c_str());
    }
    std::fflush(stdout);
  }
}

int Run() {
  const auto loops = MachineLoops::Create();
  if (!loops.ok()) {
    std::printf("%s\n", loops.status().message().c_str());
    return 0;
  }
  Workers workers(2);
  Workers::ReleaseThisThread();  // oneDNN's threads take over its cores
  const Memory weights(kWeightBytes + (1 << 16));
  const dnnl_version_t* version = dnnl_version();
  std::printf("oneDNN %d.%d.%d; GMAC/s and share of the register-only loop; ratio: its time by ours\n\n",
              version->major, version->minor, version->patch);
  std::printf(
      "| types | K x N | M | oneDNN | Vivace | ratio | its kernel |\n|---|---|---|---|---|---|---|\n");
  for (const Pair& pair : kPairs) {
    for (const GemmShape& shape : kGemmShapes) Compare(pair, shape, workers, **loops, weights);
  }
  return 0;
}

}  // namespace
}  // namespace vivace::bench

int main() {
  try {
    return vivace::bench::Run();
  } catch (const dnnl::error& error) {
    std::fprintf(stderr, "oneDNN: %s\n", error.what());
    return 1;
  }
}
