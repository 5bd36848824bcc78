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

// A random phase of one kind: shape, inputs and step.
struct RandomPhase {
  PanelGemmSpec spec;
  int rows;
  std::vector<float> norm, x, table, squares;
  std::vector<std::int32_t> positions, slots, logit_rows;
  Guarded<std::byte> panels;
  Activations input;

  static PanelGemmSpec MakeSpec(Random& random, Epilogue epilogue) {
    constexpr int kWidths[] = {32, 64, 576, 1536};
    constexpr WeightClass kShort[] = {WeightClass::kQ4_0, WeightClass::kQ4_1, WeightClass::kQ5_0,
                                      WeightClass::kQ5_1, WeightClass::kQ8_0};
    constexpr WeightClass kLong[] = {WeightClass::kQ4_K, WeightClass::kQ5_K, WeightClass::kQ6_K};
    const bool is_long = random() % 3 == 0;
    PanelGemmSpec spec{
        .type = is_long ? kLong[random() % 3] : kShort[random() % 5], .k = 0, .n = 0, .epilogue = epilogue};
    spec.k = is_long             ? 256 * UniformInt(random, 1, 5)
             : random() % 3 == 0 ? kWidths[random() % 4]
                                 : 32 * UniformInt(random, 1, 12);
    spec.hidden = 32 * UniformInt(random, 1, 24);
    spec.eps = 1e-5f;
    spec.n = UniformInt(random, 1, 150);
    if (epilogue == Epilogue::kResidualQuant)
      spec.n = spec.hidden = spec.output_k = 32 * UniformInt(random, 1, 5);
    if (epilogue == Epilogue::kSiluMulQuant) spec.n = 2 * (spec.output_k = 32 * UniformInt(random, 1, 3));
    if (epilogue == Epilogue::kQkvRopeAppend) {
      spec.kv = {.layers = 1,
                 .kv_heads = UniformInt(random, 1, 2),
                 .head_dim = 32 * UniformInt(random, 1, 3),
                 .type = DType::kF16,
                 .blocks = 5};
      if (random() % 2 == 0) spec.kv.type = DType::kF32;
      spec.heads = spec.kv.kv_heads * UniformInt(random, 1, 2);
      spec.n = (spec.heads + 2 * spec.kv.kv_heads) * spec.kv.head_dim;
    }
    return spec;
  }
  RandomPhase(Random& random, Epilogue epilogue)
      : spec(MakeSpec(random, epilogue)),
        rows(UniformInt(random, 1, random() % 4 == 0 ? 70 : 13)),
        norm(RandomFloats(random, spec.n, 0.5f, 1.5f)),
        x(RandomFloats(random, static_cast<std::size_t>(rows) * spec.n)),
        table(RandomFloats(random, 50 * spec.kv.head_dim)),
        squares(RandomFloats(random, static_cast<std::size_t>(rows) * SquareStride(spec.hidden), 0.0f, 9.0f)),
        panels(PackRandom(random)),
        input(random, spec.k, rows) {
    for (int r = 0; r < rows; ++r) {
      positions.push_back(UniformInt(random, 0, 49));
      slots.push_back(r);
      if (random() % 3 != 0) logit_rows.push_back(r);
    }
  }
  Guarded<std::byte> PackRandom(Random& random) const {
    const CheckpointRows weights(random, *tensor::DTypeOf(spec.type), spec.n, spec.k);
    return Pack({spec.type, spec.k, spec.n}, ColumnOrder::kPlain, {{weights.bytes.data(), spec.n}});
  }
  Outputs Run(const PanelGemmCode& code) const {
    const FlushDenormals flush;
    const bool residual = spec.epilogue == Epilogue::kResidualQuant,
               logits = spec.epilogue == Epilogue::kLogits;
    const auto count = static_cast<std::size_t>(rows);
    Outputs out{.residual = Guarded<float>(residual ? x.size() : 0),
                .squares = Guarded<float>(residual ? count * SquareStride(spec.hidden) : 0),
                .q = Guarded<float>(count * spec.heads * spec.kv.head_dim),
                .logits = Guarded<float>(logits ? logit_rows.size() * spec.n : 0),
                .rows8 = Guarded<std::byte>(count * QuantizedRows{spec.output_k}.row_stride()),
                .cache = Guarded<std::byte>(spec.kv.bytes())};
    std::memcpy(out.residual.data(), x.data(), out.residual.bytes());
    const PanelGemmArgs args{.spec = spec,
                             .code = code,
                             .weights = panels.data(),
                             .input = input.bytes.data(),
                             .squares_in = squares.data(),
                             .residual = out.residual.data(),
                             .norm_weight = norm.data(),
                             .squares_out = out.squares.data(),
                             .output = out.rows8.data(),
                             .q = out.q.data(),
                             .rope_table = table.data(),
                             .kv = spec.kv,
                             .kv_layer = out.cache.data(),
                             .logits = out.logits.data()};
    StepView step;
    step.rows = rows;
    step.positions = positions.data();
    step.kv_slots = slots.data();
    step.logit_rows = logit_rows.data();
    step.logit_count = static_cast<std::int32_t>(logit_rows.size());
    RunPhase(PanelGemmKernel(spec.epilogue), &args, step);
    return out;
  }
};

class PanelMachineCode : public testing::TestWithParam<Epilogue> {};
INSTANTIATE_TEST_SUITE_P(Epilogues, PanelMachineCode,
                         testing::Values(Epilogue::kQkvRopeAppend, Epilogue::kResidualQuant,
                                         Epilogue::kSiluMulQuant, Epilogue::kLogits));

TEST_P(PanelMachineCode, HasTheBitsOfTheInterpreterOverRandomShapes) {
  if (!codegen::KernelLibrary::Supported()) GTEST_SKIP() << "this CPU has no AVX-512 with VNNI";
  Random random(static_cast<unsigned>(GetParam()) + 1);
  for (int round = 0; round < 12; ++round) {
    InterpretedKernels::Clear();
    const RandomPhase phase(random, GetParam());
    SCOPED_TRACE(testing::Message() << tensor::Row(phase.spec.type).name << " k " << phase.spec.k << " n "
                                    << phase.spec.n << " rows " << phase.rows);
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
                                           .n = 3072,
                                           .epilogue = Epilogue::kSiluMulQuant,
                                           .hidden = 576,
                                           .eps = 1e-5f,
                                           .output_k = 1536},
                                          library);
    ASSERT_TRUE(kernels.ok()) << kernels.status().message();
    EXPECT_LE(library.info(kernels->tile[kernels->direct_rows - 1]).vectors_used, 30);
    EXPECT_EQ(library.size(), kernels->direct_rows + kernels->expanded_rows + 3);
  }
}

TEST(PanelMachineCodeTiles, TheRowQuantiserHasTheBitsOfTheInterpreter) {
  if (!codegen::KernelLibrary::Supported()) GTEST_SKIP() << "this CPU has no AVX-512 with VNNI";
  const FlushDenormals flush;
  Random random(9);
  for (const int hidden : {32, 576, 1024}) {
    codegen::KernelLibrary library;
    const auto id = CompileResidualQuantize(hidden, library);
    ASSERT_TRUE(id.ok() && library.Seal().ok());
    const std::vector<float> x = RandomFloats(random, hidden),
                             norm = RandomFloats(random, hidden, 0.5f, 1.5f);
    std::vector<Guarded<std::byte>> rows8;
    std::vector<Guarded<float>> squares;
    for (const codegen::KernelFn run :
         {library.Get(*id), InterpretedKernels::Address(BuildRowQuant({hidden}))}) {
      const QuantizedRows layout{hidden};
      Guarded<std::byte>& row = rows8.emplace_back(layout.row_stride());
      Guarded<float>& square = squares.emplace_back(SquareStride(hidden));
      Guarded<float> lanes(16);
      std::array<std::int64_t, kEpilogueArguments> a{};
      a[kResult] = reinterpret_cast<std::int64_t>(x.data());
      a[kRows] = layout.groups();
      a[kNormWeight] = reinterpret_cast<std::int64_t>(norm.data());
      a[kSquares] = reinterpret_cast<std::int64_t>(square.data());
      a[kBytes] = reinterpret_cast<std::int64_t>(row.data());
      a[kParameters] = reinterpret_cast<std::int64_t>(row.data() + layout.scale_offset());
      a[kLaneScratch] = reinterpret_cast<std::int64_t>(lanes.data());
      run(a.data());
      EXPECT_TRUE(row.Intact() && square.Intact() && lanes.Intact());
    }
    EXPECT_TRUE(rows8[0] == rows8[1]);
    EXPECT_TRUE(squares[0] == squares[1]);
  }
}

}  // namespace
}  // namespace vivace::kernels
