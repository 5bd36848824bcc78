// The panel GEMM as machine code against the interpreter, bit for bit, over random shapes.
#include <gmock/gmock.h>

#include "kernels/gemm_epilogue.h"
#include "kernels/panel_fixture.h"
#include "kernels/step_fixture.h"

namespace vivace::kernels {
namespace {

using tensor::ColumnOrder;
using tensor::DType;
using tensor::PanelLayout;
using tensor::QuantizedRows;
using tensor::StepView;
using tensor::WeightClass;

// Everything that a phase of any epilogue writes.
struct Outputs {
  Guarded<float> residual, squares, q, logits;
  Guarded<std::byte> rows8, cache;

  bool operator==(const Outputs& other) const {
    return residual == other.residual && squares == other.squares && q == other.q && logits == other.logits &&
           rows8 == other.rows8 && cache == other.cache;
  }
  bool Intact() const {
    return residual.Intact() && squares.Intact() && q.Intact() && logits.Intact() && rows8.Intact() &&
           cache.Intact();
  }
};

// Lists by name.
enum class Lists { kQkv, kResidualQuant, kSiluMulQuant, kLogits };

// A random phase of one kind: shape, inputs and step.
struct RandomPhase {
  PanelGemmSpec spec;
  TileEpilogue epilogue;
  int rows;
  std::vector<float> norm, x, table, squares;
  std::vector<std::int32_t> positions, slots, logit_rows;
  Guarded<std::byte> panels;
  Activations input;

  static TileEpilogue MakeEpilogue(Random& random, Lists lists) {
    TileEpilogue e{.n = UniformInt(random, 1, 150), .hidden = 32 * UniformInt(random, 1, 24), .eps = 1e-5f};
    if (lists == Lists::kLogits) e.steps = LogitsSteps();
    if (lists == Lists::kResidualQuant) {
      e.steps = ResidualQuantSteps();
      e.n = e.hidden = UniformInt(random, 1, 160);
      e.output_k = (e.n + 31) / 32 * 32;
    }
    if (lists == Lists::kSiluMulQuant) {
      e.steps = SiluMulQuantSteps();
      e.units = 2;
      e.n = 2 * (e.output_k = 32 * UniformInt(random, 1, 3));
    }
    if (lists == Lists::kQkv) {
      e.steps = QkvSteps();
      e.kv = {.layers = 1,
              .kv_heads = UniformInt(random, 1, 2),
              .head_dim = 32 * UniformInt(random, 1, 3),
              .type = DType::kF16,
              .blocks = 5};
      if (random() % 2 == 0) e.kv.type = DType::kF32;
      e.heads = e.kv.kv_heads * UniformInt(random, 1, 2);
      e.n = (e.heads + 2 * e.kv.kv_heads) * e.kv.head_dim;
    }
    return e;
  }
  static PanelGemmSpec MakeSpec(Random& random, Lists lists) {
    constexpr int kWidths[] = {32, 64, 576, 1536};
    constexpr WeightClass kShort[] = {WeightClass::kQ4_0, WeightClass::kQ4_1, WeightClass::kQ5_0,
                                      WeightClass::kQ5_1, WeightClass::kQ8_0};
    constexpr WeightClass kLong[] = {WeightClass::kQ4_K, WeightClass::kQ5_K, WeightClass::kQ6_K};
    const bool is_long = random() % 3 == 0;
    PanelGemmSpec spec{.type = is_long ? kLong[random() % 3] : kShort[random() % 5],
                       .epilogue = MakeEpilogue(random, lists),
                       .gathered = lists == Lists::kLogits};
    spec.k = is_long             ? 256 * UniformInt(random, 1, 5)
             : random() % 3 == 0 ? kWidths[random() % 4]
                                 : 32 * UniformInt(random, 1, 12);
    return spec;
  }
  RandomPhase(Random& random, Lists lists)
      : spec(MakeSpec(random, lists)),
        epilogue(spec.epilogue),
        rows(UniformInt(random, 1, random() % 4 == 0 ? 70 : 13)),
        norm(RandomFloats(random, (epilogue.n + 63) / 64 * 64, 0.5f, 1.5f)),
        x(RandomFloats(random, static_cast<std::size_t>(rows) * epilogue.n)),
        table(RandomFloats(random, 50 * epilogue.kv.head_dim)),
        squares(
            RandomFloats(random, static_cast<std::size_t>(rows) * SquareStride(epilogue.hidden), 0.0f, 9.0f)),
        panels(PackRandom(random)),
        input(random, spec.k, rows) {
    for (int r = 0; r < rows; ++r) {
      positions.push_back(UniformInt(random, 0, 49));
      slots.push_back(r);
      if (random() % 3 != 0) logit_rows.push_back(r);
    }
  }
  Guarded<std::byte> PackRandom(Random& random) const {
    const CheckpointRows weights(random, *tensor::DTypeOf(spec.type), epilogue.n, spec.k);
    return Pack({spec.type, spec.k, epilogue.n}, ColumnOrder::kPlain, {{weights.bytes.data(), epilogue.n}});
  }
  Outputs Run(const PanelGemmCode& code) const {
    const FlushDenormals flush;
    const bool residual = epilogue.steps[0].Has(StepKind::kResidual), logits = spec.gathered;
    const auto count = static_cast<std::size_t>(rows);
    Outputs out{.residual = Guarded<float>(residual ? x.size() : 0),
                .squares = Guarded<float>(residual ? count * SquareStride(epilogue.hidden) : 0),
                .q = Guarded<float>(count * epilogue.heads * epilogue.kv.head_dim),
                .logits = Guarded<float>(logits ? logit_rows.size() * epilogue.n : 0),
                .rows8 = Guarded<std::byte>(count * QuantizedRows{epilogue.output_k}.row_stride()),
                .cache = Guarded<std::byte>(epilogue.kv.bytes())};
    std::memcpy(out.residual.data(), x.data(), out.residual.bytes());
    PanelGemmArgs args{.spec = spec, .code = code, .weights = panels.data(), .input = input.bytes.data()};
    args.out = {.squares_in = squares.data(),
                .residual = out.residual.data(),
                .norm = norm.data(),
                .squares_out = out.squares.data(),
                .output = out.rows8.data(),
                .floats = {logits ? out.logits.data() : out.q.data()},
                .rope_table = table.data(),
                .kv = epilogue.kv,
                .kv_layer = out.cache.data()};
    StepView step;
    step.rows = rows;
    step.positions = positions.data();
    step.kv_slots = slots.data();
    step.logit_rows = logit_rows.data();
    step.logit_count = static_cast<std::int32_t>(logit_rows.size());
    RunPhase(PanelGemmKernel(), &args, step);
    return out;
  }
};

class PanelMachineCode : public testing::TestWithParam<Lists> {};
INSTANTIATE_TEST_SUITE_P(Epilogues, PanelMachineCode,
                         testing::Values(Lists::kQkv, Lists::kResidualQuant, Lists::kSiluMulQuant,
                                         Lists::kLogits));

TEST_P(PanelMachineCode, HasTheBitsOfTheInterpreterOverRandomShapes) {
  if (!codegen::KernelLibrary::Supported()) GTEST_SKIP() << "this CPU has no AVX-512 with VNNI";
  Random random(static_cast<unsigned>(GetParam()) + 1);
  for (int round = 0; round < 12; ++round) {
    InterpretedKernels::Clear();
    const RandomPhase phase(random, GetParam());
    SCOPED_TRACE(testing::Message() << tensor::Row(phase.spec.type).name << " k " << phase.spec.k << " n "
                                    << phase.epilogue.n << " rows " << phase.rows);
    codegen::KernelLibrary library;
    const auto kernels = CompilePanelGemm(phase.spec, library);
    ASSERT_TRUE(kernels.ok()) << kernels.status().message();
    ASSERT_TRUE(library.Seal().ok());
    const Outputs compiled = phase.Run(Resolve(*kernels, library));
    EXPECT_TRUE(compiled.Intact());
    EXPECT_TRUE(compiled == phase.Run(InterpretedKernels::Resolve(phase.spec)));
  }
}

TEST(PanelMachineCodeTiles, FitTheRegistersOfTheLargestTile) {
  for (const WeightClass type : {WeightClass::kQ4_1, WeightClass::kQ8_0}) {
    codegen::KernelLibrary library;
    const auto kernels = CompilePanelGemm({.type = type,
                                           .k = 576,
                                           .epilogue = {.n = 3072,
                                                        .units = 2,
                                                        .steps = SiluMulQuantSteps(),
                                                        .hidden = 576,
                                                        .eps = 1e-5f,
                                                        .output_k = 1536}},
                                          library);
    ASSERT_TRUE(kernels.ok()) << kernels.status().message();
    EXPECT_LE(library.info(kernels->tile[kernels->direct_rows - 1]).vectors_used, 30);
    EXPECT_EQ(library.size(), kernels->direct_rows + kernels->expanded_rows + 3);
  }
}

}  // namespace
}  // namespace vivace::kernels
