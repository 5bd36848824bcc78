// What a start promises: nothing is compiled after it, what cannot be compiled is said or refused, and its
// dumps.
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>

#include "codegen/compilation_meter.h"
#include "engine/compile_config.h"
#include "engine/engine_fixture.h"
#include "engine/model_opening.h"
#include "engine/model_runner.h"
#include "engine/plan_counts.h"

namespace vivace {
namespace {

std::string Contents(const std::string& path) {
  std::ifstream file(path);
  return {std::istreambuf_iterator<char>(file), {}};
}

class StartContractTest : public EngineTest {};

TEST_P(StartContractTest, NothingIsCompiledAfterReadyWhateverIsAsked) {
  const auto engine = Make({{"max-num-batched-tokens", "64"}, {"max-num-seqs", "8"}});
  EXPECT_GE(engine->stats().compilations, 1);
  const std::int64_t at_ready = engine->stats().compilations;
  std::vector<Collector> collectors(12);
  for (int i = 0; i < 12; ++i) {  // sizes of steps that nobody planned for among them
    Request request = Ask(SomePrompt(1 + i * 7, i), 3 + i);
    if (i % 3 == 0) request.sampling.prompt_logprobs = 1;
    ASSERT_TRUE(engine->Submit(request, collectors[static_cast<std::size_t>(i)].Callback()).ok());
  }
  for (Collector& collector : collectors) collector.Wait();
  EXPECT_EQ(engine->stats().compilations_after_ready, 0);
  EXPECT_EQ(engine->stats().compilations, at_ready);
}

TEST_P(StartContractTest, WhatIsCompiledAfterReadyWouldBeCounted) {
  codegen::CompilationMeter meter;
  Options options;
  ASSERT_TRUE(options.Set("model", WriteModel()).ok());
  ASSERT_TRUE(options.Set("optimization-level", std::to_string(GetParam())).ok());
  auto config = engine::ResolveConfig(options);
  ASSERT_TRUE(config.ok()) << config.status().message();
  config->compile.options.meter = &meter;
  const auto file = engine::OpenModel(options, checkpoint::Contents::kAll);
  ASSERT_TRUE(file.ok());
  engine::StartLog start{base::Log()};
  ASSERT_TRUE(engine::ModelRunner::Create(**file, *config, start).ok());
  const std::int64_t once = meter.compilations();
  EXPECT_GE(once, 1);
  EXPECT_EQ(meter.after_ready(), 0);
  meter.Arm();
  ASSERT_TRUE(engine::ModelRunner::Create(**file, *config, start).ok());
  EXPECT_EQ(meter.after_ready(), once);
  EXPECT_EQ(meter.compilations(), 2 * once);
}

TEST_P(StartContractTest, StatsTellWhatTheStartMade) {
  const auto engine = Make({{"compilation-config.cudagraph-capture-sizes", "1,2,4"}});
  const EngineStats stats = engine->stats();
  const bool compiles = engine->model().level > 0;
  EXPECT_EQ(stats.capture_sizes, compiles ? "1,2,4" : "");
  EXPECT_EQ(stats.captured_plans > 0, compiles);
  EXPECT_EQ(stats.packed_bytes > 0, compiles);
  EXPECT_NEAR(stats.open_s + stats.compile_s + stats.artifact_s + stats.pack_s + stats.tune_s +
                  stats.cache_s + stats.tokenizer_s,
              stats.load_s, 0.3 * stats.load_s);
}

TEST_P(StartContractTest, RequireCompiledIsAnErrorWhereSomethingIsNot) {
  Options options;
  ASSERT_TRUE(options.Set("model", WriteModel()).ok());
  ASSERT_TRUE(options.Set("optimization-level", std::to_string(GetParam())).ok());
  ASSERT_TRUE(options.Set("log-level", "off").ok());
  ASSERT_TRUE(options.Set("require-compiled", "true").ok());
  if (GetParam() > 0 && codegen::KernelLibrary::Supported()) {
    EXPECT_TRUE(Engine::Create(options).ok());
  }
  ASSERT_TRUE(options.Set("cpu-isa", "none").ok());  // a CPU without machine code
  const auto engine = Engine::Create(options);
  ASSERT_FALSE(engine.ok());
  EXPECT_EQ(
      engine.status().message(),
      GetParam() == 0
          ? "--require-compiled is given, but nothing is compiled at -O0: leave one of them out"
          : "--require-compiled: -O" + std::to_string(GetParam()) +
                " needs a CPU with AVX2, FMA and F16C; running as -O0; leave the flag out to run that on "
                "portable kernels");
}

TEST_P(StartContractTest, TheDumpPathHoldsConfigAndTimesOfPassesBesideTheStages) {
  const std::string folder = testing::TempDir() + "dump_path_" + std::to_string(::getpid());
  Make({{"compilation-config.debug-dump-path", folder}, {"max-num-seqs", "9"}});
  EXPECT_NE(Contents(folder + "/config.txt").find("max-num-seqs = 9  (user)\n"), std::string::npos);
  EXPECT_NE(Contents(folder + "/graph.txt"), "");
  EXPECT_NE(Contents(folder + "/phase.txt"), "");
  const std::string passes = Contents(folder + "/passes.txt");
  EXPECT_NE(passes.find("total "), std::string::npos);
  EXPECT_EQ(passes.find("fuse_norm_quant ") != std::string::npos, GetParam() > 0) << passes;
  std::filesystem::remove_all(folder);
}

TEST(DebugDumpPath, TheVariableWinsOverTheConfigWithVllmsLine) {
  ::setenv("VLLM_DEBUG_DUMP_PATH", "/from/variable", 1);
  Options first, last;
  ASSERT_TRUE(first.Set("compilation-config.debug-dump-path", "/from/config").ok());
  ASSERT_TRUE(first.SetFromEnvironment().ok());
  ASSERT_TRUE(last.SetFromEnvironment().ok());
  ASSERT_TRUE(last.Set("compilation-config.debug-dump-path", "/from/config").ok());
  ::unsetenv("VLLM_DEBUG_DUMP_PATH");
  for (const Options* options : {&first, &last}) {
    EXPECT_EQ(options->Text("compilation-config.debug-dump-path"), "/from/variable");
    EXPECT_EQ(options->Origin("compilation-config.debug-dump-path"), OptionOrigin::kEnvironment);
    ASSERT_EQ(options->notes().size(), 1u);
    EXPECT_EQ(options->notes()[0],
              "Config-specified debug dump path is overridden by VLLM_DEBUG_DUMP_PATH to /from/variable");
  }
}

TEST(PlanCounts, TellsSizesByTheirCountsAndBeginsAnew) {
  engine::PlanCounts counts(8);
  EXPECT_TRUE(counts.Take().empty());
  counts.Count(3, runtime::PlanKind::kPiecewise);
  for (int i = 0; i < 12; ++i) counts.Count(1, runtime::PlanKind::kFull);
  counts.Count(8, runtime::PlanKind::kCounted);
  const std::vector<std::string> lines = counts.Take();
  ASSERT_EQ(lines.size(), 5u);
  EXPECT_EQ(lines[0], "| Unpadded Tokens | Padded Tokens | Num Paddings | Runtime Mode | Count |");
  EXPECT_EQ(lines[2], "| 1               | 1             | 0            | FULL         | 12    |");
  EXPECT_EQ(lines[3], "| 3               | 3             | 0            | PIECEWISE    | 1     |");
  EXPECT_EQ(lines[4], "| 8               | 8             | 0            | NONE         | 1     |");
  EXPECT_TRUE(counts.Take().empty());
}

TEST_P(StartContractTest, CudagraphMetricsAreLoggedWithTheStatistics) {
  testing::internal::CaptureStderr();
  {
    const auto engine =
        Make({{"log-level", "info"}, {"log-stats-interval", "0.01"}, {"cudagraph-metrics", "true"}});
    Complete(*engine, Ask(SomePrompt(5), 6));
    std::this_thread::sleep_for(std::chrono::milliseconds(60));
  }
  const std::string log = testing::internal::GetCapturedStderr();
  EXPECT_NE(log.find("| Unpadded Tokens | Padded Tokens | Num Paddings | Runtime Mode | Count |"),
            std::string::npos)
      << log;
}

INSTANTIATE_TEST_SUITE_P(Levels, StartContractTest, testing::Values(0, 1, 2), LevelName);

}  // namespace
}  // namespace vivace
