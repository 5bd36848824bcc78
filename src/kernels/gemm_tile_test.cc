#include "kernels/gemm_tile.h"

#include <cmath>

#include "kernels/panel_fixture.h"

namespace vivace::kernels {
namespace {

using tensor::ColumnOrder;
using tensor::DType;
using tensor::PanelLayout;

constexpr int kUnit = PanelLayout::kUnitColumns;

struct Problem {
  CheckpointRows weights;
  PanelLayout layout;
  Guarded<std::byte> panels;
  Activations input;

  Problem(Random& random, DType type, int k, int rows)
      : weights(random, type, 64, k),
        layout{tensor::ClassOf(type), k, 64},
        panels(Pack(layout, ColumnOrder::kPlain, {{weights.bytes.data(), 64}})),
        input(random, k, rows) {}

  // Unit 1 (columns 32 .. 63) times rows first .. first + rows - 1; an expanded unit when given.
  Guarded<float> Run(int first, int rows, const Guarded<std::byte>* expanded, int stride = kUnit) const {
    const FlushDenormals flush;
    const TileShape shape{layout.type, layout.k, rows, stride * 4};
    Guarded<float> result(static_cast<std::size_t>(rows - 1) * stride + kUnit);
    const std::byte* unit = expanded != nullptr ? expanded->data() : panels.data() + layout.unit_bytes();
    const std::int64_t arguments[kTileArguments] = {reinterpret_cast<std::int64_t>(input.Row(first)),
                                                    reinterpret_cast<std::int64_t>(unit),
                                                    reinterpret_cast<std::int64_t>(result.data())};
    codegen::Interpret(expanded != nullptr ? BuildExpandedTile(shape) : BuildDirectTile(shape), arguments);
    EXPECT_TRUE(result.Intact());
    return result;
  }
  Guarded<std::byte> Expand() const {
    Guarded<std::byte> expanded(ExpandedUnit{layout.type, layout.k}.bytes());
    const std::int64_t arguments[kExpandArguments] = {
        reinterpret_cast<std::int64_t>(panels.data() + layout.unit_bytes()),
        reinterpret_cast<std::int64_t>(expanded.data())};
    codegen::Interpret(BuildExpand(layout.type, layout.k), arguments);
    EXPECT_TRUE(expanded.Intact());
    return expanded;
  }
};

class GemmTileTest : public testing::TestWithParam<DType> {};
INSTANTIATE_TEST_SUITE_P(Types, GemmTileTest, testing::Values(DType::kQ4_1, DType::kQ8_0));

TEST_P(GemmTileTest, DirectTilesAgreeWithDoublePrecision) {
  Random random(1);
  for (const int k : {32, 64, 576}) {
    const Problem problem(random, GetParam(), k, kTileRows);
    for (int rows = 1; rows <= kTileRows; ++rows) {
      const Guarded<float> result = problem.Run(0, rows, nullptr);
      for (int r = 0; r < rows; ++r) {
        const std::vector<double> x = RowValues(problem.input.layout, problem.input.Row(r));
        for (int c = 0; c < kUnit; c += 5) {
          ASSERT_NEAR(result[r * kUnit + c], Dot(x, problem.weights.Values(kUnit + c)), 2e-5 * std::sqrt(k))
              << r << ' ' << c;
        }
      }
    }
  }
}

TEST_P(GemmTileTest, ExpandedTilesHaveTheBitsOfDirectTiles) {
  Random random(2);
  for (const int k : {32, 192, 576}) {
    const Problem problem(random, GetParam(), k, kTileRows);
    const Guarded<std::byte> expanded = problem.Expand();
    for (int rows = 1; rows <= kTileRows; ++rows) {
      EXPECT_TRUE(problem.Run(0, rows, &expanded) == problem.Run(0, rows, nullptr)) << k << ' ' << rows;
    }
  }
}

TEST_P(GemmTileTest, ARowHasTheSameBitsAloneAndInATile) {
  Random random(3);
  const Problem problem(random, GetParam(), 320, kTileRows);
  for (int rows = 2; rows <= kTileRows; ++rows) {
    const Guarded<float> together = problem.Run(0, rows, nullptr);
    for (int r = 0; r < rows; ++r) {
      EXPECT_EQ(std::memcmp(problem.Run(r, 1, nullptr).data(), together.data() + r * kUnit, kUnit * 4), 0)
          << rows << ' ' << r;
    }
  }
}

TEST_P(GemmTileTest, RowsOfTheResultAreApartByTheStride) {
  Random random(4);
  const Problem problem(random, GetParam(), 64, 3);
  const Guarded<float> dense = problem.Run(0, 3, nullptr), apart = problem.Run(0, 3, nullptr, 2 * kUnit);
  for (int r = 0; r < 3; ++r) {
    EXPECT_EQ(std::memcmp(dense.data() + r * kUnit, apart.data() + 2 * r * kUnit, kUnit * 4), 0);
    if (r < 2) {
      for (int c = kUnit; c < 2 * kUnit; ++c) EXPECT_EQ(apart[2 * r * kUnit + c], 0.0f);
    }
  }
}

TEST_P(GemmTileTest, ExtremeWeightsAndActivationsDoNotOverflow) {
  Random random(5);
  Problem problem(random, GetParam(), 32, 1);
  std::byte* row = problem.input.bytes.data();
  for (int zero : {0, 255}) {
    for (int k = 0; k < 32; ++k) row[k] = static_cast<std::byte>(255 - zero);
    const std::uint32_t negated = static_cast<std::uint32_t>(-zero) & 0xffffu;
    const float scale = 1.0f, sum = 32.0f * static_cast<float>(255 - 2 * zero);
    std::memcpy(row + 32, &scale, 4);
    std::memcpy(row + 36, &negated, 4);
    std::memcpy(row + 40, &sum, 4);
    for (int fill : {0x00, 0x7f, 0x80, 0xff}) {
      const int block = tensor::Row(GetParam()).block_bytes, header = GetParam() == DType::kQ4_1 ? 4 : 2;
      for (int r = 0; r < 64; ++r)
        std::memset(&problem.weights.bytes[r * block + header], fill, block - header);
      problem.panels = Pack(problem.layout, ColumnOrder::kPlain, {{problem.weights.bytes.data(), 64}});
      const double expected = Dot(RowValues(problem.input.layout, row), problem.weights.Values(kUnit));
      EXPECT_NEAR(problem.Run(0, 1, nullptr)[0], expected, 1e-5 * std::abs(expected) + 1e-3);
    }
  }
}

}  // namespace
}  // namespace vivace::kernels
