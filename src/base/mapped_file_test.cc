#include "base/mapped_file.h"

#include <gtest/gtest.h>
#include <sys/stat.h>

#include <cstdio>
#include <fstream>

namespace vivace::base {
namespace {

std::string TestPath(const std::string& name) {
  return ::testing::TempDir() + "mapped_file_test_" + name;
}

TEST(MappedFile, GivesTheBytesOfTheFile) {
  const std::string path = TestPath("bytes");
  std::ofstream(path) << "vivace";
  auto file = MappedFile::Open(path);
  ASSERT_TRUE(file.ok()) << file.status().message();
  ASSERT_EQ(file->bytes().size(), 6u);
  EXPECT_EQ(static_cast<char>(file->bytes()[0]), 'v');
  std::remove(path.c_str());
}

TEST(MappedFile, RefusesWhatIsNoFileWithContentAndNamesIt) {
  const std::string missing = TestPath("missing");
  EXPECT_EQ(MappedFile::Open(missing).status().code(), StatusCode::kNotFound);
  EXPECT_NE(MappedFile::Open(missing).status().message().find(missing), std::string::npos);
  EXPECT_EQ(MappedFile::Open(::testing::TempDir()).status().code(), StatusCode::kInvalidArgument);
  EXPECT_EQ(MappedFile::Open("/dev/zero").status().code(), StatusCode::kInvalidArgument);
  const std::string fifo = TestPath("fifo");
  ASSERT_EQ(::mkfifo(fifo.c_str(), 0600), 0);
  EXPECT_EQ(MappedFile::Open(fifo).status().code(), StatusCode::kInvalidArgument);
  std::remove(fifo.c_str());
  const std::string empty = TestPath("empty");
  std::ofstream(empty).close();
  EXPECT_EQ(MappedFile::Open(empty).status().code(), StatusCode::kDataLoss);
  std::remove(empty.c_str());
}

}  // namespace
}  // namespace vivace::base
