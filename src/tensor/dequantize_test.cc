#include "tensor/dequantize.h"

#include <gtest/gtest.h>

#include <bit>
#include <cmath>
#include <cstring>
#include <fstream>
#include <set>
#include <string>
#include <vector>

namespace vivace::tensor {
namespace {

std::vector<std::byte> FromHex(const std::string& hex) {
  std::vector<std::byte> bytes;
  for (std::size_t i = 0; i + 1 < hex.size(); i += 2) {
    bytes.push_back(static_cast<std::byte>(std::stoi(hex.substr(i, 2), nullptr, 16)));
  }
  return bytes;
}

std::uint64_t Mix(std::uint64_t x) {
  x = (x ^ (x >> 30)) * 0xBF58476D1CE4E5B9u;
  x = (x ^ (x >> 27)) * 0x94D049BB133111EBu;
  return x ^ (x >> 31);
}

// As gen_dequantize.py has it.
std::vector<std::byte> Stream(std::uint64_t seed, std::size_t count) {
  std::vector<std::byte> bytes((count + 7) / 8 * 8);
  for (std::size_t i = 0; i < bytes.size() / 8; ++i) {
    const std::uint64_t word = Mix((seed << 32) + i + 1);
    std::memcpy(bytes.data() + 8 * i, &word, 8);
  }
  bytes.resize(count);
  return bytes;
}

std::uint64_t Checksum(const std::vector<std::uint32_t>& bits) {
  std::uint64_t sum = 0;
  for (std::size_t i = 0; i < bits.size(); ++i) sum += Mix((static_cast<std::uint64_t>(bits[i]) << 32) + i);
  return sum;
}

// The bits of the values; NaN is one value. One byte of displacement: rows of blocks have no alignment.
std::vector<std::uint32_t> BitsOf(DType type, std::vector<std::byte> bytes, std::size_t elements) {
  EXPECT_EQ(RowBytes(type, static_cast<std::int64_t>(elements)), bytes.size()) << Row(type).name;
  bytes.insert(bytes.begin(), std::byte{0});
  std::vector<float> values(elements);
  DequantizeRow(type, bytes.data() + 1, static_cast<std::int64_t>(elements), values.data());
  std::vector<std::uint32_t> bits(elements);
  for (std::size_t i = 0; i < elements; ++i) {
    bits[i] = std::isnan(values[i]) ? 0x7fc00000u : std::bit_cast<std::uint32_t>(values[i]);
  }
  return bits;
}

TEST(DequantizeRow, EqualsTheReferenceBitForBit) {
  std::ifstream golden(VIVACE_SOURCE_DIR "/tests/goldens/dequantize.txt");
  std::string kind, name, first, second;
  std::set<std::string> seen;
  while (golden >> kind >> name >> first >> second) {
    const auto type = DTypeFromName(name);
    ASSERT_TRUE(type && CanDequantize(*type)) << name;
    seen.insert(kind + name);
    if (kind == "plain") {
      const auto expected = FromHex(second);
      const auto bits = BitsOf(*type, FromHex(first), expected.size() / sizeof(float));
      ASSERT_FALSE(bits.empty());
      EXPECT_EQ(std::memcmp(bits.data(), expected.data(), expected.size()), 0) << name;
    } else {
      const auto blocks = static_cast<std::size_t>(std::stoi(first));
      const auto bytes =
          Stream(static_cast<std::uint64_t>(Row(*type).gguf_id), blocks * Row(*type).block_bytes);
      const auto bits = BitsOf(*type, bytes, blocks * Row(*type).block_elements);
      EXPECT_EQ(Checksum(bits), std::stoull(second, nullptr, 16)) << name;
    }
  }
  EXPECT_EQ(seen.size(), 2u * kWeightTypes) << "each type of weights has a plain and a seeded line";
}

TEST(DequantizeRow, TakesPartsOfABlockOfPlainElements) {
  for (const DType type : {DType::kF32, DType::kF16, DType::kBF16}) {
    const auto bytes = Stream(7, 64 * static_cast<std::size_t>(Row(type).block_bytes));
    const auto all = BitsOf(type, bytes, 64);
    for (const std::size_t count : {1u, 31u, 33u, 63u}) {
      std::vector<std::byte> some(bytes.begin(), bytes.begin() + count * Row(type).block_bytes);
      const auto bits = BitsOf(type, some, count);
      EXPECT_TRUE(std::equal(bits.begin(), bits.end(), all.begin())) << Row(type).name << " " << count;
    }
  }
}

TEST(DequantizeRow, TakesAnEmptyRow) {
  float out = 1;
  DequantizeRow(DType::kQ4_1, nullptr, 0, &out);
  EXPECT_EQ(out, 1);
}

TEST(DType, RowsAreFoundByNumberAndName) {
  EXPECT_EQ(DTypeFromGguf(3), DType::kQ4_1);
  EXPECT_EQ(DTypeFromGguf(26), DType::kI32);
  EXPECT_EQ(DTypeFromGguf(9), std::nullopt);
  EXPECT_EQ(DTypeFromGguf(0xffffffffu), std::nullopt);  // -1 marks types that no file has
  EXPECT_EQ(DTypeFromName("u8g32"), DType::kU8Group32);
  EXPECT_EQ(DTypeFromName("Q4_1"), std::nullopt);
  EXPECT_EQ(Row(DType::kQ8_0).block_bytes, 34);
  EXPECT_EQ(Row(DType::kF16).name, "f16");
}

}  // namespace
}  // namespace vivace::tensor
