// How long compiles take on one core: of kernels, built and compiled, beside their bars in microseconds; then
// of a whole model (graph, passes, lowering, kernels) in milliseconds.
// Usage: compile_bench [model.gguf]   (default .cache/models/smollm2-135m.gguf)
#include <algorithm>
#include <chrono>
#include <cstdio>
#include <functional>
#include <vector>

#include "checkpoint/checkpoint.h"
#include "codegen/kernel_library.h"
#include "compiler/compiler.h"
#include "kernels/gemm_epilogue.h"
#include "kernels/gemm_tile.h"
#include "models/model_families.h"

namespace vivace {
namespace {

constexpr int kRuns = 101;

double Median(std::vector<double> values) {
  std::nth_element(values.begin(), values.begin() + kRuns / 2, values.end());
  return values[kRuns / 2];
}

using Functions = std::vector<codegen::Function>;

codegen::Function Tile(tensor::WeightClass type, tensor::ActivationType activation, int rows,
                       const codegen::Target& target) {
  kernels::TileShape shape{};
  shape.type = type;
  shape.activation = activation;
  shape.k = 4096;
  shape.rows = rows;
  shape.c_stride = 256;  // of gate and up
  shape.prefetch = target.prefetch_rows;
  return kernels::BuildDirectTile(shape, target);
}

/// What a model of several weight types asks for, until there are 60: tiles of each number of rows,
/// expanding, norms and epilogues.
Functions SixtyKernels(const codegen::Target& target) {
  Functions all;
  all.push_back(kernels::BuildRowQuant({4096}));
  all.push_back(kernels::BuildRowScale(4096, 1e-5f));
  all.push_back(kernels::BuildEpilogue(kernels::ListsOf(kernels::Epilogue::kResidualQuant)[0],
                                       {.hidden = 4096, .output = {4096}}));
  all.push_back(kernels::BuildEpilogue(kernels::ListsOf(kernels::Epilogue::kSiluMulQuant)[0],
                                       {.units = 2, .output = {4096}}));
  all.push_back(
      kernels::BuildEpilogue(kernels::ListsOf(kernels::Epilogue::kLogits)[0], {.floats = 32000, .n = 32000}));
  for (int i = 0; all.size() < 60; ++i) {
    const auto type = static_cast<tensor::WeightClass>(i % tensor::kWeightClasses);
    const tensor::ActivationType activation = tensor::Row(type).activation;
    if (!kernels::HasIntegerTiles(type, activation)) continue;
    const int rows = i / tensor::kWeightClasses + 1;
    if (rows == 1 && kernels::ExpandedRows(type, activation, target) > 0) {
      all.push_back(kernels::BuildExpand(type, activation, target));
    }
    if (rows <= kernels::DirectRows(type, activation, target))
      all.push_back(Tile(type, activation, rows, target));
  }
  all.resize(60);
  return all;
}

/// Median time of building and compiling into a new library; prints it beside its bar. False on an error.
bool MeasureKernels(const char* what, double bar_us, const std::function<Functions()>& build) {
  std::vector<double> times;
  std::size_t code_bytes = 0;
  std::size_t count = 0;
  for (int run = 0; run < kRuns; ++run) {
    codegen::KernelLibrary library;
    const auto start = std::chrono::steady_clock::now();
    for (const codegen::Function& function : build()) {
      const auto id = library.Compile(function);
      if (!id.ok()) {
        std::fprintf(stderr, "%s\n", id.status().message().c_str());
        return false;
      }
    }
    times.push_back(
        std::chrono::duration<double, std::micro>(std::chrono::steady_clock::now() - start).count());
    code_bytes = 0;
    count = static_cast<std::size_t>(library.size());
    for (int i = 0; i < library.size(); ++i) code_bytes += library.info(codegen::KernelId{i}).code_bytes;
  }
  const double median = Median(times);
  std::printf("%-44s %8.1f us, bar %6.0f us  %s  (%zu kernels, %zu bytes)\n", what, median, bar_us,
              median <= bar_us ? "met" : "MISSED", count, code_bytes);
  return true;
}

/// The kernels that have bars. A unit has 32 columns, so that 12 rows of it are the outputs of 6 by 64.
bool MeasureBars() {
  const codegen::Target& target = codegen::HostTarget();
  if (!codegen::KernelLibrary::Supported()) return true;
  const auto type = tensor::WeightClass::kInt8Channel;
  const auto activation = tensor::ActivationType::kU8Token;
  const int rows = std::min(12, kernels::DirectRows(type, activation, target));
  std::printf("kernels for %s, median of %d\n", target.name.c_str(), kRuns);
  return MeasureKernels("RMSNorm and quantisation", 20,
                        [] { return Functions{kernels::BuildRowQuant({4096})}; }) &&
         MeasureKernels("tile of 6 x 64 outputs", 40,
                        [&] { return Functions{Tile(type, activation, rows, target)}; }) &&
         MeasureKernels("tile with SiLU * up and quantisation", 100,
                        [&] {
                          return Functions{
                              Tile(type, activation, rows, target),
                              kernels::BuildEpilogue(kernels::ListsOf(kernels::Epilogue::kSiluMulQuant)[0],
                                                     {.units = 2, .output = {4096}})};
                        }) &&
         MeasureKernels("60 mixed kernels", 4000, [&] { return SixtyKernels(target); });
}

/// Prints one line, and the passes of the last run; false on an error.
bool Measure(const graph::Graph& graph, int level) {
  std::vector<double> passes, lower, kernels, total;
  compiler::CompileReport report;
  compiler::CompileOptions options;
  options.level = level;
  for (int i = 0; i < kRuns; ++i) {
    const Result<program::Program> program = compiler::Compile(graph, options, &report);
    if (!program.ok()) {
      std::fprintf(stderr, "%s\n", program.status().message().c_str());
      return false;
    }
    passes.push_back(report.passes_ms);
    lower.push_back(report.lower_ms);
    kernels.push_back(report.kernels_ms);
    total.push_back(report.total_ms);
  }
  std::printf(
      "-O%d: %.3f ms (passes %.3f, lowering %.3f, %d kernels %.3f; %zu bytes of code), median of %d\n", level,
      Median(total), Median(passes), Median(lower), report.kernels, Median(kernels), report.code_bytes,
      kRuns);
  for (const std::string& note : report.notes) std::printf("  %s\n", note.c_str());
  for (const compiler::PassRecord& pass : report.passes) {
    std::printf("  %-22s %7.1f us\n", std::string(pass.name).c_str(), pass.us);
  }
  return true;
}

int Main(const char* path) {
  if (!MeasureBars()) return 1;
  const auto fail = [](const Status& status) {
    std::fprintf(stderr, "%s\n", status.message().c_str());
    return 1;
  };
  const auto file = checkpoint::Checkpoint::Open(path);
  if (!file.ok()) return fail(file.status());
  const auto config = models::ReadConfig(**file);
  if (!config.ok()) return fail(config.status());
  const auto weights = models::ReadWeights(**file);
  if (!weights.ok()) return fail(weights.status());
  const auto graph = models::BuildGraph(*config, *weights);
  if (!graph.ok()) return fail(graph.status());
  return Measure(*graph, 0) && Measure(*graph, 2) ? 0 : 1;
}

}  // namespace
}  // namespace vivace

int main(int argc, char** argv) {
  return vivace::Main(argc > 1 ? argv[1] : ".cache/models/smollm2-135m.gguf");
}
