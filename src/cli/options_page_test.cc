#include "cli/options_page.h"

#include <gtest/gtest.h>

#include <cstdlib>
#include <fstream>
#include <iterator>

namespace vivace::cli {
namespace {

// With VIVACE_UPDATE_GOLDENS set, the page is written instead.
TEST(OptionsPage, TheCommittedPageIsFresh) {
  const std::string path = VIVACE_SOURCE_DIR "/docs/reference/options.md";
  if (std::getenv("VIVACE_UPDATE_GOLDENS") != nullptr) std::ofstream(path) << OptionsPage();
  std::ifstream file(path);
  const std::string committed(std::istreambuf_iterator<char>(file), {});
  EXPECT_EQ(committed == OptionsPage(), true)
      << "docs/reference/options.md is out of date: run this test with VIVACE_UPDATE_GOLDENS=1";
}

}  // namespace
}  // namespace vivace::cli
