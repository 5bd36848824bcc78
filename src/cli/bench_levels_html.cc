// The page of `bench levels`: a group of bars for each kind of figure, one bar a level with the middle half
// of its samples as a line, and the two tables. One file, nothing is loaded.
#include <fmt/format.h>

#include <algorithm>

#include "cli/bench_levels_report.h"

namespace vivace::cli {
namespace {

constexpr std::string_view kStyle = R"css(
:root { --paper: #ffffff; --ink: #1c1f24; --quiet: #626a75; --track: #eef0f3; --bar: #2f6fde; }
@media (prefers-color-scheme: dark) { :root { --paper: #15181c; --ink: #e6e9ed; --quiet: #97a0ac; --track: #23282e;
  --bar: #6ba0ff; } }
body { margin: 0 auto; max-width: 76rem; padding: 2rem 1.5rem 3rem; background: var(--paper); color: var(--ink);
  font: 15px/1.45 system-ui, sans-serif; }
h1 { font-size: 1.35rem; margin: 0; overflow-wrap: anywhere; }
h2 { font-size: 1rem; margin: 0 0 .3rem; font-weight: 600; }
p { margin: .3rem 0 1.5rem; color: var(--quiet); }
.plots { display: grid; grid-template-columns: repeat(auto-fill, minmax(21rem, 1fr)); gap: 1.6rem 2.5rem; }
svg { width: 100%; height: auto; display: block; }
text { fill: var(--ink); font-size: 13px; font-variant-numeric: tabular-nums; }
.track { fill: var(--track); } .bar { fill: var(--bar); } .spread { stroke: var(--ink); stroke-width: 1.5; }
pre { overflow-x: auto; font-size: .85rem; margin-top: 2rem; }
)css";

constexpr int kWidth = 340, kRow = 26, kLeft = 36, kRight = 92;  // of a plot, in its own units

std::string Escaped(std::string_view text) {
  std::string out;
  for (const char c : text) {
    if (c == '&') {
      out += "&amp;";
    } else if (c == '<') {
      out += "&lt;";
    } else if (c == '>') {
      out += "&gt;";
    } else {
      out += c;
    }
  }
  return out;
}

/// One bar: level, median and the middle half.
struct Bar {
  int level = 0;
  double median = 0, low = 0, high = 0;
};

Bar MakeBar(int level, const std::vector<double>& samples, double factor) {
  return {level, Median(samples) * factor, Percentile(samples, 25) * factor,
          Percentile(samples, 75) * factor};
}

std::string Plot(std::string_view title, std::string_view unit, const std::vector<Bar>& bars) {
  double most = 0;
  for (const Bar& bar : bars) most = std::max({most, bar.median, bar.high});
  if (most <= 0) return "";
  const int track = kWidth - kLeft - kRight;
  const auto x = [&](double value) { return kLeft + track * value / most; };
  std::string out = fmt::format(
      "<section><h2>{}, {}</h2><svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {} {}\">\n", title,
      unit, kWidth, kRow * static_cast<int>(bars.size()));
  int y = 0;
  for (const Bar& bar : bars) {
    const int digits = bar.median < 10 ? 3 : bar.median < 100 ? 1 : 0;
    out += fmt::format(
        "<text x=\"0\" y=\"{0}\">-O{1}</text><rect class=\"track\" x=\"{2}\" y=\"{3}\" width=\"{4}\" "
        "height=\"16\" "
        "rx=\"3\"/><rect class=\"bar\" x=\"{2}\" y=\"{3}\" width=\"{5:.1f}\" height=\"16\" rx=\"3\"/>",
        y + 17, bar.level, kLeft, y + 4, track, x(bar.median) - kLeft);
    out += fmt::format("<line class=\"spread\" x1=\"{0:.1f}\" y1=\"{2}\" x2=\"{1:.1f}\" y2=\"{2}\"/>",
                       x(bar.low), x(bar.high), y + 12);
    out += fmt::format("<text x=\"{}\" y=\"{}\">{:.{}f}</text>\n", kWidth - kRight + 10, y + 17, bar.median,
                       digits);
    y += kRow;
  }
  return out + "</svg></section>\n";
}

template <class Samples>
std::string PlotOf(const LevelsReport& report, std::string_view title, std::string_view unit, double factor,
                   Samples samples) {
  std::vector<Bar> bars;
  for (const LevelFigures& figures : report.levels)
    bars.push_back(MakeBar(figures.level, samples(figures), factor));
  return Plot(title, unit, bars);
}

}  // namespace

std::string LevelsHtml(const LevelsReport& report) {
  std::string out = fmt::format(
      "<!doctype html>\n<html lang=\"en\"><meta charset=\"utf-8\"><meta name=\"viewport\" "
      "content=\"width=device-width\">\n<title>Levels of {0}</title>\n<style>{1}</style>\n<h1>Levels of "
      "{0}</h1>\n"
      "<p>A higher level is never slower: {2}. Bars are medians, lines the middle half.</p>\n<div "
      "class=\"plots\">\n",
      Escaped(report.model), kStyle, Name(ContractVerdict(report)));
  constexpr std::string_view kTitles[] = {"Prefill", "Decode of 1", "Decode of 16"};
  for (std::size_t i = 0; i < std::size(kSpeedNames); ++i) {
    out += PlotOf(report, kTitles[i], "tokens/s", 1, [&](const LevelFigures& figures) {
      const auto found = figures.speeds.find(std::string(kSpeedNames[i]));
      return found == figures.speeds.end() ? std::vector<double>() : found->second;
    });
  }
  out += PlotOf(report, "Cold start", "ms", 1e3, [](const LevelFigures& f) { return f.cold_s; });
  out += PlotOf(report, "Warm start", "ms", 1e3, [](const LevelFigures& f) { return f.warm_s; });
  out += PlotOf(report, "First token after a warm start", "ms", 1e3,
                [](const LevelFigures& f) { return f.first_token_s; });
  out += PlotOf(report, "Memory", "MiB", 1.0 / (1 << 20),
                [](const LevelFigures& f) { return std::vector<double>{f.memory_bytes}; });
  return out + "</div>\n<pre>" + Escaped(LevelsText(report)) + "</pre>\n</html>\n";
}

}  // namespace vivace::cli
