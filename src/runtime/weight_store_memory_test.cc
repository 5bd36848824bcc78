// Packing a large tensor keeps little of its file in memory, and tells how far it is.
#include <gtest/gtest.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <fstream>

#include "runtime/tiny_model.h"
#include "runtime/weight_store.h"

namespace vivace::runtime {
namespace {

constexpr int kWidth = 4096;
constexpr std::size_t kMega = std::size_t{1} << 20;

/// Pages of mapped files that this process holds, in bytes.
std::size_t ResidentFileBytes() {
  std::ifstream statm("/proc/self/statm");
  std::size_t size = 0, resident = 0, shared = 0;
  statm >> size >> resident >> shared;
  return shared * static_cast<std::size_t>(::sysconf(_SC_PAGESIZE));
}

/// A GGUF file of two tensors "a" and "b" [rows, kWidth] of one type, all zeros; removed at the end.
class LargeFile {
 public:
  LargeFile(tensor::DType type, int rows)
      : path_(testing::TempDir() + "weight_store_memory_" + std::to_string(::getpid()) + ".gguf") {
    const std::uint64_t bytes = tensor::RowBytes(type, std::int64_t{rows} * kWidth);
    GgufBytes file;
    file.Put<std::uint32_t>(0x46554747);
    file.Put<std::uint32_t>(3);
    file.Put<std::uint64_t>(2);
    file.Put<std::uint64_t>(1);
    file.PutText("general.architecture", "llama");
    for (const std::uint64_t i : {0, 1}) {
      file.PutString(i == 0 ? "a" : "b");
      file.Put<std::uint32_t>(2);
      file.Put<std::uint64_t>(kWidth);
      file.Put<std::uint64_t>(static_cast<std::uint64_t>(rows));
      file.Put<std::uint32_t>(static_cast<std::uint32_t>(tensor::Row(type).gguf_id));
      file.Put<std::uint64_t>(i * bytes);
    }
    file.AlignTo(32);
    std::ofstream(path_, std::ios::binary) << file.data();
    EXPECT_EQ(::truncate(path_.c_str(), static_cast<off_t>(file.data().size() + 2 * bytes)), 0);
  }
  ~LargeFile() { std::remove(path_.c_str()); }
  LargeFile(const LargeFile&) = delete;
  LargeFile& operator=(const LargeFile&) = delete;
  const std::string& path() const { return path_; }

 private:
  std::string path_;
};

class WeightStoreMemory : public testing::TestWithParam<tensor::DType> {};
INSTANTIATE_TEST_SUITE_P(Types, WeightStoreMemory,
                         testing::Values(tensor::DType::kF32, tensor::DType::kQ4_0, tensor::DType::kQ6_K),
                         [](const auto& row) { return std::string(Row(row.param).name); });

TEST_P(WeightStoreMemory, PagesOfALargeTensorAreGivenBackWhileItIsPacked) {
  // About 32 MiB a tensor; gate and up, so that two places of the file are read in turn.
  const int rows = static_cast<int>(32 * kMega / tensor::RowBytes(GetParam(), kWidth) / 64 * 64);
  const LargeFile large(GetParam(), rows);
  const auto file = checkpoint::Checkpoint::Open(large.path());
  ASSERT_TRUE(file.ok()) << file.status().message();
  program::Program program;
  program::Weight pair{.name = "pair", .sources = {"a", "b"}, .form = program::WeightForm::kPanel};
  pair.layout = {tensor::ClassOf(GetParam()), kWidth, 2 * rows};
  pair.order = tensor::ColumnOrder::kGateUpPairs;
  program.weights = {pair};
  base::WorkerTeam team(2);
  const std::size_t before = ResidentFileBytes();
  std::size_t largest = 0, last_done = 0;
  int calls = 0;
  const auto weights = WeightStore::Create(program, **file, team, [&](std::size_t done, std::size_t total) {
    EXPECT_GE(done, last_done);
    EXPECT_EQ(total, pair.layout.bytes());
    last_done = done;
    ++calls;
    largest = std::max(largest, ResidentFileBytes());
  });
  ASSERT_TRUE(weights.ok()) << weights.status().message();
  EXPECT_GT(calls, 10);
  EXPECT_LE(last_done, pair.layout.bytes());
  EXPECT_LE(largest, before + 6 * kMega) << "of a file of " << 2 * rows << " rows";
}

}  // namespace
}  // namespace vivace::runtime
