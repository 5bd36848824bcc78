// How `vivace explain` prints an explanation: text for people, JSON for programs (docs/explain.md has the
// fields), and a page with bars. Free functions on values.
#pragma once

#include <cstdint>
#include <string>

#include "vivace/explain.h"

namespace vivace::cli {

/// An aligned table a step, at most 110 columns wide.
std::string ExplainText(const Explanation& explanation);
/// One JSON object on one line; seconds, bytes, multiply-accumulates.
std::string ExplainJson(const Explanation& explanation);
/// A whole HTML page that needs nothing else; light, or dark where the reader prefers it.
std::string ExplainHtml(const Explanation& explanation);

/// "1.23 ms", "45.6 us", "2.10 s".
std::string TimeText(double seconds);
/// "1.23 MB", by powers of 1000; "-" for none.
std::string AmountText(double amount, std::string_view unit);
/// "85 %".
std::string ShareText(double share);
/// "layer qkv", with a mark behind phases that run on portable kernels.
std::string PhaseName(const PhaseExplanation& phase);
/// The step in words: "decode: 1 token behind 4096".
std::string StepTitle(const StepExplanation& step);
/// How often the step was run, and how alike the times were: "median of 20 rounds, half of them within 3 %".
std::string RoundsText(const StepExplanation& step);
/// What the machine does at best, in words.
std::string RoofText(const StepExplanation& step);
/// The phases that run portable, in words; empty when there are none.
std::string PortableText(const StepExplanation& step);

}  // namespace vivace::cli
