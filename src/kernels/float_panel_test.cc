// Phases with float weights as machine code: packed by PackPanels, run by the driver, against double
// precision and over numbers of rows.
#include <gtest/gtest.h>

#include <bit>
#include <cstring>
#include <vector>

#include "codegen/differential.h"
#include "kernels/float_tile.h"
#include "kernels/pack_panels.h"
#include "kernels/panel.h"
#include "kernels/step_fixture.h"
#include "tensor/float16.h"

namespace vivace::kernels {
namespace {

using codegen::Target;
using tensor::ActivationType;
using tensor::QuantizedRows;
using tensor::WeightClass;

constexpr int kK = 1184, kN = 72;  // three slices of k, a cut-off last unit
constexpr int kMostRows = 40;

// Small multiples of 1/64: exact in every float type.
float Small(int i) {
  return static_cast<float>((i * 37 + i / 11 * 5) % 127 - 63) / 64;
}

class FloatPhase {
 public:
  FloatPhase(WeightClass type, ActivationType activation, const Target& target)
      : spec_{.type = type,
              .k = kK,
              .activation = activation,
              .epilogue = {.n = kN, .steps = LogitsSteps(), .hidden = 32},
              .gathered = true},
        library_(target),
        rows_{kK, activation},
        input_(static_cast<std::size_t>(rows_.row_stride()) * kMostRows),
        panels_(tensor::PanelLayout{type, kK, kN}.bytes()),
        squares_(kMostRows * SquareStride(32) * sizeof(float)) {
    for (int r = 0; r < kMostRows; ++r) {
      squares_.as<float>()[r * SquareStride(32)] = 32;  // the norm's factor is 1
      for (int k = 0; k < kK; ++k)
        Write(input_.bytes().data() + r * rows_.row_stride(), k, X(r, k),
              activation == ActivationType::kBF16 ? 2 : 4);
    }
    Pack();
    const auto kernels = CompilePanelGemm(spec_, library_);
    EXPECT_TRUE(kernels.ok()) << kernels.status().message();
    EXPECT_TRUE(library_.Seal().ok());
    code_ = Resolve(*kernels, library_);
  }
  static float X(int r, int k) { return Small(3 * r + k); }
  static float W(int n, int k) { return Small(5 * n + 7 * k); }

  // Logits [rows][kN] of rows first .. first + rows - 1.
  std::vector<float> Logits(int first, int rows) const {
    const codegen::FlushDenormals flush;
    std::vector<float> logits(static_cast<std::size_t>(rows) * kN);
    std::vector<std::int32_t> wanted;
    for (int r = 0; r < rows; ++r) wanted.push_back(first + r);
    PanelGemmArgs args{};
    args.spec = spec_;
    args.code = code_;
    args.weights = panels_.bytes().data();
    args.input = input_.bytes().data();
    args.out.squares_in = squares_.as<float>().data();
    args.out.floats[0] = logits.data();
    tensor::StepView step;
    step.rows = kMostRows;
    step.logit_rows = wanted.data();
    step.logit_count = rows;
    RunPhase(PanelGemmKernel(), &args, step);
    return logits;
  }

 private:
  static void Write(std::byte* row, int i, float value, int bytes) {
    const std::uint32_t bits = std::bit_cast<std::uint32_t>(value);
    const std::uint16_t high = static_cast<std::uint16_t>(bits >> 16);
    bytes == 4 ? std::memcpy(row + 4 * i, &bits, 4) : std::memcpy(row + 2 * i, &high, 2);
  }
  void Pack() {
    const bool is_f16 = spec_.type == WeightClass::kF16;
    const int bytes = spec_.type == WeightClass::kF32 ? 4 : 2;
    std::vector<std::byte> source(static_cast<std::size_t>(kN) * kK * bytes);
    for (int i = 0; i < kN * kK; ++i) {
      const float value = W(i / kK, i % kK);
      Write(source.data(), i, value, bytes);
      const std::uint16_t half = tensor::F32ToF16(value);
      if (is_f16) std::memcpy(source.data() + 2 * i, &half, 2);
    }
    const tensor::PanelLayout layout{spec_.type, kK, kN};
    PackPanels(layout, tensor::ColumnOrder::kPlain, {{.data = source.data(), .rows = kN}}, 0, 32, 0,
               layout.panels(), panels_.bytes().data());
  }

  PanelGemmSpec spec_;
  codegen::KernelLibrary library_;
  QuantizedRows rows_;
  codegen::GuardedBuffer input_, panels_, squares_;
  PanelGemmCode code_{};
};

TEST(FloatPanel, PhasesAgreeWithDoublePrecisionForAnyNumberOfRows) {
  for (const Target& target : codegen::RunnableTargets()) {
    for (const WeightClass type : {WeightClass::kF32, WeightClass::kF16, WeightClass::kBF16}) {
      const FloatPhase phase(type, FloatActivation(type, target), target);
      const std::vector<float> all = phase.Logits(0, kMostRows);
      double error = 0, energy = 0;
      for (int r = 0; r < kMostRows; ++r) {
        for (int n = 0; n < kN; ++n) {
          double exact = 0;
          for (int k = 0; k < kK; ++k)
            exact += static_cast<double>(phase.X(r, k)) * static_cast<double>(phase.W(n, k));
          const double difference = all[r * kN + n] - exact;
          error += difference * difference;
          energy += exact * exact;
        }
      }
      EXPECT_LE(error, 1e-10 * energy) << target.name << ' ' << tensor::Row(type).name;
      for (const int rows : {1, 5, 13, 25}) {
        const std::vector<float> some = phase.Logits(7, rows);
        EXPECT_EQ(std::memcmp(some.data(), all.data() + 7 * kN, some.size() * 4), 0)
            << target.name << ' ' << tensor::Row(type).name << ' ' << rows;
      }
    }
  }
}

}  // namespace
}  // namespace vivace::kernels
