// A phase whose steps are fused into its source against the source alone, its values in buffers, and the same
// steps as row_steps: the same bits, for every list that the compiler makes, on every target.
#include <gtest/gtest.h>

#include <numeric>

#include "codegen/target_fixture.h"
#include "kernels/tile_fixture.h"

namespace vivace::kernels {
namespace {

using codegen::KernelLibrary;
using codegen::Target;
using tensor::ColumnOrder;
using tensor::DType;
using tensor::WeightClass;

constexpr int kWidth = 64;

// Weights [n][kWidth], input rows, and the plan of the fused contraction.
struct Source {
  CheckpointRows weights;
  Activations input;

  Source(Random& random, int n, int rows)
      : weights(random, random() % 2 == 0 ? DType::kQ4_1 : DType::kQ8_0, n, kWidth),
        input(random, kWidth, rows) {}
  const std::byte* From(int column) const {
    return weights.bytes.data() + tensor::RowBytes(weights.type, std::int64_t{column} * kWidth);
  }
  // The contraction of columns [first, first + e.n).
  void Run(const Target& target, const TileEpilogue& e, bool gathered, const TilePlan& plan,
           ColumnOrder order, int first, int rope_rows, const TileInputs& in, const TileOutputs& out) const {
    const WeightClass type = tensor::ClassOf(weights.type);
    std::vector<PackSource> sources = {{From(first), e.n}};
    if (order == ColumnOrder::kGateUpPairs)
      sources = {{From(first), e.n / 2}, {From(first + e.n / 2), e.n / 2}};
    const auto panels = Pack({type, kWidth, e.n}, order, sources, rope_rows, std::max(32, e.kv.head_dim));
    PanelGemmArgs args{};
    args.spec = {.type = type, .k = kWidth, .epilogue = e, .gathered = gathered};
    KernelLibrary library(target);
    const auto kernels = CompilePanelGemm(args.spec, library);
    ASSERT_TRUE(kernels.ok()) << kernels.status().message();
    ASSERT_TRUE(library.Seal().ok());
    args.code = Resolve(*kernels, library);
    args.weights = panels.data();
    args.input = input.bytes.data();
    args.out = out;
    args.plan = plan;
    RunPhase(PanelGemmKernel(), &args, in.Step());
  }
  // The same columns as f32 [rows][n].
  std::vector<float> Values(const Target& target, int first, int n, bool gathered,
                            const TileInputs& in) const {
    std::vector<float> values(static_cast<std::size_t>(in.rows) * n);
    TileOutputs out{};
    out.floats[0] = values.data();
    Run(target, {.n = n, .steps = FloatsSteps()}, gathered, {}, ColumnOrder::kPlain, first, 0, in, out);
    return values;
  }
};

void RunRowSteps(const Target& target, const RowStepsSpec& spec,
                 const std::vector<std::vector<float>>& inputs, const TileInputs& in,
                 const TileOutputs& out) {
  RowStepsArgs args{};
  args.spec = spec;
  KernelLibrary library(target);
  const auto kernels = CompileRowSteps(spec, library);
  ASSERT_TRUE(kernels.ok()) << kernels.status().message();
  ASSERT_TRUE(library.Seal().ok());
  args.code = Resolve(*kernels, library);
  for (std::size_t i = 0; i < inputs.size(); ++i) args.inputs[i] = inputs[i].data();
  args.out = out;
  RunPhase(RowStepsKernel(), &args, in.Step());
}

std::vector<Target> Targets() {
  std::vector<Target> targets;
  for (const Target& target : codegen::TargetsUnderTest()) {
    if (KernelLibrary::Supported(target)) targets.push_back(target);
  }
  return targets;
}

class TileFusion : public testing::TestWithParam<TileKind> {};
INSTANTIATE_TEST_SUITE_P(Kinds, TileFusion, testing::ValuesIn(kTileKinds));

TEST_P(TileFusion, StepsAfterAPlainContractionGiveTheBitsOfTheFusedOne) {
  const FlushDenormals flush;
  const std::vector<Target> targets = Targets();
  Random random(static_cast<unsigned>(GetParam()) + 40);
  for (int round = 0; round < 40; ++round) {
    const Target& target = targets[static_cast<std::size_t>(round) % targets.size()];
    const TileEpilogue e = TileDraw(random, GetParam()).e;
    const int rows = UniformInt(random, 1, round % 4 == 0 ? 60 : 8);
    const bool gathered = GetParam() == TileKind::kLogits && random() % 2 == 0;
    const TileInputs in(random, e, rows);
    const Source source(random, e.n, rows);
    SCOPED_TRACE(Describe(e) + " on " + target.name + ", rows " + std::to_string(rows));

    RowStepsSpec spec{.epilogue = e, .logit_rows = gathered};
    std::vector<std::vector<float>> inputs(kEpilogueParts);
    ColumnOrder order = ColumnOrder::kPlain;
    if (e.has_parts()) {
      spec.inputs = 0;
      order = spec.order = random() % 2 == 0 ? ColumnOrder::kRopePairs : ColumnOrder::kRopeHalves;
      spec.rope_rows = PartColumns(e, 0) + PartColumns(e, 1);
      spec.head_dim = e.kv.head_dim;
      for (int part = 0, first = 0; part < kEpilogueParts; first += PartColumns(e, part++)) {
        if (PartColumns(e, part) == 0) continue;
        inputs[static_cast<std::size_t>(part)] =
            source.Values(target, first, PartColumns(e, part), gathered, in);
        ++spec.inputs;
      }
    } else if (e.steps[0].gated()) {
      spec.inputs = 2;
      order = ColumnOrder::kGateUpPairs;
      for (int i = 0; i < 2; ++i)
        inputs[static_cast<std::size_t>(i)] = source.Values(target, i * e.n / 2, e.n / 2, gathered, in);
    } else {
      inputs[0] = source.Values(target, 0, e.n, gathered, in);
    }

    TileMemory fused(e, in), apart(e, in);
    source.Run(target, e, gathered, {}, order, 0, spec.rope_rows, in, fused.Outputs(e, in));
    RunRowSteps(target, spec, inputs, in, apart.Outputs(e, in));
    EXPECT_TRUE(fused.Intact() && apart.Intact());
    ASSERT_EQ(fused.Difference(apart), "");

    // A plan changes no bit either.
    TileMemory planned(e, in);
    TilePlan plan{.direct_rows = UniformInt(random, 1, kMaximumTileRows),
                  .expand = random() % 2 == 0,
                  .task_units = UniformInt(random, 1, 9)};
    if (round % 2 == 0) {
      const PanelGemmSpec gemm{.type = tensor::ClassOf(source.weights.type), .k = kWidth, .epilogue = e};
      plan = PlanTiles(gemm, rows, 2, target);
    }
    source.Run(target, e, gathered, plan, order, 0, spec.rope_rows, in, planned.Outputs(e, in));
    EXPECT_TRUE(planned.Intact());
    ASSERT_EQ(fused.Difference(planned), "");
  }
}

// Tables of every class that packs whole rows of a checkpoint.
TEST(TileFusionEmbed, AnEmbeddingGivesTheBitsOfStepsOnItsRows) {
  const FlushDenormals flush;
  const std::vector<Target> targets = Targets();
  Random random(7);
  for (int type = 0; type < tensor::kWeightTypes; ++type) {
    for (int round = 0; round < 4; ++round) {
      const Target& target = targets[static_cast<std::size_t>(round) % targets.size()];
      const auto dtype = static_cast<DType>(type);
      TileEpilogue e{};
      do {
        e = TileDraw(random, TileKind::kRows).e;
      } while (e.steps[0].Has(StepKind::kRowScale) || e.steps[0].Has(StepKind::kBias));
      const int block = tensor::Row(tensor::ClassOf(dtype)).block_k;
      const int width = std::lcm(32, block), k = (e.n + width - 1) / width * width, vocabulary = 70;
      if (block > 2) {
        // Rows of blocks have no end in the middle of one.
        e.n = e.hidden = k;
        if (e.steps[0].Has(StepKind::kActivations)) e.output_k = (k + 63) / 64 * 64;
      }
      const int source_k = block > 2 ? k : e.n;
      SCOPED_TRACE(Describe(e) + " from " + std::string(tensor::Row(dtype).name));
      const CheckpointRows table(random, dtype, vocabulary, source_k);
      const tensor::PanelLayout layout{tensor::ClassOf(dtype), k, vocabulary, source_k};
      const auto panels = Pack(layout, ColumnOrder::kPlain, {{table.bytes.data(), vocabulary}});
      const TileInputs in(random, e, 6);
      const std::vector<std::int32_t> tokens = {0, 69, 31, 32, 5, 5};
      std::vector<std::vector<float>> values(1);
      for (const std::int32_t token : tokens) {
        const std::vector<float> row = table.Values(token);
        values[0].insert(values[0].end(), row.begin(), row.end());
      }
      TileMemory embedded(e, in), apart(e, in);
      PanelEmbedArgs args{};
      args.spec = {.layout = layout, .epilogue = e};
      KernelLibrary library(target);
      const auto kernels = CompilePanelEmbed(args.spec, library);
      ASSERT_TRUE(kernels.ok() && library.Seal().ok()) << kernels.status().message();
      args.code = Resolve(*kernels, library);
      args.weights = panels.data();
      args.out = embedded.Outputs(e, in);
      tensor::StepView step = in.Step();
      step.token_ids = tokens.data();
      RunPhase(PanelEmbedKernel(), &args, step);
      RunRowSteps(target, {.epilogue = e}, values, in, apart.Outputs(e, in));
      EXPECT_TRUE(embedded.Intact() && apart.Intact());
      ASSERT_EQ(embedded.Difference(apart), "");
    }
  }
}

}  // namespace
}  // namespace vivace::kernels
