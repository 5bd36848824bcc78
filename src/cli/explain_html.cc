// The page of `vivace explain`: one table a step, a bar of time with its ideal part in each row.
#include <fmt/format.h>

#include <algorithm>

#include "cli/explain_text.h"

namespace vivace::cli {
namespace {

constexpr std::string_view kStyle = R"css(
:root { --paper: #ffffff; --ink: #1c1f24; --quiet: #626a75; --line: #e3e6ea; --track: #eef0f3; --memory: #2f6fde;
  --arithmetic: #1f9d63; --latency: #d98a1f; --overhead: #d2493f; --unknown: #8a929d; }
@media (prefers-color-scheme: dark) { :root { --paper: #15181c; --ink: #e6e9ed; --quiet: #97a0ac; --line: #2b3036;
  --track: #23282e; --memory: #6ba0ff; --arithmetic: #4cc88c; --latency: #eab054; --overhead: #f27a70;
  --unknown: #9aa3af; } }
* { box-sizing: border-box; }
body { margin: 0 auto; max-width: 76rem; padding: 2rem 1.5rem 3rem; background: var(--paper); color: var(--ink);
  font: 15px/1.45 system-ui, sans-serif; }
h1 { font-size: 1.35rem; margin: 0; overflow-wrap: anywhere; }
h2 { font-size: 1.1rem; margin: 2.2rem 0 .2rem; }
p { margin: .15rem 0; color: var(--quiet); }
.figures { display: flex; flex-wrap: wrap; gap: .4rem 2.2rem; margin: .7rem 0 .4rem; }
.figures div { color: var(--quiet); font-size: .85rem; }
.figures b { display: block; color: var(--ink); font-size: 1.25rem; font-weight: 600; }
.scroll { overflow-x: auto; }
table { border-collapse: collapse; width: 100%; margin-top: .8rem; font-variant-numeric: tabular-nums; }
th { text-align: right; white-space: nowrap; font-weight: 500; color: var(--quiet); font-size: .82rem; }
td { text-align: right; white-space: nowrap; }
th, td { padding: .28rem .55rem; border-bottom: 1px solid var(--line); }
th:first-child, td:first-child, .wide { text-align: left; padding-left: 0; }
td small { color: var(--quiet); }
tr.sum td { font-weight: 600; border-bottom: 0; }
.wide { width: 30%; min-width: 11rem; padding-left: .55rem; }
.bar { display: block; position: relative; height: .95rem; border-radius: 3px; background: var(--track); }
.bar i { position: absolute; left: 0; top: 0; bottom: 0; border-radius: 3px; min-width: 1px; }
.bar .time { opacity: .38; }
.memory { background: var(--memory); } .arithmetic { background: var(--arithmetic); }
.latency { background: var(--latency); } .overhead { background: var(--overhead); }
.unknown { background: var(--unknown); }
.key { display: flex; flex-wrap: wrap; gap: .2rem 1.2rem; margin-top: .6rem; font-size: .85rem; color: var(--quiet); }
.key i { display: inline-block; width: .8rem; height: .8rem; border-radius: 2px; margin-right: .35rem;
  vertical-align: -1px; }
)css";

std::string Escaped(std::string_view text) {
  std::string out;
  for (const char c : text) {
    switch (c) {
      case '&':
        out += "&amp;";
        break;
      case '<':
        out += "&lt;";
        break;
      case '>':
        out += "&gt;";
        break;
      case '"':
        out += "&quot;";
        break;
      case '\'':
        out += "&#39;";
        break;
      default:
        out += c;
    }
  }
  return out;
}

std::string Bytes(std::int64_t amount) {
  return AmountText(static_cast<double>(amount), "B");
}

// The time of a phase, `longest` being the whole width, with the part of it that is the ideal.
std::string Bar(const PhaseExplanation& phase, double longest) {
  const auto width = [&](double seconds) { return std::clamp(100 * seconds / longest, 0.0, 100.0); };
  const std::string_view bound = Name(phase.bound);
  return fmt::format(
      R"(<span class="bar"><i class="time {0}" style="width:{1:.2f}%"></i><i class="{0}" style="width:{2:.2f}%"></i></span>)",
      bound, width(phase.seconds), width(std::min(phase.ideal_seconds(), phase.seconds)));
}

std::string Row(const PhaseExplanation& phase, double step_seconds, double longest) {
  const bool measured = phase.bound != PhaseBound::kUnknown;
  std::string out =
      fmt::format("<tr><td>{} <small>{}</small></td><td>{}</td><td class=\"wide\">{}</td>",
                  Escaped(PhaseName(phase)), Escaped(phase.kind), phase.count, Bar(phase, longest));
  const std::string cells[] = {TimeText(phase.seconds),
                               ShareText(phase.seconds / step_seconds),
                               Bytes(phase.weight_bytes),
                               Bytes(phase.kv_bytes),
                               Bytes(phase.activation_bytes),
                               AmountText(static_cast<double>(phase.operations), ""),
                               measured ? TimeText(phase.ideal_seconds()) : "-",
                               measured ? ShareText(phase.roof_share()) : "-",
                               std::string(Name(phase.bound))};
  for (const std::string& cell : cells) out += "<td>" + cell + "</td>";
  return out + "</tr>\n";
}

std::string SumRow(const StepExplanation& step) {
  return fmt::format(
      "<tr class=\"sum\"><td>all "
      "phases</td><td>{}</td><td></td><td>{}</td><td>{}</td><td></td><td></td><td></td>"
      "<td></td><td>{}</td><td>{}</td><td></td></tr>\n",
      step.barriers, TimeText(step.phases_seconds), ShareText(step.phases_seconds / step.seconds),
      step.ideal_seconds > 0 ? TimeText(step.ideal_seconds) : "-",
      step.ideal_seconds > 0 ? ShareText(step.ideal_seconds / step.phases_seconds) : "-");
}

std::string Figures(const StepExplanation& step) {
  const std::pair<std::string, std::string_view> figures[] = {
      {TimeText(step.seconds), "a step"},
      {fmt::format("{:.1f}", step.tokens_per_s), "tokens a second"},
      {step.ideal_seconds > 0 ? TimeText(step.ideal_seconds) : "unknown", "at best, phase by phase"},
      {ShareText(step.roof_share()), "of the roof"},
      {TimeText(step.barriers * step.roof.barrier_s), "of barriers"}};
  std::string out = "<div class=\"figures\">";
  for (const auto& [number, what] : figures) out += fmt::format("<div><b>{}</b>{}</div>", number, what);
  return out + "</div>\n";
}

std::string Section(const StepExplanation& step) {
  double longest = 1e-12;
  for (const PhaseExplanation& phase : step.phases) longest = std::max(longest, phase.seconds);
  std::string out = fmt::format("<section>\n<h2>{}</h2>\n{}<p>{}<br>{}</p>\n", Escaped(StepTitle(step)),
                                Figures(step), RoofText(step), RoundsText(step));
  out +=
      "<div class=\"scroll\"><table>\n<tr><th>phase</th><th>layers</th><th class=\"wide\">time, and its "
      "least</th>";
  for (const std::string_view head :
       {"time", "share", "weights", "KV cache", "rows", "MAC", "at best", "roof", "bound"}) {
    out += fmt::format("<th>{}</th>", head);
  }
  out += "</tr>\n";
  for (const PhaseExplanation& phase : step.phases) out += Row(phase, step.seconds, longest);
  out += SumRow(step) + "</table></div>\n";
  if (const std::string portable = PortableText(step); !portable.empty()) out += "<p>" + portable + "</p>\n";
  return out + "</section>\n";
}

std::string Key() {
  std::string out = "<div class=\"key\">";
  for (const PhaseBound bound :
       {PhaseBound::kMemory, PhaseBound::kArithmetic, PhaseBound::kLatency, PhaseBound::kOverhead}) {
    out += fmt::format("<span><i class=\"{0}\"></i>bound by {0}</span>", Name(bound));
  }
  return out + "<span>full colour: what the phase takes at best; pale: what it took</span></div>\n";
}

}  // namespace

std::string ExplainHtml(const Explanation& explanation) {
  const std::string model = Escaped(explanation.model);
  std::string out = fmt::format(
      "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n"
      "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n<meta name=\"color-scheme\" "
      "content=\"light dark\">\n<title>{} -O{}</title>\n<style>{}</style>\n</head>\n<body>\n",
      model, explanation.level, kStyle);
  out += fmt::format("<h1>{}</h1>\n<p>-O{} on {} worker{}; {}, machine code for {}</p>\n", model,
                     explanation.level, explanation.threads, explanation.threads == 1 ? "" : "s",
                     Escaped(explanation.cpu), Escaped(explanation.target));
  out += Key();
  for (const StepExplanation& step : explanation.steps) out += Section(step);
  return out + "</body>\n</html>\n";
}

}  // namespace vivace::cli
