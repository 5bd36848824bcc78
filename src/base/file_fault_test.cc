#include "base/file_fault.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/mman.h>

#include <cstdio>
#include <filesystem>
#include <fstream>

#include "base/mapped_file.h"

namespace vivace::base {
namespace {

class FileFault : public ::testing::Test {
 protected:
  FileFault() { std::ofstream(path_) << std::string(4 * 4096, 'x'); }
  ~FileFault() override { std::filesystem::remove(path_); }
  const std::filesystem::path path_ = std::filesystem::path(::testing::TempDir()) / "changed_while_mapped";
};

TEST_F(FileFault, AFileCutOffWhileMappedReadsAsZerosAndSaysSo) {
  SurviveFileFaults();
  const auto file = MappedFile::Open(path_.string());
  ASSERT_TRUE(file.ok()) << file.status().message();
  EXPECT_TRUE(file->CheckUnchanged().ok());
  std::filesystem::resize_file(path_, 4097);
  EXPECT_EQ(file->bytes()[0], std::byte{'x'});
  EXPECT_FALSE(file->faulted());
  EXPECT_EQ(file->bytes()[2 * 4096 + 5], std::byte{0});
  EXPECT_EQ(file->bytes()[3 * 4096], std::byte{0});
  EXPECT_EQ(file->bytes()[4096], std::byte{'x'});  // what is left stays
  EXPECT_TRUE(file->faulted());
  EXPECT_NE(file->CheckUnchanged().message().find("became shorter"), std::string::npos);
}

TEST_F(FileFault, AFileWrittenToIsChangedAndAnotherInItsPlaceIsNot) {
  const auto file = MappedFile::Open(path_.string());
  ASSERT_TRUE(file.ok()) << file.status().message();
  const std::string other = path_.string() + ".new";
  std::ofstream(other) << "short";
  std::filesystem::rename(other, path_);
  EXPECT_TRUE(file->CheckUnchanged().ok());
  EXPECT_EQ(file->bytes()[4 * 4096 - 1], std::byte{'x'});
  const auto again = MappedFile::Open(path_.string());
  ASSERT_TRUE(again.ok());
  std::ofstream(path_) << "longer than short";
  EXPECT_NE(again->CheckUnchanged().message().find("was changed while it was read"), std::string::npos);
}

TEST_F(FileFault, AFaultElsewhereEndsTheProcessInOneLine) {
  EXPECT_EXIT(
      {
        SurviveFileFaults();
        const int descriptor = ::open(path_.c_str(), O_RDONLY);
        const auto* bytes =
            static_cast<const char*>(::mmap(nullptr, 4 * 4096, PROT_READ, MAP_PRIVATE, descriptor, 0));
        std::filesystem::resize_file(path_, 10);
        std::printf("%d", bytes[2 * 4096]);
      },
      ::testing::ExitedWithCode(2), "error: a file that is in use became shorter");
}

}  // namespace
}  // namespace vivace::base
