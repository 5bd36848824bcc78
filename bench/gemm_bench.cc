// The table of contractions: every weight class with its activation types, three shapes, eight numbers of
// rows, two threads. Beside each figure, in turns with it, runs what bounds it: the register-only loop of its
// arithmetic and, for one row, every plain read of the same memory. Shares are of that; figures under their
// bar are marked and listed at the end. Weights come from memory (128 MiB of copies). From 128 rows on, the
// quantisation of the rows from float32 is part of the time wherever a kernel for it exists.
// Usage: gemm_bench [part of a class or activation name, such as q4_1 or u8g64] [K, such as 4096]
#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <string>

#include "gemm_case.h"

namespace vivace::bench {
namespace {

constexpr std::size_t kWeightBytes = std::size_t{128} << 20;
constexpr Rounds kRounds = {.least = 5, .most = 41, .seconds = 0.08};
constexpr Rounds kReadRounds = {.least = 9, .most = 25, .seconds = 0.15};
constexpr int kAttempts = 4;
constexpr int kQuantisedRows = 512;
constexpr double kQuiet = 1.06;

struct Figure {
  double products = 0;  // a second
  double bytes = 0;     // of packed weights a second
  double bound = 0;     // products a second of the loop, or bytes a second of the read
  double share = 0;
  double spread = 100;  // of the bound's time
  std::string read;     // the best plain read, rows 1
};

class Table {
 public:
  explicit Table(const MachineLoops& loops) : loops_(loops) {}

  void Shape(const GemmShape& shape, const std::string& filter) {
    std::printf("\nK = %d, N = %d, %d threads\n\n| class x activations |", shape.k, shape.n, workers_.size());
    for (const int rows : kGemmRows) std::printf(" M=%d |", rows);
    std::printf("\n|---|");
    for (std::size_t i = 0; i < std::size(kGemmRows); ++i) std::printf("---|");
    std::printf("\n");
    for (const GemmTypes& types : AllGemmTypes()) {
      if (Name(types).find(filter) != std::string::npos) Line(types, shape);
    }
  }

  void Summary() const {
    if (!reads_.empty()) {
      std::printf("\nbest plain read beside the rows of M = 1: median %.1f GB/s\n", Median(reads_) / 1e9);
    }
    for (const RegisterLoopRow& row : kRegisterLoops) {
      const std::vector<double>& rates = rates_[static_cast<std::size_t>(row.id)];
      if (!rates.empty()) {
        std::printf("%s from registers: median %.1f GMAC/s, lowest %.1f, highest %.1f\n",
                    std::string(row.name).c_str(), Median(rates) / 1e9,
                    *std::min_element(rates.begin(), rates.end()) / 1e9,
                    *std::max_element(rates.begin(), rates.end()) / 1e9);
      }
    }
    for (const std::string& line : quantising_) std::printf("quantising rows of %s\n", line.c_str());
    std::printf("%d figures are of moments that were never quiet\n", noisy_);
    std::printf("%d of %d figures with a bar are below it\n", static_cast<int>(below_.size()), barred_);
    for (const std::string& line : below_) std::printf("  below: %s\n", line.c_str());
  }

 private:
  void Line(const GemmTypes& types, const GemmShape& shape) {
    std::printf("| %s |", Name(types).c_str());
    const auto made = GemmCase::Create(types, shape, weights_, kWeightBytes);
    if (!made.ok()) {
      for (std::size_t i = 0; i < std::size(kGemmRows); ++i) std::printf(" - |");
      std::printf(" %s\n", made.status().message().c_str());
      return;
    }
    for (const int rows : kGemmRows) {
      const Figure figure = Measure(types, **made, rows);
      const bool quantised =
          (*made)->quantises(rows) || tensor::QuantizedRows{32, types.activations}.is_float();
      if (rows == 1) {
        std::printf(" %.1f GB/s %.0f %%", figure.bytes / 1e9, 100 * figure.share);
      } else {
        std::printf(" %.0f %.0f %%%s", figure.products / 1e9, 100 * figure.share,
                    rows >= 128 && !quantised ? " (quantised before)" : "");
      }
      const std::optional<double> bar = BarOf(types, rows);
      const bool below = bar && figure.share < *bar;
      barred_ += bar ? 1 : 0;
      if (below) Note(types, shape, rows, figure, *bar);
      std::printf("%s%s |", below ? " (!)" : "", figure.spread > kQuiet ? " (noisy)" : "");
      std::fflush(stdout);
    }
    std::printf("\n");
    MeasureQuantising(types, **made, shape);
  }

  // Once per type of rows and width.
  void MeasureQuantising(const GemmTypes& types, GemmCase& made, const GemmShape& shape) {
    const std::string name =
        std::string(tensor::Row(types.activations).name) + ", K=" + std::to_string(shape.k);
    const bool seen = std::any_of(quantising_.begin(), quantising_.end(), [&](const std::string& line) {
      return line.compare(0, name.size(), name) == 0;
    });
    if (seen || !made.quantises(kQuantisedRows)) return;
    const double seconds =
        InterleavedMedians({[&] { made.Quantise(workers_, kQuantisedRows); }}, kRounds).front();
    char text[100];
    std::snprintf(text, sizeof(text), "%s: %.2f ns a value of one thread", name.c_str(),
                  1e9 * seconds * workers_.size() / kQuantisedRows / shape.k);
    quantising_.push_back(text);
  }

  void Note(const GemmTypes& types, const GemmShape& shape, int rows, const Figure& figure, double bar) {
    char text[200];
    std::snprintf(text, sizeof(text), "%s, K=%d N=%d, M=%d: %.0f %% of %s, bar %.0f %%", Name(types).c_str(),
                  shape.k, shape.n, rows, 100 * figure.share,
                  rows == 1 ? figure.read.c_str() : "the register-only loop", 100 * bar);
    below_.push_back(text);
  }

  // The quietest of a few attempts: who else uses the machine shows in what the figure is compared with.
  Figure Measure(const GemmTypes& types, GemmCase& made, int rows) {
    Figure best;
    for (int attempt = 0; attempt < kAttempts && best.spread > kQuiet; ++attempt) {
      Figure figure = rows == 1 ? MeasureReading(made) : MeasureDots(types, made, rows);
      if (attempt == 0 || figure.spread < best.spread) best = std::move(figure);
    }
    (rows == 1 ? reads_ : rates_[static_cast<std::size_t>(LoopOf(types))]).push_back(best.bound);
    noisy_ += best.spread > kQuiet ? 1 : 0;
    return best;
  }

  Figure MeasureReading(GemmCase& made) {
    std::vector<std::function<void()>> bodies = {[&] { made.Run(workers_, 1); }};
    for (std::size_t v = 0; v < std::size(kReadVariants); ++v)
      bodies.push_back([&, v] { ReadOnAll(workers_, loops_, v, weights_.data(), made.all_bytes()); });
    const auto times = InterleavedTimes(bodies, kReadRounds);
    std::size_t best = 1;
    for (std::size_t i = 2; i < times.size(); ++i) {
      if (Median(times[i]) < Median(times[best])) best = i;
    }
    const double bytes = static_cast<double>(made.all_bytes()), seconds = Median(times[0]);
    return {.products = made.PassProducts(1) / seconds,
            .bytes = bytes / seconds,
            .bound = bytes / Median(times[best]),
            .share = MedianRatio(times[best], times[0]),
            .spread = Spread(times[best]),
            .read = "the plain read (" + std::string(kReadVariants[best - 1].name) + ")"};
  }

  Figure MeasureDots(const GemmTypes& types, GemmCase& made, int rows) {
    const RegisterLoop loop = LoopOf(types);
    const auto times = InterleavedTimes(
        {[&] { RunLoopOnAll(workers_, loops_, loop); }, [&] { made.Run(workers_, rows); }}, kRounds);
    const double products = workers_.size() * loops_.Products(loop), seconds = Median(times[1]);
    return {.products = made.PassProducts(rows) / seconds,
            .bytes = made.PassBytes(rows) / seconds,
            .bound = products / Median(times[0]),
            .share = made.PassProducts(rows) / products * MedianRatio(times[0], times[1]),
            .spread = Spread(times[0]),
            .read = {}};
  }

  const MachineLoops& loops_;
  Workers workers_{2};
  Memory weights_{kWeightBytes + (1 << 16)};
  std::vector<double> reads_;
  std::vector<double> rates_[std::size(kRegisterLoops)];
  std::vector<std::string> below_, quantising_;
  int barred_ = 0;
  int noisy_ = 0;
};

int Run(const std::string& filter, int k) {
  const auto loops = MachineLoops::Create();
  if (!loops.ok()) {
    std::printf("%s\n", loops.status().message().c_str());
    return 0;
  }
  std::printf(
      "GMAC/s and share of the register-only loop; M = 1: packed bytes and share of the best plain read\n");
  Table table(**loops);
  for (const GemmShape& shape : kGemmShapes) {
    if (k == 0 || k == shape.k) table.Shape(shape, filter);
  }
  table.Summary();
  return 0;
}

}  // namespace
}  // namespace vivace::bench

int main(int argc, char** argv) {
  return vivace::bench::Run(argc > 1 ? argv[1] : "", argc > 2 ? std::atoi(argv[2]) : 0);
}
