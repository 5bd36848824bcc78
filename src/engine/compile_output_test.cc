// What an engine writes for people when it is asked to: dumps of its kernels, and their names for perf.
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <iterator>
#include <sstream>
#include <string>

#include "codegen/kernel_library.h"
#include "engine/engine_fixture.h"
#include "engine/perf_map.h"

namespace vivace {
namespace {

std::string Contents(const std::string& path) {
  std::ifstream file(path);
  return {std::istreambuf_iterator<char>(file), {}};
}

class CompileOutputTest : public EngineTest {};

TEST_P(CompileOutputTest, DumpsShowEachKernelAsIrAndAsAssemblyBesideIt) {
  const std::string folder = testing::TempDir() + "vivace_dumps/of_a_model/";  // made when it is not there
  std::filesystem::remove_all(folder);
  Make({{"dump", "vir,asm"}, {"dump-dir", folder}});
  const std::string ir = Contents(folder + "vir.txt");
  const std::string assembly = Contents(folder + "asm.txt");
  EXPECT_TRUE(Contents(folder + "graph.txt").empty());
  EXPECT_EQ(ir.empty(), GetParam() == 0 || !codegen::KernelLibrary::Supported());
  // The lines of the IR stand in the assembly in their order.
  std::istringstream lines(ir);
  std::size_t at = 0;
  for (std::string line; std::getline(lines, line);) {
    if (line.empty()) continue;
    const bool header = line.rfind("kernel ", 0) == 0;
    line = header ? line.substr(0, line.find(" vectors=")) : "; " + line.substr(line.find_first_not_of(' '));
    at = assembly.find(line, at);
    ASSERT_NE(at, std::string::npos) << line;
    at += line.size();
  }
  if (!ir.empty()) {
    EXPECT_NE(assembly.find("  ret\n"), std::string::npos);
    EXPECT_NE(assembly.find("mm0, "), std::string::npos);
  }
}

TEST_P(CompileOutputTest, PerfMapNamesTheKernels) {
  std::remove(engine::PerfMapPath().c_str());
  Make();
  EXPECT_TRUE(Contents(engine::PerfMapPath()).empty());
  Make({{"perf-map", "true"}});
  const std::string map = Contents(engine::PerfMapPath());
  EXPECT_EQ(map.find(" vivace::") == std::string::npos,
            GetParam() == 0 || !codegen::KernelLibrary::Supported());
  std::remove(engine::PerfMapPath().c_str());
}

TEST(PerfMap, DoesNotFollowALink) {
  const std::string target = testing::TempDir() + "perf_map_target";
  std::ofstream(target) << "kept";
  ASSERT_EQ(symlink(target.c_str(), engine::PerfMapPath().c_str()), 0);
  const Status status = engine::AppendPerfMap("1 2 name\n");
  std::remove(engine::PerfMapPath().c_str());
  EXPECT_EQ(status.code(), StatusCode::kUnsupported);
  EXPECT_NE(status.message().find("cannot write '/tmp/perf-"), std::string::npos) << status.message();
  EXPECT_EQ(Contents(target), "kept");
  std::remove(target.c_str());
}

INSTANTIATE_TEST_SUITE_P(Levels, CompileOutputTest, testing::Values(0, 2), LevelName);

}  // namespace
}  // namespace vivace
