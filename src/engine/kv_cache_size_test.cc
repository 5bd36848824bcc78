#include "engine/kv_cache_size.h"

#include <gtest/gtest.h>

namespace vivace::engine {
namespace {

constexpr std::int64_t kGibibyte = std::int64_t{1} << 30;

/// A model of 1 MiB for each block of 16 tokens and 1 GiB of weights; requests of 1600 tokens.
KvCacheNeeds SomeNeeds() {
  KvCacheNeeds needs;
  needs.block_bytes = 1 << 20;
  needs.block_tokens = 16;
  needs.max_model_len = 1600;
  needs.max_num_seqs = 4;
  needs.weight_bytes = kGibibyte;
  return needs;
}

MemoryLimit SomeMemory(std::int64_t bytes) {
  return {bytes, "RAM", bytes, kGibibyte / 2};
}

TEST(KvCacheSize, NoMoreThanAllRequestsTogetherCanNeed) {
  const auto size = SizeKvCache(SomeNeeds(), SomeMemory(64 * kGibibyte));
  ASSERT_TRUE(size.ok());
  EXPECT_EQ(size->blocks, 400);
  EXPECT_EQ(size->max_model_len, 1600);
}

TEST(KvCacheSize, OtherwiseWhatFitsBesideTheWeights) {
  KvCacheNeeds needs = SomeNeeds();
  needs.utilization = 0.5;
  needs.max_num_seqs = 64;
  auto size = SizeKvCache(needs, SomeMemory(3 * kGibibyte));
  ASSERT_TRUE(size.ok());
  EXPECT_EQ(size->blocks, 512) << "1.5 GiB less the weights";
  MemoryLimit busy = SomeMemory(3 * kGibibyte);
  busy.available = 2 * kGibibyte;  // half of it is 1 GiB; half a GiB of weights is still to be read
  size = SizeKvCache(needs, busy);
  ASSERT_TRUE(size.ok());
  EXPECT_EQ(size->blocks, 512);
  busy.available = kGibibyte + kGibibyte / 2;
  EXPECT_EQ(SizeKvCache(needs, busy)->blocks, 256);
}

TEST(KvCacheSize, BytesThatAreAskedForAreTakenAsTheyAre) {
  KvCacheNeeds needs = SomeNeeds();
  needs.kv_bytes = 2 * kGibibyte + 5;
  EXPECT_EQ(SizeKvCache(needs, SomeMemory(kGibibyte))->blocks, 2048);
}

TEST(KvCacheSize, TooLittleForOneRequestIsAnErrorWithTheNumbersAndWhatToDo) {
  KvCacheNeeds needs = SomeNeeds();
  EXPECT_EQ(
      SizeKvCache(needs, SomeMemory(kGibibyte + (kGibibyte >> 3) + (kGibibyte >> 4))).status().message(),
      "the KV cache of one request of 1,600 tokens takes 100.0 MiB, but there is room for 70.4 MiB (0.9 "
      "of 1.19 GiB (RAM) less 1.00 GiB for weights and program): use --max-model-len 1120 or less (or "
      "auto), or raise --gpu-memory-utilization or set --kv-cache-memory-bytes");
  EXPECT_EQ(
      SizeKvCache(needs, SomeMemory(kGibibyte)).status().message(),
      "the KV cache of one request of 1,600 tokens takes 100.0 MiB, but there is room for 0 bytes (0.9 of "
      "1.00 GiB (RAM) less 1.00 GiB for weights and program): free memory, or raise --gpu-memory-utilization "
      "or set "
      "--kv-cache-memory-bytes");
  MemoryLimit busy = SomeMemory(64 * kGibibyte);
  busy.available = kGibibyte / 2;
  EXPECT_NE(SizeKvCache(needs, busy).status().message().find("(0.9 of the 0.50 GiB that is free now)"),
            std::string::npos);
  needs.kv_bytes = 100;
  EXPECT_EQ(SizeKvCache(needs, SomeMemory(kGibibyte)).status().message(),
            "the KV cache of one request of 1,600 tokens takes 100.0 MiB, but there is room for 100 bytes "
            "(--kv-cache-memory-bytes): free memory, or raise --kv-cache-memory-bytes");
}

TEST(KvCacheSize, AutoTakesTheLongestRequestThatFits) {
  KvCacheNeeds needs = SomeNeeds();
  needs.fit_length = true;
  needs.kv_bytes = 70 << 20;
  const auto size = SizeKvCache(needs, SomeMemory(kGibibyte));
  ASSERT_TRUE(size.ok());
  EXPECT_EQ(size->blocks, 70);
  EXPECT_EQ(size->max_model_len, 1120);
  needs.kv_bytes = 1 << 30;
  EXPECT_EQ(SizeKvCache(needs, SomeMemory(kGibibyte))->max_model_len, 1600);
  needs.kv_bytes = 10;
  EXPECT_FALSE(SizeKvCache(needs, SomeMemory(kGibibyte)).ok()) << "not even one block";
}

TEST(KvCacheSize, SlotsAre32BitNumbers) {
  KvCacheNeeds needs = SomeNeeds();
  needs.kv_bytes = std::int64_t{1} << 50;
  EXPECT_EQ(SizeKvCache(needs, SomeMemory(kGibibyte))->blocks, (1 << 27) - 1);
}

TEST(KvCacheSize, NumbersForPeople) {
  EXPECT_EQ(MemoryText(5), "5 bytes");
  EXPECT_EQ(MemoryText(24 << 20), "24.0 MiB");
  EXPECT_EQ(MemoryText(kGibibyte * 3 / 2), "1.50 GiB");
  EXPECT_EQ(Grouped(0), "0");
  EXPECT_EQ(Grouped(999), "999");
  EXPECT_EQ(Grouped(93184), "93,184");
  EXPECT_EQ(Grouped(-1234567), "-1,234,567");
  EXPECT_EQ(Grouped(-123), "-123");
}

}  // namespace
}  // namespace vivace::engine
