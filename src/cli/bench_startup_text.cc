#include "cli/bench_startup_text.h"

#include <fmt/format.h>

#include "cli/bench_latency_text.h"
#include "cli/bench_statistics.h"
#include "cli/json_object.h"

namespace vivace::cli {
namespace {

std::string PercentileLines(std::string_view title, const std::vector<double>& seconds) {
  std::string out = fmt::format("{} percentiles:\n", title);
  for (const int percent : kShownPercentiles)
    out += fmt::format("  {}%: {:.2f} seconds\n", percent, Percentile(seconds, percent));
  return out;
}

std::string Block(std::string_view title, const StartTimes& times) {
  return fmt::format(
             "\n{} STARTUP:\nAvg total startup time: {:.2f} seconds\nAvg compilation time:   {:.2f} seconds\n"
             "Avg in milliseconds: {:.1f} in all, {:.1f} compilation, {:.1f} packing, {:.1f} tuning\n",
             title, Mean(times.total_s), Mean(times.compile_s), Mean(times.total_s) * 1e3,
             Mean(times.compile_s) * 1e3, Mean(times.pack_s) * 1e3, Mean(times.tune_s) * 1e3) +
         PercentileLines("Startup time", times.total_s) +
         PercentileLines("Compilation time", times.compile_s);
}

void AddTimes(std::string_view kind, const StartTimes& times, JsonObject& out) {
  out.Add(fmt::format("avg_{}_startup_time", kind), Mean(times.total_s));
  out.Add(fmt::format("avg_{}_compilation_time", kind), Mean(times.compile_s));
  out.AddRaw(fmt::format("{}_startup_times", kind), NumbersJson(times.total_s));
  out.AddRaw(fmt::format("{}_compilation_times", kind), NumbersJson(times.compile_s));
  out.AddRaw(fmt::format("{}_packing_times", kind), NumbersJson(times.pack_s));
  out.AddRaw(fmt::format("{}_tuning_times", kind), NumbersJson(times.tune_s));
  out.AddRaw(fmt::format("{}_startup_percentiles", kind), PercentilesJson(times.total_s));
  out.AddRaw(fmt::format("{}_compilation_percentiles", kind), PercentilesJson(times.compile_s));
}

}  // namespace

std::string StartupText(const StartupResults& results) {
  const std::string line(60, '=');
  return fmt::format("\n{0}\nSTARTUP TIME BENCHMARK RESULTS\n{0}\n", line) + Block("COLD", results.cold) +
         Block("WARM", results.warm) + line + "\n";
}

std::string StartupJson(const StartupResults& results) {
  JsonObject out;
  AddTimes("cold", results.cold, out);
  AddTimes("warm", results.warm, out);
  return out.Take();
}

}  // namespace vivace::cli
