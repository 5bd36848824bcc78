// Float contraction tiles against double precision, against each other and against the interpreter, on every
// target of this CPU. The unit is packed here by hand, as packed_panel.h says.
#include "kernels/float_tile.h"

#include <gtest/gtest.h>

#include <bit>
#include <cmath>
#include <cstdlib>
#include <cstring>
#include <random>
#include <string>
#include <utility>
#include <vector>

#include "codegen/differential.h"
#include "tensor/float16.h"

namespace vivace::kernels {
namespace {

using codegen::GuardedBuffer;
using codegen::Target;
using tensor::ActivationType;
using tensor::QuantizedRows;
using tensor::WeightClass;

constexpr int kColumns = 32;
using Random = std::mt19937;

float Uniform(Random& random) {
  return std::uniform_real_distribution<float>(-1, 1)(random);
}
int UniformInt(Random& random, int low, int high) {
  return std::uniform_int_distribution<int>(low, high)(random);
}

// Writes `value` as the element would hold it, truncated to bf16 where it is one; gives the value written.
float WriteElement(std::byte* to, int bytes, bool is_f16, float value) {
  if (bytes == 4) {
    std::memcpy(to, &value, 4);
    return value;
  }
  const std::uint16_t bits = is_f16 ? tensor::F32ToF16(value)
                                    : static_cast<std::uint16_t>(std::bit_cast<std::uint32_t>(value) >> 16);
  std::memcpy(to, &bits, 2);
  return is_f16 ? tensor::F16ToF32(bits) : std::bit_cast<float>(std::uint32_t{bits} << 16);
}

/// Activation rows and one packed unit, with their exact values.
struct Problem {
  WeightClass type;
  QuantizedRows layout;
  int rows;
  GuardedBuffer input, unit;
  std::vector<float> x, w;  // [rows][k], [k][32]

  Problem(Random& random, WeightClass weights, ActivationType activation, int k, int row_count)
      : type(weights),
        layout{k, activation},
        rows(row_count),
        input(static_cast<std::size_t>(layout.row_stride()) * row_count),
        unit(tensor::PanelLayout{weights, k, kColumns}.unit_bytes()),
        x(static_cast<std::size_t>(row_count) * k),
        w(static_cast<std::size_t>(k) * kColumns) {
    const int element = tensor::Row(activation).element_bytes;
    for (int r = 0; r < rows; ++r) {
      for (int i = 0; i < k; ++i) {
        std::byte* to = input.bytes().data() + r * layout.row_stride() + i * element;
        x[r * k + i] = WriteElement(to, element, false, Uniform(random));
      }
    }
    const tensor::WeightClassRow& row = tensor::Row(type);
    const int weight = row.block_bytes / (row.block_k * kColumns);
    for (int i = 0; i < k; ++i) {
      for (int c = 0; c < kColumns; ++c) {
        const int element_index = (i / row.block_k * kColumns + c) * row.block_k + i % row.block_k;
        std::byte* to = unit.bytes().data() + element_index * weight;
        w[i * kColumns + c] = WriteElement(to, weight, type == WeightClass::kF16, Uniform(random));
      }
    }
  }

  FloatTileShape Shape(int tile_rows) const {
    return {
        .type = type, .activation = layout.type, .k = layout.k, .rows = tile_rows, .c_stride = kColumns * 4};
  }
  double Exact(int r, int c) const {
    double sum = 0;
    for (int i = 0; i < layout.k; ++i) {
      sum += static_cast<double>(x[r * layout.k + i]) * static_cast<double>(w[i * kColumns + c]);
    }
    return sum;
  }
};

// Runs a kernel in the interpreter and as machine code of `target`, and requires the same bits.
void RunBoth(const codegen::Function& function, const Target& target, const Problem& problem, int first_row,
             int first_k, const GuardedBuffer& result, int slice_k = 0) {
  const tensor::WeightClassRow& row = tensor::Row(problem.type);
  const std::int64_t element = tensor::Row(problem.layout.type).element_bytes;
  const std::int64_t arguments[kTileArguments] = {
      problem.input.address() + std::int64_t{first_row} * problem.layout.row_stride() + first_k * element,
      problem.unit.address() + std::int64_t{first_k} / row.block_k * row.block_bytes, result.address(), 0,
      slice_k / kFloatGroupK};
  const std::span<std::byte> buffers[] = {problem.input.bytes(), problem.unit.bytes(), result.bytes()};
  const Status status = codegen::CompareWithInterpreter(function, arguments, buffers, target);
  ASSERT_TRUE(status.ok()) << target.name << ": " << status.message();
}

// Results [rows][32] of one tile over the whole of k.
std::vector<float> Results(const Problem& problem, const Target& target, int first_row, int rows) {
  const GuardedBuffer result(static_cast<std::size_t>(rows) * kColumns * 4);
  RunBoth(BuildFloatTile(problem.Shape(rows), target), target, problem, first_row, 0, result);
  return {result.as<float>().begin(), result.as<float>().end()};
}

// The pairs of weights and activations that exist.
using Types = std::pair<WeightClass, ActivationType>;
constexpr Types kTypes[] = {{WeightClass::kF32, ActivationType::kF32},
                            {WeightClass::kF16, ActivationType::kF32},
                            {WeightClass::kBF16, ActivationType::kF32},
                            {WeightClass::kBF16, ActivationType::kBF16}};

class FloatTileTest : public testing::TestWithParam<Types> {
 protected:
  Problem Make(Random& random, int k, int rows) const {
    return Problem(random, GetParam().first, GetParam().second, k, rows);
  }
};
INSTANTIATE_TEST_SUITE_P(Types, FloatTileTest, testing::ValuesIn(kTypes), [](const auto& types) {
  return std::string(tensor::Row(types.param.first).name) + "_" +
         std::string(tensor::Row(types.param.second).name);
});

TEST_P(FloatTileTest, AgreesWithDoublePrecision) {
  Random random(1);
  for (const Target& target : codegen::RunnableTargets()) {
    for (const int k : {32, 576}) {
      const Problem problem = Make(random, k, FloatTileRows(target));
      const std::vector<float> y = Results(problem, target, 0, problem.rows);
      double error = 0, energy = 0;
      for (int r = 0; r < problem.rows; ++r) {
        for (int c = 0; c < kColumns; ++c) {
          const double exact = problem.Exact(r, c);
          error += (y[r * kColumns + c] - exact) * (y[r * kColumns + c] - exact);
          energy += exact * exact;
        }
      }
      EXPECT_LE(error, 1e-10 * energy) << target.name << " k " << k;
    }
  }
}

TEST_P(FloatTileTest, ARowHasTheSameBitsInEveryTile) {
  Random random(2);
  for (const Target& target : codegen::RunnableTargets()) {
    const Problem problem = Make(random, 96, FloatTileRows(target));
    const std::vector<float> all = Results(problem, target, 0, problem.rows);
    for (int rows = 1; rows < problem.rows; ++rows) {
      const int first = problem.rows - rows;
      const std::vector<float> some = Results(problem, target, first, rows);
      EXPECT_EQ(std::memcmp(some.data(), all.data() + first * kColumns, some.size() * 4), 0)
          << target.name << ' ' << rows;
    }
  }
}

TEST_P(FloatTileTest, TargetsOfOneArithmeticGiveTheSameBits) {
  Random random(3);
  const Problem problem = Make(random, 160, 3);
  const std::vector<Target> targets = codegen::RunnableTargets();
  for (const Target& target : targets) {
    const bool dots = problem.layout.type == ActivationType::kBF16 && problem.type == WeightClass::kBF16;
    if (dots && target.bf16_dot != targets.front().bf16_dot) continue;
    EXPECT_EQ(Results(problem, target, 0, 3), Results(problem, targets.front(), 0, 3)) << target.name;
  }
}

TEST_P(FloatTileTest, SlicesOfKContinueTheSameSums) {
  Random random(4);
  for (const Target& target : codegen::RunnableTargets()) {
    const Problem problem = Make(random, 160, FloatTileRows(target));
    const std::vector<float> whole = Results(problem, target, 0, problem.rows);
    const GuardedBuffer result(whole.size() * 4);
    for (int first = 0; first < problem.layout.k; first += 64) {
      FloatTileShape shape = problem.Shape(problem.rows);
      shape.slice = true;
      const int slice_k = std::min(64, problem.layout.k - first);
      RunBoth(BuildFloatTile(shape, target), target, problem, 0, first, result, slice_k);
    }
    EXPECT_EQ(std::memcmp(result.bytes().data(), whole.data(), whole.size() * 4), 0) << target.name;
  }
}

TEST_P(FloatTileTest, RandomShapesMatchTheInterpreterAndLeaveTheRestAlone) {
  Random random(5);
  const int rounds = std::getenv("VIVACE_LONG") != nullptr ? 300 : 12;
  for (const Target& target : codegen::RunnableTargets()) {
    for (int round = 0; round < rounds; ++round) {
      const int rows = UniformInt(random, 1, FloatTileRows(target));
      const Problem problem = Make(random, 32 * UniformInt(random, 1, 5), rows);
      FloatTileShape shape = problem.Shape(rows);
      shape.c_stride = 4 * kColumns * UniformInt(random, 1, 3);
      if (UniformInt(random, 0, 1) == 1) shape.prefetch = {8192, 1024};
      const GuardedBuffer result(static_cast<std::size_t>(shape.c_stride) * (rows - 1) + kColumns * 4);
      for (float& value : result.as<float>()) value = -7;
      RunBoth(BuildFloatTile(shape, target), target, problem, 0, 0, result);
      const std::vector<float> dense = Results(problem, target, 0, rows);
      for (std::size_t i = 0; i < result.as<float>().size(); ++i) {
        const int c = static_cast<int>(i) % (shape.c_stride / 4),
                  r = static_cast<int>(i) / (shape.c_stride / 4);
        ASSERT_EQ(result.as<float>()[i], c < kColumns ? dense[r * kColumns + c] : -7) << r << ' ' << c;
      }
    }
  }
}

TEST(FloatTile, Bf16WeightsTakeBf16RowsWhereTheTargetMultipliesThem) {
  Target target = codegen::HostTarget();
  target.bf16_dot = true;
  EXPECT_EQ(FloatActivation(WeightClass::kBF16, target), ActivationType::kBF16);
  EXPECT_EQ(FloatActivation(WeightClass::kF16, target), ActivationType::kF32);
  target.bf16_dot = false;
  EXPECT_EQ(FloatActivation(WeightClass::kBF16, target), ActivationType::kF32);
}

}  // namespace
}  // namespace vivace::kernels
