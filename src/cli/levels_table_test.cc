#include "cli/levels_table.h"

#include <gtest/gtest.h>

#include <cstdlib>
#include <fstream>
#include <iterator>

namespace vivace::cli {
namespace {

constexpr const char* kPath = VIVACE_SOURCE_DIR "/docs/levels.md";
constexpr std::string_view kBegin = "<!-- levels: made from the option rows -->\n", kEnd = "<!-- end -->\n";

std::string Read() {
  std::ifstream file(kPath);
  return {std::istreambuf_iterator<char>(file), {}};
}

// With VIVACE_UPDATE_GOLDENS set, the table of the page is written instead.
TEST(LevelsTable, TheCommittedPageHasIt) {
  std::string page = Read();
  const std::size_t begin = page.find(kBegin), end = page.find(kEnd);
  ASSERT_NE(begin, std::string::npos);
  ASSERT_NE(end, std::string::npos);
  const std::size_t first = begin + kBegin.size();
  if (std::getenv("VIVACE_UPDATE_GOLDENS") != nullptr)
    std::ofstream(kPath) << page.replace(first, end - first, LevelsTable());
  page = Read();
  EXPECT_EQ(page.substr(first, page.find(kEnd) - first) == LevelsTable(), true)
      << "docs/levels.md is out of date: run this test with VIVACE_UPDATE_GOLDENS=1";
}

TEST(LevelsTable, ALevelWithoutAPartOfItsOwnHasTheLast) {
  EXPECT_NE(LevelsTable().find("| `-cc.cudagraph_mode` | NONE | PIECEWISE | FULL_AND_PIECEWISE | "
                               "FULL_AND_PIECEWISE |\n"),
            std::string::npos);
}

}  // namespace
}  // namespace vivace::cli
