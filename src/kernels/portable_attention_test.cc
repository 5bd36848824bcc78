// Portable attention of every instruction set: against softmax in double, and bit for bit over tiles, chunks
// of the prompt and batches.
#include <gtest/gtest.h>

#include <cstring>
#include <string>
#include <vector>

#include "kernels/attention_fixture.h"
#include "kernels/portable_tables.h"

namespace vivace::kernels {
namespace {

using tensor::DType;

struct Shape {
  int heads, kv_heads, dim;
  DType type;
  std::vector<int> lengths;
  int window = 0;
  float softcap = 0;
};
const Shape kShapes[] = {
    {9, 3, 64, DType::kF16, {300}},          {9, 3, 64, DType::kF32, {33, 1}},
    {8, 1, 80, DType::kF16, {40, 17}},       {2, 2, 96, DType::kF32, {257}},
    {4, 2, 128, DType::kF16, {16, 5, 2}},    {5, 1, 16, DType::kF16, {700}},
    {3, 1, 48, DType::kF32, {270}},          {2, 1, 8, DType::kF32, {40}},
    {4, 2, 24, DType::kF16, {300}},          {2, 1, 40, DType::kF32, {20}},
    {2, 1, 112, DType::kF16, {30}},          {2, 1, 256, DType::kF16, {20}},
    {4, 2, 64, DType::kF16, {600}, 100},     {4, 2, 64, DType::kF32, {530}, 256, 2.0f},
    {2, 1, 24, DType::kF32, {290}, 5, 0.5f}, {3, 1, 32, DType::kF16, {40}, 4},
    {3, 1, 32, DType::kF16, {40}, 3},        {3, 1, 32, DType::kF32, {270}, 1},
};

class PortableAttentionTest : public testing::TestWithParam<PortableIsa> {
 protected:
  void SetUp() override {
    const PortableTable* table = PortableTableOf(GetParam());
    if (table == nullptr) GTEST_SKIP() << "this machine lacks the instruction set";
    kernel_ = KernelsOf(*table).attention;
  }
  std::vector<float> Run(const AttentionFixture& fixture, const std::vector<SequencePart>& parts,
                         int tile_rows, int window = 0, float softcap = 0) {
    const AttentionStep step = fixture.Step(parts, tile_rows);
    std::vector<float> out(step.q.size(), -1.0f);
    const AttentionArgs args = {step.q.data(),   out.data(), fixture.layout(), fixture.layer(),
                                fixture.heads(), 0.125f,     window,           softcap};
    RunPhase(kernel_, &args, step.view);
    return out;
  }
  std::vector<float> RunWhole(const AttentionFixture& fixture, int sequence, const Shape& shape) {
    return Run(fixture, {{sequence, 0, fixture.length(sequence)}}, kPortableAttentionRows, shape.window,
               shape.softcap);
  }
  TaskKernel kernel_ = {};
};
INSTANTIATE_TEST_SUITE_P(Isa, PortableAttentionTest,
                         testing::Values(PortableIsa::kV2, PortableIsa::kV3, PortableIsa::kV4),
                         [](const auto& row) {
                           return std::string("V") + std::to_string(static_cast<int>(row.param) + 2);
                         });

TEST_P(PortableAttentionTest, MatchesSoftmaxInDouble) {
  for (const Shape& shape : kShapes) {
    const AttentionFixture fixture(shape.heads, shape.kv_heads, shape.dim, shape.type, shape.lengths, 5);
    for (int s = 0; s < static_cast<int>(shape.lengths.size()); ++s) {
      const std::vector<float> out = RunWhole(fixture, s, shape);
      for (int position = 0; position < shape.lengths[s]; position += 1 + position / 20) {
        const std::vector<double> exact = fixture.Exact(s, position, 0.125f, shape.window, shape.softcap);
        double error = 0, energy = 0;
        for (int i = 0; i < fixture.width(); ++i) {
          error += std::pow(out[position * fixture.width() + i] - exact[i], 2);
          energy += exact[i] * exact[i];
        }
        ASSERT_LE(error, 1e-11 * energy)
            << "dim " << shape.dim << " sequence " << s << " position " << position;
      }
    }
  }
}

TEST_P(PortableAttentionTest, BitsDoNotDependOnTilesOrChunks) {
  for (const Shape& shape : kShapes) {
    const AttentionFixture fixture(shape.heads, shape.kv_heads, shape.dim, shape.type, shape.lengths, 6);
    const int width = fixture.width(), length = shape.lengths[0];
    const std::vector<float> whole = RunWhole(fixture, 0, shape);
    for (const int chunk : {1, 2, 3, 5, 31, 256}) {
      for (int first = std::max(0, length - 124); first < length; first += chunk) {
        const int rows = std::min(chunk, length - first);
        const std::vector<float> part =
            Run(fixture, {{0, first, rows}}, 1 + chunk % kPortableAttentionRows, shape.window, shape.softcap);
        ASSERT_EQ(0, std::memcmp(part.data(), whole.data() + first * width, part.size() * sizeof(float)))
            << "dim " << shape.dim << " chunk " << chunk << " at " << first;
      }
    }
  }
}

TEST_P(PortableAttentionTest, BitsDoNotDependOnTheBatch) {
  const AttentionFixture fixture(9, 3, 64, DType::kF16, {30, 3, 270, 1}, 7);
  const std::vector<SequencePart> parts = {{2, 250, 20}, {0, 29, 1}, {3, 0, 1}, {1, 0, 3}, {2, 0, 7}};
  const std::vector<float> together = Run(fixture, parts, kPortableAttentionRows);
  std::vector<float> alone;
  for (const SequencePart& part : parts) {
    const std::vector<float> out = Run(fixture, {part}, 1);
    alone.insert(alone.end(), out.begin(), out.end());
  }
  EXPECT_EQ(0, std::memcmp(alone.data(), together.data(), together.size() * sizeof(float)));
}

TEST_P(PortableAttentionTest, LaterPositionsOfATileAreNeverTouched) {
  AttentionFixture fixture(3, 1, 32, DType::kF16, {40}, 8);
  for (const int position : {19, 18, 17, 16}) {
    fixture.PoisonValues(0, position);
    const std::vector<float> tile = Run(fixture, {{0, 15, kPortableAttentionRows}}, kPortableAttentionRows);
    const std::vector<float> alone = Run(fixture, {{0, 15, position - 15}}, 1);
    EXPECT_EQ(0, std::memcmp(alone.data(), tile.data(), alone.size() * sizeof(float))) << position;
    EXPECT_FALSE(std::isnan(alone.back()));
  }
}

TEST_P(PortableAttentionTest, PositionsBeforeTheWindowAreNeverTouched) {
  constexpr int kWindow = 6;
  AttentionFixture fixture(3, 1, 24, DType::kF32, {40}, 9);
  const std::vector<SequencePart> last = {{0, 36, kPortableAttentionRows}};
  const std::vector<float> clean = Run(fixture, last, kPortableAttentionRows, kWindow);
  for (int position = 0; position <= 36 - kWindow; ++position) fixture.PoisonValues(0, position);
  const std::vector<float> poisoned = Run(fixture, last, kPortableAttentionRows, kWindow);
  EXPECT_EQ(0, std::memcmp(clean.data(), poisoned.data(), clean.size() * sizeof(float)));
  fixture.PoisonValues(0, 36 - kWindow + 1);  // the first position that row 0, and only row 0, sees
  const std::vector<float> seen = Run(fixture, last, kPortableAttentionRows, kWindow);
  EXPECT_TRUE(std::isnan(seen[0]));
  EXPECT_EQ(0, std::memcmp(clean.data() + fixture.width(), seen.data() + fixture.width(),
                           (clean.size() - fixture.width()) * sizeof(float)));
}

}  // namespace
}  // namespace vivace::kernels
