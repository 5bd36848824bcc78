// How long compiles take on one core: of kernels, built and compiled, beside their bars in microseconds; then
// of a whole model (graph, passes, lowering, kernels) in milliseconds.
// Usage: compile_bench [model.gguf]   (default .cache/models/smollm2-135m.gguf)
// Besides the file: the shapes of a 1B and of a 70B model of 80 layers, with q4_0 weights that have no bytes.
#include <algorithm>
#include <chrono>
#include <cstdio>
#include <functional>
#include <string>
#include <utility>
#include <vector>

#include "base/status_macros.h"
#include "checkpoint/checkpoint.h"
#include "codegen/kernel_library.h"
#include "compiler/compiler.h"
#include "kernels/gemm_epilogue.h"
#include "kernels/gemm_tile.h"
#include "models/dummy_checkpoint.h"
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

codegen::Function RowQuantiser() {
  return kernels::BuildRowSteps(kernels::NormQuantSteps()[0], {.hidden = 4096, .output = {4096}});
}

/// What a model of several weight types asks for, until there are 60: tiles of each number of rows,
/// expanding, norms and epilogues.
Functions SixtyKernels(const codegen::Target& target) {
  Functions all;
  all.push_back(RowQuantiser());
  all.push_back(kernels::BuildRowScale(4096, 1e-5f));
  all.push_back(kernels::BuildEpilogue(kernels::ResidualQuantSteps()[0], {.hidden = 4096, .output = {4096}}));
  all.push_back(kernels::BuildEpilogue(kernels::SiluMulQuantSteps()[0], {.units = 2, .output = {4096}}));
  all.push_back(kernels::BuildEpilogue(kernels::LogitsSteps()[0], {.floats = 32000, .n = 32000}));
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
  return MeasureKernels("RMSNorm and quantisation", 20, [] { return Functions{RowQuantiser()}; }) &&
         MeasureKernels("tile of 6 x 64 outputs", 40,
                        [&] { return Functions{Tile(type, activation, rows, target)}; }) &&
         MeasureKernels("tile with SiLU * up and quantisation", 100,
                        [&] {
                          return Functions{Tile(type, activation, rows, target),
                                           kernels::BuildEpilogue(kernels::SiluMulQuantSteps()[0],
                                                                  {.units = 2, .output = {4096}})};
                        }) &&
         MeasureKernels("60 mixed kernels", 4000, [&] { return SixtyKernels(target); });
}

/// Prints one line beside the bar, and the passes of the last run; false on an error.
bool MeasureLevel(const graph::Graph& graph, int level, double bar_ms) {
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
  const double median = Median(total);
  std::printf(
      "  -O%d: %.3f ms, bar %.0f ms  %s  (passes %.3f, lowering %.3f, %d kernels %.3f; %zu bytes of code)\n",
      level, median, bar_ms, median <= bar_ms ? "met" : "MISSED", Median(passes), Median(lower),
      report.kernels, Median(kernels), report.code_bytes);
  for (const std::string& note : report.notes) std::printf("    %s\n", note.c_str());
  for (const compiler::PassRecord& pass : report.passes) {
    if (level == 2) std::printf("    %-28s %7.1f us\n", std::string(pass.name).c_str(), pass.us);
  }
  return true;
}

Status MeasureModel(const checkpoint::Checkpoint& file, const std::string& name, double bar_ms) {
  VIVACE_ASSIGN_OR_RETURN(const models::ModelConfig config, models::ReadConfig(file));
  VIVACE_ASSIGN_OR_RETURN(const auto weights, models::ReadWeights(file));
  VIVACE_ASSIGN_OR_RETURN(const graph::Graph graph, models::BuildGraph(config, weights));
  std::printf("%s, whole model, median of %d\n", name.c_str(), kRuns);
  for (const int level : {0, 1, 2}) {
    if (!MeasureLevel(graph, level, bar_ms)) return Internal("cannot compile");
  }
  return Status::Ok();
}

Status MeasureModels(const std::string& path) {
  VIVACE_ASSIGN_OR_RETURN(const auto file, checkpoint::Checkpoint::Open(path));
  VIVACE_RETURN_IF_ERROR(MeasureModel(*file, path, 20));
  for (const auto& [shape, bar_ms] : {std::pair{"llama-3.2-1b", 20.0}, std::pair{"llama-3.1-70b", 30.0}}) {
    VIVACE_ASSIGN_OR_RETURN(
        const auto dummy, models::MakeDummyCheckpoint(shape, {.type = tensor::DType::kQ4_0, .fill = false}));
    VIVACE_RETURN_IF_ERROR(MeasureModel(*dummy, shape, bar_ms));
  }
  return Status::Ok();
}

int Main(const char* path) {
  if (!MeasureBars()) return 1;
  const Status status = MeasureModels(path);
  if (!status.ok()) std::fprintf(stderr, "%s\n", status.message().c_str());
  return status.ok() ? 0 : 1;
}

}  // namespace
}  // namespace vivace

int main(int argc, char** argv) {
  return vivace::Main(argc > 1 ? argv[1] : ".cache/models/smollm2-135m.gguf");
}
