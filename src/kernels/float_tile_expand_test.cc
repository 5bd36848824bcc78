// Quantised weights as floats: every class, its values to the bit, and the products of slices in double
// precision, on every target.
#include "kernels/float_tile_expand.h"

#include <gtest/gtest.h>

#include <cmath>

#include "codegen/differential.h"
#include "codegen/target_fixture.h"
#include "kernels/gemm_tile_fixture.h"
#include "kernels/unpack_column.h"

namespace vivace::kernels {
namespace {

using codegen::GuardedBuffer;
using codegen::Target;
using tensor::ActivationType;
using tensor::QuantizedRows;
using tensor::WeightClass;

constexpr int kUnit = tensor::PanelLayout::kUnitColumns;

std::vector<WeightClass> CodedClasses() {
  std::vector<WeightClass> all;
  for (const tensor::WeightClassRow& row : tensor::kWeightClassRows)
    if (ContractionOf(row.id, ActivationType::kF32) == ContractionKind::kExpandedFloat) all.push_back(row.id);
  return all;
}

class FloatExpandTest : public testing::TestWithParam<WeightClass> {
 protected:
  static constexpr int kK = 2 * kFloatExpandSliceK;

  FloatExpandTest() : random_(7), weights_(random_, GetParam(), kK) {}

  const std::byte* Blocks(int k) const {
    const tensor::WeightClassRow& row = weights_.layout.row();
    return weights_.bytes.data() + static_cast<std::ptrdiff_t>(k / row.block_k) * row.block_bytes;
  }
  /// k from `first_k` on, as floats [k][32].
  void Expand(const Target& target, int first_k, const GuardedBuffer& floats) const {
    const int slice_k = static_cast<int>(floats.bytes().size() / (kUnit * 4));
    GuardedBuffer packed(weights_.bytes.bytes());
    std::memcpy(packed.bytes().data(), weights_.bytes.data(), packed.bytes().size());
    const std::int64_t at = Blocks(first_k) - weights_.bytes.data();
    const std::int64_t trailer =
        static_cast<std::int64_t>(packed.bytes().size()) - weights_.layout.trailer_bytes();
    const std::int64_t arguments[kExpandArguments] = {packed.address() + at, floats.address(),
                                                      slice_k / weights_.layout.row().block_k,
                                                      packed.address() + trailer};
    const std::span<std::byte> buffers[] = {packed.bytes(), floats.bytes()};
    const Status status =
        codegen::CompareWithInterpreter(BuildFloatExpand(GetParam(), target), arguments, buffers, target);
    EXPECT_TRUE(status.ok()) << target.name << ": " << status.message();
  }

  Random random_;
  RandomUnit weights_;
};
INSTANTIATE_TEST_SUITE_P(Classes, FloatExpandTest, testing::ValuesIn(CodedClasses()),
                         [](const auto& row) { return std::string(tensor::Row(row.param).name); });

TEST_P(FloatExpandTest, ValuesAreThoseOfTheCheckpointToTheBit) {
  for (const Target& target : codegen::TargetsUnderTest()) {
    const GuardedBuffer all(FloatExpandBytes(kK)), half(FloatExpandBytes(kK / 2));
    Expand(target, 0, all);
    Expand(target, kK / 2, half);
    for (int c = 0; c < kUnit; ++c) {
      std::vector<float> exact(kK);
      UnpackColumn(weights_.layout, weights_.bytes.data(), c, exact.data());
      for (int k = 0; k < kK; ++k)
        ASSERT_EQ(all.as<float>()[k * kUnit + c], exact[k]) << target.name << ' ' << k << ' ' << c;
    }
    EXPECT_EQ(std::memcmp(half.bytes().data(), all.bytes().data() + half.bytes().size(), half.bytes().size()),
              0);
  }
}

TEST_P(FloatExpandTest, SlicesGiveTheProductsOfEveryRow) {
  constexpr int kRows = 3;
  const QuantizedRows layout = {kK, ActivationType::kF32};
  for (const Target& target : codegen::TargetsUnderTest()) {
    GuardedBuffer input(static_cast<std::size_t>(kRows) * layout.row_stride()), result(kRows * kUnit * 4);
    const auto x = [&](int r) { return input.as<float>().data() + r * layout.row_stride() / 4; };
    for (int r = 0; r < kRows; ++r)
      for (int k = 0; k < kK; ++k) x(r)[k] = Uniform(random_, -1, 1);
    for (int k = 0; k < kK; k += kFloatExpandSliceK) {
      const GuardedBuffer slice(FloatExpandBytes(kFloatExpandSliceK));
      Expand(target, k, slice);
      const std::int64_t arguments[kTileArguments] = {input.address() + 4 * k, slice.address(),
                                                      result.address(), 0, kFloatExpandSliceK / kFloatGroupK};
      const std::span<std::byte> buffers[] = {input.bytes(), slice.bytes(), result.bytes()};
      const codegen::Function tile = BuildFloatTile(ExpandedFloatShape(kK, kRows, kUnit * 4), target);
      ASSERT_TRUE(codegen::CompareWithInterpreter(tile, arguments, buffers, target).ok());
    }
    double error = 0, power = 0;
    for (int i = 0; i < kRows * kUnit; ++i) {
      double exact = 0;
      for (int k = 0; k < kK; ++k)
        exact += static_cast<double>(x(i / kUnit)[k]) * weights_.Value(k, i % kUnit);
      error += std::pow(static_cast<double>(result.as<float>()[i]) - exact, 2);
      power += exact * exact;
    }
    EXPECT_LT(error, 1e-12 * power) << target.name;
  }
}

TEST(ContractionKind, EveryClassTakesTheRowsThatItsWeightsAllow) {
  for (const tensor::WeightClassRow& row : tensor::kWeightClassRows) {
    const bool coded = row.coding > tensor::WeightCoding::kBF16;
    EXPECT_TRUE(HasTiles(row.id, row.activation)) << row.name;
    EXPECT_TRUE(HasTiles(row.id, ActivationType::kF32)) << row.name;
    EXPECT_EQ(HasTiles(row.id, ActivationType::kI16Group32), coded) << row.name;
    EXPECT_EQ(HasTiles(row.id, ActivationType::kBF16), row.id == WeightClass::kBF16) << row.name;
  }
  EXPECT_EQ(ContractionOf(WeightClass::kF16, ActivationType::kF32), ContractionKind::kFloat);
  EXPECT_EQ(ContractionOf(WeightClass::kInt8Channel, ActivationType::kU8Token), ContractionKind::kInteger);
  EXPECT_EQ(CodedClasses().size(), 13u);
}

}  // namespace
}  // namespace vivace::kernels
