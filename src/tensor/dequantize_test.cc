#include "tensor/dequantize.h"

#include <gtest/gtest.h>

#include <cstring>
#include <fstream>
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

TEST(DequantizeRow, EqualsTheReferenceBitForBit) {
  std::ifstream golden(VIVACE_SOURCE_DIR "/tests/goldens/dequantize.txt");
  std::string name, source, values;
  int rows = 0;
  while (golden >> name >> source >> values) {
    const auto type = DTypeFromName(name);
    ASSERT_TRUE(type && CanDequantize(*type)) << name;
    // One byte of displacement: rows of blocks have no alignment.
    auto bytes = FromHex(source);
    const auto expected = FromHex(values);
    const std::size_t elements = expected.size() / sizeof(float);
    ASSERT_EQ(RowBytes(*type, static_cast<std::int64_t>(elements)), bytes.size()) << name;
    bytes.insert(bytes.begin(), std::byte{0});
    std::vector<float> out(elements);
    DequantizeRow(*type, bytes.data() + 1, static_cast<std::int64_t>(elements), out.data());
    EXPECT_EQ(std::memcmp(out.data(), expected.data(), expected.size()), 0) << name << " row " << rows;
    ++rows;
  }
  EXPECT_EQ(rows, 24);
}

TEST(DequantizeRow, TakesAnEmptyRow) {
  float out = 1;
  DequantizeRow(DType::kQ4_1, nullptr, 0, &out);
  EXPECT_EQ(out, 1);
}

TEST(DType, RowsAreFoundByNumberAndName) {
  EXPECT_EQ(DTypeFromGguf(3), DType::kQ4_1);
  EXPECT_EQ(DTypeFromGguf(26), DType::kI32);
  EXPECT_EQ(DTypeFromGguf(2), std::nullopt);
  EXPECT_EQ(DTypeFromGguf(0xffffffffu), std::nullopt);  // -1 marks types that no file has
  EXPECT_EQ(DTypeFromName("u8g32"), DType::kU8Group32);
  EXPECT_EQ(DTypeFromName("Q4_1"), std::nullopt);
  EXPECT_EQ(Row(DType::kQ8_0).block_bytes, 34);
  EXPECT_EQ(Row(DType::kF16).name, "f16");
}

}  // namespace
}  // namespace vivace::tensor
