// What `bench levels` found out, and how it is shown. Plain data and free functions.
#pragma once

#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "cli/level_pairs.h"

namespace vivace::cli {

/// Columns of speeds, in the order of the table; keys of LevelFigures::speeds and names of ratios.
inline constexpr std::string_view kSpeedNames[] = {"prefill", "decode", "decode16"};

struct LevelFigures {
  int level = 0;                      // as asked for
  int running = 0;                    // what ran: a model that cannot be compiled runs at a lower one
  std::vector<double> cold_s;         // from exec to ready, with an empty cache
  std::vector<double> warm_s;         // with what the first start left there
  std::vector<double> first_token_s;  // from exec to the first token of a prompt of 5, with a warm cache
  double compile_s = 0, pack_s = 0, tune_s = 0;       // of the first cold start
  double memory_bytes = 0;                            // VmHWM after some work
  std::map<std::string, std::vector<double>> speeds;  // tokens/s by name
};

struct LevelsReport {
  std::string model;
  double bound = 0.98;     // of the contract
  double seconds = 0;      // that the benchmark took
  int prefill_tokens = 0;  // of a prompt
  std::vector<LevelFigures> levels;
  std::vector<LevelRatio> ratios;
};

/// Of all ratios together: broken when one is, holds when all do.
Verdict ContractVerdict(const LevelsReport& report);
std::string LevelsText(const LevelsReport& report);
/// {"model": .., "contract": "holds", "levels": [{"level": 0, "start_cold_s": .., ..}], "ratios": [..]}
std::string LevelsJson(const LevelsReport& report);
/// A page of its own, with bars: nothing is loaded from elsewhere.
std::string LevelsHtml(const LevelsReport& report);

}  // namespace vivace::cli
