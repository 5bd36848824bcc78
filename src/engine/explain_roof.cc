#include "engine/explain_roof.h"

#include <algorithm>
#include <cstring>

#include "base/status_macros.h"
#include "engine/stopwatch.h"

namespace vivace::engine {
namespace {

constexpr std::size_t kMiB = std::size_t{1} << 20;
constexpr std::size_t kLeastBytes = 4 * kMiB, kMostBytes = 256 * kMiB;
constexpr std::size_t kPiece = kMiB;           // of a worker's turn, as tasks of a large phase are
constexpr std::size_t kMargin = kMiB / 16;     // what prefetches reach behind the last byte
constexpr std::size_t kCacheBytes = kMiB / 4;  // a quarter to an eighth of a core's second level
constexpr int kCacheRepeats = 32;
constexpr int kBarriers = 200;
constexpr int kTrials = 2;  // rounds of each variant before the best one is taken

}  // namespace

double MedianOf(std::vector<double> values) {
  if (values.empty()) return 0;
  const auto middle = values.begin() + static_cast<std::ptrdiff_t>(values.size() / 2);
  std::nth_element(values.begin(), middle, values.end());
  return *middle;
}

Result<std::unique_ptr<RoofMeter>> RoofMeter::Create(base::WorkerTeam& team, std::size_t bytes) {
  std::unique_ptr<RoofMeter> meter(new RoofMeter(team));
  if (!codegen::HostTarget().CanRun()) return meter;
  VIVACE_ASSIGN_OR_RETURN(meter->loops_, codegen::MachineLoops::Create());
  meter->bytes_ = (std::clamp(bytes, kLeastBytes, kMostBytes) + kPiece - 1) / kPiece * kPiece;
  VIVACE_ASSIGN_OR_RETURN(meter->memory_,
                          runtime::AnonymousMemory::Map(meter->bytes_ + kMargin, runtime::PageHint::kHuge,
                                                        "the plain read of explain"));
  // Pages that were never written are one page of zeros.
  std::memset(meter->memory_.data(), 1, meter->memory_.size());
  return meter;
}

void RoofMeter::Round() {
  barriers_.push_back(Barrier());
  if (loops_ != nullptr) {
    const auto round = static_cast<std::size_t>(rounds_);
    const std::size_t variant = round < kTrials * kReads ? round % kReads : BestRead();
    reads_[variant].push_back(Read(variant));
    caches_.push_back(ReadCaches());
    for (std::size_t i = 0; i < kLoops; ++i) {
      const codegen::RegisterLoop loop = codegen::kRegisterLoops[i].id;
      if (!loops_->Has(loop)) continue;
      const Stopwatch watch;
      team_.Run([&](int) { loops_->RunLoop(loop); });
      arithmetic_[i].push_back(watch.Seconds());
    }
  }
  ++rounds_;
}

std::size_t RoofMeter::BestRead() const {
  std::size_t best = 0;
  for (std::size_t i = 1; i < kReads; ++i) {
    if (!reads_[i].empty() && MedianOf(reads_[i]) < MedianOf(reads_[best])) best = i;
  }
  return best;
}

double RoofMeter::Read(std::size_t variant) {
  ranges_.Reset(static_cast<int>(bytes_ / kPiece));
  const Stopwatch watch;
  team_.Run([&](int worker) {
    for (int piece = ranges_.Take(worker); piece >= 0; piece = ranges_.Take(worker)) {
      loops_->Read(variant, memory_.data() + static_cast<std::size_t>(piece) * kPiece, kPiece);
    }
  });
  return watch.Seconds();
}

double RoofMeter::ReadCaches() {
  // More workers than pieces of memory share some: it is only read.
  const std::size_t places = bytes_ / kCacheBytes;
  const Stopwatch watch;
  team_.Run([&](int worker) {
    const std::size_t place = static_cast<std::size_t>(worker) % places;
    loops_->Read(0, memory_.data() + place * kCacheBytes, kCacheBytes, kCacheRepeats);
  });
  return watch.Seconds();
}

double RoofMeter::Barrier() {
  const Stopwatch watch;
  team_.Run([&](int) {
    for (int i = 0; i < kBarriers; ++i) team_.barrier().Wait();
  });
  return watch.Seconds() / kBarriers;
}

MachineRoof RoofMeter::Take() const {
  MachineRoof roof;
  roof.barrier_s = MedianOf(barriers_);
  if (loops_ == nullptr || rounds_ == 0) return roof;
  const double workers = team_.size();
  const auto rate = [&](codegen::RegisterLoop loop) {
    const double seconds = MedianOf(arithmetic_[static_cast<std::size_t>(loop)]);
    return seconds > 0 ? workers * loops_->Products(loop) / seconds : 0;
  };
  roof.read_bytes = static_cast<std::int64_t>(bytes_);
  roof.read_bytes_per_s = static_cast<double>(bytes_) / MedianOf(reads_[BestRead()]);
  roof.cache_bytes_per_s = workers * static_cast<double>(kCacheBytes * kCacheRepeats) / MedianOf(caches_);
  roof.fma_per_s = rate(codegen::RegisterLoop::kFma);
  roof.dot4_per_s = rate(codegen::RegisterLoop::kDot4);
  roof.dot_bf16_per_s = rate(codegen::RegisterLoop::kDotBf16);
  return roof;
}

}  // namespace vivace::engine
