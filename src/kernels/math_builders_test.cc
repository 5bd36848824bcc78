#include "kernels/math_builders.h"

#include <algorithm>
#include <cmath>
#include <functional>

#include "codegen/differential.h"
#include "kernels/panel_fixture.h"

namespace vivace::kernels {
namespace {

using codegen::Builder;
using codegen::Function;
using codegen::Scalar;
using codegen::Vec;

// One function of this folder with what it should be.
struct Case {
  const char* name;
  std::function<std::function<Vec(Builder&, Vec)>(Builder&)> make;  // constants first, then the body
  double (*exact)(double);
  float low, high;  // dense inputs
  double relative, absolute;
  // What comes of the infinities.
  float at_infinity, at_negative_infinity;
};

template <class Constants>
auto With(Constants (*make)(Builder&), Vec (*body)(Builder&, const Constants&, Vec)) {
  return [=](Builder& b) -> std::function<Vec(Builder&, Vec)> {
    return [k = make(b), body](Builder& inner, Vec x) { return body(inner, k, x); };
  };
}

constexpr float kCap = 30.0f;
SoftCapConstants Cap30(Builder& b) {
  return MakeSoftCapConstants(b, kCap);
}
double ExactSigmoid(double x) {
  return 1 / (1 + std::exp(-x));
}
double ExactGelu(double x) {
  return x * ExactSigmoid(2 * std::sqrt(2 / M_PI) * (x + 0.044715 * x * x * x));
}

std::vector<Case> Cases() {
  const float top = std::exp(88.0f), inf = INFINITY;
  return {
      {"exp", With(MakeExpConstants, Exp), std::exp, -87, 88, 2e-7, 0, top, std::exp(-87.0f)},
      {"sigmoid", With(MakeExpConstants, Sigmoid), ExactSigmoid, -120, 120, 3e-7, 1.7e-38, 1, 0},
      {"silu", With(MakeExpConstants, Silu), [](double x) { return x * ExactSigmoid(x); }, -120, 120, 4e-7,
       1e-35, inf, -inf},
      {"gelu near", With(MakeGeluConstants, Gelu), ExactGelu, -1, 60, 4e-7, 0, inf, -inf},
      {"gelu", With(MakeGeluConstants, Gelu), ExactGelu, -60, -1, 0, 2e-7, inf, -inf},
      {"tanh", With(MakeTanhConstants, Tanh), std::tanh, -20, 20, 4e-7, 0, 1, -1},
      {"tanh near", With(MakeTanhConstants, Tanh), std::tanh, -0.01f, 0.01f, 4e-7, 0, 1, -1},
      {"soft cap", With(Cap30, SoftCap), [](double x) { return kCap * std::tanh(x / kCap); }, -200, 200, 5e-7,
       4e-37, NAN, NAN},
  };
}

// out[i] = f(in[i]) for `count` vectors. Arguments: in, out, count.
Function Elementwise(const Case& c) {
  Builder b(c.name);
  const Scalar in = b.Arg(0), out = b.Arg(1);
  const auto body = c.make(b);
  b.Loop(b.Arg(2));
  b.Store({out, 0}, body(b, b.Load({in, 0})));
  b.Bump(in, 64);
  b.Bump(out, 64);
  b.End();
  return b.Take();
}

std::vector<float> Apply(const Case& c, std::vector<float> in) {
  const FlushDenormals flush;
  in.resize((in.size() + 15) / 16 * 16);
  std::vector<float> out(in.size());
  const std::int64_t arguments[] = {reinterpret_cast<std::int64_t>(in.data()),
                                    reinterpret_cast<std::int64_t>(out.data()),
                                    static_cast<std::int64_t>(in.size() / 16)};
  codegen::Interpret(Elementwise(c), arguments);
  return out;
}

// The case's range, and the numbers next to powers of two in it, where exponents change.
std::vector<float> Inputs(const Case& c) {
  std::vector<float> in;
  for (int i = 0; i < (1 << 15); ++i)
    in.push_back(c.low + (c.high - c.low) * (static_cast<float>(i) / 32767));
  for (int e = -126; e < 127; ++e) {
    for (const float sign : {-1.0f, 1.0f}) {
      for (const float m : {0.70710677f, 0.7071068f, 0.99999994f, 1.0f, 1.0000001f}) {
        const float x = sign * std::ldexp(m, e);
        if (std::isnormal(x) && x >= c.low && x <= c.high) in.push_back(x);
      }
    }
  }
  return in;
}

TEST(MathBuilders, StatedAccuracyHoldsAgainstFloat64) {
  for (const Case& c : Cases()) {
    const std::vector<float> in = Inputs(c), out = Apply(c, in);
    for (std::size_t i = 0; i < in.size(); ++i) {
      const double expected = c.exact(in[i]);
      // Results too small to be normal numbers are flushed.
      const double allowed = c.relative * std::abs(expected) + std::max(c.absolute, 1.2e-38);
      ASSERT_LE(std::abs(out[i] - expected), allowed) << c.name << " of " << in[i] << ": " << out[i];
    }
  }
}

TEST(MathBuilders, ANanStaysOneAndInfinitiesGiveWhatTheHeaderSays) {
  for (const Case& c : Cases()) {
    const std::vector<float> out = Apply(c, {NAN, -NAN, INFINITY, -INFINITY});
    EXPECT_TRUE(std::isnan(out[0]) && std::isnan(out[1])) << c.name;
    const float expected[] = {c.at_infinity, c.at_negative_infinity};
    for (int i = 0; i < 2; ++i) {
      if (std::isfinite(expected[i])) {
        EXPECT_NEAR(out[2 + i], expected[i], 2e-7 * std::abs(expected[i])) << c.name;
      } else if (std::isnan(expected[i])) {
        EXPECT_TRUE(std::isnan(out[2 + i])) << c.name;
      } else {
        EXPECT_EQ(out[2 + i], expected[i]) << c.name;
      }
    }
  }
}

TEST(MathBuilders, ZerosAndTheEndsOfRangesAreExact) {
  const std::vector<Case> cases = Cases();
  const auto at = [&](const char* name, float x) {
    const auto c =
        std::find_if(cases.begin(), cases.end(), [&](const Case& k) { return k.name == std::string(name); });
    return Apply(*c, {x})[0];
  };
  EXPECT_EQ(at("exp", 0.0f), 1.0f);
  EXPECT_EQ(at("exp", -0.0f), 1.0f);
  EXPECT_EQ(at("exp", -1000.0f), at("exp", -87.0f));
  EXPECT_EQ(at("exp", 1000.0f), at("exp", 88.0f));
  EXPECT_EQ(at("sigmoid", 0.0f), 0.5f);
  EXPECT_EQ(at("silu", 0.0f), 0.0f);
  EXPECT_EQ(at("gelu", 0.0f), 0.0f);
  EXPECT_EQ(at("tanh", 0.0f), 0.0f);
  EXPECT_TRUE(std::signbit(at("tanh", -0.0f)));
  EXPECT_EQ(at("tanh", 1e30f), 1.0f);
  EXPECT_EQ(at("tanh", -1e30f), -1.0f);
}

TEST(MathBuilders, TanhNeverPassesOneAndKeepsOrderAtLargeSteps) {
  const std::vector<Case> cases = Cases();
  std::vector<float> in;
  for (int i = 0; i < (1 << 16); ++i) in.push_back(6.0f + 4.0f * static_cast<float>(i) / 65536);
  for (const float y : Apply(cases[5], in)) ASSERT_LE(y, 1.0f);
}

TEST(MathBuilders, ReciprocalSqrtIsRounded) {
  const std::vector<float> in = {1, 4, 0.25f, 2, 3, 1e-6f, 1e6f, 7, 1, 1, 1, 1, 1, 1, 1, 1};
  const auto make = [](Builder& b) -> std::function<Vec(Builder&, Vec)> {
    return [one = b.Const(1.0f)](Builder& inner, Vec x) { return ReciprocalSqrt(inner, one, x); };
  };
  const std::vector<float> out = Apply({"rsqrt", make, nullptr, 0, 0, 0, 0, 0, 0}, in);
  for (std::size_t i = 0; i < in.size(); ++i) EXPECT_EQ(out[i], 1.0f / std::sqrt(in[i]));
}

}  // namespace
}  // namespace vivace::kernels
