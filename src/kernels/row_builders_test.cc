// Row kernels against double precision, and as machine code against the interpreter on every target.
#include "kernels/row_builders.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstdlib>
#include <cstring>
#include <limits>
#include <numeric>
#include <random>
#include <vector>

#include "codegen/differential.h"

namespace vivace::kernels {
namespace {

using codegen::GuardedBuffer;
using tensor::ActivationType;
using tensor::QuantizedRows;

using Random = std::mt19937;

// Widths with every kind of tail; with VIVACE_LONG=1 all up to 1,000.
std::vector<int> Widths() {
  if (std::getenv("VIVACE_LONG") == nullptr) return {1, 7, 16, 31, 32, 40, 64, 96, 100, 129, 576};
  std::vector<int> widths(1000);
  std::iota(widths.begin(), widths.end(), 1);
  return widths;
}

struct Floats : GuardedBuffer {
  explicit Floats(std::size_t count, float value = 0) : GuardedBuffer(count * 4) {
    std::fill(as<float>().begin(), as<float>().end(), value);
  }
  Floats(Random& random, std::size_t count, float low, float high) : Floats(count) {
    std::uniform_real_distribution<float> uniform(low, high);
    for (float& v : as<float>()) v = uniform(random);
  }
  float& operator[](std::size_t i) { return as<float>()[i]; }
};

// Runs on every target and compares with the interpreter; what the first target wrote stays.
void RunEverywhere(const codegen::Function& function, const std::vector<std::int64_t>& arguments,
                   const std::vector<std::span<std::byte>>& buffers) {
  std::vector<std::vector<std::byte>> before;
  for (const auto& buffer : buffers) before.emplace_back(buffer.begin(), buffer.end());
  std::vector<codegen::Target> targets = codegen::RunnableTargets();
  std::reverse(targets.begin(), targets.end());
  for (const codegen::Target& target : targets) {
    for (std::size_t i = 0; i < buffers.size(); ++i)
      std::copy(before[i].begin(), before[i].end(), buffers[i].begin());
    const Status status = codegen::CompareWithInterpreter(function, arguments, buffers, target);
    ASSERT_TRUE(status.ok()) << target.name << ": " << status.message();
  }
}

// Normalised mean square error of what a test compares.
struct Errors {
  double error = 0, energy = 1e-300;
  void Add(double value, double exact) {
    error += (value - exact) * (value - exact);
    energy += exact * exact;
  }
  double nmse() const { return error / energy; }
};

template <class T>
T At(const std::byte* bytes, int offset) {
  T value;
  std::memcpy(&value, bytes + offset, sizeof(T));
  return value;
}

// Element k of a row of any type that has a quantiser.
double Value(const QuantizedRows& rows, const std::byte* row, int k) {
  if (rows.type == ActivationType::kF32) return At<float>(row, 4 * k);
  if (rows.type == ActivationType::kBF16) {
    return std::bit_cast<float>(std::uint32_t{At<std::uint16_t>(row, 2 * k)} << 16);
  }
  const int g = k / rows.group();
  const int zero = rows.type == ActivationType::kU8Token ? At<std::int32_t>(row, rows.scale_offset() + 4)
                                                         : -At<std::int16_t>(row, rows.word_offset() + 4 * g);
  return At<float>(row, rows.scale_offset() + 4 * g) * static_cast<float>(static_cast<int>(row[k]) - zero);
}

// What the storage of a type may cost.
double Tolerance(ActivationType type) {
  if (type == ActivationType::kF32) return 1e-12;
  return type == ActivationType::kBF16 ? 1e-5 : 1e-4;
}

constexpr ActivationType kTypes[] = {ActivationType::kF32, ActivationType::kBF16, ActivationType::kU8Group32,
                                     ActivationType::kU8Token};

TEST(RowBuilders, RmsNormOfEveryTypeAgreesWithDoublePrecision) {
  Random random(1);
  for (const ActivationType type : kTypes) {
    for (const int width : Widths()) {
      if (width % 32 != 0 && type != ActivationType::kF32) continue;
      const QuantizedRows rows{width, type};
      Floats x(random, 3 * width, -2, 2), gain(random, width, 0.5f, 1.5f);
      const GuardedBuffer out(3 * rows.row_stride()), scratch(RowScratchBytes(width));
      RunEverywhere(BuildRmsNorm(width, 1e-5f, type),
                    {x.address(), gain.address(), out.address(), 3, scratch.address()},
                    {x.bytes(), gain.bytes(), out.bytes(), scratch.bytes()});
      Errors errors;
      for (int r = 0; r < 3; ++r) {
        double squares = 0;
        for (int k = 0; k < width; ++k) squares += std::pow(x[r * width + k], 2);
        const double factor = 1 / std::sqrt(squares / width + 1e-5);
        for (int k = 0; k < width; ++k) {
          errors.Add(Value(rows, out.bytes().data() + r * rows.row_stride(), k),
                     x[r * width + k] * factor * gain[k]);
        }
      }
      EXPECT_LE(errors.nmse(), Tolerance(type)) << width << ' ' << tensor::Row(type).name;
    }
  }
}

TEST(RowBuilders, QuantisedRowsComeBackAndShowWhatIsNoNumber) {
  Random random(2);
  for (const ActivationType type : kTypes) {
    const QuantizedRows rows{96, type};
    Floats x(random, 3 * 96, -1, 3);
    std::fill_n(&x[96], 96, 0.0f);
    x[2 * 96 + 5] = std::numeric_limits<float>::quiet_NaN();
    const GuardedBuffer out(3 * rows.row_stride()), scratch(RowScratchBytes(96));
    RunEverywhere(BuildQuantizeRows(96, type), {x.address(), out.address(), 3, scratch.address()},
                  {x.bytes(), out.bytes(), scratch.bytes()});
    Errors errors;
    for (int k = 0; k < 96; ++k) {
      errors.Add(Value(rows, out.bytes().data(), k), x[k]);
      EXPECT_EQ(Value(rows, out.bytes().data() + rows.row_stride(), k), 0);
    }
    EXPECT_LE(errors.nmse(), Tolerance(type)) << tensor::Row(type).name;
    EXPECT_TRUE(std::isnan(Value(rows, out.bytes().data() + 2 * rows.row_stride(), 5)));
  }
  EXPECT_FALSE(HasRowQuantizer(ActivationType::kI16Group32));
}

TEST(RowBuilders, SoftmaxSumsToOneAndLeavesTheRestAlone) {
  Random random(3);
  for (const int width : Widths()) {
    Floats x(random, 2 * width, -9, 9), out(2 * width);
    RunEverywhere(BuildSoftmax(width), {x.address(), out.address(), 2}, {x.bytes(), out.bytes()});
    Errors errors;
    for (int r = 0; r < 2; ++r) {
      double sum = 0;
      for (int k = 0; k < width; ++k) sum += std::exp(static_cast<double>(x[r * width + k]));
      for (int k = 0; k < width; ++k)
        errors.Add(out[r * width + k], std::exp(static_cast<double>(x[r * width + k])) / sum);
    }
    EXPECT_LE(errors.nmse(), 1e-11) << width;
  }
}

TEST(RowBuilders, GatheredRowsAreTheTables) {
  Random random(4);
  for (const int width : Widths()) {
    Floats table(random, 5 * width, -1, 1), out(3 * width);
    const GuardedBuffer ids(12);
    const std::int32_t wanted[] = {4, 0, 4};
    std::memcpy(ids.bytes().data(), wanted, 12);
    RunEverywhere(BuildGatherRows(width), {table.address(), ids.address(), out.address(), 3},
                  {table.bytes(), ids.bytes(), out.bytes()});
    for (int r = 0; r < 3; ++r)
      EXPECT_EQ(std::memcmp(&out[r * width], &table[wanted[r] * width], width * 4), 0) << width;
  }
}

TEST(RowBuilders, RopeRotatesHalvesOfEachHead) {
  Random random(5);
  for (const int dim : {32, 64, 80, 96, 10}) {
    constexpr int kHeads = 3;
    Floats x(random, 2 * kHeads * dim, -1, 1), table(random, 4 * dim, -1, 1);
    const std::vector<float> before(x.as<float>().begin(), x.as<float>().end());
    const GuardedBuffer positions(8);
    const std::int32_t at[] = {3, 1};
    std::memcpy(positions.bytes().data(), at, 8);
    RunEverywhere(BuildRopeHalves(kHeads, dim), {x.address(), 2, positions.address(), table.address()},
                  {x.bytes(), positions.bytes(), table.bytes()});
    Errors errors;
    for (int i = 0; i < 2 * kHeads * dim; ++i) {
      const int d = i % dim, head = i - d, half = dim / 2, pair = d % half;
      const double cosine = table[at[i / (kHeads * dim)] * dim + pair];
      const double sine = table[at[i / (kHeads * dim)] * dim + half + pair];
      const double u = before[head + pair], v = before[head + half + pair];
      errors.Add(x[i], d < half ? u * cosine - v * sine : u * sine + v * cosine);
    }
    EXPECT_LE(errors.nmse(), 1e-12) << dim;
  }
}

TEST(RowBuilders, GatedActivations) {
  Random random(6);
  for (const int width : Widths()) {
    Floats gate(random, 2 * width, -6, 6), up(random, 2 * width, -1, 1), out(2 * width);
    for (const GatedActivation kind : {GatedActivation::kSilu, GatedActivation::kGelu}) {
      RunEverywhere(BuildGated(width, kind), {gate.address(), up.address(), out.address(), 2},
                    {gate.bytes(), up.bytes(), out.bytes()});
      Errors errors;
      for (int i = 0; i < 2 * width; ++i) {
        const double x = gate[i];
        const double tanh = std::tanh(std::sqrt(2 / M_PI) * (x + 0.044715 * x * x * x));
        const double act = kind == GatedActivation::kSilu ? x / (1 + std::exp(-x)) : x / 2 * (1 + tanh);
        errors.Add(out[i], act * up[i]);
      }
      EXPECT_LE(errors.nmse(), 1e-11) << width;
    }
  }
}

TEST(RowBuilders, LogitSummaries) {
  Random random(7);
  for (const int width : Widths()) {
    const int units = (width + 31) / 32;
    Floats x(random, 3 * width, -9, 9), summary(12, -1), maxima(3 * units);
    if (width > 20) x[width / 2] = x[width - 1] = x[18] = 10;  // the first of equals
    std::fill_n(&x[2 * width], width, -1000.0f);
    RunEverywhere(BuildLogitSummary(width), {x.address(), summary.address(), maxima.address(), 3},
                  {x.bytes(), summary.bytes(), maxima.bytes()});
    for (int r = 0; r < 3; ++r) {
      const float* row = &x[r * width];
      const float* largest = std::max_element(row, row + width);
      double sum = 0;
      for (int k = 0; k < width; ++k)
        sum += std::exp(static_cast<double>(row[k]) - static_cast<double>(*largest));
      EXPECT_EQ(summary[4 * r], *largest) << width;
      EXPECT_EQ(summary[4 * r + 1], static_cast<float>(largest - row)) << width;
      EXPECT_NEAR(summary[4 * r + 2], *largest + std::log(sum), 2e-6 * std::max(1.0f, std::abs(*largest)));
      EXPECT_EQ(summary[4 * r + 3], -1);
      for (int u = 0; u < units; ++u) {
        EXPECT_EQ(maxima[r * units + u], *std::max_element(row + 32 * u, row + std::min(width, 32 * u + 32)));
      }
    }
  }
}

}  // namespace
}  // namespace vivace::kernels
