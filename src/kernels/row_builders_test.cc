// The whole-row quantiser against its rule in double precision, as machine code of every target and through
// row_steps.
#include "kernels/row_builders.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>

#include "codegen/differential.h"
#include "kernels/panel_fixture.h"
#include "kernels/step_fixture.h"

namespace vivace::kernels {
namespace {

using codegen::GuardedBuffer;
using tensor::QuantizedRows;

constexpr int kRowCount = 3;

// Row 0 any numbers, row 1 zeros, row 2 with a NaN.
std::vector<float> Input(Random& random, int width) {
  std::vector<float> x = RandomFloats(random, static_cast<std::size_t>(kRowCount) * width, -1, 3);
  std::fill_n(x.begin() + width, width, 0.0f);
  x[static_cast<std::size_t>(2 * width) + 5] = std::numeric_limits<float>::quiet_NaN();
  return x;
}

void ExpectRows(const QuantizedRows& rows, const std::vector<float>& x, const std::byte* out) {
  const auto value = [&](int row, int k) {
    float scale;
    std::int32_t zero;
    std::memcpy(&scale, out + row * rows.row_stride() + rows.scale_offset(), 4);
    std::memcpy(&zero, out + row * rows.row_stride() + rows.scale_offset() + 4, 4);
    return scale * static_cast<float>(static_cast<int>(out[row * rows.row_stride() + k]) - zero);
  };
  for (int k = 0; k < rows.k; ++k) {
    EXPECT_NEAR(value(0, k), x[static_cast<std::size_t>(k)], 4.0 / 255) << k;
    EXPECT_EQ(value(1, k), 0);
    EXPECT_TRUE(std::isnan(value(2, k)));
  }
}

TEST(QuantizeToken, RowsComeBackWithinAStepAndShowWhatIsNoNumberOnEveryTarget) {
  Random random(2);
  for (const int width : {32, 96, 576}) {
    const QuantizedRows rows{width, tensor::ActivationType::kU8Token};
    std::vector<float> x = Input(random, width);
    for (const codegen::Target& target : codegen::RunnableTargets()) {
      const GuardedBuffer out(static_cast<std::size_t>(kRowCount) * rows.row_stride());
      const Status status = codegen::CompareWithInterpreter(
          BuildQuantizeToken(width), {{reinterpret_cast<std::int64_t>(x.data()), out.address(), kRowCount}},
          {{out.bytes()}}, target);
      ASSERT_TRUE(status.ok()) << target.name << ": " << status.message();
      ExpectRows(rows, x, out.bytes().data());
    }
  }
}

TEST(QuantizeToken, RowStepsWriteRowsOfATokenFromWholeRowsOnly) {
  const FlushDenormals flush;
  Random random(3);
  const QuantizedRows rows{96, tensor::ActivationType::kU8Token};
  const std::vector<float> x = Input(random, 96);
  Guarded<std::byte> out(static_cast<std::size_t>(kRowCount) * rows.row_stride());
  RowStepsArgs args{};
  args.spec.epilogue = {.n = 96,
                        .steps = {EpilogueSteps{{StepKind::kActivations}}},
                        .output_k = 96,
                        .output = tensor::ActivationType::kU8Token};
  InterpretedKernels::Clear();
  args.code = InterpretedKernels::Resolve(args.spec);
  args.inputs[0] = x.data();
  args.out.output = out.data();
  tensor::StepView step;
  step.rows = kRowCount;
  RunPhase(RowStepsKernel(), &args, step);
  EXPECT_TRUE(out.Intact());
  ExpectRows(rows, x, out.data());
  args.spec.epilogue.steps[0] = {{StepKind::kSquares}, {StepKind::kActivations}};
  args.spec.epilogue.hidden = 96;
  EXPECT_FALSE(BuildRowStepsPhase(args.spec).ok());
}

}  // namespace
}  // namespace vivace::kernels
