#include "engine/start_log.h"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <limits>
#include <numeric>
#include <utility>

#include "engine/kv_cache_size.h"

namespace vivace::engine {
namespace {

constexpr double kGibibyte = 1 << 30;

/// Phases of a decoder layer: "5", or "5 to 7" where layers differ.
std::string PhasesOfALayer(const program::Program& program) {
  std::size_t least = std::numeric_limits<std::size_t>::max(), most = 0;
  for (const program::Layer& layer : program.layers) {
    if (layer.kv_layer < 0) continue;
    const std::size_t count = program.bodies[static_cast<std::size_t>(layer.body)].phases.size();
    least = std::min(least, count);
    most = std::max(most, count);
  }
  return least < most ? fmt::format("{} to {}", least, most) : fmt::format("{}", most);
}

/// "open 0.001 s, graph 0.002 s": the phases that took any time.
std::string PhaseList(const StartTimes& times) {
  std::string text;
  for (std::size_t i = 0; i < kStartPhases; ++i) {
    if (times.seconds[i] <= 0) continue;
    text += fmt::format("{}{} {} s", text.empty() ? "" : ", ", StartPhaseName(static_cast<StartPhase>(i)),
                        SecondsText(times.seconds[i]));
  }
  return text;
}

}  // namespace

std::string_view StartPhaseName(StartPhase phase) {
  constexpr std::string_view kNames[kStartPhases] = {"open",   "graph", "compile",   "artifact", "weights",
                                                     "tuning", "cache", "tokenizer", "loop"};
  return kNames[static_cast<std::size_t>(phase)];
}

double StartTimes::total() const {
  return std::accumulate(seconds.begin(), seconds.end(), 0.0);
}

std::string SecondsText(double seconds) {
  if (seconds < 0.01) return fmt::format("{:.5f}", seconds);
  return seconds < 0.1 ? fmt::format("{:.4f}", seconds) : fmt::format("{:.3f}", seconds);
}

StartLog::StartLog(base::Log log, const Stopwatch& since) : log_(std::move(log)), since_last_(since) {}

double StartLog::End(StartPhase phase) {
  const double seconds = since_last_.Lap();
  times_.seconds[static_cast<std::size_t>(phase)] += seconds;
  return seconds;
}

void StartLog::Opened(std::string_view model, std::size_t tensors) {
  log_.Info(fmt::format("Opened '{}' in {} seconds: {} tensors", model, SecondsText(End(StartPhase::kOpen)),
                        tensors));
}

void StartLog::BuiltGraph(std::size_t layers) {
  End(StartPhase::kGraph);
  layers_ = layers;
}

void StartLog::FellBack(const compiler::CompileReport& report) const {
  for (const std::string& note : report.notes) {
    if (!report.model_unsupported) {
      log_.Warning(note);
      continue;
    }
    log_.Warning(fmt::format(
        "torch.compile is turned on, but the model does not support it in every part ({}). If you want it to "
        "be supported, open an issue of Vivace with the output of 'vivace inspect' on this model",
        note));
  }
}

void StartLog::Compiled(const program::Program& program, const compiler::CompileReport& report) {
  End(StartPhase::kCompile);
  const double graph = times_.of(StartPhase::kGraph), compile = times_.of(StartPhase::kCompile);
  if (program.level == 0) {
    log_.Info(
        fmt::format("Graph of {} layers took {} seconds, its program of portable kernels {} (-O0: nothing is "
                    "compiled)",
                    layers_, SecondsText(graph), SecondsText(compile)));
    return;
  }
  log_.Info(
      fmt::format("Dynamo bytecode transform time: {} s (the graph of {} layers, built from what the "
                  "checkpoint says of itself)",
                  SecondsText(graph), layers_));
  CompiledShapes(program, report);
  log_.Info(fmt::format("torch.compile takes {} s in total (graph and compile at -O{}: {} phases a layer)",
                        SecondsText(graph + compile), program.level, PhasesOfALayer(program)));
}

// The general shape has all that is not spent on the others, so that the lines add up to the compile.
void StartLog::CompiledShapes(const program::Program& program, const compiler::CompileReport& report) const {
  double shapes_s = 0;
  for (const double us : report.specialise_us) shapes_s += us * 1e-6;
  log_.Info(fmt::format(
      "Compiling a graph for general shape takes {} s ({} passes {:.1f} ms, lowering {:.1f} ms, {} kernels "
      "of {} bytes {:.1f} ms)",
      SecondsText(times_.of(StartPhase::kCompile) - shapes_s), report.passes.size(), report.passes_ms,
      report.lower_ms, report.kernels, report.code_bytes, report.kernels_ms - shapes_s * 1e3));
  for (std::size_t i = 0; i < program.specialisations.size(); ++i) {
    const program::Specialisation& shape = program.specialisations[i];
    const bool exact = shape.first_rows == shape.last_rows;
    const double seconds = i < report.specialise_us.size() ? report.specialise_us[i] * 1e-6 : 0;
    log_.Info(fmt::format("Compiling a graph for {} takes {} s (tile plans of its own for the same kernels)",
                          exact ? fmt::format("shape {}", shape.last_rows)
                                : fmt::format("compile range ({}, {})", shape.first_rows, shape.last_rows),
                          SecondsText(seconds)));
  }
}

void StartLog::LoadedWeights(std::int64_t packed, std::int64_t all) {
  const double seconds = End(StartPhase::kWeights);
  if (packed > 0) {
    log_.Info(fmt::format("Packing weights took {} s: {} in panels, {:.2f} GB/s", SecondsText(seconds),
                          MemoryText(packed), static_cast<double>(packed) * 1e-9 / std::max(seconds, 1e-9)));
  }
  log_.Info(fmt::format("Loading weights took {} seconds: {} packed, the rest mapped as it lies in the file",
                        SecondsText(seconds), packed > 0 ? MemoryText(packed) : "none"));
  log_.Info(
      fmt::format("Model loading took {:.4f} GiB memory and {:.6f} seconds (tensors of the checkpoint; "
                  "from its opening to here)",
                  static_cast<double>(all) / kGibibyte, times_.total()));
}

void StartLog::MadeCache(int captured_plans, double capture_s, std::span<const int> sizes) {
  End(StartPhase::kCache);
  const double seconds = times_.of(StartPhase::kCache);  // with what its size took to find
  if (captured_plans > 0) {
    log_.Info(fmt::format(
        "Graph capturing finished in {} secs, took 0.00 GiB ({} plans of steps of {} to {} tokens)",
        SecondsText(capture_s), captured_plans, sizes.empty() ? 1 : sizes.front(),
        sizes.empty() ? captured_plans : sizes.back()));
  }
  log_.Info(fmt::format("KV cache and execution plan took {} seconds", SecondsText(seconds)));
}

void StartLog::Tuned(std::string_view what) {
  log_.Info(fmt::format("Tuning took {} s: {}", SecondsText(End(StartPhase::kTuning)), what));
}

void StartLog::LoadedArtifact(std::string_view folder, int max_rows, std::string_view what) {
  log_.Info(
      fmt::format("Directly load the compiled graph(s) for compile range (1, {}) from the cache, took {} s "
                  "({} from '{}')",
                  max_rows, SecondsText(End(StartPhase::kArtifact)), what, folder));
}

void StartLog::MissedArtifact(std::string_view folder, std::string_view why) {
  End(StartPhase::kArtifact);
  log_.Info(fmt::format("Using cache directory: {} for vLLM's torch.compile (no artifact of this start: {})",
                        folder, why));
}

void StartLog::SavedArtifact(std::string_view folder, int max_rows, std::string_view what) {
  log_.Info(
      fmt::format("Cache the graph of compile range (1, {}) for later use (saving {} to '{}' took {} s)",
                  max_rows, what, folder, SecondsText(End(StartPhase::kArtifact))));
}

void StartLog::NoArtifact(std::string_view why) const {
  log_.Info(fmt::format("vLLM's torch.compile cache is disabled. (No artifact is read or written: {})", why));
}

void StartLog::Ready(std::string_view what) {
  End(StartPhase::kLoop);
  const double compile = times_.of(StartPhase::kGraph) + times_.of(StartPhase::kCompile);
  log_.Info(
      fmt::format("init engine (profile, create kv cache, warmup model) took {} seconds (compilation: "
                  "{} s): {}",
                  SecondsText(times_.total()), SecondsText(compile), PhaseList(times_)));
  log_.Info(fmt::format("Ready in {} seconds: {}", SecondsText(times_.total()), what));
}

runtime::PackProgress StartLog::PackingLines() const {
  return [this, last = std::chrono::steady_clock::now()](std::size_t done, std::size_t total) mutable {
    const auto now = std::chrono::steady_clock::now();
    if (now - last < std::chrono::seconds(1)) return;
    last = now;
    log_.Info(fmt::format("Packed {} of {} MB of weights", done / 1000000, total / 1000000));
  };
}

}  // namespace vivace::engine
