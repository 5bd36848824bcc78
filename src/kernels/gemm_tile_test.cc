// Tiles in the interpreter: every class with every type of activations against double precision, and bit
// equality of all ways to the same output.
#include "kernels/gemm_tile.h"

#include <cmath>

#include "kernels/gemm_tile_fixture.h"

namespace vivace::kernels {
namespace {

using codegen::Function;
using codegen::InstructionSet;
using codegen::Target;
using tensor::ActivationType;
using tensor::WeightClass;

constexpr int kUnit = tensor::PanelLayout::kUnitColumns;

Target MakeTarget(InstructionSet isa, int vectors) {
  Target target;
  target.isa = isa;
  target.vectors = vectors;
  return target;
}
const Target kWide = MakeTarget(InstructionSet::kAvx512, 30);
const Target kNarrow = MakeTarget(InstructionSet::kAvx2, 7);

struct Problem {
  WeightClass type;
  ActivationType activation;
  int k;
  RandomUnit unit;
  RandomRows input;

  Problem(Random& random, WeightClass weights, ActivationType activations, int width, int rows)
      : type(weights),
        activation(activations),
        k(width),
        unit(random, weights, width),
        input(random, activations, width, rows) {}

  static void Call(const Function& function, std::initializer_list<const void*> pointers,
                   std::initializer_list<std::int64_t> numbers = {}) {
    const FlushDenormals flush;
    std::vector<std::int64_t> arguments;
    for (const void* pointer : pointers) arguments.push_back(reinterpret_cast<std::int64_t>(pointer));
    arguments.insert(arguments.end(), numbers);
    codegen::Interpret(function, arguments);
  }
  Guarded<float> Direct(const Target& target, int first, int rows, int stride = kUnit) const {
    Guarded<float> result(static_cast<std::size_t>(rows - 1) * stride + kUnit);
    Call(BuildDirectTile({type, activation, k, rows, stride * 4}, target),
         {input.Row(first), unit.bytes.data(), result.data()});
    EXPECT_TRUE(result.Intact());
    return result;
  }
  // In slices of `slice_k`.
  Guarded<float> Expanded(const Target& target, int first, int rows, int slice_k) const {
    Guarded<float> result(static_cast<std::size_t>(rows) * kUnit);
    const tensor::WeightClassRow& row = tensor::Row(type);
    for (int at = 0; at < k; at += slice_k) {
      const int length = std::min(slice_k, k - at);
      Guarded<std::byte> expanded(ExpandedUnit{type, activation}.bytes(length));
      Call(BuildExpand(type, activation, target),
           {unit.bytes.data() + static_cast<std::ptrdiff_t>(at / row.block_k) * row.block_bytes,
            expanded.data()},
           {length / row.block_k});
      EXPECT_TRUE(expanded.Intact());
      const std::byte* x = input.Row(first);
      const int group = input.layout.group();
      Call(BuildExpandedTile({type, activation, k, rows, kUnit * 4}, target),
           {x + at, expanded.data(), result.data(), x + input.layout.scale_offset() + at / group * 4},
           {length / group});
    }
    EXPECT_TRUE(result.Intact());
    return result;
  }
  // Squared error over squared values.
  double Error(const Guarded<float>& result, int first, int rows) const {
    double error = 0, power = 0;
    for (int r = 0; r < rows; ++r) {
      for (int c = 0; c < kUnit; ++c) {
        double expected = 0;
        for (int i = 0; i < k; ++i) expected += input.Value(first + r, i) * unit.Value(i, c);
        error += std::pow(static_cast<double>(result[r * kUnit + c]) - expected, 2);
        power += expected * expected;
      }
    }
    return error == 0 ? 0 : error / power;
  }
};

struct Pairing {
  WeightClass type;
  ActivationType activation;
};

std::vector<Pairing> AllPairings() {
  std::vector<Pairing> all;
  for (const tensor::WeightClassRow& row : tensor::kWeightClassRows) {
    for (int a = 0; a < static_cast<int>(std::size(tensor::kActivationRows)); ++a) {
      if (HasIntegerTiles(row.id, static_cast<ActivationType>(a)))
        all.push_back({row.id, static_cast<ActivationType>(a)});
    }
  }
  return all;
}

std::string PairingName(const testing::TestParamInfo<Pairing>& info) {
  return std::string(tensor::Row(info.param.type).name) + "_" +
         std::string(tensor::Row(info.param.activation).name);
}

class GemmTileTest : public testing::TestWithParam<Pairing> {
 protected:
  WeightClass type() const { return GetParam().type; }
  ActivationType activation() const { return GetParam().activation; }
  // The shortest k that has whole blocks and groups.
  int ShortK() const { return std::max({tensor::Row(type()).block_k, tensor::Row(activation()).group, 32}); }
};
INSTANTIATE_TEST_SUITE_P(All, GemmTileTest, testing::ValuesIn(AllPairings()), PairingName);

TEST(GemmTile, EveryClassWithIntegerActivationsHasTilesForThem) {
  int classes = 0;
  for (const tensor::WeightClassRow& row : tensor::kWeightClassRows) {
    if (tensor::QuantizedRows{32, row.activation}.is_float()) {
      EXPECT_FALSE(HasIntegerTiles(row.id, ActivationType::kU8Group32)) << row.name;
      continue;
    }
    ++classes;
    EXPECT_TRUE(HasIntegerTiles(row.id, row.activation)) << row.name;
    EXPECT_TRUE(HasIntegerTiles(row.id, ActivationType::kI16Group32)) << row.name;
  }
  EXPECT_EQ(classes, 13);
  EXPECT_TRUE(HasIntegerTiles(WeightClass::kInt8Channel, ActivationType::kU8Token));
  EXPECT_FALSE(HasIntegerTiles(WeightClass::kQ8_0, ActivationType::kU8Token));
  EXPECT_FALSE(HasIntegerTiles(WeightClass::kQ4_K, ActivationType::kU8Group64));
}

TEST_P(GemmTileTest, AgreesWithDoublePrecisionOfTheDequantisedOperands) {
  Random random(1);
  for (const int blocks : {1, 2, 9}) {
    const Problem problem(random, type(), activation(), blocks * ShortK(), 3);
    EXPECT_LT(problem.Error(problem.Direct(kWide, 0, 3), 0, 3), 1e-12);
    EXPECT_LT(problem.Error(problem.Direct(kNarrow, 2, 1), 2, 1), 1e-12);
  }
}

TEST_P(GemmTileTest, ARowHasTheSameBitsInEveryTileAndExpandedInSlices) {
  Random random(2);
  const int slice = ShortK(), k = 3 * slice;
  const int most =
      std::max(DirectRows(type(), activation(), kWide), ExpandedRows(type(), activation(), kWide));
  const Problem problem(random, type(), activation(), k, most);
  std::vector<Guarded<float>> alone;
  for (int r = 0; r < most; ++r) alone.push_back(problem.Direct(kWide, r, 1));
  const auto expect_same = [&](const Guarded<float>& together, int first, int rows) {
    for (int r = 0; r < rows; ++r) {
      EXPECT_EQ(std::memcmp(alone[first + r].data(), together.data() + r * kUnit, kUnit * 4), 0)
          << rows << ' ' << r;
    }
  };
  for (const Target& target : {kWide, kNarrow}) {
    for (int rows = 1; rows <= DirectRows(type(), activation(), target); ++rows)
      expect_same(problem.Direct(target, most - rows, rows), most - rows, rows);
    for (int rows = 1; rows <= ExpandedRows(type(), activation(), target); ++rows)
      expect_same(problem.Expanded(target, most - rows, rows, rows % 2 == 0 ? k : slice), most - rows, rows);
    if (ExpandedRows(type(), activation(), target) > 0)
      expect_same(problem.Expanded(target, 0, 1, 2 * slice), 0, 1);
  }
}

TEST_P(GemmTileTest, RowsOfTheResultAreApartByTheStride) {
  Random random(4);
  const Problem problem(random, type(), activation(), ShortK(), 2);
  for (const Target& target : {kWide, kNarrow}) {
    const int rows = std::min(2, DirectRows(type(), activation(), target));
    const Guarded<float> dense = problem.Direct(target, 0, rows),
                         apart = problem.Direct(target, 0, rows, 2 * kUnit);
    for (int r = 0; r < rows; ++r)
      EXPECT_EQ(std::memcmp(dense.data() + r * kUnit, apart.data() + 2 * r * kUnit, kUnit * 4), 0);
    for (int c = kUnit; rows == 2 && c < 2 * kUnit; ++c) EXPECT_EQ(apart[c], 0.0f);
  }
}

TEST_P(GemmTileTest, ExtremeCodesAndActivationsDoNotOverflow) {
  Random random(5);
  Problem problem(random, type(), activation(), ShortK(), 1);
  const tensor::QuantizedRows& rows = problem.input.layout;
  std::byte* row = problem.input.bytes.data();
  for (const int zero : {0, 255}) {
    for (int i = 0; i < rows.scale_offset(); ++i) row[i] = static_cast<std::byte>(255 - zero);
    const int group = rows.group(), sum = group * (255 - 2 * zero) * (rows.planes() == 2 ? 257 : 1);
    for (int g = 0; g < rows.groups(); ++g) {
      const float scale = 1.0f, scaled = static_cast<float>(sum);
      const std::uint32_t word = (static_cast<std::uint32_t>(-zero) & 0xffffu) |
                                 static_cast<std::uint32_t>(group * (255 - 2 * zero)) << 16;
      std::memcpy(row + rows.scale_offset() + 4 * g, &scale, 4);
      if (activation() == ActivationType::kU8Token) {
        std::memcpy(row + rows.scale_offset() + 4, &zero, 4);
        continue;
      }
      for (int p = 0; p < rows.planes(); ++p) std::memcpy(row + rows.word_offset(p) + 4 * g, &word, 4);
      std::memcpy(row + rows.sum_offset() + 4 * g, &scaled, 4);
    }
    for (const int fill : {0x00, 0x7f, 0x80, 0xff}) {
      problem.unit.FillCodes(fill);
      EXPECT_LT(problem.Error(problem.Direct(kWide, 0, 1), 0, 1), 1e-9) << zero << ' ' << fill;
    }
  }
}

TEST(GemmTile, ClassesWithTheSameStepsShareExpandedTiles) {
  const auto tile = [](WeightClass type) {
    return codegen::Print(BuildExpandedTile({type, ActivationType::kU8Group32, 256, 4, 128}, kWide));
  };
  EXPECT_EQ(tile(WeightClass::kQ4_0), tile(WeightClass::kQ5_0));
  EXPECT_EQ(tile(WeightClass::kQ4_1), tile(WeightClass::kQ5_K));
  EXPECT_NE(tile(WeightClass::kQ4_1), tile(WeightClass::kQ4_0));
}

}  // namespace
}  // namespace vivace::kernels
