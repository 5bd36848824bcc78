// Pairs of processes: what is decided, from which answers; the report; the child that answers.
#include <gtest/gtest.h>

#include <cmath>
#include <map>
#include <random>

#include "cli/bench_levels_report.h"
#include "cli/child_process.h"
#include "cli/engine_child.h"

namespace vivace::cli {
namespace {

/// Levels with a speed each, processes that are up to 4 % faster or slower for their whole life, and a
/// machine that drifts by 30 %.
class FakeMachine {
 public:
  explicit FakeMachine(std::map<int, double> speeds) : speeds_(std::move(speeds)) {}

  Result<std::unique_ptr<LevelSource>> Start(int level) {
    ++starts_;
    seconds_ += 0.05;
    return std::unique_ptr<LevelSource>(std::make_unique<Process>(*this, speeds_[level] * Around(0.04)));
  }
  double Seconds() const { return seconds_; }
  int starts() const { return starts_; }

 private:
  struct Process : LevelSource {
    Process(FakeMachine& owner, double speed_now) : machine(owner), speed(speed_now) {}
    Result<double> Ask(const std::string&) override {
      machine.seconds_ += 0.1;
      const double drift = 1 + 0.3 * std::sin(machine.seconds_ / 7);
      return speed * drift * machine.Around(0.03);
    }
    FakeMachine& machine;
    const double speed;
  };

  double Around(double spread) { return 1 + spread * (static_cast<double>(random_() % 2001) / 1000 - 1); }
  std::map<int, double> speeds_;
  std::mt19937 random_{7};
  double seconds_ = 0;
  int starts_ = 0;
};

PairResults Measure(FakeMachine& machine, double seconds, std::vector<std::pair<int, int>> pairs = {{1, 2}}) {
  PairPlan plan;
  plan.pairs = std::move(pairs);
  plan.questions = [](int, int) { return std::vector<SpeedQuestion>{{"decode", "decode 1 8"}}; };
  plan.seconds = seconds;
  std::mt19937 random(3);
  auto results = MeasurePairs(
      plan, [&](int level) { return machine.Start(level); }, [&] { return machine.Seconds(); }, [] {},
      random);
  EXPECT_TRUE(results.ok());
  return std::move(results).value();
}

TEST(LevelPairs, EqualLevelsHoldAlthoughProcessesDifferAndTheMachineDrifts) {
  FakeMachine machine({{1, 100}, {2, 100}});
  const PairResults results = Measure(machine, 600);
  ASSERT_EQ(results.ratios.size(), 1u);
  const LevelRatio& ratio = results.ratios[0];
  EXPECT_EQ(ratio.verdict, Verdict::kHolds) << ratio.interval.low << ".." << ratio.interval.high;
  EXPECT_NEAR(ratio.median, 1, 0.02);
  EXPECT_LE(ratio.interval.high - ratio.interval.low, 0.03);
  EXPECT_EQ(machine.starts(), 2 * static_cast<int>(ratio.ratios.size())) << "every pair is a fresh one";
  EXPECT_EQ(results.speeds.size(), 2 * 3 * ratio.ratios.size());
}

TEST(LevelPairs, ASlowerLevelBreaksTheContractAndAFasterOneIsKnownSoon) {
  FakeMachine machine({{0, 50}, {1, 100}, {2, 95}});
  const PairResults results = Measure(machine, 600, {{0, 1}, {1, 2}});
  ASSERT_EQ(results.ratios.size(), 2u);
  EXPECT_EQ(results.ratios[0].verdict, Verdict::kHolds);
  EXPECT_EQ(results.ratios[0].ratios.size(), 8u) << "far from the bound: no more than the least";
  EXPECT_EQ(results.ratios[1].verdict, Verdict::kBroken);
  EXPECT_NEAR(results.ratios[1].median, 0.95, 0.015);
}

TEST(LevelPairs, WhatTheTimeDoesNotSufficeForStaysUndecided) {
  FakeMachine machine({{1, 100}, {2, 100}});
  const PairResults results = Measure(machine, 3);
  EXPECT_EQ(results.ratios[0].verdict, Verdict::kUndecided);
  EXPECT_LT(results.ratios[0].ratios.size(), 8u);
}

LevelsReport Report() {
  LevelsReport report;
  report.model = "m<1>.gguf";
  report.seconds = 61;
  report.prefill_tokens = 64;
  for (int level = 0; level < 2; ++level) {
    LevelFigures figures;
    figures.level = figures.running = level;
    figures.cold_s = {0.5, 0.7};
    figures.warm_s = {0.1};
    figures.first_token_s = {0.2};
    figures.compile_s = 0.004;
    figures.memory_bytes = 3 << 20;
    figures.speeds["decode"] = {10, 20, 30};
    report.levels.push_back(figures);
  }
  report.ratios.push_back({0, 1, "decode", {2, 2.2}, 2.1, {2, 2.2}, Verdict::kHolds});
  return report;
}

TEST(LevelsReport, HoldsWhenEveryRatioHolds) {
  LevelsReport report = Report();
  EXPECT_EQ(ContractVerdict(report), Verdict::kHolds);
  report.ratios.push_back({1, 2, "decode", {}, 0, {}, Verdict::kUndecided});
  EXPECT_EQ(ContractVerdict(report), Verdict::kUndecided);
  report.ratios.push_back({1, 2, "prefill", {}, 0, {}, Verdict::kBroken});
  EXPECT_EQ(ContractVerdict(report), Verdict::kBroken);
  report.ratios.clear();
  EXPECT_EQ(ContractVerdict(report), Verdict::kUndecided) << "nothing was measured";
}

TEST(LevelsReport, ShowsATableOfLevelsAndOneOfRatios) {
  const std::string text = LevelsText(Report());
  EXPECT_NE(text.find("-O1    0.600 (0.550..0.650)  0.100 (0.100..0.100)"), std::string::npos) << text;
  EXPECT_NE(text.find("20.0 (15.0..25.0)"), std::string::npos) << text;
  EXPECT_NE(text.find("-O1 / -O0  decode   2.100   2.000..2.200      2       holds"), std::string::npos)
      << text;
  EXPECT_NE(text.find("Contract: holds (a higher level is never slower"), std::string::npos) << text;
}

TEST(LevelsReport, NamesTheLevelThatRanWhereAModelCouldNotBeCompiled) {
  LevelsReport report = Report();
  report.levels[0].level = 3;
  report.levels[0].running = 2;
  report.levels[1].level = 2;
  report.levels[1].running = 0;
  const std::string text = LevelsText(report);
  EXPECT_EQ(text.find("-O3 (runs"), std::string::npos) << text;
  EXPECT_NE(text.find("-O2 (runs -O0)"), std::string::npos) << text;
}

TEST(LevelsReport, HasAJsonObjectAndAPage) {
  const std::string json = LevelsJson(Report());
  EXPECT_NE(json.find(R"({"model":"m<1>.gguf","contract":"holds","bound":0.98,)"), std::string::npos) << json;
  EXPECT_NE(json.find(R"("decode":{"median":20,"p25":15,"p75":25,"samples":3})"), std::string::npos) << json;
  const std::string html = LevelsHtml(Report());
  EXPECT_NE(html.find("m&lt;1&gt;.gguf"), std::string::npos);
  EXPECT_NE(html.find("<svg"), std::string::npos);
  EXPECT_EQ(html.find("http"), html.find("http://www.w3.org/2000/svg")) << "nothing is loaded";
}

TEST(ChildProcess, AnswersAndItsEndIsNoticed) {
  const auto echo = ChildProcess::Start("/bin/cat", {});
  ASSERT_TRUE(echo.ok()) << echo.status().message();
  EXPECT_EQ((*echo)->Ask("one", 5).value(), "one");
  EXPECT_EQ((*echo)->Ask("two", 5).value(), "two");
  EXPECT_GT((*echo)->AgeSeconds(), 0);
  EXPECT_EQ((*echo)->ReadLine(0.01).status().code(), StatusCode::kUnavailable);
  const auto dead = ChildProcess::Start("/bin/true", {});
  ASSERT_TRUE(dead.ok());
  EXPECT_EQ((*dead)->ReadLine(5).status().code(), StatusCode::kUnavailable);
  EXPECT_FALSE(ChildProcess::Start("/none/such", {}).ok());
}

TEST(ReadyLine, IsReadBackAndOthersAreNot) {
  const auto values = ParseReadyLine("ready level=2 load=0.05 tune=0");
  EXPECT_EQ(values.at("level"), 2);
  EXPECT_EQ(values.at("load"), 0.05);
  EXPECT_TRUE(ParseReadyLine("Warming up...").empty());
  EXPECT_TRUE(ParseReadyLine("ready level").empty());
}

}  // namespace
}  // namespace vivace::cli
