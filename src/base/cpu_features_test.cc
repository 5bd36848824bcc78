#include "base/cpu_features.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <fstream>
#include <sstream>
#include <string>

namespace vivace::base {
namespace {

TEST(CpuFeatures, ThisProgramRunsSoTheBaselineIsThere) {
  const CpuFeatures features = DetectCpuFeatures();
  EXPECT_TRUE(features.IsX86_64V2());
  EXPECT_FALSE(features.vendor.empty());
  EXPECT_GT(features.family, 0);
}

TEST(CpuFeatures, NamesAgreeWithTheKernelsList) {
  std::ifstream file("/proc/cpuinfo");
  std::string line;
  while (std::getline(file, line) && line.rfind("flags", 0) != 0) {
  }
  if (line.rfind("flags", 0) != 0) GTEST_SKIP() << "/proc/cpuinfo has no flags line";
  std::istringstream words(line);
  std::vector<std::string> flags;
  for (std::string word; words >> word;) flags.push_back(word);
  const auto has = [&flags](const char* name) {
    return std::find(flags.begin(), flags.end(), name) != flags.end();
  };
  const CpuFeatures features = DetectCpuFeatures();
  EXPECT_EQ(features.sse4_2, has("sse4_2"));
  EXPECT_EQ(features.avx2, has("avx2"));
  EXPECT_EQ(features.fma, has("fma"));
  EXPECT_EQ(features.f16c, has("f16c"));
  EXPECT_EQ(features.bmi1, has("bmi1"));
  EXPECT_EQ(features.bmi2, has("bmi2"));
  EXPECT_EQ(features.lzcnt, has("abm"));
  EXPECT_EQ(features.movbe, has("movbe"));
  EXPECT_EQ(features.avx512f, has("avx512f"));
  EXPECT_EQ(features.avx512cd, has("avx512cd"));
  EXPECT_EQ(features.avx512bw, has("avx512bw"));
  EXPECT_EQ(features.avx512dq, has("avx512dq"));
  EXPECT_EQ(features.avx512vl, has("avx512vl"));
  EXPECT_EQ(features.avx512_vnni, has("avx512_vnni"));
  EXPECT_EQ(features.avx512_bf16, has("avx512_bf16"));
}

TEST(CpuFeatures, LevelsAgreeWithTheCompilers) {
  const CpuFeatures features = DetectCpuFeatures();
  EXPECT_EQ(features.IsX86_64V3(), __builtin_cpu_supports("x86-64-v3") != 0);
  EXPECT_EQ(features.IsX86_64V4(), __builtin_cpu_supports("x86-64-v4") != 0);
}

TEST(CpuFeatures, NamesListsExactlyWhatIsSet) {
  CpuFeatures features;
  EXPECT_TRUE(features.Names().empty());
  features.avx2 = true;
  features.avx512_vnni = true;
  EXPECT_EQ(features.Names(), (std::vector<std::string_view>{"avx2", "avx512_vnni"}));
  EXPECT_FALSE(features.HasAvx512Vnni());
}

}  // namespace
}  // namespace vivace::base
