// How long a compile of a whole model takes on one core: graph, passes, lowering, kernels, in milliseconds.
// Usage: compile_bench [model.gguf]   (default .cache/models/smollm2-135m.gguf)
#include <algorithm>
#include <cstdio>
#include <vector>

#include "checkpoint/gguf_file.h"
#include "compiler/compiler.h"
#include "models/model_families.h"

namespace vivace {
namespace {

constexpr int kRuns = 21;

double Median(std::vector<double> values) {
  std::nth_element(values.begin(), values.begin() + kRuns / 2, values.end());
  return values[kRuns / 2];
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
  const auto fail = [](const Status& status) {
    std::fprintf(stderr, "%s\n", status.message().c_str());
    return 1;
  };
  const auto file = checkpoint::GgufFile::Open(path);
  if (!file.ok()) return fail(file.status());
  const auto config = models::ReadConfig(*file);
  if (!config.ok()) return fail(config.status());
  const auto weights = models::ReadWeights(*file);
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
