// Safetensors files that were cut or changed at any byte. Those that are wrong in one known way each, groups
// M1 to M13 of the reliability list, are rows of tests/bad_files.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

#include "checkpoint/safetensors_file.h"
#include "checkpoint/safetensors_test_file.h"

namespace vivace::checkpoint {
namespace {

TEST(HostileSafetensorsNames, PathsAreOnlyNames) {
  // A tensor's name opens nothing, so one that looks like a path is as good as any; models refuse it.
  const auto bytes = SafetensorsTestFile().Tensor("../../etc/passwd", "F32", "2", 8).bytes();
  const auto file = SafetensorsFile::Parse(bytes, "m.safetensors");
  ASSERT_TRUE(file.ok()) << file.status().message();
}

// Cutting a good file anywhere, or changing any byte of its header, never gives more than an error.
TEST(HostileSafetensorsBytes, CutAndChangedFilesAreRefusedOrRead) {
  const auto good = SafetensorsTestFile().Tensor("a", "F32", "2,2", 16).Tensor("b", "BF16", "3", 6).bytes();
  ASSERT_TRUE(SafetensorsFile::Parse(good, "m.safetensors").ok());
  for (std::size_t size = 0; size < good.size(); ++size) {
    EXPECT_FALSE(SafetensorsFile::Parse(std::span(good).first(size), "m.safetensors").ok()) << size;
  }
  for (std::size_t i = 0; i < good.size() - 22; ++i) {
    for (const int flip : {1, 0x20, 0x80, 0xff}) {
      auto changed = good;
      changed[i] ^= static_cast<std::byte>(flip);
      const auto file = SafetensorsFile::Parse(changed, "m.safetensors");
      if (!file.ok()) {
        EXPECT_FALSE(file.status().message().empty());
      }
    }
  }
}

}  // namespace
}  // namespace vivace::checkpoint
