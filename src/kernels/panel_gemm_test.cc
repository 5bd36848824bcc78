#include <gmock/gmock.h>

#include <cmath>

#include "kernels/gemm_epilogue.h"
#include "kernels/panel_fixture.h"
#include "kernels/step_fixture.h"

namespace vivace::kernels {
namespace {

using tensor::ColumnOrder;
using tensor::DType;
using tensor::KvLayout;
using tensor::PanelLayout;
using tensor::QuantizedRows;
using tensor::StepView;
using tensor::WeightClass;

constexpr float kEps = 1e-5f;

// Weights, input rows and partial squares of a phase; the phase's own outputs are in the tests.
struct Phase {
  PanelGemmSpec spec;
  int rows;
  CheckpointRows weights;
  Guarded<std::byte> panels;
  Activations input;
  Guarded<float> squares;

  Phase(Random& random, const PanelGemmSpec& wanted, ColumnOrder order, int row_count, int rope_rows = 0)
      : spec(wanted),
        rows(row_count),
        weights(random, *tensor::DTypeOf(spec.type), n(), spec.k),
        panels(Pack({spec.type, spec.k, n()}, order, Sources(order), rope_rows, spec.epilogue.kv.head_dim)),
        input(random, spec.k, rows),
        squares(static_cast<std::size_t>(rows) * SquareStride(hidden())) {
    for (int r = 0; r < rows; ++r) {
      for (int u = 0; u < hidden() / 32; ++u)
        squares[r * SquareStride(hidden()) + u] = Uniform(random, 1, 50);
    }
  }
  int n() const { return spec.epilogue.n; }
  int hidden() const { return spec.epilogue.hidden; }
  std::vector<PackSource> Sources(ColumnOrder order) const {
    if (order != ColumnOrder::kGateUpPairs) return {{weights.bytes.data(), n()}};
    const std::size_t half = weights.bytes.size() / 2;
    return {{weights.bytes.data(), n() / 2}, {weights.bytes.data() + half, n() / 2}};
  }
  PanelGemmArgs Arguments() const {
    PanelGemmArgs args{};
    args.spec = spec;
    InterpretedKernels::Clear();
    args.code = InterpretedKernels::Resolve(spec);
    args.weights = panels.data();
    args.input = input.bytes.data();
    args.out.squares_in = squares.data();
    args.out.kv = spec.epilogue.kv;
    return args;
  }
  double Scale(int r) const {
    double sum = 0;
    for (int i = 0; i < SquareStride(hidden()); ++i) sum += squares[r * SquareStride(hidden()) + i];
    return 1 / std::sqrt(sum / hidden() + kEps);
  }
  // Row r times checkpoint row n.
  double Product(int r, int n) const { return Dot(RowValues(input.layout, input.Row(r)), weights.Values(n)); }
};

// The rows of `whole` from `first` on, run as a step of their own.
template <class Output>
void ExpectSameRows(const Output& whole, const Output& part, std::size_t row_elements, int first, int rows) {
  EXPECT_EQ(std::memcmp(whole.data() + first * row_elements, part.data(),
                        rows * row_elements * sizeof(*part.data())),
            0)
      << "rows " << first << " .. " << first + rows - 1;
}

TileEpilogue ResidualQuant(int hidden) {
  return {.n = hidden, .steps = ResidualQuantSteps(), .hidden = hidden, .output_k = hidden};
}
TileEpilogue SiluMulQuant(int width) {
  return {
      .n = 2 * width, .units = 2, .steps = SiluMulQuantSteps(), .hidden = 64, .eps = kEps, .output_k = width};
}

struct ResidualOutputs {
  Guarded<float> x, squares;
  Guarded<std::byte> rows8;
  ResidualOutputs(int rows, int hidden)
      : x(static_cast<std::size_t>(rows) * hidden),
        squares(static_cast<std::size_t>(rows) * SquareStride(hidden)),
        rows8(static_cast<std::size_t>(rows) * QuantizedRows{hidden}.row_stride()) {}
};

void RunResidual(const Phase& phase, const std::vector<float>& norm, const std::vector<float>& x, int first,
                 int rows, ResidualOutputs& out) {
  const FlushDenormals flush;
  const int hidden = phase.hidden();
  PanelGemmArgs args = phase.Arguments();
  args.input = phase.input.Row(first);
  std::memcpy(out.x.data(), x.data() + static_cast<std::ptrdiff_t>(first) * hidden, out.x.bytes());
  args.out.residual = out.x.data();
  args.out.norm = norm.data();
  args.out.squares_out = out.squares.data();
  args.out.output = out.rows8.data();
  StepView step;
  step.rows = rows;
  RunPhase(PanelGemmKernel(), &args, step);
  EXPECT_TRUE(out.x.Intact() && out.squares.Intact() && out.rows8.Intact());
}

class PanelGemmTest : public testing::TestWithParam<WeightClass> {};
INSTANTIATE_TEST_SUITE_P(Types, PanelGemmTest, testing::Values(WeightClass::kQ4_1, WeightClass::kQ8_0));

TEST_P(PanelGemmTest, ResidualQuantAddsNormalisesAndQuantises) {
  Random random(1);
  for (const int rows : {1, 5, 14}) {
    const int hidden = 96;
    const Phase phase(random, {.type = GetParam(), .k = 64, .epilogue = ResidualQuant(hidden)},
                      ColumnOrder::kPlain, rows);
    const std::vector<float> x = RandomFloats(random, rows * hidden),
                             norm = RandomFloats(random, hidden, 0.5f, 1.5f);
    ResidualOutputs out(rows, hidden);
    RunResidual(phase, norm, x, 0, rows, out);
    for (int r = 0; r < rows; ++r) {
      const std::vector<double> back =
          RowValues({hidden}, out.rows8.data() + r * QuantizedRows{hidden}.row_stride());
      for (int u = 0; u < hidden / 32; ++u) {
        double square = 0, low = 0, high = 0;
        for (int c = 32 * u; c < 32 * u + 32; ++c) {
          const double value = x[r * hidden + c] + phase.Product(r, c);
          ASSERT_NEAR(out.x[r * hidden + c], value, 1e-4);
          square += value * value;
          low = std::min(low, value * norm[c]);
          high = std::max(high, value * norm[c]);
        }
        EXPECT_NEAR(out.squares[r * SquareStride(hidden) + u], square, 1e-3 * square);
        for (int c = 32 * u; c < 32 * u + 32; ++c) {
          ASSERT_NEAR(back[c], out.x[r * hidden + c] * norm[c], (high - low) / 255 * 1.01);
        }
      }
      for (int u = hidden / 32; u < SquareStride(hidden); ++u)
        EXPECT_EQ(out.squares[r * SquareStride(hidden) + u], 0.0f);
    }
  }
}

TEST_P(PanelGemmTest, RowsHaveTheSameBitsInAnyBatch) {
  Random random(2);
  const int hidden = 64, rows = 70;
  const Phase phase(random, {.type = GetParam(), .k = 1344, .epilogue = ResidualQuant(hidden)},
                    ColumnOrder::kPlain, rows);
  const std::vector<float> x = RandomFloats(random, rows * hidden),
                           norm = RandomFloats(random, hidden, 0.5f, 1.5f);
  ResidualOutputs whole(rows, hidden);
  RunResidual(phase, norm, x, 0, rows, whole);
  for (int round = 0; round < 12; ++round) {
    const int count = round < 2 ? round + 1 : UniformInt(random, 1, rows),
              first = UniformInt(random, 0, rows - count);
    ResidualOutputs part(count, hidden);
    RunResidual(phase, norm, x, first, count, part);
    ExpectSameRows(whole.x, part.x, hidden, first, count);
    ExpectSameRows(whole.squares, part.squares, SquareStride(hidden), first, count);
    ExpectSameRows(whole.rows8, part.rows8, QuantizedRows{hidden}.row_stride(), first, count);
  }
}

Guarded<std::byte> RunSiluMul(const Phase& phase, int first, int rows) {
  const FlushDenormals flush;
  PanelGemmArgs args = phase.Arguments();
  args.input = phase.input.Row(first);
  args.out.squares_in += first * SquareStride(phase.hidden());
  Guarded<std::byte> out(static_cast<std::size_t>(rows) *
                         QuantizedRows{phase.spec.epilogue.output_k}.row_stride());
  args.out.output = out.data();
  StepView step;
  step.rows = rows;
  RunPhase(PanelGemmKernel(), &args, step);
  EXPECT_TRUE(out.Intact());
  return out;
}

TEST_P(PanelGemmTest, SiluMulQuantMultipliesGateAndUp) {
  Random random(3);
  const int rows = 50, width = 96;
  const Phase phase(random, {.type = GetParam(), .k = 64, .epilogue = SiluMulQuant(width)},
                    ColumnOrder::kGateUpPairs, rows);
  const Guarded<std::byte> out = RunSiluMul(phase, 0, rows);
  for (int r = 0; r < rows; ++r) {
    const std::vector<double> back = RowValues({width}, out.data() + r * QuantizedRows{width}.row_stride());
    for (int group = 0; group < width; group += 32) {
      std::vector<double> expected;
      for (int c = group; c < group + 32; ++c) {
        const double gate = phase.Product(r, c) * phase.Scale(r),
                     up = phase.Product(r, width + c) * phase.Scale(r);
        expected.push_back(gate / (1 + std::exp(-gate)) * up);
      }
      const double range = std::max(0.0, *std::max_element(expected.begin(), expected.end())) -
                           std::min(0.0, *std::min_element(expected.begin(), expected.end()));
      for (int c = 0; c < 32; ++c)
        ASSERT_NEAR(back[group + c], expected[c], range / 255 * 1.02) << r << ' ' << c;
    }
  }
  ExpectSameRows(out, RunSiluMul(phase, 4, 2), QuantizedRows{width}.row_stride(), 4, 2);
  ExpectSameRows(out, RunSiluMul(phase, 1, 13), QuantizedRows{width}.row_stride(), 1, 13);
}

// 3 query heads, 1 key and value head of 64; two blocks in the pool, rows at slots of the second and then the
// first.
struct QkvCase {
  static constexpr int kHeads = 3, kHeadDim = 64, kRows = 16;
  KvLayout kv;
  std::vector<float> table;
  std::vector<std::int32_t> positions, slots;

  QkvCase(Random& random, DType cache)
      : kv{.layers = 1, .kv_heads = 1, .head_dim = kHeadDim, .type = cache, .blocks = 2} {
    for (int p = 0; p < 64; ++p) {
      for (int i = 0; i < kHeadDim / 2; ++i)
        table.push_back(std::cos(static_cast<float>(p) * std::pow(100.0f, -static_cast<float>(i) / 32)));
      for (int i = 0; i < kHeadDim / 2; ++i)
        table.push_back(std::sin(static_cast<float>(p) * std::pow(100.0f, -static_cast<float>(i) / 32)));
    }
    for (int r = 0; r < kRows; ++r) {
      positions.push_back(UniformInt(random, 0, 63));
      slots.push_back((r * 2 + 16) % 32 + (r * 2 + 16) / 32);
    }
  }
  PanelGemmSpec Spec(WeightClass type) const {
    return {.type = type,
            .k = 64,
            .epilogue = {.n = (kHeads + 2) * kHeadDim,
                         .steps = QkvSteps(),
                         .heads = kHeads,
                         .kv = kv,
                         .hidden = 64,
                         .eps = kEps}};
  }
  void Run(const Phase& phase, int first, int rows, Guarded<float>& q, Guarded<std::byte>& cache) const {
    const FlushDenormals flush;
    PanelGemmArgs args = phase.Arguments();
    args.input = phase.input.Row(first);
    args.out.squares_in += first * SquareStride(64);
    args.out.floats[0] = q.data();
    args.out.kv_layer = cache.data();
    args.out.rope_table = table.data();
    StepView step;
    step.rows = rows;
    step.positions = positions.data() + first;
    step.kv_slots = slots.data() + first;
    RunPhase(PanelGemmKernel(), &args, step);
    EXPECT_TRUE(q.Intact() && cache.Intact());
  }
  // Element `packed` of a rotated head whose checkpoint rows start at `row0`.
  double Rotated(const Phase& phase, int r, int row0, int packed) const {
    const int pair = packed / 32 * 16 + packed % 16;
    const double a = phase.Product(r, row0 + 2 * pair) * phase.Scale(r),
                 b = phase.Product(r, row0 + 2 * pair + 1) * phase.Scale(r);
    const double cosine = table[positions[r] * kHeadDim + pair],
                 sine = table[positions[r] * kHeadDim + kHeadDim / 2 + pair];
    return packed % 32 < 16 ? a * cosine - b * sine : a * sine + b * cosine;
  }
};

float CacheValue(const Guarded<std::byte>& cache, DType type, std::size_t offset) {
  if (type == DType::kF32) {
    float value;
    std::memcpy(&value, cache.data() + offset, 4);
    return value;
  }
  std::uint16_t bits;
  std::memcpy(&bits, cache.data() + offset, 2);
  return tensor::F16ToF32(bits);
}

class PanelGemmQkvTest : public testing::TestWithParam<DType> {};
INSTANTIATE_TEST_SUITE_P(Caches, PanelGemmQkvTest, testing::Values(DType::kF16, DType::kF32));

TEST_P(PanelGemmQkvTest, RotatesQueriesAndKeysAndAppendsToTheCache) {
  Random random(4);
  const QkvCase c(random, GetParam());
  constexpr int kHeadDim = QkvCase::kHeadDim, kWidth = QkvCase::kHeads * kHeadDim;
  const Phase phase(random, c.Spec(WeightClass::kQ4_1), ColumnOrder::kRopePairs, QkvCase::kRows,
                    kWidth + kHeadDim);
  Guarded<float> q(QkvCase::kRows * kWidth);
  Guarded<std::byte> cache(c.kv.bytes());
  c.Run(phase, 0, QkvCase::kRows, q, cache);
  const double relative = GetParam() == DType::kF16 ? 1e-3 : 1e-5;
  for (int r = 0; r < QkvCase::kRows; ++r) {
    for (int i = 0; i < kWidth; ++i)
      ASSERT_NEAR(q[r * kWidth + i], c.Rotated(phase, r, i / kHeadDim * kHeadDim, i % kHeadDim), 1e-4);
    const std::size_t block = static_cast<std::size_t>(c.slots[r] / 16) * c.kv.block_stride();
    for (int d = 0; d < kHeadDim; ++d) {
      const double key = c.Rotated(phase, r, kWidth, d),
                   value = phase.Product(r, kWidth + kHeadDim + d) * phase.Scale(r);
      ASSERT_NEAR(CacheValue(cache, GetParam(), block + c.kv.k_offset(0, d, c.slots[r] % 16)), key,
                  relative * std::abs(key) + 1e-4);
      ASSERT_NEAR(CacheValue(cache, GetParam(), block + c.kv.v_element_offset(0, c.slots[r] % 16, d)), value,
                  relative * std::abs(value) + 1e-4);
    }
  }
  // A row alone: the same bits, and no other slot is written.
  Guarded<float> one(kWidth);
  Guarded<std::byte> untouched(c.kv.bytes());
  c.Run(phase, 3, 1, one, untouched);
  ExpectSameRows(q, one, kWidth, 3, 1);
  std::size_t written = 0;
  for (std::size_t i = 0; i < untouched.bytes(); ++i) {
    if (untouched[i] == std::byte{0}) continue;
    ++written;
    EXPECT_EQ(untouched[i], cache[i]);
  }
  EXPECT_LE(written, static_cast<std::size_t>(2 * kHeadDim * c.kv.element_bytes()));
}

Guarded<float> RunLogits(const Phase& phase, const std::vector<std::int32_t>& wanted) {
  const FlushDenormals flush;
  PanelGemmArgs args = phase.Arguments();
  Guarded<float> logits(wanted.size() * static_cast<std::size_t>(phase.n()));
  args.out.floats[0] = logits.data();
  StepView step;
  step.rows = phase.rows;
  step.logit_rows = wanted.data();
  step.logit_count = static_cast<std::int32_t>(wanted.size());
  RunPhase(PanelGemmKernel(), &args, step);
  EXPECT_TRUE(logits.Intact());
  return logits;
}

TEST_P(PanelGemmTest, LogitsOfWantedRowsWithACutOffLastUnit) {
  Random random(5);
  const int rows = 64, n = 107;
  const Phase phase(random,
                    {.type = GetParam(),
                     .k = 64,
                     .epilogue = {.n = n, .steps = LogitsSteps(), .hidden = 64, .eps = kEps},
                     .gathered = true},
                    ColumnOrder::kPlain, rows);
  std::vector<std::int32_t> all(rows);
  for (int r = 0; r < rows; ++r) all[r] = r;
  const Guarded<float> whole = RunLogits(phase, all);
  for (int r = 0; r < rows; ++r) {
    for (int c = 0; c < n; ++c)
      ASSERT_NEAR(whole[r * n + c], phase.Product(r, c) * phase.Scale(r), 1e-4) << r << ' ' << c;
  }
  for (const std::vector<std::int32_t>& wanted : {std::vector<std::int32_t>{29},
                                                  {3, 4, 5},
                                                  {0, 7, 8, 29},
                                                  {1, 2, 3, 5, 8, 9, 10, 11, 12, 13, 20, 21, 22, 28}}) {
    const Guarded<float> some = RunLogits(phase, wanted);
    for (std::size_t i = 0; i < wanted.size(); ++i) {
      EXPECT_EQ(std::memcmp(some.data() + i * n, whole.data() + wanted[i] * n, n * 4), 0)
          << "row " << wanted[i] << " of " << wanted.size();
    }
  }
  std::vector<std::int32_t> all_but_one = all;
  all_but_one.erase(all_but_one.begin() + 10);
  const Guarded<float> most = RunLogits(phase, all_but_one);
  EXPECT_EQ(std::memcmp(most.data() + 10 * n, whole.data() + 11 * n, 53 * n * 4), 0);
  EXPECT_EQ(RunLogits(phase, {}).bytes(), 0u);
}

TEST_P(PanelGemmTest, TheEmbeddingIsReadBackFromThePanelAndQuantisedLikeTheResidual) {
  Random random(6);
  const FlushDenormals flush;
  const int hidden = 96, vocabulary = 75, rows = 9;
  const CheckpointRows table(random, *tensor::DTypeOf(GetParam()), vocabulary, hidden);
  const PanelLayout layout{GetParam(), hidden, vocabulary};
  const auto panels = Pack(layout, ColumnOrder::kPlain, {{table.bytes.data(), vocabulary}});
  const std::vector<float> norm = RandomFloats(random, hidden, 0.5f, 1.5f);
  std::vector<std::int32_t> tokens = {0, 1, 15, 16, 31, 32, 63, 64, 74};
  ResidualOutputs out(rows, hidden);
  {
    PanelEmbedArgs args{};
    args.spec = {.layout = layout, .epilogue = ResidualQuant(hidden)};
    args.spec.epilogue.steps = {EpilogueSteps{
        {StepKind::kFloats}, {StepKind::kSquares}, {StepKind::kNorm}, {StepKind::kActivations}}};
    InterpretedKernels::Clear();
    args.code = InterpretedKernels::Resolve(args.spec);
    args.weights = panels.data();
    args.out = {.norm = norm.data(), .squares_out = out.squares.data(), .output = out.rows8.data()};
    args.out.floats[0] = out.x.data();
    StepView step;
    step.rows = rows;
    step.token_ids = tokens.data();
    RunPhase(PanelEmbedKernel(), &args, step);
  }
  for (int r = 0; r < rows; ++r) {
    const std::vector<float> expected = table.Values(tokens[r]);
    EXPECT_EQ(std::memcmp(expected.data(), out.x.data() + r * hidden, hidden * 4), 0) << tokens[r];
  }
  // The residual epilogue, adding nothing to the same x, leaves the same bits.
  Phase phase(random, {.type = GetParam(), .k = 32, .epilogue = ResidualQuant(hidden)}, ColumnOrder::kPlain,
              rows);
  std::memset(phase.input.bytes.data(), 0, phase.input.bytes.bytes());
  ResidualOutputs same(rows, hidden);
  RunResidual(phase, norm, {out.x.data(), out.x.data() + rows * hidden}, 0, rows, same);
  EXPECT_TRUE(same.x == out.x);
  EXPECT_TRUE(same.squares == out.squares);
  EXPECT_TRUE(same.rows8 == out.rows8);
}

TEST(PanelGemm, APlanCutsRowsEvenlyAndGivesEveryThreadSeveralTasks) {
  PanelGemmSpec spec{.type = WeightClass::kQ4_1, .k = 576, .epilogue = ResidualQuant(576)};
  const codegen::Target target = codegen::HostTarget();
  const PanelGemmSet<codegen::Function> functions = *BuildPanelGemm(spec, target);
  for (const int rows : {1, 4, 12, 16, 20, 24, 32, 100, 512}) {
    const TilePlan plan = PlanTiles(spec, rows, 2, target);
    const int largest = plan.expand ? functions.expanded_rows : functions.direct_rows;
    ASSERT_GE(plan.direct_rows, 1);
    ASSERT_LE(plan.direct_rows, largest);
    const int tiles = (rows + largest - 1) / largest;
    EXPECT_EQ(plan.direct_rows, (rows + tiles - 1) / tiles);
    // Few tiles read packed weights, many expand them first; in between the rule decides by class.
    const int few = 2 * functions.direct_rows, many = 8 * functions.direct_rows;
    if (rows <= few || rows > many) {
      EXPECT_EQ(plan.expand, rows > many && functions.expanded_rows > 0) << rows;
    }
  }
  EXPECT_EQ(PlanTiles(spec, 1, 2, target).task_units, 3) << "few rows: three tasks a thread";
  EXPECT_EQ(PlanTiles(spec, 9, 2, target).task_units, 1);
  spec.epilogue = {.n = 49152, .steps = LogitsSteps(), .hidden = 576};
  EXPECT_GT(PlanTiles(spec, 1, 2, target).task_units, 1);
  EXPECT_EQ(PlanTiles(spec, 1, 600, target).task_units, 1);
}

TEST(PanelGemm, WhatCannotBePackedIsRefused) {
  const auto message = [](const PanelGemmSpec& spec) {
    const auto functions = BuildPanelGemm(spec, codegen::HostTarget());
    EXPECT_FALSE(functions.ok());
    EXPECT_EQ(functions.status().code(), StatusCode::kUnsupported);
    return functions.status().message();
  };
  const auto logits = [](int n) { return TileEpilogue{.n = n, .steps = LogitsSteps(), .hidden = 64}; };
  EXPECT_THAT(message({.type = WeightClass::kF16, .k = 64, .epilogue = logits(64)}),
              testing::HasSubstr("f16"));
  EXPECT_THAT(message({.type = WeightClass::kQ8_0, .k = 48, .epilogue = logits(64)}),
              testing::HasSubstr("64 x 48"));
  TileEpilogue heads{.n = 80, .steps = {EpilogueSteps{{StepKind::kFloats}}}, .heads = 1};
  heads.kv.head_dim = 80;
  EXPECT_THAT(message({.type = WeightClass::kQ8_0, .k = 64, .epilogue = heads}),
              testing::HasSubstr("head size 80"));
  EXPECT_THAT(message({.type = WeightClass::kQ8_0, .k = 64, .epilogue = ResidualQuant(48)}),
              testing::HasSubstr("for 48 columns, not of 48"));
  TileEpilogue gates = SiluMulQuant(48);
  gates.output_k = 64;
  EXPECT_THAT(message({.type = WeightClass::kQ8_0, .k = 64, .epilogue = gates}),
              testing::HasSubstr("gates of 48 columns"));
  TileEpilogue wide = SiluMulQuant(96);
  wide.units = 4;
  wide.output = tensor::ActivationType::kU8Group64;
  wide.output_k = 128;
  EXPECT_THAT(message({.type = WeightClass::kQ8_0, .k = 64, .epilogue = wide}),
              testing::HasSubstr("packed as 6 units of 32"));
}

}  // namespace
}  // namespace vivace::kernels
