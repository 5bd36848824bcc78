// The results of `bench startup` as text and JSON. Plain data and free functions.
#pragma once

#include <string>
#include <vector>

namespace vivace::cli {

/// Seconds, one entry a start.
struct StartTimes {
  std::vector<double> total_s;  // from exec until the engine is ready
  std::vector<double> compile_s, pack_s, tune_s;
};

struct StartupResults {
  StartTimes cold, warm;
};

/// vLLM's block, "COLD STARTUP:", "Avg total startup time: 0.05 seconds", ..., and one line of our own for
/// packing and tuning.
std::string StartupText(const StartupResults& results);
/// avg_cold_startup_time, avg_cold_compilation_time, cold_startup_times, cold_compilation_times,
/// cold_startup_percentiles, cold_compilation_percentiles, the same for warm; and *_packing_times,
/// *_tuning_times.
std::string StartupJson(const StartupResults& results);

}  // namespace vivace::cli
