#include "cli/options_page.h"

#include <gtest/gtest.h>

#include <cstdlib>
#include <fstream>
#include <iterator>
#include <string>

#include "cli/vllm_flags_page.h"

namespace vivace::cli {
namespace {

// With VIVACE_UPDATE_GOLDENS set, the page is written instead.
void ExpectFresh(const std::string& name, const std::string& page) {
  const std::string path = VIVACE_SOURCE_DIR "/docs/reference/" + name;
  if (std::getenv("VIVACE_UPDATE_GOLDENS") != nullptr) std::ofstream(path) << page;
  std::ifstream file(path);
  const std::string committed(std::istreambuf_iterator<char>(file), {});
  EXPECT_EQ(committed == page, true) << "docs/reference/" << name
                                     << " is out of date: run this test with VIVACE_UPDATE_GOLDENS=1";
}

TEST(OptionsPage, TheCommittedPageIsFresh) {
  ExpectFresh("options.md", OptionsPage());
}

TEST(OptionsPage, TheCommittedPageOfVllmsFlagsIsFresh) {
  ExpectFresh("vllm-flags.md", VllmFlagsPage());
}

}  // namespace
}  // namespace vivace::cli
