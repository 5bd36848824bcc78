// Epilogue kernels of random lists of steps: values against double precision, and machine code of every
// target against the interpreter.
#include "kernels/gemm_epilogue.h"

#include <cmath>
#include <cstdlib>
#include <set>

#include "codegen/differential.h"
#include "codegen/target.h"
#include "kernels/panel_finish.h"
#include "kernels/panel_fixture.h"

namespace vivace::kernels {
namespace {

using codegen::GuardedBuffer;
using tensor::ActivationType;
using tensor::KvLayout;
using tensor::QuantizedRows;
using Kind = StepKind;

constexpr int kPositionCount = 40;

// A list with sizes, and memory for everything that its kernel may touch.
struct Problem {
  EpilogueSteps steps;
  EpilogueShape shape;
  int rows;
  int columns;  // that exist
  std::vector<std::unique_ptr<GuardedBuffer>> buffers =
      std::vector<std::unique_ptr<GuardedBuffer>>(kEpilogueArguments);
  std::array<std::int64_t, kEpilogueArguments> arguments{};

  Problem(Random& random, const EpilogueSteps& list, const EpilogueShape& sizes)
      : steps(list), shape(sizes), rows(UniformInt(random, 1, 12)), columns(UniformInt(random, 1, 40)) {
    const auto count = static_cast<std::size_t>(rows);
    Fill(random, kResult, count * shape.units * 32, -3, 3);
    Fill(random, kLaneScratch, kLaneBytes / 4, 0, 0);
    Fill(random, kRowScale, count, 0.5f, 2);
    Fill(random, kBias, shape.units * 32, -1, 1);
    for (const EpilogueArgument weight : {kPostNormWeight, kNormWeight, kHeadWeight})
      Fill(random, weight, shape.units * 32, 0.5f, 1.5f);
    Fill(random, kResidual, count * shape.hidden, -2, 2);
    Fill(random, kRopeTable, static_cast<std::size_t>(kPositionCount) * shape.kv.head_dim, -1, 1);
    Fill(random, kSquares, count * SquareStride(shape.hidden), 0, 0);
    Fill(random, kFloats, count * shape.floats, 7, 7);
    Fill(random, kBytes, count * shape.output.row_stride() / 4, 0, 0);
    Fill(random, kCache, shape.kv.block_stride() * shape.kv.blocks / 4, 0, 0);
    Fill(random, kMaxima, count * MaximaRows{shape.n}.row_stride() / 4, 0, 0);
    Integers(random, kPositions, kPositionCount);
    Integers(random, kSlots, shape.kv.blocks * KvLayout::kBlockTokens);
    arguments[kRows] = rows;
    arguments[kColumns] = columns;
    arguments[kFirstColumn] = 64;
    arguments[kParameters] = arguments[kBytes] + shape.output.scale_offset();
  }
  void Fill(Random& random, EpilogueArgument argument, std::size_t count, float low, float high) {
    if (count == 0) return;
    buffers[argument] = std::make_unique<GuardedBuffer>((count * 4 + 63) / 64 * 64);
    for (float& x : Floats(argument).first(count)) x = Uniform(random, low, high);
    arguments[argument] = buffers[argument]->address();
  }
  // Different numbers below `limit`, one a row.
  void Integers(Random& random, EpilogueArgument argument, int limit) {
    if (limit <= 0) return;
    Fill(random, argument, static_cast<std::size_t>(rows), 0, 0);
    const std::span<std::int32_t> numbers = buffers[argument]->as<std::int32_t>();
    const int first = UniformInt(random, 0, limit - 1);
    for (int r = 0; r < rows; ++r) numbers[r] = (first + 3 * r) % limit;
  }
  std::span<float> Floats(EpilogueArgument argument) const { return buffers[argument]->as<float>(); }

  Status Compare(const codegen::Target& target) const {
    std::vector<std::span<std::byte>> memory;
    for (const auto& buffer : buffers) {
      if (buffer != nullptr) memory.push_back(buffer->bytes());
    }
    return codegen::CompareWithInterpreter(BuildEpilogue(steps, shape), arguments, memory, target);
  }
};

// A random list that a phase could have.
EpilogueSteps RandomSteps(Random& random, EpilogueShape& shape) {
  const auto coin = [&] { return random() % 2 == 0; };
  const float value = Uniform(random, 1.0f, 30.0f);
  shape = {
      .units = UniformInt(random, 1, 3), .hidden = 32 * UniformInt(random, 6, 9), .floats = 200, .n = 300};
  std::vector<EpilogueStep> list;
  if (coin()) list.push_back({Kind::kRowScale});
  if (coin()) list.push_back({Kind::kBias});
  if (random() % 4 == 0) list.push_back({Kind::kScale, value});
  if (random() % 4 == 0) list.push_back({Kind::kSoftCap, value});
  const int kind = UniformInt(random, 0, 4);
  if (kind <= 1) {
    constexpr ActivationType kTypes[] = {ActivationType::kU8Group32, ActivationType::kU8Group64,
                                         ActivationType::kI16Group32, ActivationType::kBF16,
                                         ActivationType::kF32};
    shape.output = {64 * UniformInt(random, 2, 4), kTypes[random() % 5]};
    shape.units = (kind == 0 ? 2 : 1) * (shape.output.type == ActivationType::kU8Group64 ? 2 : 1);
  }
  if (kind == 0) list.push_back({coin() ? Kind::kGateSilu : Kind::kGateGelu});
  if (kind == 1) {
    if (coin()) list.push_back({Kind::kPostNorm});
    list.insert(list.end(), {{Kind::kResidual}, {Kind::kSquares}, {Kind::kNorm}});
  }
  if (kind <= 1) list.push_back({Kind::kActivations});
  if (kind == 2) list.insert(list.end(), {{Kind::kFloats}, {Kind::kMaximum}});
  if (kind >= 3) {
    constexpr tensor::DType kTypes[] = {tensor::DType::kF16, tensor::DType::kF32, tensor::DType::kBF16,
                                        tensor::DType::kI8};
    shape.units = UniformInt(random, 1, 4);
    const bool norm = coin();
    shape.kv = {
        .layers = 1, .kv_heads = 1, .head_dim = 32 * shape.units, .type = kTypes[random() % 4], .blocks = 3};
    if (norm) list.push_back({Kind::kHeadNorm, 1e-5f});
    if (coin()) list.push_back({Kind::kRope});
    list.push_back({kind == 3 ? Kind::kKey : coin() ? Kind::kValue : Kind::kFloats});
  }
  EpilogueSteps steps;
  for (const EpilogueStep& step : list) steps.Add(step);
  return steps;
}

TEST(GemmEpilogue, MachineCodeEqualsTheInterpreterForRandomListsOnEveryTarget) {
  const int rounds = std::getenv("VIVACE_LONG") != nullptr ? 3000 : 300;
  Random random(17);
  std::set<Kind> seen;
  for (int i = 0; i < rounds; ++i) {
    EpilogueShape shape;
    const EpilogueSteps steps = RandomSteps(random, shape);
    for (const EpilogueStep& step : steps) seen.insert(step.kind);
    const auto seed = random();
    for (const codegen::Target& target : codegen::RunnableTargets()) {
      Random same(seed);
      const Status status = Problem(same, steps, shape).Compare(target);
      ASSERT_TRUE(status.ok()) << target.name << ": " << status.message();
    }
  }
  EXPECT_EQ(seen.size(), static_cast<std::size_t>(kStepKinds));
}

// The kernel in the interpreter, on the problem's memory.
void Interpret(const Problem& problem) {
  const FlushDenormals flush;
  codegen::Interpret(BuildEpilogue(problem.steps, problem.shape), problem.arguments);
}

TEST(GemmEpilogue, LaneStepsAndGatesAreWhatTheirNamesSay) {
  Random random(1);
  const EpilogueShape shape = {.units = 2, .output = {32, ActivationType::kF32}};
  for (const Kind gate : {Kind::kGateSilu, Kind::kGateGelu}) {
    const Problem problem(random,
                          {{Kind::kRowScale},
                           {Kind::kBias},
                           {Kind::kScale, 0.5f},
                           {gate},
                           {Kind::kSoftCap, 2.0f},
                           {Kind::kPostNorm},
                           {Kind::kActivations}},
                          shape);
    Interpret(problem);
    for (int r = 0; r < problem.rows; ++r) {
      for (int c = 0; c < 32; ++c) {
        const auto value = [&](int column) {
          return (static_cast<double>(problem.Floats(kResult)[r * 64 + column]) *
                      problem.Floats(kRowScale)[r] +
                  problem.Floats(kBias)[column]) *
                 0.5;
        };
        const double g = value(c), u = 2 * std::sqrt(2 / M_PI) * (g + 0.044715 * g * g * g);
        const double active = g / (1 + std::exp(gate == Kind::kGateSilu ? -g : -u));
        const double expected =
            2 * std::tanh(active * value(c + 32) / 2) * problem.Floats(kPostNormWeight)[c];
        ASSERT_NEAR(problem.Floats(kBytes)[r * shape.output.row_stride() / 4 + c], expected, 4e-6);
      }
    }
  }
}

TEST(GemmEpilogue, HeadNormTakesTheWholeHeadBeforeItRotates) {
  Random random(2);
  const KvLayout kv = {.layers = 1, .kv_heads = 1, .head_dim = 96, .type = tensor::DType::kF32, .blocks = 3};
  const EpilogueShape shape = {.units = 3, .kv = kv};
  const Problem problem(random, {{Kind::kHeadNorm, 1e-3f}, {Kind::kRope}, {Kind::kKey}}, shape);
  const std::vector<float> in(problem.Floats(kResult).begin(), problem.Floats(kResult).end());
  Interpret(problem);
  for (int r = 0; r < problem.rows; ++r) {
    double squares = 0;
    for (int c = 0; c < 96; ++c) squares += static_cast<double>(in[r * 96 + c]) * in[r * 96 + c];
    const double inverse = 1 / std::sqrt(squares / 96 + 1e-3f);
    const int slot = problem.buffers[kSlots]->as<std::int32_t>()[r];
    const float* table = &problem.Floats(kRopeTable)[problem.buffers[kPositions]->as<std::int32_t>()[r] * 96];
    for (int c = 0; c < 96; ++c) {
      const int first = c / 32 * 32 + c % 16, angle = c / 32 * 16 + c % 16;
      const double a = in[r * 96 + first] * inverse * problem.Floats(kHeadWeight)[first];
      const double b = in[r * 96 + first + 16] * inverse * problem.Floats(kHeadWeight)[first + 16];
      const double cosine = table[angle], sine = table[48 + angle];
      const double expected = c % 32 < 16 ? a * cosine - b * sine : a * sine + b * cosine;
      const std::size_t at = (slot / 16 * kv.block_stride() + kv.k_offset(0, c, slot % 16)) / 4;
      ASSERT_NEAR(problem.Floats(kCache)[at], expected, 1e-5) << r << " " << c;
    }
  }
}

TEST(GemmEpilogue, MaximaAreOfTheColumnsThatExist) {
  Random random(3);
  for (int round = 0; round < 60; ++round) {
    Problem problem(random, {{Kind::kFloats}, {Kind::kMaximum}}, {.units = 1, .floats = 32, .n = 300});
    const int columns = std::min(problem.columns, 32);
    if (round % 3 == 0) problem.Floats(kResult)[0] = problem.Floats(kResult)[columns - 1] = 5.0f;
    const float wrong[] = {NAN, INFINITY, -INFINITY};
    if (round % 5 == 0) problem.Floats(kResult)[columns - 1] = wrong[round % 3];
    Interpret(problem);
    for (int r = 0; r < problem.rows; ++r) {
      const float* x = &problem.Floats(kResult)[r * 32];
      const float* entry = &problem.Floats(kMaxima)[r * MaximaRows{300}.row_stride() / 4];
      const int part = MaximaRows{300}.part_bytes() / 4;
      if (round % 5 == 0 && r == 0) {
        EXPECT_TRUE(std::isnan(entry[2 * part]));
        continue;
      }
      const float* top = std::max_element(x, x + columns);
      EXPECT_EQ(entry[0], *top);
      EXPECT_EQ(problem.buffers[kMaxima]->as<std::int32_t>()[r * MaximaRows{300}.row_stride() / 4 + part],
                64 + (top - x));
      EXPECT_EQ(entry[2 * part], 0);
      // What Floats wrote ends with the last column.
      for (int c = 0; c < 32; ++c) EXPECT_EQ(problem.Floats(kFloats)[r * 32 + c], c < columns ? x[c] : 7.0f);
    }
  }
}

// Values of output rows of any integer type.
double Dequantized(const QuantizedRows& rows, const std::byte* row, int k) {
  const int group = k / rows.group();
  const auto read = [&]<class T>(int offset, T) {
    T value;
    std::memcpy(&value, row + offset + 4 * group, sizeof(T));
    return value;
  };
  double code = 0;
  for (int plane = 0; plane < rows.planes(); ++plane) {
    const int u8 = static_cast<int>(row[plane * rows.plane_bytes() + k]);
    code = code * 256 + u8 + read(rows.word_offset(plane), std::int16_t{});
  }
  return code * read(rows.scale_offset(), float{});
}

TEST(GemmEpilogue, RowsOfEveryIntegerTypeComeBackWithinAStepAndTheirSumsAgree) {
  Random random(4);
  for (const ActivationType type :
       {ActivationType::kU8Group32, ActivationType::kU8Group64, ActivationType::kI16Group32}) {
    const QuantizedRows rows{64, type};
    for (int round = 0; round < 20; ++round) {
      const Problem problem(random, {{Kind::kActivations}}, {.units = 2, .output = rows});
      Interpret(problem);
      const double step = 6.0 / (type == ActivationType::kI16Group32 ? 65535 : 255) * 1.001;
      for (int r = 0; r < problem.rows; ++r) {
        const std::byte* row = problem.buffers[kBytes]->bytes().data() + r * rows.row_stride();
        for (int g = 0; g < rows.groups(); ++g) {
          double sum = 0;
          for (int k = g * rows.group(); k < (g + 1) * rows.group(); ++k) {
            const double back = Dequantized(rows, row, k);
            ASSERT_NEAR(back, problem.Floats(kResult)[r * 64 + k], step) << k;
            sum += back;
          }
          float stored, scale;
          std::memcpy(&stored, row + rows.sum_offset() + 4 * g, 4);
          std::memcpy(&scale, row + rows.scale_offset() + 4 * g, 4);
          EXPECT_NEAR(stored, sum, 1e-4);
          double words = 0;
          for (int plane = 0; plane < rows.planes(); ++plane) {
            std::int32_t word;
            std::memcpy(&word, row + rows.word_offset(plane) + 4 * g, 4);
            words = words * 256 + (word >> 16);
          }
          EXPECT_NEAR(words * scale, sum, 1e-4);
        }
      }
    }
  }
}

TEST(GemmEpilogue, TilesOfOneRowGiveTheBitsOfRowsOfTiles) {
  Random random(6);
  for (const ActivationType type : {ActivationType::kU8Group32, ActivationType::kU8Group64,
                                    ActivationType::kI16Group32, ActivationType::kBF16}) {
    const int units = type == ActivationType::kU8Group64 ? 2 : 1;
    const EpilogueSteps steps = {{Kind::kRowScale}, {Kind::kPostNorm}, {Kind::kResidual},
                                 {Kind::kSquares},  {Kind::kNorm},     {Kind::kActivations}};
    const EpilogueShape whole = {.units = 4, .hidden = 128, .output = {128, type}};
    EpilogueShape part = whole;
    part.units = units;
    Random first = random, second = random;
    const Problem a(first, steps, whole), b(second, steps, whole);
    Interpret(a);
    std::array<std::int64_t, kEpilogueArguments> arguments = b.arguments;
    const FlushDenormals flush;
    for (int r = 0; r < b.rows; ++r) {
      arguments[kRows] = 4 / units;
      codegen::Interpret(BuildRowSteps(steps, part), arguments);
      arguments[kResult] += 512;
      arguments[kRowScale] += 4;
      arguments[kResidual] += 512;
      arguments[kSquares] += SquareStride(128) * 4;
      arguments[kBytes] += whole.output.row_stride();
      arguments[kParameters] += whole.output.row_stride();
    }
    for (const EpilogueArgument out : {kResidual, kSquares, kBytes}) {
      EXPECT_TRUE(std::ranges::equal(a.buffers[out]->bytes(), b.buffers[out]->bytes())) << out;
    }
  }
}

TEST(GemmEpilogue, ListsThatDoNotFitAPhaseAreRefusedWithTheReason) {
  TileEpilogue epilogue{.n = 96, .output_k = 96};
  const auto message = [&](EpilogueSteps steps, int units) {
    epilogue.steps[0] = steps;
    epilogue.units = units;
    return std::string(CheckSteps(epilogue).message());
  };
  EXPECT_EQ(message({{Kind::kFloats}}, 3), "");
  EXPECT_EQ(message({{Kind::kFloats}}, 2), "");
  EXPECT_NE(message({{Kind::kFloats}}, 9).find("9 units of 32 at a time"), std::string::npos);
  EXPECT_NE(message({}, 1).find("at least one step"), std::string::npos);
  EXPECT_NE(message({{Kind::kGateSilu}, {Kind::kFloats}}, 3).find("units and columns in twos"),
            std::string::npos);
  EXPECT_NE(message({{Kind::kBias}, {Kind::kFloats}}, 8).find("too short"), std::string::npos);
  EXPECT_NE(message({{Kind::kSquares}}, 1).find("rows of x have 0 columns"), std::string::npos);
  EXPECT_NE(message({{Kind::kActivations}}, 2).find("rows of 128 for 96 columns"), std::string::npos);
  EXPECT_NE(message({{Kind::kRope}, {Kind::kFloats}}, 1).find("head size 0"), std::string::npos);
  epilogue.kv.head_dim = 64;
  EXPECT_NE(message({{Kind::kHeadNorm}, {Kind::kFloats}}, 3).find("norm of a head of 64"), std::string::npos);
  epilogue.kv.type = tensor::DType::kI8;
  for (const Kind sink : {Kind::kKey, Kind::kValue}) {
    EXPECT_NE(message({{sink}}, 1).find("one scale for a head of 64 in 8 bits"), std::string::npos);
  }
  epilogue.output = ActivationType::kU8Token;
  EXPECT_NE(message({{Kind::kActivations}}, 3).find("u8token"), std::string::npos);
  epilogue.heads = 1;
  EXPECT_NE(message({{Kind::kFloats}}, 1).find("parts of 64 columns do not make 96"), std::string::npos);
}

}  // namespace
}  // namespace vivace::kernels
