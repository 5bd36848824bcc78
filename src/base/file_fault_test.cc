#include "base/file_fault.h"

#include <gtest/gtest.h>

#include <cstdio>
#include <filesystem>
#include <fstream>

#include "base/mapped_file.h"

namespace vivace::base {
namespace {

TEST(FileFault, AFileCutOffWhileMappedEndsInOneLine) {
  const auto path = std::filesystem::path(::testing::TempDir()) / "cut_off_while_mapped";
  std::ofstream(path) << std::string(3 * 4096, 'x');
  const auto file = MappedFile::Open(path.string());
  ASSERT_TRUE(file.ok()) << file.status().message();
  EXPECT_EXIT(
      {
        ExitOnFileFault();
        std::filesystem::resize_file(path, 10);
        std::printf("%d", std::to_integer<int>(file->bytes()[2 * 4096]));
      },
      ::testing::ExitedWithCode(2), "error: a file that is in use became shorter");
  std::filesystem::remove(path);
}

}  // namespace
}  // namespace vivace::base
