#include "engine/start_log.h"

#include <algorithm>
#include <cmath>
#include <map>
#include <regex>
#include <thread>

#include "engine/engine_fixture.h"

namespace vivace {
namespace {

using engine::StartLog;
using engine::StartPhase;

const base::LogConfig kInfo{base::LogLevel::kInfo, false};

// What StartLog writes while `body` uses it.
template <class Body>
std::string Logged(Body body) {
  testing::internal::CaptureStderr();
  {
    StartLog start{base::Log(kInfo)};
    body(start);
  }
  return testing::internal::GetCapturedStderr();
}

bool Has(const std::string& log, const std::string& pattern) {
  return std::regex_search(log, std::regex(pattern));
}

// The number in the first line that the pattern's group matches; NaN where there is none.
double NumberIn(const std::string& log, const std::string& pattern) {
  std::smatch match;
  if (!std::regex_search(log, match, std::regex(pattern))) return NAN;
  return std::stod(match[1].str());
}

class StartLogTest : public EngineTest {
 protected:
  // The log of a start on the tiny model.
  std::string StartOf(std::vector<std::pair<std::string, std::string>> settings = {}) {
    settings.emplace_back("log-level", "info");
    testing::internal::CaptureStderr();
    { const auto engine = Make(settings); }
    return testing::internal::GetCapturedStderr();
  }
  bool compiles() const { return GetParam() > 0; }
};

TEST_P(StartLogTest, GraphBuildingHasThePhraseOfTracing) {
  EXPECT_EQ(Has(StartOf(), R"(Dynamo bytecode transform time: [0-9.]+ s \(the graph of 2 layers)"),
            compiles());
}

TEST_P(StartLogTest, TheGeneralShapeHasItsLine) {
  EXPECT_EQ(Has(StartOf(), R"(Compiling a graph for general shape takes [0-9.]+ s \()"), compiles());
}

TEST_P(StartLogTest, EachCompileSizeAndRangeHasItsLine) {
  const std::string log = StartOf({{"compilation-config.compile-sizes", "1,3"},
                                   {"compilation-config.compile-ranges-endpoints", "16,64"}});
  EXPECT_EQ(Has(log, R"(Compiling a graph for shape 1 takes [0-9.]+ s )"), compiles());
  EXPECT_EQ(Has(log, R"(Compiling a graph for shape 3 takes [0-9.]+ s )"), compiles());
  EXPECT_EQ(Has(log, R"(Compiling a graph for compile range \(1, 16\) takes [0-9.]+ s )"), compiles());
  EXPECT_EQ(Has(log, R"(Compiling a graph for compile range \(17, 64\) takes [0-9.]+ s )"), compiles());
  EXPECT_FALSE(Has(log, "for shape 2 "));
}

TEST_P(StartLogTest, TheCompileHasATotal) {
  const std::string log = StartOf();
  EXPECT_EQ(Has(log, R"(torch\.compile takes [0-9.]+ s in total \(graph and compile at -O)"), compiles());
  EXPECT_EQ(Has(log, "-O0: nothing is compiled"), !compiles());
}

TEST_P(StartLogTest, LoadingAndPackingWeightsHaveTheirLines) {
  const std::string log = StartOf();
  EXPECT_TRUE(Has(log, R"(Loading weights took [0-9.]+ seconds: )"));
  EXPECT_TRUE(Has(log, R"(Model loading took [0-9.]+ GiB memory and [0-9.]+ seconds)"));
  EXPECT_EQ(Has(log, R"(Packing weights took [0-9.]+ s: [0-9.]+ \w+ in panels)"), compiles());
}

TEST_P(StartLogTest, TheCacheHasItsLines) {
  const std::string log = StartOf();
  EXPECT_TRUE(Has(log, R"(Available KV cache memory: [0-9.]+ GiB)"));
  EXPECT_TRUE(Has(log, R"(CPU KV cache size: [0-9,]+ tokens)"));
  EXPECT_TRUE(Has(log, R"(Maximum concurrency for [0-9,]+ tokens per request: [0-9.]+x)"));
  EXPECT_EQ(Has(log, R"(Graph capturing finished in [0-9.]+ secs, took [0-9.]+ GiB)"), compiles());
}

TEST_P(StartLogTest, TheStartHasATotalWithItsPhases) {
  const std::string log = StartOf();
  EXPECT_TRUE(Has(log, R"(init engine \(profile, create kv cache, warmup model\) took [0-9.]+ seconds)"))
      << log;
  EXPECT_TRUE(Has(log, R"(Ready in [0-9.]+ seconds: )"));
}

// The issue's promise: what the lines say one by one is what the total says, within 5 percent.
TEST_P(StartLogTest, PhasesAddUpToTheTotal) {
  const std::string log = StartOf();
  const double total = NumberIn(log, R"(warmup model\) took ([0-9.]+) seconds)");
  double sum = NumberIn(log, R"(Opened '[^']*' in ([0-9.]+) seconds)") +
               NumberIn(log, "Loading weights took ([0-9.]+) seconds") +
               NumberIn(log, "KV cache and execution plan took ([0-9.]+) seconds");
  sum += compiles() ? NumberIn(log, R"(torch\.compile takes ([0-9.]+) s)")
                    : NumberIn(log, R"(Graph of \d+ layers took ([0-9.]+) s)") +
                          NumberIn(log, R"(portable kernels ([0-9.]+) )");
  // What has no line of its own stands in the total's list.
  const std::string list = log.substr(log.find("warmup model"));
  for (const char* phase : {"artifact", "tuning", "tokenizer", "loop"}) {
    const double seconds = NumberIn(list, std::string(phase) + " ([0-9.]+) s");
    if (!std::isnan(seconds)) sum += seconds;
  }
  EXPECT_NEAR(sum, total, 0.05 * total) << log;
}

TEST_P(StartLogTest, TheCompilesShapesAddUpToTheCompile) {
  if (!compiles()) GTEST_SKIP() << "nothing is compiled";
  const std::string log = StartOf({{"compilation-config.compile-sizes", "1,3"}});
  const double total = NumberIn(log, R"(torch\.compile takes ([0-9.]+) s)");
  const double sum =
      NumberIn(log, R"(transform time: ([0-9.]+) s)") + NumberIn(log, R"(general shape takes ([0-9.]+) s)") +
      NumberIn(log, R"(for shape 1 takes ([0-9.]+) s)") + NumberIn(log, R"(for shape 3 takes ([0-9.]+) s)");
  EXPECT_NEAR(sum, total, 0.05 * total) << log;
}

INSTANTIATE_TEST_SUITE_P(Levels, StartLogTest, testing::Values(0, 1, 2), LevelName);

TEST(StartLog, EachMomentBelongsToOnePhase) {
  const engine::Stopwatch since;
  StartLog start{base::Log(), since};
  std::this_thread::sleep_for(std::chrono::milliseconds(4));
  EXPECT_GE(start.End(StartPhase::kOpen), 0.004);
  std::this_thread::sleep_for(std::chrono::milliseconds(2));
  start.End(StartPhase::kTuning);
  start.End(StartPhase::kTuning);
  EXPECT_GE(start.times().of(StartPhase::kTuning), 0.002);
  EXPECT_EQ(start.times().of(StartPhase::kGraph), 0);
  EXPECT_NEAR(start.times().total(), since.Seconds(), 0.01);
}

TEST(StartLog, TuningHasItsLine) {
  const std::string log = Logged([](StartLog& start) { start.Tuned("3 plans are better than the default"); });
  EXPECT_TRUE(Has(log, R"(Tuning took [0-9.]+ s: 3 plans are better than the default)")) << log;
}

TEST(StartLog, AnArtifactThatIsFoundHasThePhraseOfADirectLoad) {
  const std::string log =
      Logged([](StartLog& start) { start.LoadedArtifact("/c/ab", 512, "88.2 MiB of packed weights"); });
  EXPECT_TRUE(Has(log,
                  R"(Directly load the compiled graph\(s\) for compile range \(1, 512\) from the cache, )"
                  R"(took [0-9.]+ s \(88.2 MiB of packed weights from '/c/ab'\))"))
      << log;
}

TEST(StartLog, AnArtifactThatIsMissedNamesTheFolderAndTheReason) {
  const std::string log = Logged([](StartLog& start) { start.MissedArtifact("/c", "activation differs"); });
  EXPECT_TRUE(Has(log, R"(Using cache directory: /c for vLLM's torch\.compile \(.*activation differs\))"))
      << log;
}

TEST(StartLog, AnArtifactThatIsSavedHasThePhraseOfSaving) {
  const std::string log = Logged([](StartLog& start) { start.SavedArtifact("/c/ab", 512, "90 MiB"); });
  EXPECT_TRUE(
      Has(log, R"(Cache the graph of compile range \(1, 512\) for later use \(saving 90 MiB to '/c/ab')"))
      << log;
}

TEST(StartLog, ACacheThatIsOffSaysSo) {
  const std::string log = Logged([](StartLog& start) { start.NoArtifact("--no-cache"); });
  EXPECT_TRUE(Has(log, R"(vLLM's torch\.compile cache is disabled\. \(.*--no-cache\))")) << log;
}

TEST(StartLog, AModelThatIsNotCompiledInFullIsNamedInOneWarningWithVllmsWords) {
  compiler::CompileReport report;
  report.notes = {"-O2: rope (4) runs on portable kernels"};
  report.model_unsupported = true;
  const std::string log = Logged([&](StartLog& start) { start.FellBack(report); });
  EXPECT_TRUE(
      Has(log, "WARNING.*torch\\.compile is turned on, but the model does not support it.*rope \\(4\\)"))
      << log;
  EXPECT_TRUE(Has(log, "open an issue of Vivace with the output of 'vivace inspect'"));
  EXPECT_EQ(std::count(log.begin(), log.end(), '\n'), 1);
  report.model_unsupported = false;  // it is the CPU's fault
  EXPECT_FALSE(Has(Logged([&](StartLog& start) { start.FellBack(report); }), "the model does not support"));
}

TEST(StartLog, FewSecondsHaveMoreDigits) {
  EXPECT_EQ(engine::SecondsText(12.3456), "12.346");
  EXPECT_EQ(engine::SecondsText(0.456), "0.456");
  EXPECT_EQ(engine::SecondsText(0.0456), "0.0456");
  EXPECT_EQ(engine::SecondsText(0.00456), "0.00456");
}

}  // namespace
}  // namespace vivace
