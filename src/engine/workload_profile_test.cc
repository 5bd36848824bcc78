#include "engine/workload_profile.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <cstdio>
#include <fstream>
#include <random>

#include "engine/engine_config.h"
#include "engine/engine_fixture.h"
#include "engine/workload_recorder.h"

namespace vivace::engine {
namespace {

const WorkloadProfile kSkewed{{{1, 100, 2.0}, {9, 769, 3.125}, {23, 215, 6.5}, {10, 2, 3.2}, {256, 1, 80}}};

std::string ErrorOf(std::string_view text) {
  const auto profile = ParseProfile(text);
  return profile.ok() ? "" : profile.status().message();
}

std::string TempFile(const std::string& name) {
  return testing::TempDir() + "workload_profile_test_" + std::to_string(::getpid()) + "_" + name;
}

TEST(WorkloadProfile, TextReadsBackMostFrequentFirst) {
  const std::string text = Print(kSkewed);
  EXPECT_EQ(text,
            "vivace profile 1\nrows 9 steps 769 ms 3.125\nrows 23 steps 215 ms 6.500\nrows 1 steps 100 ms "
            "2.000\nrows 10 steps 2 ms 3.200\nrows 256 steps 1 ms 80.000\n");
  const auto profile = ParseProfile(text);
  ASSERT_TRUE(profile.ok()) << profile.status().message();
  EXPECT_EQ(Print(*profile), text);
  EXPECT_EQ(profile->steps(), 1087);
}

TEST(WorkloadProfile, LinesAreThoseOfVllm) {
  EXPECT_EQ(DistributionLine(kSkewed),
            "Batchsize distribution (batchsize, count): [(9, 769), (23, 215), (1, 100), (10, 2), (256, 1)]");
  EXPECT_EQ(
      TimesLine(kSkewed),
      "Batchsize forward time stats (batchsize, count, median_time(ms)): [(9, 769, 3.12), (23, 215, 6.50), "
      "(1, 100, 2.00), (10, 2, 3.20)]");
  EXPECT_EQ(DistributionLine({}), "");
  EXPECT_EQ(TimesLine({{{7, 1, 2.0}}}), "");
}

TEST(WorkloadProfile, AHostileTextIsAnErrorWithItsLine) {
  EXPECT_EQ(ErrorOf(""), "line 1: expected 'vivace profile 1', the text is empty");
  EXPECT_EQ(ErrorOf("vivace profile 2"), "line 1: expected '1', at '2'");
  EXPECT_EQ(ErrorOf("vivace profile 1\nrows 0 steps 1 ms 1"),
            "line 2: expected an integer from 1 to 65536, at '0 steps 1 ms 1'");
  EXPECT_EQ(ErrorOf("vivace profile 1\n\nrows 9 steps 1 ms 1\nrows 9 steps 2 ms 1"),
            "line 4: there are two lines of 9 rows, at ''");
  for (const std::string_view line :
       {"rows 65537 steps 1 ms 1", "rows 9 steps -1 ms 1", "rows 9 steps 0 ms 1", "rows 9 steps 1 ms nan",
        "rows 9 steps 1 ms -1", "rows 9 steps 1 ms inf", "rows 9 steps 1 ms 1e9", "rows 9 steps 1", "9 1 1",
        "rows 9 steps 1 ms 1 more", "rows 9 steps 99999999999999999999 ms 1", "\xff"}) {
    EXPECT_EQ(ErrorOf("vivace profile 1\n" + std::string(line)).substr(0, 7), "line 2:") << line;
  }
  EXPECT_EQ(ErrorOf("vivace profile 1\nrows 1 steps 9007199254740992 ms 1\nrows 2 steps 1 ms 1").substr(0, 7),
            "line 3:");
  EXPECT_NE(ErrorOf(std::string(WorkloadProfile::kMostBytes + 1, '\n')), "");
  std::mt19937 random(1);
  for (int i = 0; i < 2000; ++i) {
    std::string text = Print(kSkewed);
    text[random() % text.size()] = static_cast<char>(random() % 256);
    (void)ParseProfile(text);
  }
}

TEST(WorkloadProfile, SizesOnWhichMostTimeIsSpentAreChosen) {
  const ChosenSizes chosen = ChooseSizes(kSkewed, 5, 512);
  EXPECT_EQ(chosen.rows, (std::vector<int>{1, 9, 23, 256}));
  EXPECT_EQ(chosen.why, "9 (59 %), 23 (34 %), 1 (5 %), 256 (2 %): 100 % of the step time of 1,087 steps");
  EXPECT_EQ(ChooseSizes(kSkewed, 2, 512).rows, (std::vector<int>{9, 23}));
  EXPECT_EQ(ChooseSizes(kSkewed, 2, 16).rows, (std::vector<int>{1, 9}));
  EXPECT_EQ(ChooseSizes({}, 2, 16).rows, std::vector<int>());
  // A profile without times counts rows as work.
  EXPECT_EQ(ChooseSizes({{{1, 10, 0}, {64, 9, 0}, {2, 9, 0}}}, 2, 512).rows, (std::vector<int>{1, 64}));
}

TEST(WorkloadProfile, AtO3TheSizesComeFromTheProfileUnlessTheyAreGiven) {
  const std::string path = TempFile("in.txt");
  ASSERT_TRUE(WriteProfile(path, kSkewed).ok());
  const auto resolve = [&](const std::vector<std::pair<std::string, std::string>>& settings) {
    Options options;
    EXPECT_TRUE(options.Set("model", "some.gguf").ok());
    EXPECT_TRUE(options.Set("profile-in", path).ok());
    for (const auto& [name, value] : settings) EXPECT_TRUE(options.Set(name, value).ok());
    return ResolveConfig(options);
  };
  const auto top = resolve({{"optimization-level", "3"}});
  ASSERT_TRUE(top.ok()) << top.status().message();
  EXPECT_EQ(top->compile.options.compile_sizes, (std::vector<int>{1, 9, 23, 256}));
  EXPECT_EQ(top->compile_sizes_why,
            "Compile sizes from the profile of " + path + ": " + ChooseSizes(kSkewed, 5, 512).why);
  const auto given = resolve({{"optimization-level", "3"}, {"compilation-config.compile-sizes", "4"}});
  ASSERT_TRUE(given.ok());
  EXPECT_EQ(given->compile.options.compile_sizes, (std::vector<int>{4}));
  EXPECT_EQ(given->notes,
            (std::vector<std::string>{"--profile-in has no effect: -cc.compile_sizes is given"}));
  const auto lower = resolve({{"optimization-level", "2"}});
  ASSERT_TRUE(lower.ok());
  EXPECT_EQ(lower->notes,
            (std::vector<std::string>{"--profile-in has no effect below -O3 without --profile-sizes"}));
  std::ofstream(path) << "vivace profile 1\nrows x\n";
  EXPECT_EQ(resolve({{"optimization-level", "3"}}).status().message(),
            "--profile-in: the profile '" + path +
                "' cannot be used: line 2: expected an integer from 1 to 65536, at 'x'");
  std::remove(path.c_str());
  EXPECT_EQ(resolve({}).status().code(), StatusCode::kNotFound);
}

TEST(WorkloadRecorder, CountsStepsAndWritesThemAtTheEnd) {
  const std::string path = TempFile("out.txt");
  std::string kept;
  WorkloadRecorder recorder(
      {.log_interval_s = 0, .out = path, .keep = [&](std::string text) { kept = std::move(text); }}, 16);
  for (int i = 1; i <= 100; ++i) recorder.Add(9, i * 1e-3);
  recorder.Add(16, 0.5);
  recorder.Add(17, 0.5);  // larger than any step
  EXPECT_FALSE(recorder.IsDue());
  recorder.Finish(base::Log());
  const auto profile = ReadProfile(path);
  ASSERT_TRUE(profile.ok()) << profile.status().message();
  EXPECT_EQ(Print(*profile), "vivace profile 1\nrows 9 steps 100 ms 93.000\nrows 16 steps 1 ms 500.000\n");
  EXPECT_EQ(kept, "") << "101 steps say little";
  for (int i = 0; i < 100; ++i) recorder.Add(2, 1e-3);
  recorder.Finish(base::Log());
  EXPECT_EQ(kept,
            "vivace profile 1\nrows 2 steps 100 ms 1.000\nrows 9 steps 100 ms 93.000\nrows 16 steps 1 ms "
            "500.000\n");
  std::remove(path.c_str());
  recorder.Finish(base::Log());
  EXPECT_EQ(ReadProfile(path).status().code(), StatusCode::kNotFound) << "nothing new: nothing is written";
}

TEST(WorkloadRecorder, ReportsAreDueAfterTheirIntervalOfTraffic) {
  WorkloadRecorder recorder({.log_interval_s = 1e-6}, 16);
  EXPECT_FALSE(recorder.IsDue());
  recorder.Add(3, 1e-3);
  usleep(1000);
  EXPECT_TRUE(recorder.IsDue());
  recorder.Report(base::Log());
  EXPECT_FALSE(recorder.IsDue());
  WorkloadRecorder off({}, 16);
  off.Add(3, 1e-3);
  EXPECT_FALSE(off.IsDue());
  EXPECT_TRUE(off.profile().sizes.empty());
}

// What one request at a time does, told by a running engine.
TEST(WorkloadProfile, AnEngineLogsAndWritesTheSizesOfItsSteps) {
  const std::string model = TempFile("model.gguf"), out = TempFile("engine.txt");
  ASSERT_TRUE(runtime::TinyModel({}).Write(model));
  Options options;
  for (const auto& [name, value] :
       std::vector<std::pair<std::string, std::string>>{{"model", model},
                                                        {"optimization-level", "0"},
                                                        {"threads", "1"},
                                                        {"log-batchsize-interval", "0.000001"},
                                                        {"profile-out", out}}) {
    ASSERT_TRUE(options.Set(name, value).ok()) << name;
  }
  testing::internal::CaptureStderr();
  {
    auto engine = Engine::Create(options);
    ASSERT_TRUE(engine.ok()) << engine.status().message();
    Collector collector;
    Request request;
    request.prompt = {3, 4, 5, 6, 7};
    request.sampling.max_tokens = 6;
    request.sampling.ignore_eos = true;
    ASSERT_TRUE((*engine)->Submit(std::move(request), collector.Callback()).ok());
    EXPECT_EQ(collector.Wait().tokens.size(), 6u);
  }
  const std::string log = testing::internal::GetCapturedStderr();
  EXPECT_NE(log.find("Batchsize distribution (batchsize, count): [(1, 5), (5, 1)]"), std::string::npos)
      << log;
  EXPECT_NE(log.find("Batchsize forward time stats (batchsize, count, median_time(ms)): [(1, 5, "),
            std::string::npos);
  const auto profile = ReadProfile(out);
  ASSERT_TRUE(profile.ok()) << profile.status().message();
  ASSERT_EQ(profile->sizes.size(), 2u);
  EXPECT_EQ(profile->sizes[0].rows, 1);
  EXPECT_EQ(profile->sizes[0].steps, 5);
  EXPECT_EQ(profile->sizes[1].rows, 5);
  std::remove(model.c_str());
  std::remove(out.c_str());
}

}  // namespace
}  // namespace vivace::engine
