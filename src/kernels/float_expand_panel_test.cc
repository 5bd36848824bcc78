// Phases with quantised weights and float rows as machine code: packed by PackPanels, run by the driver,
// every output against double precision, and bit for bit over numbers of rows and plans.
#include <gtest/gtest.h>

#include "kernels/float_tile_expand.h"
#include "kernels/panel_fixture.h"
#include "kernels/step_fixture.h"

namespace vivace::kernels {
namespace {

using codegen::Target;
using tensor::ActivationType;
using tensor::QuantizedRows;
using tensor::WeightClass;

constexpr int kK = 768, kN = 72;  // three slices of k, a cut-off last unit
constexpr int kMostRows = 40;

class Phase {
 public:
  Phase(Random& random, WeightClass type, const Target& target)
      : target_(target),
        spec_{.type = type,
              .k = kK,
              .activation = ActivationType::kF32,
              .epilogue = {.n = kN, .steps = {EpilogueSteps{{StepKind::kFloats}}}}},
        panels_(PackWeights(random)),
        input_(static_cast<std::size_t>(kMostRows) * QuantizedRows{kK, ActivationType::kF32}.row_stride() /
               4),
        library_(target) {
    for (int r = 0; r < kMostRows; ++r)
      for (int k = 0; k < kK; ++k) input_[Row(r) + k] = Uniform(random, -1, 1);
    const auto kernels = CompilePanelGemm(spec_, library_);
    EXPECT_TRUE(kernels.ok()) << kernels.status().message();
    if (kernels.ok() && library_.Seal().ok()) code_ = Resolve(*kernels, library_);
  }

  /// [rows][kN] of rows first .. first + rows - 1.
  std::vector<float> Run(int first, int rows, const TilePlan& plan = {}) const {
    const FlushDenormals flush;
    std::vector<float> out(static_cast<std::size_t>(rows) * kN);
    PanelGemmArgs args{};
    args.spec = spec_;
    args.code = code_;
    args.weights = panels_.data();
    args.input = reinterpret_cast<const std::byte*>(input_.data() + Row(first));
    args.out.floats[0] = out.data();
    args.plan = plan;
    tensor::StepView step;
    step.rows = rows;
    RunPhase(PanelGemmKernel(), &args, step);
    return out;
  }
  /// By the rule and by the plan for so many rows.
  void ExpectSameBits(const std::vector<float>& all, int first, int rows) const {
    for (const TilePlan& plan : {TilePlan{}, PlanTiles(spec_, rows, 2, target_)}) {
      const std::vector<float> some = Run(first, rows, plan);
      EXPECT_EQ(
          std::memcmp(some.data(), all.data() + static_cast<std::ptrdiff_t>(first) * kN, some.size() * 4), 0)
          << target_.name << ' ' << rows << " rows of " << tensor::Row(spec_.type).name;
    }
  }
  double Error(const std::vector<float>& all) const {
    double error = 0, power = 0;
    for (int n = 0; n < kN; ++n) {
      const std::vector<float>& weights = weights_[n];
      for (int r = 0; r < kMostRows; ++r) {
        double exact = 0;
        for (int k = 0; k < kK; ++k)
          exact += static_cast<double>(weights[k]) * static_cast<double>(input_[Row(r) + k]);
        const double difference = static_cast<double>(all[r * kN + n]) - exact;
        error += difference * difference;
        power += exact * exact;
      }
    }
    return error / power;
  }

 private:
  static std::size_t Row(int r) {
    return static_cast<std::size_t>(r) * QuantizedRows{kK, ActivationType::kF32}.row_stride() / 4;
  }

  /// Fills weights_, too.
  Guarded<std::byte> PackWeights(Random& random) {
    const tensor::PanelLayout layout{spec_.type, kK, kN};
    if (const auto type = tensor::DTypeOf(spec_.type)) {
      const CheckpointRows rows(random, *type, kN, kK);
      for (int n = 0; n < kN; ++n) weights_.push_back(rows.Values(n));
      return Pack(layout, tensor::ColumnOrder::kPlain, {{rows.bytes.data(), kN}});
    }
    // Bytes with a scale per column.
    std::vector<std::int8_t> codes(static_cast<std::size_t>(kN) * kK);
    for (std::int8_t& code : codes) code = static_cast<std::int8_t>(UniformInt(random, -127, 127));
    const std::vector<float> scales = RandomFloats(random, kN, 0.0001f, 0.0005f);
    for (int n = 0; n < kN; ++n) {
      std::vector<float>& row = weights_.emplace_back();
      for (int k = 0; k < kK; ++k) row.push_back(scales[n] * static_cast<float>(codes[n * kK + k]));
    }
    return Pack(layout, tensor::ColumnOrder::kPlain,
                {{reinterpret_cast<const std::byte*>(codes.data()), kN,
                  reinterpret_cast<const std::byte*>(scales.data())}});
  }

  Target target_;
  PanelGemmSpec spec_;
  std::vector<std::vector<float>> weights_;  // [kN][kK]
  Guarded<std::byte> panels_;
  Guarded<float> input_;
  codegen::KernelLibrary library_;
  PanelGemmCode code_{};
};

TEST(FloatExpandPanel, PhasesAgreeWithDoublePrecisionForAnyNumberOfRowsAndPlan) {
  for (const Target& target : codegen::RunnableTargets()) {
    Random random(3);
    for (const WeightClass type : {WeightClass::kQ4_0, WeightClass::kQ5_1, WeightClass::kQ8_0,
                                   WeightClass::kQ4_K, WeightClass::kQ6_K, WeightClass::kInt8Channel}) {
      const Phase phase(random, type, target);
      const std::vector<float> all = phase.Run(0, kMostRows);
      EXPECT_LE(phase.Error(all), 1e-12) << target.name << ' ' << tensor::Row(type).name;
      for (const int rows : {1, 5, 13, 25}) phase.ExpectSameBits(all, 7, rows);
    }
  }
}

}  // namespace
}  // namespace vivace::kernels
