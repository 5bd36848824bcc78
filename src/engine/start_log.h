// The log of a start: how long each phase took, in the phrases of vLLM that scripts look for and in Vivace's
// own words. Every moment from the stopwatch's beginning to Ready belongs to exactly one phase, so the phases
// add up to the total. Used by the one thread that makes an engine; lines of other threads go to log().
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include "base/log.h"
#include "compiler/compiler.h"
#include "engine/stopwatch.h"
#include "program/program.h"
#include "runtime/weight_store.h"

namespace vivace::engine {

/// What a moment of a start is spent on.
enum class StartPhase {
  kOpen,       // options resolved, checkpoint mapped
  kGraph,      // metadata to graph
  kCompile,    // graph to program and machine code
  kArtifact,   // looking up, verifying and writing the stored compile
  kWeights,    // mapping and packing
  kTuning,     // measuring tile plans
  kCache,      // KV cache, execution plan, captured plans
  kTokenizer,  // waiting for it, where it takes longer than all of the above
  kLoop,       // the thread that serves requests
};
inline constexpr std::size_t kStartPhases = 9;
/// "open", "graph", ...
std::string_view StartPhaseName(StartPhase phase);

/// Seconds by phase.
struct StartTimes {
  std::array<double, kStartPhases> seconds{};

  double of(StartPhase phase) const { return seconds[static_cast<std::size_t>(phase)]; }
  double total() const;
};

/// "1.234", "0.0123", "0.00045": seconds with three digits behind the point, more where they are few, so that
/// what is added up from a log is right within a per cent.
std::string SecondsText(double seconds);

class StartLog {
 public:
  /// `since` runs from the moment that the start counts from.
  explicit StartLog(base::Log log, const Stopwatch& since = {});

  const base::Log& log() const { return log_; }
  const StartTimes& times() const { return times_; }

  /// The time since the last End, in seconds: `phase` has it from now on. Logs nothing.
  double End(StartPhase phase);

  // Each ends the phase that it is named for and logs its lines.
  void Opened(std::string_view model, std::size_t tensors);
  /// The graph's line comes with those of Compiled: only they know whether something is compiled.
  void BuiltGraph(std::size_t layers);
  /// Warns of what could not be compiled; logs nothing when all could.
  void FellBack(const compiler::CompileReport& report) const;
  void Compiled(const program::Program& program, const compiler::CompileReport& report);
  /// `packed`: bytes of panels and vectors; the rest stays mapped.
  void LoadedWeights(std::int64_t packed, std::int64_t all);
  void MadeCache(int captured_plans, double capture_s, std::span<const int> sizes);
  /// `what` was measured, or found, and what came of it.
  void Tuned(std::string_view what);
  /// A stored compile in `folder` is used: `what` came from it.
  void LoadedArtifact(std::string_view folder, int max_rows, std::string_view what);
  /// None was there, or none that fits: `why` names the factor that differs.
  void MissedArtifact(std::string_view folder, std::string_view why);
  void SavedArtifact(std::string_view folder, int max_rows, std::string_view what);
  /// No cache is read or written: `why` names the option.
  void NoArtifact(std::string_view why) const;
  /// Ends kLoop: all is ready, `what` ("smollm2 at -O2, 2 threads") says it in a word.
  void Ready(std::string_view what);

  /// Logs how far the packing is, once a second.
  runtime::PackProgress PackingLines() const;

 private:
  void CompiledShapes(const program::Program& program, const compiler::CompileReport& report) const;

  const base::Log log_;
  Stopwatch since_last_;
  StartTimes times_;
  std::size_t layers_ = 0;
};

}  // namespace vivace::engine
