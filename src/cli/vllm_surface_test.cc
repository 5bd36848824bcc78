// Every flag of `vllm serve` on the command line, in each of its spellings, with the legal value of the
// committed list: it is taken, or refused by its name. src/engine/vllm_flags_test.cc checks which.
#include <gtest/gtest.h>

#include <algorithm>
#include <fstream>
#include <sstream>

#include "cli/command_line.h"

namespace vivace::cli {
namespace {

struct SurfaceFlag {
  std::string name, short_form;
  std::vector<std::string> values;
};

std::vector<SurfaceFlag> ReadFlags() {
  std::ifstream file(VIVACE_SOURCE_DIR "/src/engine/testdata/vllm_surface.tsv");
  std::vector<SurfaceFlag> flags;
  for (std::string line; std::getline(file, line);) {
    std::istringstream cells(line);
    std::string kind, value;
    SurfaceFlag flag;
    std::getline(cells, kind, '\t');
    std::getline(cells, flag.name, '\t');
    std::getline(cells, flag.short_form, '\t');
    std::getline(cells, value, '\t');
    if (kind != "flag") continue;
    if (value.starts_with('{') || value.starts_with('[')) {
      flag.values = {value};  // spaces and all
    } else if (value != "-") {
      std::istringstream words(value);
      for (std::string word; words >> word;) flag.values.push_back(word);
    }
    flags.push_back(flag);
  }
  return flags;
}

/// Empty when the arguments are taken, else the error.
std::string Error(const SurfaceFlag& flag, const std::string& spelling) {
  std::vector<std::string> arguments = {"serve", spelling};
  arguments.insert(arguments.end(), flag.values.begin(), flag.values.end());
  if (flag.name != "model") arguments.insert(arguments.begin() + 1, "m");
  arguments.push_back("--enforce-eager");  // whatever stands before it ends here
  const auto parsed = ParseCommandLine(arguments);
  if (parsed.ok() && flag.name != "help") {
    EXPECT_TRUE(parsed->options.Flag("enforce-eager")) << spelling;
  }
  return parsed.ok() ? "" : parsed.status().message();
}

TEST(VllmSurface, EveryFlagIsReadInEachSpelling) {
  const auto flags = ReadFlags();
  EXPECT_GT(flags.size(), 300u);
  int refused = 0;
  for (const SurfaceFlag& flag : flags) {
    const std::string error = Error(flag, "--" + flag.name);
    EXPECT_TRUE(error.empty() || error.starts_with("--" + flag.name + " is '")) << error;
    refused += error.empty() ? 0 : 1;
    std::string underscored = flag.name;
    std::replace(underscored.begin(), underscored.end(), '-', '_');
    EXPECT_EQ(Error(flag, "--" + underscored), error);
    const bool is_first_name = flag.name != "device-memory-utilization";
    if (flag.short_form != "-" && is_first_name) {
      EXPECT_EQ(Error(flag, "-" + flag.short_form), error) << flag.short_form;
    }
    if (flag.values.empty() && flag.name != "help") {
      const std::string off = Error(flag, "--no-" + flag.name);
      EXPECT_TRUE(off.empty()) << off;
    }
    if (flag.values.size() == 1) {
      SurfaceFlag joined = flag;
      joined.values.clear();
      EXPECT_EQ(Error(joined, "--" + flag.name + "=" + flag.values[0]), error);
    }
  }
  EXPECT_GT(refused, 60);
}

}  // namespace
}  // namespace vivace::cli
