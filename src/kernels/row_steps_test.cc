// row_steps against the steps in double precision, over the lists that the compiler makes; its kernels as
// machine code against the interpreter; what is refused.
#include <gmock/gmock.h>

#include <cmath>

#include "codegen/differential.h"
#include "codegen/target_fixture.h"
#include "kernels/gemm_epilogue.h"
#include "kernels/tile_fixture.h"

namespace vivace::kernels {
namespace {

using tensor::ActivationType;
using tensor::ColumnOrder;
using tensor::QuantizedRows;

// One row of one part, step by step in double precision.
class ExactRow {
 public:
  ExactRow(const TileEpilogue& e, const TileInputs& in, int part, int row, int squares_row,
           std::vector<double> values, int first_column)
      : e_(e), in_(in), part_(part), row_(row), x_(std::move(values)), first_column_(first_column) {
    double sum = 0;
    const int stride = SquareStride(e.hidden);
    for (int i = 0; i < stride; ++i) sum += in.squares[squares_row * stride + i];
    scale_ = 1 / std::sqrt(sum / e.hidden + e.eps);
    for (const EpilogueStep& step : e.steps[static_cast<std::size_t>(part)]) Apply(step);
  }
  std::vector<double> floats, rows, residual, squares, cached;

 private:
  void Apply(const EpilogueStep& step) {
    const auto each = [&](auto change) {
      for (std::size_t c = 0; c < x_.size(); ++c) x_[c] = change(x_[c], c);
    };
    switch (step.kind) {
      case StepKind::kRowScale:
        return each([&](double x, std::size_t) { return x * scale_; });
      case StepKind::kBias:
        return each([&](double x, std::size_t c) { return x + in_.bias[first_column_ + c]; });
      case StepKind::kScale:
        return each([&](double x, std::size_t) { return x * step.value; });
      case StepKind::kSoftCap:
        return each([&](double x, std::size_t) { return step.value * std::tanh(x / step.value); });
      case StepKind::kPostNorm:
        return each([&](double x, std::size_t c) { return x * in_.post_norm[c]; });
      case StepKind::kResidual:
        each([&](double x, std::size_t c) { return x + in_.residual[row_ * e_.hidden + c]; });
        residual = x_;
        return;
      case StepKind::kNorm:
        return each([&](double x, std::size_t c) { return x * in_.norm[c]; });
      case StepKind::kGateSilu:
      case StepKind::kGateGelu:
        return Gate(step.kind == StepKind::kGateSilu);
      case StepKind::kHeadNorm:
        return HeadNorm(step.value);
      case StepKind::kRope:
        return Rotate();
      case StepKind::kSquares:
        squares.assign(static_cast<std::size_t>(SquareStride(e_.hidden)), 0);
        for (std::size_t c = 0; c < x_.size(); ++c) squares[c / 32] += x_[c] * x_[c];
        return;
      case StepKind::kFloats:
        floats = x_;
        return;
      case StepKind::kActivations:
        rows = x_;
        return;
      case StepKind::kKey:
      case StepKind::kValue:
        cached = x_;
        return;
      case StepKind::kMaximum:
        return;
    }
  }
  // Packed columns: 32 of gate, 32 of up, and so on.
  void Gate(bool silu) {
    std::vector<double> out;
    for (std::size_t unit = 0; unit < x_.size() / 64; ++unit) {
      for (std::size_t c = 64 * unit; c < 64 * unit + 32; ++c) {
        const double g = x_[c], u = 2 * std::sqrt(2 / M_PI) * (g + 0.044715 * g * g * g);
        out.push_back(g / (1 + std::exp(silu ? -g : -u)) * x_[c + 32]);
      }
    }
    x_ = out;
  }
  void HeadNorm(double eps) {
    const std::vector<float>& weight = part_ == 0 ? in_.query_norm : in_.key_norm;
    const auto dim = static_cast<std::size_t>(e_.kv.head_dim);
    for (std::size_t head = 0; head < x_.size(); head += dim) {
      double sum = 0;
      for (std::size_t d = 0; d < dim; ++d) sum += x_[head + d] * x_[head + d];
      for (std::size_t d = 0; d < dim; ++d)
        x_[head + d] *= weight[d] / std::sqrt(sum / static_cast<double>(dim) + eps);
    }
  }
  void Rotate() {
    const auto dim = static_cast<std::size_t>(e_.kv.head_dim);
    const float* table = &in_.table[in_.positions[row_] * dim];
    for (std::size_t c = 0; c < x_.size(); ++c) {
      if (c % 32 >= 16) continue;
      const std::size_t angle = c % dim / 32 * 16 + c % 16;
      const double a = x_[c], b = x_[c + 16], cosine = table[angle], sine = table[dim / 2 + angle];
      x_[c] = a * cosine - b * sine;
      x_[c + 16] = a * sine + b * cosine;
    }
  }

  const TileEpilogue& e_;
  const TileInputs& in_;
  const int part_, row_;
  std::vector<double> x_;
  const int first_column_;
  double scale_ = 1;
};

// The source row of packed column c of a part.
int SourceColumn(const RowStepsSpec& spec, int part, int c) {
  if (part == 2 || spec.order == ColumnOrder::kPlain) return c;
  const int dim = spec.head_dim, head = c / dim * dim, within = c % dim;
  if (spec.order == ColumnOrder::kRopePairs)
    return head + within / 32 * 32 + 2 * (within % 16) + (within % 32 < 16 ? 0 : 1);
  return head + within / 32 * 16 + within % 16 + (within % 32 < 16 ? 0 : dim / 2);
}

void ExpectNear(const float* actual, const std::vector<double>& exact, const char* what) {
  for (std::size_t i = 0; i < exact.size(); ++i)
    ASSERT_NEAR(static_cast<double>(actual[i]), exact[i], 2e-5 * (1 + std::abs(exact[i])))
        << what << ' ' << i;
}

class RowStepsTest : public testing::TestWithParam<TileKind> {};
INSTANTIATE_TEST_SUITE_P(Kinds, RowStepsTest, testing::ValuesIn(kTileKinds));

TEST_P(RowStepsTest, DoesTheStepsOnBuffersAsInDoublePrecision) {
  const FlushDenormals flush;
  Random random(static_cast<unsigned>(GetParam()) + 90);
  for (int round = 0; round < 40; ++round) {
    InterpretedKernels::Clear();
    TileEpilogue e = TileDraw(random, GetParam()).e;
    if (e.steps[0].Has(StepKind::kActivations)) e.output = ActivationType::kF32;
    if (e.has_parts()) e.kv.type = tensor::DType::kF32;
    const TileInputs in(random, e, UniformInt(random, 1, round % 4 == 0 ? 40 : 5));
    RowStepsArgs args{};
    args.spec = {.epilogue = e, .logit_rows = GetParam() == TileKind::kLogits && random() % 2 == 0};
    RowStepsSpec& spec = args.spec;
    std::vector<std::vector<float>> inputs(kEpilogueParts);
    const auto add = [&](int i, int columns) {
      inputs[static_cast<std::size_t>(i)] = RandomFloats(random, static_cast<std::size_t>(in.rows) * columns);
      args.inputs[static_cast<std::size_t>(i)] = inputs[static_cast<std::size_t>(i)].data();
    };
    if (e.has_parts()) {
      spec.order = random() % 2 == 0 ? ColumnOrder::kRopePairs : ColumnOrder::kRopeHalves;
      spec.rope_rows = PartColumns(e, 0) + PartColumns(e, 1);
      spec.head_dim = e.kv.head_dim;
      spec.inputs = 0;
    }
    for (int part = 0; part < kEpilogueParts; ++part) {
      if (PartColumns(e, part) == 0) continue;
      if (e.has_parts()) ++spec.inputs;
      add(part, e.steps[0].gated() ? e.n / 2 : PartColumns(e, part));
    }
    if (e.steps[0].gated()) {
      spec.inputs = 2;
      add(1, e.n / 2);
    }
    SCOPED_TRACE(Describe(e));
    args.code = InterpretedKernels::Resolve(spec);
    TileMemory memory(e, in);
    args.out = memory.Outputs(e, in);
    RunPhase(RowStepsKernel(), &args, in.Step());
    ASSERT_TRUE(memory.Intact());

    const int rows = spec.logit_rows ? static_cast<int>(in.logit_rows.size()) : in.rows;
    for (int r = 0; r < rows; ++r) {
      int first = 0;
      for (int part = 0; part < kEpilogueParts; first += PartColumns(e, part++)) {
        const int columns = PartColumns(e, part);
        std::vector<double> values;
        for (int c = 0; c < columns; ++c) {
          if (e.steps[0].gated()) {
            values.push_back(inputs[c / 32 % 2][r * columns / 2 + c / 64 * 32 + c % 32]);
          } else {
            values.push_back(inputs[part][r * columns + SourceColumn(spec, part, c)]);
          }
        }
        if (columns == 0) continue;
        const ExactRow exact(e, in, part, r, spec.logit_rows ? in.logit_rows[r] : r, values, first);
        const int width = FinishedColumns(e, part);
        ExpectNear(memory.floats[part].data() + r * width, exact.floats, "floats");
        ExpectNear(memory.residual.data() + r * e.hidden, exact.residual, "residual");
        ExpectNear(memory.squares.data() + r * SquareStride(e.hidden), exact.squares, "squares");
        if (!exact.rows.empty()) {
          const QuantizedRows layout{e.output_k, e.output};
          std::vector<double> padded = exact.rows;
          padded.resize(e.output_k);
          ExpectNear(reinterpret_cast<const float*>(memory.rows.data() + r * layout.row_stride()), padded,
                     "rows");
        }
        for (std::size_t c = 0; c < exact.cached.size(); ++c) {
          const int head = static_cast<int>(c) / e.kv.head_dim, d = static_cast<int>(c) % e.kv.head_dim;
          const std::size_t at = in.slots[r] / 16 * e.kv.block_stride() +
                                 (part == 1 ? e.kv.k_offset(head, d, in.slots[r] % 16)
                                            : e.kv.v_element_offset(head, in.slots[r] % 16, d));
          float value;
          std::memcpy(&value, memory.cache.data() + at, 4);
          ExpectNear(&value, {exact.cached[c]}, "cache");
        }
      }
    }
  }
}

// Phases of the engine run as machine code; the kernels along rows have no other test of it.
class RowStepsCode : public testing::TestWithParam<TileKind> {};
INSTANTIATE_TEST_SUITE_P(Kinds, RowStepsCode,
                         testing::Values(TileKind::kResidual, TileKind::kRows, TileKind::kLogits));

TEST_P(RowStepsCode, HasTheBitsOfTheInterpreterOnEveryTarget) {
  const FlushDenormals flush;
  Random random(static_cast<unsigned>(GetParam()) + 60);
  for (int round = 0; round < 12; ++round) {
    InterpretedKernels::Clear();
    const TileEpilogue e = TileDraw(random, GetParam()).e;
    const TileInputs in(random, e, UniformInt(random, 1, 9));
    const std::vector<float> x = RandomFloats(random, static_cast<std::size_t>(in.rows) * e.n);
    SCOPED_TRACE(Describe(e));
    RowStepsArgs args{};
    args.spec = {.epilogue = e};
    args.inputs[0] = x.data();
    args.code = InterpretedKernels::Resolve(args.spec);
    TileMemory interpreted(e, in);
    args.out = interpreted.Outputs(e, in);
    RunPhase(RowStepsKernel(), &args, in.Step());
    for (const codegen::Target& target : codegen::TargetsUnderTest()) {
      if (!codegen::KernelLibrary::Supported(target)) continue;
      codegen::KernelLibrary library(target);
      const auto kernels = CompileRowSteps(args.spec, library);
      ASSERT_TRUE(kernels.ok() && library.Seal().ok());
      args.code = Resolve(*kernels, library);
      TileMemory compiled(e, in);
      args.out = compiled.Outputs(e, in);
      RunPhase(RowStepsKernel(), &args, in.Step());
      EXPECT_TRUE(compiled.Intact());
      ASSERT_EQ(interpreted.Difference(compiled), "") << target.name;
    }
  }
}

TEST(RowSteps, AWideRowIsSharedOutByColumnsAndManyRowsByRows) {
  RowStepsArgs args{};
  args.spec.epilogue = {.n = 14336, .steps = {EpilogueSteps{{StepKind::kActivations}}}, .output_k = 14336};
  tensor::StepView step;
  const auto tasks = [&](int rows) {
    step.rows = rows;
    return RowStepsKernel().grid(&args, step);
  };
  EXPECT_GE(tasks(1), 4);
  EXPECT_LE(tasks(1), 16);
  EXPECT_LE(tasks(512), 512);
  args.spec.epilogue.n = args.spec.epilogue.output_k = 576;
  EXPECT_EQ(tasks(0), 0);
  EXPECT_EQ(tasks(1), 1);
  EXPECT_LE(tasks(512), 64);
}

TEST(RowSteps, RefusesInputsAndOrdersThatDoNotFitTheSteps) {
  const auto message = [](const RowStepsSpec& spec) {
    const auto functions = BuildRowStepsPhase(spec);
    EXPECT_FALSE(functions.ok());
    return functions.status().message();
  };
  const TileEpilogue gate = {
      .n = 128, .units = 2, .steps = {EpilogueSteps{{StepKind::kGateSilu}, {StepKind::kFloats}}}};
  EXPECT_THAT(message({.inputs = 1, .epilogue = gate}),
              testing::HasSubstr("1 inputs where the steps need 2"));
  const TileEpilogue floats = {.n = 128, .steps = FloatsSteps()};
  EXPECT_THAT(
      message({.order = ColumnOrder::kRopePairs, .rope_rows = 128, .head_dim = 80, .epilogue = floats}),
      testing::HasSubstr("128 columns cannot be reordered by heads of 80"));
}

}  // namespace
}  // namespace vivace::kernels
