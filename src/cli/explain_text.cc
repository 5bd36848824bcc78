#include "cli/explain_text.h"

#include <fmt/format.h>

#include <algorithm>
#include <iterator>

#include "cli/json_object.h"

namespace vivace::cli {
namespace {

constexpr std::string_view kPortableMark = " *";
constexpr std::size_t kNameWidth = 27;

std::string Number(double value) {
  return fmt::format("{:.{}f}", value, value < 9.995 ? 2 : value < 99.95 ? 1 : 0);
}

std::string TableRow(std::string_view name, std::string_view count, std::string_view time,
                     std::string_view share, std::string_view weights, std::string_view cache,
                     std::string_view rows, std::string_view operations, std::string_view ideal,
                     std::string_view roof, std::string_view bound) {
  std::string out = fmt::format("{:<27}{:>4}{:>9}{:>6}{:>9}{:>9}{:>9}{:>9}{:>9}{:>6}  {}", name, count, time,
                                share, weights, cache, rows, operations, ideal, roof, bound);
  out.erase(out.find_last_not_of(' ') + 1);
  return out + "\n";
}

// The name of a phase, cut where the table ends it; its mark stays.
std::string ShortName(const PhaseExplanation& phase) {
  std::string name = PhaseName(phase);
  if (name.size() < kNameWidth) return name;
  const std::string_view mark = phase.portable ? kPortableMark : "";
  name.resize(kNameWidth - 4 - mark.size());
  while (!name.empty() && (static_cast<unsigned char>(name.back()) & 0xc0) == 0x80) name.pop_back();
  return name + "..." + std::string(mark);
}

std::string PhaseTableRow(const PhaseExplanation& phase, double step_seconds) {
  const auto bytes = [](std::int64_t amount) { return AmountText(static_cast<double>(amount), "B"); };
  const bool measured = phase.bound != PhaseBound::kUnknown;
  return TableRow(ShortName(phase), fmt::format("x{}", phase.count), TimeText(phase.seconds),
                  ShareText(phase.seconds / step_seconds), bytes(phase.weight_bytes), bytes(phase.kv_bytes),
                  bytes(phase.activation_bytes), AmountText(static_cast<double>(phase.operations), ""),
                  measured ? TimeText(phase.ideal_seconds()) : "-",
                  measured ? ShareText(phase.roof_share()) : "-", Name(phase.bound));
}

std::string SumRow(const StepExplanation& step) {
  PhaseExplanation sum;
  for (const PhaseExplanation& phase : step.phases) {
    sum.weight_bytes += phase.weight_bytes;
    sum.kv_bytes += phase.kv_bytes;
    sum.activation_bytes += phase.activation_bytes;
    sum.operations += phase.operations;
  }
  const auto bytes = [](std::int64_t amount) { return AmountText(static_cast<double>(amount), "B"); };
  return TableRow("all phases", fmt::format("{}", step.barriers), TimeText(step.phases_seconds),
                  ShareText(step.phases_seconds / step.seconds), bytes(sum.weight_bytes), bytes(sum.kv_bytes),
                  bytes(sum.activation_bytes), AmountText(static_cast<double>(sum.operations), ""),
                  step.ideal_seconds > 0 ? TimeText(step.ideal_seconds) : "-",
                  step.ideal_seconds > 0 ? ShareText(step.ideal_seconds / step.phases_seconds) : "-", "");
}

std::string PhaseJson(const PhaseExplanation& phase, double step_seconds) {
  JsonObject out;
  out.Add("body", phase.body);
  out.Add("phase", phase.label);
  out.Add("kind", phase.kind);
  out.Add("portable", phase.portable);
  out.Add("count", phase.count);
  out.Add("seconds", phase.seconds);
  out.Add("step_share", step_seconds > 0 ? phase.seconds / step_seconds : 0.0);
  out.Add("weight_bytes", phase.weight_bytes);
  out.Add("kv_bytes", phase.kv_bytes);
  out.Add("activation_bytes", phase.activation_bytes);
  out.Add("operations", phase.operations);
  out.Add("arithmetic", phase.arithmetic);
  out.Add("memory_seconds", phase.memory_seconds);
  out.Add("arithmetic_seconds", phase.arithmetic_seconds);
  out.Add("barrier_seconds", phase.barrier_seconds);
  out.Add("ideal_seconds", phase.ideal_seconds());
  out.Add("roof_share", phase.roof_share());
  out.Add("bound", Name(phase.bound));
  return out.Take();
}

std::string RoofJson(const MachineRoof& roof) {
  JsonObject out;
  out.Add("read_bytes_per_second", roof.read_bytes_per_s);
  out.Add("read_bytes", roof.read_bytes);
  out.Add("cache_bytes_per_second", roof.cache_bytes_per_s);
  out.Add("f32_fma_per_second", roof.fma_per_s);
  out.Add("u8_s8_dot_per_second", roof.dot4_per_s);
  out.Add("bf16_dot_per_second", roof.dot_bf16_per_s);
  out.Add("barrier_seconds", roof.barrier_s);
  return out.Take();
}

std::string StepJson(const StepExplanation& step) {
  std::string phases = "[";
  for (const PhaseExplanation& phase : step.phases) {
    phases += (phases.size() > 1 ? "," : "") + PhaseJson(phase, step.seconds);
  }
  JsonObject out;
  out.Add("name", step.name);
  out.Add("tokens", step.tokens);
  out.Add("context", step.context);
  out.Add("rounds", step.rounds);
  out.Add("seconds", step.seconds);
  out.Add("spread", step.spread);
  out.Add("phases_seconds", step.phases_seconds);
  out.Add("ideal_seconds", step.ideal_seconds);
  out.Add("roof_share", step.roof_share());
  out.Add("tokens_per_second", step.tokens_per_s);
  out.Add("barriers", step.barriers);
  out.Add("barriers_seconds", step.barriers * step.roof.barrier_s);
  out.AddRaw("roof", RoofJson(step.roof));
  out.AddRaw("phases", phases + "]");
  return out.Take();
}

}  // namespace

std::string TimeText(double seconds) {
  if (seconds < 999.5e-6) return Number(seconds * 1e6) + " us";
  if (seconds < 999.5e-3) return Number(seconds * 1e3) + " ms";
  return Number(seconds) + " s";
}

std::string AmountText(double amount, std::string_view unit) {
  constexpr std::string_view kPrefixes[] = {"", "k", "M", "G", "T", "P"};
  if (amount <= 0) return "-";
  std::size_t prefix = 0;
  for (; amount >= 999.5 && prefix + 1 < std::size(kPrefixes); ++prefix) amount /= 1000;
  const std::string number = prefix == 0 ? fmt::format("{:.0f}", amount) : Number(amount);
  const std::string suffix = std::string(kPrefixes[prefix]) + std::string(unit);
  return suffix.empty() ? number : number + " " + suffix;
}

std::string ShareText(double share) {
  return fmt::format("{:.0f} %", 100 * share);
}

std::string PhaseName(const PhaseExplanation& phase) {
  return phase.body + " " + phase.label + std::string(phase.portable ? kPortableMark : "");
}

std::string StepTitle(const StepExplanation& step) {
  return fmt::format("{}: {} token{} behind {}", step.name, step.tokens, step.tokens == 1 ? "" : "s",
                     step.context);
}

std::string RoundsText(const StepExplanation& step) {
  return fmt::format("median of {} rounds, half of them within {}", step.rounds, ShareText(step.spread - 1));
}

std::string RoofText(const StepExplanation& step) {
  const MachineRoof& roof = step.roof;
  std::string out = fmt::format("{} barriers of {}", step.barriers, TimeText(roof.barrier_s));
  if (roof.read_bytes_per_s <= 0) return out + "; no machine code runs here, so there is no roof";
  out += fmt::format("; plain read of {} {}, of caches {}",
                     AmountText(static_cast<double>(roof.read_bytes), "B"),
                     AmountText(roof.read_bytes_per_s, "B/s"), AmountText(roof.cache_bytes_per_s, "B/s"));
  const std::pair<std::string_view, double> rates[] = {
      {"u8 x s8 dot", roof.dot4_per_s}, {"bf16 dot", roof.dot_bf16_per_s}, {"f32 fma", roof.fma_per_s}};
  for (const auto& [name, rate] : rates) {
    if (rate > 0) out += fmt::format(", {} {}", name, AmountText(rate, "MAC/s"));
  }
  return out;
}

std::string PortableText(const StepExplanation& step) {
  double seconds = 0;
  int count = 0;
  for (const PhaseExplanation& phase : step.phases) {
    if (!phase.portable) continue;
    seconds += phase.seconds;
    ++count;
  }
  if (count == 0) return "";
  return fmt::format("* on portable kernels: {} of {} rows, {} of the time", count, step.phases.size(),
                     ShareText(seconds / step.phases_seconds));
}

std::string ExplainText(const Explanation& explanation) {
  std::string out = fmt::format("{} at -O{} on {} worker{}\n{}, machine code for {}\n", explanation.model,
                                explanation.level, explanation.threads, explanation.threads == 1 ? "" : "s",
                                explanation.cpu, explanation.target);
  for (const StepExplanation& step : explanation.steps) {
    out += fmt::format("\n{}\n{}, {} tokens/s; at best {} ({}); {}\n", StepTitle(step),
                       TimeText(step.seconds), Number(step.tokens_per_s),
                       step.ideal_seconds > 0 ? TimeText(step.ideal_seconds) : "unknown",
                       ShareText(step.roof_share()), RoundsText(step));
    const std::string roof = RoofText(step);
    // Two lines: the second begins with the rates.
    const std::size_t cut = roof.find(", u8 x s8");
    out += cut == std::string::npos ? roof + "\n" : roof.substr(0, cut) + ",\n" + roof.substr(cut + 2) + "\n";
    out += TableRow("phase", "", "time", "", "weights", "KV", "rows", "MAC", "at best", "roof", "bound");
    for (const PhaseExplanation& phase : step.phases) out += PhaseTableRow(phase, step.seconds);
    out += SumRow(step);
    if (const std::string portable = PortableText(step); !portable.empty()) out += portable + "\n";
  }
  return out;
}

std::string ExplainJson(const Explanation& explanation) {
  std::string steps = "[";
  for (const StepExplanation& step : explanation.steps)
    steps += (steps.size() > 1 ? "," : "") + StepJson(step);
  JsonObject out;
  out.Add("model", explanation.model);
  out.Add("optimization_level", explanation.level);
  out.Add("threads", explanation.threads);
  out.Add("cpu", explanation.cpu);
  out.Add("target", explanation.target);
  out.AddRaw("steps", steps + "]");
  return out.Take();
}

}  // namespace vivace::cli
