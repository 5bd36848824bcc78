// The portable kernels of every instruction set that this machine has, against references in double, and bit
// for bit over batch sizes.
#include "kernels/portable.h"

#include <gtest/gtest.h>

#include <cmath>
#include <cstdint>
#include <cstring>
#include <random>
#include <vector>

#include "kernels/portable_tables.h"
#include "kernels/step_fixture.h"
#include "tensor/dequantize.h"
#include "tensor/quantized_rows.h"
#include "tensor/random_row.h"

namespace vivace::kernels {
namespace {

using tensor::DType;

std::uint16_t Half(float value) {
  const auto half = static_cast<_Float16>(value);
  std::uint16_t bits;
  std::memcpy(&bits, &half, sizeof(bits));
  return bits;
}

/// A random weight [n, k] of a type, as bytes and as the values that they stand for.
struct RandomWeight {
  std::vector<std::byte> bytes;
  std::vector<double> values;

  RandomWeight(DType type, int n, int k, std::mt19937& random) {
    const std::size_t row_bytes =
        static_cast<std::size_t>(k) / Row(type).block_elements * Row(type).block_bytes;
    bytes.resize(n * row_bytes);
    std::vector<float> row(static_cast<std::size_t>(k));
    const std::uint64_t seed = random();
    for (int r = 0; r < n; ++r) {
      std::byte* out = bytes.data() + static_cast<std::size_t>(r) * row_bytes;
      tensor::RandomRow(type, seed, static_cast<std::uint64_t>(r), k, 0.5f, out);
      tensor::DequantizeRow(type, out, k, row.data());
      values.insert(values.end(), row.begin(), row.end());
    }
  }
};

std::vector<DType> WeightTypes() {
  std::vector<DType> types;
  for (int i = 0; i < tensor::kWeightTypes; ++i) types.push_back(static_cast<DType>(i));
  return types;
}

std::vector<float> RandomFloats(std::size_t count, std::mt19937& random) {
  std::normal_distribution<float> normal;
  std::vector<float> values(count);
  for (float& value : values) value = normal(random);
  return values;
}

template <class Expected>
double Nmse(const std::vector<float>& got, const std::vector<Expected>& expected) {
  double error = 0, energy = 1e-30;
  for (std::size_t i = 0; i < got.size(); ++i) {
    error += (got[i] - expected[i]) * (got[i] - expected[i]);
    energy += expected[i] * expected[i];
  }
  return error / energy;
}

class PortableTest : public testing::TestWithParam<PortableIsa> {
 protected:
  void SetUp() override {
    const PortableTable* table = PortableTableOf(GetParam());
    if (table == nullptr) GTEST_SKIP() << "this machine lacks the instruction set";
    kernels_ = KernelsOf(*table);
  }
  std::vector<float> RunLinear(const RandomWeight& weight, DType type, const float* x, int rows, int k,
                               int n) {
    std::vector<float> out(static_cast<std::size_t>(rows) * n, -7.0f);
    const LinearArgs args = {x, weight.bytes.data(), type, k, n, out.data(), false};
    tensor::StepView step;
    step.rows = rows;
    RunPhase(kernels_.linear[static_cast<std::size_t>(type)], &args, step);
    return out;
  }
  PortableKernels kernels_ = {};
  std::mt19937 random_{17};
};
INSTANTIATE_TEST_SUITE_P(Isa, PortableTest,
                         testing::Values(PortableIsa::kV2, PortableIsa::kV3, PortableIsa::kV4),
                         [](const auto& row) {
                           return std::string("V") + std::to_string(static_cast<int>(row.param) + 2);
                         });

struct LinearShape {
  DType type;
  int k, n;
};
// Of each type one shape with many blocks and one with few; rows that end in a part of a block where the type
// has those.
std::vector<LinearShape> LinearShapes() {
  std::vector<LinearShape> shapes = {{DType::kQ4_1, 576, 50}, {DType::kQ8_0, 1536, 24}};
  for (const DType type : WeightTypes()) {
    const int block = Row(type).block_elements;
    shapes.push_back({type, block == 1 ? 37 : 3 * block, 29});
    shapes.push_back({type, block == 1 ? 100 : block, 5});
  }
  return shapes;
}

TEST_P(PortableTest, LinearMatchesDouble) {
  for (const LinearShape& shape : LinearShapes()) {
    const int rows = 7;
    const RandomWeight weight(shape.type, shape.n, shape.k, random_);
    const std::vector<float> x = RandomFloats(static_cast<std::size_t>(rows) * shape.k, random_);
    std::vector<double> expected;
    for (int r = 0; r < rows; ++r) {
      for (int c = 0; c < shape.n; ++c) {
        double sum = 0;
        for (int i = 0; i < shape.k; ++i)
          sum += static_cast<double>(x[r * shape.k + i]) * weight.values[c * shape.k + i];
        expected.push_back(sum);
      }
    }
    EXPECT_LE(Nmse(RunLinear(weight, shape.type, x.data(), rows, shape.k, shape.n), expected), 1e-12)
        << Row(shape.type).name << " " << shape.k << " " << shape.n;
  }
}

TEST_P(PortableTest, LinearRowsHaveTheSameBitsInEveryBatch) {
  for (const LinearShape& shape : LinearShapes()) {
    const RandomWeight weight(shape.type, shape.n, shape.k, random_);
    const std::vector<float> x = RandomFloats(static_cast<std::size_t>(20) * shape.k, random_);
    const std::vector<float> all = RunLinear(weight, shape.type, x.data(), 20, shape.k, shape.n);
    for (int batch = 1; batch < 14; ++batch) {
      for (int r = 0; r + batch <= 20; r += batch) {
        const std::vector<float> part =
            RunLinear(weight, shape.type, x.data() + r * shape.k, batch, shape.k, shape.n);
        ASSERT_EQ(0, std::memcmp(part.data(), all.data() + r * shape.n, part.size() * sizeof(float)))
            << Row(shape.type).name << " k " << shape.k << " n " << shape.n << " batch " << batch << " row "
            << r;
      }
    }
  }
}

TEST_P(PortableTest, LinearOfLogitRowsTakesTheirCount) {
  const RandomWeight weight(DType::kF32, 5, 8, random_);
  const std::vector<float> x = RandomFloats(16, random_);
  std::vector<float> out(10);
  const LinearArgs args = {x.data(), weight.bytes.data(), DType::kF32, 8, 5, out.data(), true};
  tensor::StepView step;
  step.rows = 9;
  step.logit_count = 2;
  RunPhase(kernels_.linear[0], &args, step);
  EXPECT_EQ(out, RunLinear(weight, DType::kF32, x.data(), 2, 8, 5));
  step.logit_count = 0;
  EXPECT_EQ(kernels_.linear[0].grid(&args, step), 0);
}

TEST_P(PortableTest, EmbedGivesTheDequantisedRow) {
  for (const DType type : WeightTypes()) {
    const int hidden = Row(type).block_elements == 1 ? 70 : 2 * Row(type).block_elements;
    const RandomWeight weight(type, 11, hidden, random_);
    const std::vector<std::int32_t> tokens = {10, 0, 3, 3, 7, 1, 2, 9, 10, 4};
    std::vector<float> out(tokens.size() * hidden);
    const EmbedArgs args = {weight.bytes.data(), type, hidden, out.data()};
    tensor::StepView step;
    step.rows = static_cast<int>(tokens.size());
    step.token_ids = tokens.data();
    RunPhase(kernels_.embed[static_cast<std::size_t>(type)], &args, step);
    std::vector<double> expected;
    for (const int token : tokens) {
      for (int i = 0; i < hidden; ++i) expected.push_back(weight.values[token * hidden + i]);
    }
    EXPECT_LE(Nmse(out, expected), 1e-14) << Row(type).name;
  }
}

TEST_P(PortableTest, ElementwiseMatchesDouble) {
  const int rows = 11, width = 45;
  const std::vector<float> a = RandomFloats(rows * width, random_), b = RandomFloats(rows * width, random_);
  std::vector<float> wide = a;
  for (float& value : wide) value *= 20;
  tensor::StepView step;
  step.rows = rows;
  std::vector<float> out(a.size());
  std::vector<double> expected(a.size());

  const AddArgs add = {a.data(), b.data(), out.data(), width};
  RunPhase(kernels_.add, &add, step);
  for (std::size_t i = 0; i < a.size(); ++i) EXPECT_EQ(out[i], a[i] + b[i]);

  const SiluMulArgs silu = {wide.data(), b.data(), out.data(), width};
  RunPhase(kernels_.silu_mul, &silu, step);
  for (std::size_t i = 0; i < a.size(); ++i) {
    const double exact = wide[i] / (1 + std::exp(-static_cast<double>(wide[i]))) * b[i];
    EXPECT_NEAR(out[i], exact, 1e-30 + 6e-7 * std::abs(exact));
  }

  const RmsNormArgs norm = {wide.data(), b.data(), out.data(), width, 1e-5f};
  RunPhase(kernels_.rms_norm, &norm, step);
  for (int r = 0; r < rows; ++r) {
    double sum = 0;
    for (int i = 0; i < width; ++i) sum += static_cast<double>(wide[r * width + i]) * wide[r * width + i];
    for (int i = 0; i < width; ++i)
      expected[r * width + i] = wide[r * width + i] / std::sqrt(sum / width + 1e-5f) * b[i];
  }
  EXPECT_LE(Nmse(out, expected), 1e-13);
}

/// What tensor/quantized_rows.h says of one element.
double Dequantised(const std::byte* row, const tensor::QuantizedRows& layout, int k) {
  const int group = k / 32;
  float scale;
  std::int32_t word;
  std::memcpy(&scale, row + layout.scale_offset() + 4 * group, 4);
  std::memcpy(&word, row + layout.word_offset() + 4 * group, 4);
  return static_cast<double>(scale) * (std::to_integer<int>(row[k]) + static_cast<std::int16_t>(word));
}

TEST_P(PortableTest, QuantizeKeepsRowsWithinHalfAStepAndSumsTheirSquares) {
  const int rows = 9, width = 96;
  const tensor::QuantizedRows layout = {width};
  std::vector<float> x = RandomFloats(rows * width, random_);
  const std::vector<float> weight = RandomFloats(width, random_);
  std::fill(x.begin() + width, x.begin() + width + 32, 0.0f);      // a group of zeros
  for (int i = 0; i < 32; ++i) x[2 * width + i] = std::abs(x[i]);  // and one without negatives
  tensor::StepView step;
  step.rows = rows;
  for (const bool weighted : {false, true}) {
    std::vector<std::byte> out(static_cast<std::size_t>(rows) * layout.row_stride());
    std::vector<float> squares(rows * 16, -1.0f);
    const QuantizeArgs args = {x.data(), weighted ? weight.data() : nullptr,
                               weighted ? squares.data() : nullptr, out.data(), width};
    RunPhase(kernels_.quantize, &args, step);
    for (int r = 0; r < rows; ++r) {
      for (int g = 0; g < 3; ++g) {
        double low = 0, high = 0, sum = 0, square = 0;
        std::vector<double> exact;
        for (int k = 32 * g; k < 32 * g + 32; ++k) {
          const double value = x[r * width + k];
          exact.push_back(weighted ? value * weight[k] : value);
          low = std::min(low, exact.back());
          high = std::max(high, exact.back());
          square += value * value;
        }
        for (int i = 0; i < 32; ++i) {
          const double got = Dequantised(out.data() + r * layout.row_stride(), layout, 32 * g + i);
          EXPECT_NEAR(got, exact[i], (high - low) / 255 * 1.01 + 1e-7);
          sum += got;
        }
        float stored;
        std::memcpy(&stored, out.data() + r * layout.row_stride() + layout.sum_offset() + 4 * g, 4);
        EXPECT_NEAR(stored, sum, 1e-4);
        EXPECT_NEAR(squares[r * 16 + g], weighted ? square : -1.0, 1e-4);
      }
    }
  }
}

TEST_P(PortableTest, QuantizeMakesAGroupWithoutNumbersOfNoNumbers) {
  std::vector<float> x(64, 1.0f);
  x[5] = NAN;
  x[40] = INFINITY;
  const tensor::QuantizedRows layout = {64};
  std::vector<std::byte> out(layout.row_stride());
  tensor::StepView step;
  step.rows = 1;
  const QuantizeArgs args = {x.data(), nullptr, nullptr, out.data(), 64};
  RunPhase(kernels_.quantize, &args, step);
  EXPECT_TRUE(std::isnan(Dequantised(out.data(), layout, 0)));
  EXPECT_TRUE(std::isnan(Dequantised(out.data(), layout, 32)));
}

TEST_P(PortableTest, GatedGeluSoftcapScaleAndBiasMatchDouble) {
  const int rows = 11, width = 45;
  const std::vector<float> a = RandomFloats(rows * width, random_), b = RandomFloats(rows * width, random_);
  std::vector<float> wide = a;
  for (std::size_t i = 0; i < wide.size(); ++i) wide[i] *= std::pow(10.0f, static_cast<float>(i % 5) - 2.0f);
  tensor::StepView step;
  step.rows = rows;
  step.logit_count = 3;
  std::vector<float> out(a.size());

  const SiluMulArgs gelu = {wide.data(), b.data(), out.data(), width};
  RunPhase(kernels_.gelu_mul, &gelu, step);
  for (std::size_t i = 0; i < a.size(); ++i) {
    const double x = wide[i];
    const double exact = 0.5 * x * (1 + std::tanh(std::sqrt(2 / M_PI) * (x + 0.044715 * x * x * x))) * b[i];
    EXPECT_NEAR(out[i], exact, 1e-6 * std::abs(x * b[i])) << x;
  }

  const ScaleArgs scale = {a.data(), out.data(), width, 5.5f};
  RunPhase(kernels_.scale, &scale, step);
  for (std::size_t i = 0; i < a.size(); ++i) EXPECT_EQ(out[i], a[i] * 5.5f);

  const AddBiasArgs bias = {a.data(), b.data(), out.data(), width};
  RunPhase(kernels_.add_bias, &bias, step);
  for (std::size_t i = 0; i < a.size(); ++i) EXPECT_EQ(out[i], a[i] + b[i % width]);

  for (const bool logits : {false, true}) {
    out.assign(a.size(), -7.0f);
    const SoftcapArgs cap = {wide.data(), out.data(), width, 3.0f, logits};
    RunPhase(kernels_.softcap, &cap, step);
    for (std::size_t i = 0; i < a.size(); ++i) {
      const double exact = 3.0 * std::tanh(wide[i] / 3.0);
      const bool done = !logits || i < 3 * width;
      EXPECT_NEAR(out[i], done ? exact : -7.0, 5e-7 * std::abs(exact)) << wide[i];
    }
  }
}

TEST_P(PortableTest, NormsOfHeadsAddTheOffsetToTheWeight) {
  const int rows = 9, heads = 3, dim = 24;
  const std::vector<float> x = RandomFloats(rows * heads * dim, random_), w = RandomFloats(dim, random_);
  std::vector<float> out(x.size());
  tensor::StepView step;
  step.rows = rows;
  const RmsNormArgs args = {x.data(), w.data(), out.data(), dim, 1e-3f, 1.0f, heads};
  RunPhase(kernels_.rms_norm, &args, step);
  std::vector<double> expected;
  for (int head = 0; head < rows * heads; ++head) {
    double sum = 0;
    for (int i = 0; i < dim; ++i) sum += std::pow(static_cast<double>(x[head * dim + i]), 2);
    for (int i = 0; i < dim; ++i)
      expected.push_back(x[head * dim + i] / std::sqrt(sum / dim + 1e-3f) * (1.0 + w[i]));
  }
  EXPECT_LE(Nmse(out, expected), 1e-13);
}

TEST_P(PortableTest, RopeRotatesHalves) {
  const int rows = 10, heads = 3, dim = 24, half = dim / 2;
  const std::vector<float> table = RandomFloats(20 * dim, random_);
  const std::vector<float> before = RandomFloats(rows * heads * dim, random_);
  std::vector<float> x = before;
  std::vector<std::int32_t> positions;
  for (int r = 0; r < rows; ++r) positions.push_back((7 * r) % 20);
  tensor::StepView step;
  step.rows = rows;
  step.positions = positions.data();
  const RopeArgs args = {x.data(), table.data(), heads, dim, true};
  RunPhase(kernels_.rope, &args, step);
  for (int r = 0; r < rows; ++r) {
    const float* row = table.data() + positions[r] * dim;
    for (int head = 0; head < heads; ++head) {
      const int at = (r * heads + head) * dim;
      for (int i = 0; i < half; ++i) {
        const double a = before[at + i], b = before[at + half + i];
        EXPECT_NEAR(x[at + i], a * row[i] - b * row[half + i], 2e-6);
        EXPECT_NEAR(x[at + half + i], a * row[half + i] + b * row[i], 2e-6);
      }
    }
  }
}

TEST_P(PortableTest, RopeRotatesInterleavedPairs) {
  const int rows = 10, heads = 3, dim = 32;
  const std::vector<float> table = RandomFloats(20 * dim, random_);
  std::vector<float> x = RandomFloats(rows * heads * dim, random_);
  std::vector<std::int32_t> positions;
  std::vector<double> expected;
  for (int r = 0; r < rows; ++r) positions.push_back((7 * r) % 20);
  for (int i = 0; i < rows * heads * dim; i += 2) {
    const float* row = table.data() + positions[i / (heads * dim)] * dim;
    const double c = row[i % dim / 2], s = row[dim / 2 + i % dim / 2];
    expected.push_back(x[i] * c - x[i + 1] * s);
    expected.push_back(x[i] * s + x[i + 1] * c);
  }
  tensor::StepView step;
  step.rows = rows;
  step.positions = positions.data();
  const RopeArgs args = {x.data(), table.data(), heads, dim};
  RunPhase(kernels_.rope, &args, step);
  EXPECT_LE(Nmse(x, expected), 1e-13);
}

TEST_P(PortableTest, GatherTakesTheLogitRows) {
  const std::vector<float> x = RandomFloats(12 * 5, random_);
  const std::vector<std::int32_t> rows = {0, 3, 4, 5, 6, 7, 8, 9, 11};
  std::vector<float> out(rows.size() * 5);
  tensor::StepView step;
  step.rows = 12;
  step.logit_rows = rows.data();
  step.logit_count = static_cast<int>(rows.size());
  const GatherRowsArgs args = {x.data(), out.data(), 5};
  RunPhase(kernels_.gather_rows, &args, step);
  for (std::size_t r = 0; r < rows.size(); ++r) {
    for (int i = 0; i < 5; ++i) EXPECT_EQ(out[r * 5 + i], x[rows[r] * 5 + i]);
  }
}

TEST_P(PortableTest, HalvesInTheCacheAreRoundedToNearestEven) {
  // Each row's K holds one value in every element; specials, ties, denormals and overflow first, then random
  // bit patterns.
  std::vector<float> values = {0.0f,      -0.0f, 65504.0f, 65519.9f, 65520.0f, 1e30f,
                               -INFINITY, 6e-8f, 2.98e-8f, 2.99e-8f, 6.1e-5f,  6.09e-5f};
  values.insert(values.end(), {1.0f + 1.0f / 2048, 1.0f + 3.0f / 2048, 1e-10f, -3.0e-5f});
  for (int i = 0; i < 2000; ++i)
    values.push_back(std::ldexp(RandomFloats(1, random_)[0], static_cast<int>(random_() % 44) - 28));
  const tensor::KvLayout layout = {.layers = 1,
                                   .kv_heads = 1,
                                   .head_dim = 16,
                                   .type = DType::kF16,
                                   .blocks = static_cast<int>(values.size() + 15) / 16};
  std::vector<std::byte> pool(layout.bytes());
  std::vector<float> k;
  std::vector<std::int32_t> slots;
  for (const float value : values) {
    k.insert(k.end(), 16, value);
    slots.push_back(static_cast<std::int32_t>(slots.size()));
  }
  tensor::StepView step;
  step.rows = static_cast<int>(values.size());
  step.kv_slots = slots.data();
  const KvAppendArgs args = {k.data(), k.data(), layout, pool.data()};
  RunPhase(kernels_.kv_append, &args, step);
  for (std::size_t i = 0; i < values.size(); ++i) {
    std::uint16_t key, value;
    std::memcpy(
        &key, pool.data() + i / 16 * layout.block_stride() + layout.k_offset(0, 3, static_cast<int>(i % 16)),
        2);
    std::memcpy(&value,
                pool.data() + i / 16 * layout.block_stride() +
                    layout.v_element_offset(0, static_cast<int>(i % 16), 15),
                2);
    EXPECT_EQ(key, Half(values[i])) << values[i];
    EXPECT_EQ(value, key);
  }
}

}  // namespace
}  // namespace vivace::kernels
