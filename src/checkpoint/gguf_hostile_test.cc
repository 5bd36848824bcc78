// Limits of GGUF files. Files that are wrong in one known way each, group G of the reliability list, are rows
// of tests/bad_files.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "checkpoint/gguf_file.h"
#include "checkpoint/gguf_test_file.h"

namespace vivace::checkpoint {
namespace {

using ::testing::HasSubstr;

TEST(HostileGgufLimits, BoundStringsOverAllArrays) {
  // 2^21 + 1 empty strings fit in 16 MiB of file; their views would be larger than the file.
  GgufTestFile bytes;
  constexpr std::uint64_t kCount = (1 << 21) + 1;
  bytes.Header(0, 1).ArrayKey("k", GgufType::kString, kCount);
  bytes.bytes().resize(bytes.bytes().size() + 8 * kCount);
  const auto file = GgufFile::Parse(bytes.bytes(), "m.gguf");
  ASSERT_FALSE(file.ok());
  EXPECT_THAT(file.status().message(), HasSubstr("the limit is 2097152"));
}

TEST(HostileGgufLimits, LayerCountOutOfRangeIsRefusedByTheLookup) {
  for (const std::uint32_t layers : {0u, 1'000'000'000u}) {
    GgufTestFile bytes;
    bytes.Header(0, 1).Key("llama.block_count", GgufType::kUint32, layers);
    const auto file = GgufFile::Parse(bytes.bytes(), "m.gguf");
    ASSERT_TRUE(file.ok());
    EXPECT_THAT(file->Integer("llama.block_count", 1, 1024).status().message(),
                HasSubstr("it must be 1..1024"));
  }
}

}  // namespace
}  // namespace vivace::checkpoint
