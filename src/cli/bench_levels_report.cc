#include "cli/bench_levels_report.h"

#include <fmt/format.h>

#include <algorithm>

#include "cli/bench_latency_text.h"
#include "cli/json_object.h"

namespace vivace::cli {
namespace {

constexpr std::string_view kColumns[] = {"level",       "start cold", "start warm", "first token",
                                         "compile",     "pack",       "tune",       "prefill",
                                         "decode of 1", "of 16",      "memory"};
constexpr std::string_view kUnits[] = {"",  "s",        "s",        "s",        "s",  "s",
                                       "s", "tokens/s", "tokens/s", "tokens/s", "MiB"};

/// "289 (284..296)": the median and the middle half.
std::string WithSpread(const std::vector<double>& samples, int digits) {
  if (samples.empty()) return "-";
  return fmt::format("{:.{}f} ({:.{}f}..{:.{}f})", Median(samples), digits, Percentile(samples, 25), digits,
                     Percentile(samples, 75), digits);
}

const std::vector<double>& Speeds(const LevelFigures& figures, std::string_view name) {
  static const std::vector<double> kNone;
  const auto found = figures.speeds.find(std::string(name));
  return found == figures.speeds.end() ? kNone : found->second;
}

std::vector<std::string> Cells(const LevelFigures& figures) {
  std::vector<std::string> cells = {fmt::format("-O{}", figures.level)};
  // -O3 runs the program of -O2, tuned further; anything less is one that could not be compiled.
  if (figures.running < std::min(figures.level, 2)) cells[0] += fmt::format(" (runs -O{})", figures.running);
  for (const auto* seconds : {&figures.cold_s, &figures.warm_s, &figures.first_token_s})
    cells.push_back(WithSpread(*seconds, 3));
  for (const double seconds : {figures.compile_s, figures.pack_s, figures.tune_s})
    cells.push_back(fmt::format("{:.3f}", seconds));
  for (const std::string_view name : kSpeedNames) {
    const auto& speeds = Speeds(figures, name);
    cells.push_back(WithSpread(speeds, !speeds.empty() && Median(speeds) < 100 ? 1 : 0));
  }
  cells.push_back(fmt::format("{:.0f}", figures.memory_bytes / (1 << 20)));
  return cells;
}

/// Rows of equal length as columns, to the right but for the first.
std::string Aligned(const std::vector<std::vector<std::string>>& rows) {
  std::vector<std::size_t> widths(rows.front().size());
  for (const auto& row : rows) {
    for (std::size_t i = 0; i < row.size(); ++i) widths[i] = std::max(widths[i], row[i].size());
  }
  std::string out;
  for (const auto& row : rows) {
    std::string line;
    for (std::size_t i = 0; i < row.size(); ++i) {
      const std::string space(widths[i] - row[i].size(), ' ');
      line += i == 0 ? row[i] + space : "  " + space + row[i];
    }
    out += line.substr(0, line.find_last_not_of(' ') + 1) + "\n";
  }
  return out;
}

std::string SpeedsJson(const LevelFigures& figures) {
  JsonObject out;
  for (const std::string_view name : kSpeedNames) {
    const auto& speeds = Speeds(figures, name);
    JsonObject one;
    one.Add("median", Median(speeds));
    one.Add("p25", Percentile(speeds, 25));
    one.Add("p75", Percentile(speeds, 75));
    one.Add("samples", static_cast<std::int64_t>(speeds.size()));
    out.AddRaw(name, one.Take());
  }
  return out.Take();
}

std::string LevelJson(const LevelFigures& figures) {
  JsonObject out;
  out.Add("level", figures.level);
  out.Add("running_level", figures.running);
  out.AddRaw("start_cold_s", NumbersJson(figures.cold_s));
  out.AddRaw("start_warm_s", NumbersJson(figures.warm_s));
  out.AddRaw("first_token_s", NumbersJson(figures.first_token_s));
  out.Add("compile_s", figures.compile_s);
  out.Add("pack_s", figures.pack_s);
  out.Add("tune_s", figures.tune_s);
  out.AddRaw("tokens_per_second", SpeedsJson(figures));
  out.Add("memory_bytes", static_cast<std::int64_t>(figures.memory_bytes));
  return out.Take();
}

std::string RatioJson(const LevelRatio& ratio) {
  JsonObject out;
  out.Add("name", ratio.name);
  out.Add("lower", ratio.lower);
  out.Add("higher", ratio.higher);
  out.Add("pairs", static_cast<std::int64_t>(ratio.ratios.size()));
  out.Add("median", ratio.median);
  out.Add("low", ratio.interval.low);
  out.Add("high", ratio.interval.high);
  out.Add("verdict", Name(ratio.verdict));
  out.AddRaw("ratios", NumbersJson(ratio.ratios));
  return out.Take();
}

template <class Rows, class Write>
std::string ListJson(const Rows& rows, Write write) {
  std::string out = "[";
  for (const auto& row : rows) out += (out.size() > 1 ? ",\n  " : "\n  ") + write(row);
  return out + "\n ]";
}

}  // namespace

Verdict ContractVerdict(const LevelsReport& report) {
  Verdict all = Verdict::kHolds;
  for (const LevelRatio& ratio : report.ratios) {
    if (ratio.verdict == Verdict::kBroken) return Verdict::kBroken;
    if (ratio.verdict == Verdict::kUndecided) all = Verdict::kUndecided;
  }
  return report.ratios.empty() ? Verdict::kUndecided : all;
}

std::string LevelsText(const LevelsReport& report) {
  std::vector<std::vector<std::string>> table = {{std::begin(kColumns), std::end(kColumns)},
                                                 {std::begin(kUnits), std::end(kUnits)}};
  for (const LevelFigures& figures : report.levels) table.push_back(Cells(figures));
  std::vector<std::vector<std::string>> ratios = {
      {"faster by", "speed", "median", "95 % interval", "pairs", "not slower"}};
  for (const LevelRatio& ratio : report.ratios) {
    ratios.push_back({fmt::format("-O{} / -O{}", ratio.higher, ratio.lower), ratio.name,
                      fmt::format("{:.3f}", ratio.median),
                      fmt::format("{:.3f}..{:.3f}", ratio.interval.low, ratio.interval.high),
                      std::to_string(ratio.ratios.size()), std::string(Name(ratio.verdict))});
  }
  return fmt::format(
      "{}\n\n{}\nPrompts of {} tokens; medians, in brackets the middle half.\n\n{}\n"
      "Contract: {} (a higher level is never slower: the lower bound of the 95 % interval of each ratio, "
      "from pairs of fresh processes, is at least {}), after {:.0f} s\n",
      report.model, Aligned(table), report.prefill_tokens, Aligned(ratios), Name(ContractVerdict(report)),
      report.bound, report.seconds);
}

std::string LevelsJson(const LevelsReport& report) {
  JsonObject out;
  out.Add("model", report.model);
  out.Add("contract", Name(ContractVerdict(report)));
  out.Add("bound", report.bound);
  out.Add("seconds", report.seconds);
  out.Add("prefill_tokens", report.prefill_tokens);
  out.AddRaw("levels", ListJson(report.levels, LevelJson));
  out.AddRaw("ratios", ListJson(report.ratios, RatioJson));
  return out.Take();
}

}  // namespace vivace::cli
