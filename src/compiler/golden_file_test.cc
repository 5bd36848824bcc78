#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>
#include <fstream>
#include <sstream>

#include "compiler/golden_test_file.h"

namespace vivace::compiler {
namespace {

std::vector<std::string> Lines(const std::string& text) {
  std::vector<std::string> lines;
  std::istringstream stream(text);
  for (std::string line; std::getline(stream, line);) lines.push_back(line);
  return lines;
}

TEST(DiffText, ShowsChangedLinesBelowTheirHeading) {
  EXPECT_EQ(
      DiffText("body a\n  one\n  two\nbody b\n  three\n", "body a\n  one\n  two\nbody b\n  four\n  five\n"),
      "  body b\n-   three\n+   four\n+   five\n");
  EXPECT_EQ(DiffText("same\n", "same\n"), "");
}

}  // namespace

std::string TestDataPath(const std::string& name) {
  return std::string(VIVACE_SOURCE_DIR) + "/src/compiler/testdata/" + name;
}

std::string ReadTestData(const std::string& name) {
  std::ifstream file(TestDataPath(name));
  std::stringstream text;
  text << file.rdbuf();
  return text.str();
}

bool UpdateGoldens() {
  return std::getenv("VIVACE_UPDATE_GOLDENS") != nullptr;
}

void ExpectGolden(const std::string& name, const std::string& text) {
  if (UpdateGoldens()) {
    std::ofstream(TestDataPath(name)) << text;
    return;
  }
  const std::string golden = ReadTestData(name);
  EXPECT_FALSE(golden.empty()) << "no golden " << TestDataPath(name)
                               << "; set VIVACE_UPDATE_GOLDENS=1 to make it";
  EXPECT_EQ(text, golden) << "if this is meant, run once with VIVACE_UPDATE_GOLDENS=1";
}

std::string DiffText(const std::string& before, const std::string& after) {
  const std::vector<std::string> a = Lines(before), b = Lines(after);
  // common[i][j]: length of the longest common subsequence of a[i..] and b[j..]
  std::vector<std::vector<int>> common(a.size() + 1, std::vector<int>(b.size() + 1, 0));
  for (std::size_t i = a.size(); i-- > 0;) {
    for (std::size_t j = b.size(); j-- > 0;) {
      common[i][j] = a[i] == b[j] ? common[i + 1][j + 1] + 1 : std::max(common[i + 1][j], common[i][j + 1]);
    }
  }
  std::string text, heading;
  const auto emit = [&](char sign, const std::string& line) {
    if (!heading.empty()) text += "  " + heading + "\n";
    heading.clear();
    text += std::string(1, sign) + " " + line + "\n";
  };
  std::size_t i = 0, j = 0;
  while (i < a.size() || j < b.size()) {
    if (i < a.size() && j < b.size() && a[i] == b[j]) {
      if (a[i][0] != ' ') heading = a[i];
      ++i, ++j;
    } else if (i < a.size() && (j == b.size() || common[i + 1][j] >= common[i][j + 1])) {
      emit('-', a[i++]);
    } else {
      emit('+', b[j++]);
    }
  }
  return text;
}

}  // namespace vivace::compiler
