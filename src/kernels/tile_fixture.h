// For tests of the tile phases: the lists of steps that the compiler makes, drawn at random, with vectors,
// step inputs and guarded memory for everything that they read and write.
#pragma once

#include <algorithm>
#include <string>
#include <vector>

#include "kernels/panel_finish.h"
#include "kernels/panel_fixture.h"
#include "kernels/step_fixture.h"

namespace vivace::kernels {

/// What a random phase does after its source.
enum class TileKind { kHeads, kResidual, kRows, kGate, kLogits };
inline constexpr TileKind kTileKinds[] = {TileKind::kHeads, TileKind::kResidual, TileKind::kRows,
                                          TileKind::kGate, TileKind::kLogits};

inline EpilogueSteps MakeSteps(const std::vector<EpilogueStep>& list) {
  EpilogueSteps steps;
  for (const EpilogueStep& step : list) steps.Add(step);
  return steps;
}

/// Draws a TileEpilogue.
class TileDraw {
 public:
  TileDraw(Random& random, TileKind kind) : random_(random) {
    e.eps = 1e-5f;
    e.hidden = UniformInt(random_, 1, 300);
    kind == TileKind::kHeads ? Heads() : Columns(kind);
  }

  TileEpilogue e{};

 private:
  bool coin() { return random_() % 2 == 0; }

  void Columns(TileKind kind) {
    std::vector<EpilogueStep> list;
    if (coin()) list.push_back({StepKind::kRowScale});
    if (coin()) list.push_back({StepKind::kBias});
    if (coin()) list.push_back({StepKind::kScale, 1.5f});
    if (kind == TileKind::kLogits) {
      e.n = UniformInt(random_, 1, 200);
      if (coin()) list.push_back({StepKind::kSoftCap, 20});
      const bool floats = coin();
      if (floats) list.push_back({StepKind::kFloats});
      if (!floats || coin()) list.push_back({StepKind::kMaximum});
    } else if (kind == TileKind::kGate) {
      e.n = 64 * UniformInt(random_, 1, 4);
      e.units = 2;
      list.push_back({coin() ? StepKind::kGateSilu : StepKind::kGateGelu});
      if (coin()) list.push_back({StepKind::kFloats});
      if (list.back().kind != StepKind::kFloats || coin()) Rows(list, e.n / 2);
    } else {
      e.n = e.hidden = coin() ? UniformInt(random_, 1, 200) : 32 * UniformInt(random_, 1, 6);
      if (kind == TileKind::kResidual) {
        if (coin()) list.push_back({StepKind::kPostNorm});
        list.push_back({StepKind::kResidual});
      }
      if (coin()) list.push_back({StepKind::kFloats});
      if (coin()) list.push_back({StepKind::kSquares});
      if (coin()) list.push_back({StepKind::kNorm});
      if (coin() || kind == TileKind::kRows) Rows(list, e.n);
    }
    e.steps[0] = MakeSteps(list);
  }

  void Rows(std::vector<EpilogueStep>& list, int columns) {
    using tensor::ActivationType;
    constexpr ActivationType kTypes[] = {ActivationType::kU8Group32, ActivationType::kU8Group64,
                                         ActivationType::kI16Group32, ActivationType::kBF16,
                                         ActivationType::kF32};
    e.output = kTypes[random_() % 5];
    const bool gated = e.units == 2;
    if (e.output == ActivationType::kU8Group64) {
      // Gates are packed by 32 columns, groups of 64 need them in twos.
      if (gated && columns % 64 != 0) e.output = ActivationType::kU8Group32;
      if (e.output == ActivationType::kU8Group64) e.units *= 2;
    }
    const int width = e.output == ActivationType::kU8Group64 || (!gated && coin()) ? 64 : 32;
    e.output_k = (columns + width - 1) / width * width;
    list.push_back({StepKind::kActivations});
  }

  void Heads() {
    constexpr int kDims[] = {64, 96, 128, 256};
    constexpr tensor::DType kCaches[] = {tensor::DType::kF16, tensor::DType::kF32, tensor::DType::kBF16,
                                         tensor::DType::kI8};
    e.kv = {.layers = 1,
            .kv_heads = UniformInt(random_, 1, 2),
            .head_dim = kDims[random_() % 4],
            .type = kCaches[random_() % 4],
            .blocks = 5};
    // All three, or some of them where the weights have different types.
    constexpr unsigned kParts[] = {7, 7, 7, 3, 4, 1, 6};
    const unsigned parts = kParts[random_() % 7];
    const bool scale = coin(), bias = coin(), norm = coin(), rope = coin(), floats = coin();
    for (unsigned part = 0; part < 3; ++part) {
      if ((parts >> part & 1u) == 0) continue;
      std::vector<EpilogueStep> list;
      if (scale) list.push_back({StepKind::kRowScale});
      if (bias) list.push_back({StepKind::kBias});
      if (part < 2 && norm) list.push_back({StepKind::kHeadNorm, 1e-6f});
      if (part < 2 && rope) list.push_back({StepKind::kRope});
      if (part == 0 || floats) list.push_back({StepKind::kFloats});
      if (part == 1) list.push_back({StepKind::kKey});
      if (part == 2) list.push_back({StepKind::kValue});
      e.steps[part] = MakeSteps(list);
    }
    if ((parts & 1u) != 0) e.heads = e.kv.kv_heads * UniformInt(random_, 1, 2);
    if (norm || e.kv.has_scales()) e.units = e.kv.head_dim / 32;
    for (int part = 0; part < kEpilogueParts; ++part) e.n += PartColumns(e, part);
  }

  Random& random_;
};

inline std::string Describe(const TileEpilogue& e) {
  std::string text = "n " + std::to_string(e.n) + " units " + std::to_string(e.units) + " rows " +
                     std::string(tensor::Row(e.output).name) + " of " + std::to_string(e.output_k);
  for (const EpilogueSteps& steps : e.steps) {
    text += " |";
    for (const EpilogueStep& step : steps) text += " " + std::string(Name(step.kind));
  }
  return text;
}

/// Vectors and step inputs of a phase of `rows` rows.
struct TileInputs {
  int rows;
  std::vector<float> bias, post_norm, norm, query_norm, key_norm, table, residual, squares;
  std::vector<std::int32_t> positions, slots, logit_rows;

  TileInputs(Random& random, const TileEpilogue& e, int row_count)
      : rows(row_count),
        bias(Vector(random, e.n, -1)),
        post_norm(Vector(random, e.n, 0.5f)),
        norm(Vector(random, e.n, 0.5f)),
        query_norm(Vector(random, e.kv.head_dim, 0.5f)),
        key_norm(Vector(random, e.kv.head_dim, 0.5f)),
        table(RandomFloats(random, 50 * static_cast<std::size_t>(e.kv.head_dim))),
        residual(RandomFloats(random, static_cast<std::size_t>(rows) * e.hidden)),
        squares(RandomFloats(random, static_cast<std::size_t>(rows) * SquareStride(e.hidden), 0.5f, 9.0f)) {
    for (int r = 0; r < rows; ++r) {
      positions.push_back(UniformInt(random, 0, 49));
      slots.push_back(r);
      if (random() % 3 != 0) logit_rows.push_back(r);
    }
  }
  tensor::StepView Step() const {
    tensor::StepView step;
    step.rows = rows;
    step.positions = positions.data();
    step.kv_slots = slots.data();
    step.logit_rows = logit_rows.data();
    step.logit_count = static_cast<std::int32_t>(logit_rows.size());
    return step;
  }

 private:
  // `n` numbers, then the zeros that vectors are padded with.
  static std::vector<float> Vector(Random& random, int n, float low) {
    std::vector<float> values = RandomFloats(random, static_cast<std::size_t>(n), low, 1.5f);
    values.resize(static_cast<std::size_t>(n + 63) / 64 * 64);
    return values;
  }
};

/// Everything that a phase writes.
struct TileMemory {
  Guarded<float> residual, squares, floats[kEpilogueParts];
  Guarded<std::byte> rows, cache, maxima;

  TileMemory(const TileEpilogue& e, const TileInputs& in)
      : residual(in.residual.size()),
        squares(in.squares.size()),
        floats{Floats(e, in, 0), Floats(e, in, 1), Floats(e, in, 2)},
        rows(Count(in) * tensor::QuantizedRows{e.output_k, e.output}.row_stride()),
        cache(e.kv.bytes()),
        maxima(Count(in) * MaximaRows{e.n}.row_stride()) {
    std::memcpy(residual.data(), in.residual.data(), residual.bytes());
  }
  TileOutputs Outputs(const TileEpilogue& e, const TileInputs& in) {
    return {.squares_in = in.squares.data(),
            .residual = residual.data(),
            .norm = in.norm.data(),
            .post_norm = in.post_norm.data(),
            .bias = in.bias.data(),
            .query_norm = in.query_norm.data(),
            .key_norm = in.key_norm.data(),
            .squares_out = squares.data(),
            .output = rows.data(),
            .floats = {floats[0].data(), floats[1].data(), floats[2].data()},
            .rope_table = in.table.data(),
            .kv = e.kv,
            .kv_layer = cache.data(),
            .maxima = maxima.data()};
  }
  bool Intact() const {
    return residual.Intact() && squares.Intact() && floats[0].Intact() && floats[1].Intact() &&
           floats[2].Intact() && rows.Intact() && cache.Intact() && maxima.Intact();
  }
  /// The first thing that differs, "" when nothing does.
  std::string Difference(const TileMemory& other) const {
    if (!(residual == other.residual)) return "residual";
    if (!(squares == other.squares)) return "squares";
    for (int part = 0; part < kEpilogueParts; ++part)
      if (!(floats[part] == other.floats[part])) return "floats of part " + std::to_string(part);
    if (!(rows == other.rows)) return "rows";
    if (!(cache == other.cache)) return "cache";
    return maxima == other.maxima ? "" : "maxima";
  }

 private:
  static std::size_t Count(const TileInputs& in) { return static_cast<std::size_t>(in.rows); }
  static Guarded<float> Floats(const TileEpilogue& e, const TileInputs& in, int part) {
    return Guarded<float>(Count(in) * FinishedColumns(e, part));
  }
};

}  // namespace vivace::kernels
