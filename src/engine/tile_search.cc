#include "engine/tile_search.h"

#include <algorithm>
#include <cstdint>
#include <limits>
#include <numeric>
#include <utility>
#include <vector>

#include "compiler/specialise.h"
#include "engine/stopwatch.h"
#include "kernels/panel.h"

namespace vivace::engine {
namespace {

using kernels::TilePlan;
using program::Phase;
using program::Specialisation;
using program::TuningKey;

constexpr double kBetter = 0.97;  // of the default's time, in every round
constexpr double kSecondsOfAMeasurement = 0.006;
constexpr int kMostSteps = 5;  // of a measurement

constexpr int kBlock = tensor::KvLayout::kBlockTokens;

/// A step of `rows` sequences of a token each, or, where the cache or the engine has no room for so many, of
/// as few sequences as can be.
class MeasuredStep {
 public:
  MeasuredStep(int rows, const StepLimits& limits, int blocks) {
    const bool apart = rows <= limits.max_sequences && rows <= blocks;
    const int length = apart ? 1 : std::min(rows, limits.max_positions);
    fits_ = (rows + length - 1) / length <= limits.max_sequences &&
            (rows + length - 1) / length * ((length + kBlock - 1) / kBlock) <= blocks;
    blocks_.resize(static_cast<std::size_t>(rows));  // enough, whatever the lengths
    std::iota(blocks_.begin(), blocks_.end(), 0);
    for (int first = 0, block = 0; first < rows; first += length) {
      const int count = std::min(length, rows - first);
      sequences_.push_back({first, count, 0, blocks_.data() + block});
      for (int i = 0; i < count; ++i) {
        tokens_.push_back((first + i) % 100 + 1);
        positions_.push_back(i);
        slots_.push_back(block * kBlock + i);
      }
      logit_rows_.push_back(first + count - 1);
      block += (count + kBlock - 1) / kBlock;
    }
    view_.rows = rows;
    view_.token_ids = tokens_.data();
    view_.positions = positions_.data();
    view_.kv_slots = slots_.data();
    view_.sequences = sequences_.data();
    view_.sequence_count = static_cast<std::int32_t>(sequences_.size());
    view_.logit_rows = logit_rows_.data();
    view_.logit_count = static_cast<std::int32_t>(logit_rows_.size());
  }
  MeasuredStep(const MeasuredStep&) = delete;
  MeasuredStep& operator=(const MeasuredStep&) = delete;

  /// False: this engine can have no step of so many rows.
  bool fits() const { return fits_; }
  const tensor::StepView& view() const { return view_; }

 private:
  bool fits_ = false;
  std::vector<std::int32_t> tokens_, positions_, slots_, logit_rows_, blocks_;
  std::vector<tensor::SequenceView> sequences_;
  tensor::StepView view_;
};

/// A phase of a body.
struct PhasePlace {
  std::size_t body, phase;
};

/// Phases that are timed together: those of one barrier interval, in all layers that have the like.
struct Shape {
  std::vector<TuningKey> keys;                    // of the tunable phases of the interval
  std::vector<std::vector<PhasePlace>> phases;    // [key], where they stand
  std::vector<std::size_t> times;                 // among the executor's phases
  std::vector<std::vector<TilePlan>> candidates;  // [candidate][key], the default first
  std::vector<bool> alive;                        // [candidate]
  std::vector<double> ratio_sum, least_us;        // [candidate]
  int rounds = 0;

  double Time(const std::vector<double>& seconds) const {
    double sum = 0;
    for (const std::size_t place : times) sum += seconds[place];
    return sum;
  }
  bool undecided() const { return std::find(alive.begin() + 1, alive.end(), true) != alive.end(); }
};

/// The shapes of a program for steps of some rows, without candidates.
std::vector<Shape> ShapesOf(const program::Program& program, int first_rows, int last_rows, int threads) {
  std::vector<Shape> shapes;
  std::size_t place = 0;
  for (const program::Layer& layer : program.layers) {
    const auto body = static_cast<std::size_t>(layer.body);
    const std::vector<Phase>& phases = program.bodies[body].phases;
    for (std::size_t i = 0; i < phases.size();) {
      Shape shape;
      for (bool more = true; more; ++i) {
        more = phases[i].joined && i + 1 < phases.size();
        if (!program::IsTunable(phases[i])) continue;
        shape.keys.push_back(program::KeyOf(phases[i], first_rows, last_rows, threads));
        shape.phases.push_back({{body, i}});
      }
      const std::size_t timed = place + i - 1;  // joined phases count with the one that ends them
      if (shape.keys.empty()) continue;
      const auto found = std::find_if(shapes.begin(), shapes.end(),
                                      [&](const Shape& other) { return other.keys == shape.keys; });
      Shape& row = found == shapes.end() ? shapes.emplace_back(shape) : *found;
      for (std::size_t k = 0; found != shapes.end() && k < row.keys.size(); ++k)
        row.phases[k].push_back(shape.phases[k].front());
      row.times.push_back(timed);
    }
    place += phases.size();
  }
  return shapes;
}

class Search {
 public:
  Search(runtime::Executor& executor, program::Program& program, int threads, const StepLimits& steps,
         const SearchLimits& limits, program::TuningTable& table)
      : executor_(executor),
        program_(program),
        threads_(threads),
        steps_(steps),
        limits_(limits),
        table_(table),
        now_(executor.phase_count()) {}

  SearchOutcome Run() {
    std::vector<Specialisation*> order;
    for (Specialisation& one : program_.specialisations) {
      if (one.first_rows <= steps_.max_rows) order.push_back(&one);
    }
    // Exact sizes are decode steps, where a plan matters most and a measurement costs least.
    std::stable_sort(order.begin(), order.end(), [](const Specialisation* a, const Specialisation* b) {
      return a->last_rows - a->first_rows < b->last_rows - b->first_rows;
    });
    for (Specialisation* one : order) Tune(*one);
    outcome_.seconds = all_.Seconds();
    return outcome_;
  }

 private:
  bool IsOver(double ahead_s = 0) const {
    return limits_.seconds > 0 && all_.Seconds() + ahead_s >= limits_.seconds;
  }

  void AddCandidates(Shape& shape, const Specialisation& one) const {
    std::vector<std::vector<TilePlan>> lists;  // [key]
    std::size_t count = 1;
    for (std::size_t k = 0; k < shape.keys.size(); ++k) {
      const auto [body, index] = shape.phases[k].front();
      const Phase& phase = program_.bodies[body].phases[index];
      const auto& spec = std::get<kernels::PanelGemmSpec>(phase.spec);
      const bool known = one.first_rows == one.last_rows && !phase.logit_rows;
      lists.push_back(known ? kernels::TileCandidates(spec, one.last_rows, threads_,
                                                      program_.library->target(), limits_.all)
                            : kernels::TaskCandidates(spec, threads_));
      lists.back().front() =
          compiler::DefaultPlan(phase, one.first_rows, one.last_rows, threads_, program_.library->target());
      count = std::max(count, lists.back().size());
    }
    for (std::size_t c = 0; c < count; ++c) {
      std::vector<TilePlan>& plans = shape.candidates.emplace_back();
      for (const std::vector<TilePlan>& list : lists)
        plans.push_back(c < list.size() ? list[c] : list.front());
    }
    shape.alive.assign(count, true);
    shape.ratio_sum.assign(count, 0);
    shape.least_us.assign(count, std::numeric_limits<double>::infinity());
  }

  bool IsKnown(const Shape& shape) const {
    return std::all_of(shape.keys.begin(), shape.keys.end(), [&](const TuningKey& key) {
      const program::TuningResult* const result = table_.Find(key);
      return result != nullptr && result->rounds >= limits_.least_rounds;
    });
  }

  void Tune(Specialisation& one) {
    std::vector<Shape> shapes = ShapesOf(program_, one.first_rows, one.last_rows, threads_);
    std::erase_if(shapes, [&](const Shape& shape) { return IsKnown(shape); });
    if (shapes.empty()) return;
    for (Shape& shape : shapes) AddCandidates(shape, one);
    const std::vector<int> rows = RowsOf(one);
    bool whole = !rows.empty() && !IsOver();
    for (int round = 0; whole && round < limits_.rounds; ++round) {
      if (std::none_of(shapes.begin(), shapes.end(), [](const Shape& s) { return s.undecided(); })) break;
      for (const int count : rows) whole = whole && Round(one, shapes, count);
    }
    for (Shape& shape : shapes) Decide(one, shape, whole);
    executor_.Retile(one);
  }

  /// Steps that are tiled by `one`, which a narrower specialisation may keep from some: the largest, and of a
  /// range the smallest, too. A plan must be better at both.
  std::vector<int> RowsOf(const Specialisation& one) const {
    const auto is_own = [&](int rows) {
      return std::none_of(program_.specialisations.begin(), program_.specialisations.end(),
                          [&](const Specialisation& other) {
                            return other.first_rows <= rows && rows <= other.last_rows &&
                                   other.last_rows - other.first_rows < one.last_rows - one.first_rows;
                          });
    };
    int first = one.first_rows, last = std::min(one.last_rows, steps_.max_rows);
    while (first <= last && !is_own(first)) ++first;
    while (first < last && !is_own(last)) --last;
    if (first > last) return {};
    return first == last ? std::vector<int>{last} : std::vector<int>{last, first};
  }

  /// Measures what is undecided once. False: there was no time for all of it.
  bool Round(const Specialisation& one, std::vector<Shape>& shapes, int rows) {
    const MeasuredStep step(rows, steps_, executor_.kv().blocks);
    if (!step.fits()) return false;
    std::size_t count = 0;
    for (const Shape& shape : shapes) count = std::max(count, shape.candidates.size());
    std::vector<double> before = Measure(one, shapes, 0, step);
    for (std::size_t c = 1; c < count; c += 2) {
      if (IsOver(3 * last_s_)) return false;
      std::vector<std::pair<std::size_t, std::vector<double>>> measured;
      for (std::size_t i = c; i < std::min(c + 2, count); ++i) {
        const bool wanted = std::any_of(shapes.begin(), shapes.end(), [&](const Shape& shape) {
          return i < shape.alive.size() && shape.alive[i];
        });
        if (wanted) measured.emplace_back(i, Measure(one, shapes, i, step));
      }
      if (measured.empty()) continue;
      std::vector<double> behind = Measure(one, shapes, 0, step);
      for (const auto& [candidate, seconds] : measured) {
        for (Shape& shape : shapes) Note(shape, candidate, seconds, before, behind);
      }
      before = std::move(behind);
    }
    for (Shape& shape : shapes) ++shape.rounds;
    return true;
  }

  static void Note(Shape& shape, std::size_t candidate, const std::vector<double>& seconds,
                   const std::vector<double>& before, const std::vector<double>& behind) {
    const double first = shape.Time(before), last = shape.Time(behind);
    shape.least_us[0] = std::min({shape.least_us[0], first * 1e6, last * 1e6});
    if (candidate >= shape.alive.size() || !shape.alive[candidate]) return;
    const double time = shape.Time(seconds), ratio = time / std::max((first + last) / 2, 1e-9);
    shape.alive[candidate] = ratio < kBetter;
    shape.ratio_sum[candidate] += ratio;
    shape.least_us[candidate] = std::min(shape.least_us[candidate], time * 1e6);
  }

  /// The least time of each phase in a few steps with that candidate of every shape that still has it.
  std::vector<double> Measure(const Specialisation& one, const std::vector<Shape>& shapes,
                              std::size_t candidate, const MeasuredStep& step) {
    Specialisation tiled = one;
    for (const Shape& shape : shapes) {
      const bool has = candidate < shape.alive.size() && shape.alive[candidate];
      Put(shape, shape.candidates[has ? candidate : 0], tiled);
    }
    executor_.Retile(tiled);
    std::vector<double> least(now_.size(), std::numeric_limits<double>::infinity());
    const Stopwatch watch;
    for (int i = 0; i < kMostSteps && (i == 0 || watch.Seconds() < kSecondsOfAMeasurement); ++i) {
      executor_.RunTimed(step.view(), now_);
      for (std::size_t p = 0; p < now_.size(); ++p) least[p] = std::min(least[p], now_[p]);
    }
    last_s_ = watch.Seconds();
    return least;
  }

  static void Put(const Shape& shape, const std::vector<TilePlan>& plans, Specialisation& tiled) {
    for (std::size_t k = 0; k < plans.size(); ++k) {
      for (const auto& [body, phase] : shape.phases[k]) tiled.plans[body][phase] = plans[k];
    }
  }

  /// The best of those that were better in every round, else the default.
  void Decide(Specialisation& one, const Shape& shape, bool whole) {
    std::size_t best = 0;
    for (std::size_t c = 1; whole && c < shape.alive.size(); ++c) {
      if (shape.alive[c] && (best == 0 || shape.ratio_sum[c] < shape.ratio_sum[best])) best = c;
    }
    Put(shape, shape.candidates[best], one);
    const double default_us = shape.rounds > 0 ? shape.least_us[0] : 0;
    for (std::size_t k = 0; k < shape.keys.size(); ++k) {
      table_.Set({.key = shape.keys[k],
                  .plan = shape.candidates[best][k],
                  .rounds = whole ? shape.rounds : 0,
                  .default_us = default_us,
                  .chosen_us = best == 0 ? default_us : shape.least_us[best]});
    }
    ++(whole ? outcome_.shapes : outcome_.left);
    if (best != 0) ++outcome_.better;
  }

  runtime::Executor& executor_;
  program::Program& program_;
  const int threads_;
  const StepLimits steps_;
  const SearchLimits limits_;
  program::TuningTable& table_;
  const Stopwatch all_;
  double last_s_ = 0;        // of the last measurement
  std::vector<double> now_;  // by phase, of the last step
  SearchOutcome outcome_;
};

}  // namespace

SearchOutcome SearchTiles(runtime::Executor& executor, program::Program& program, int threads,
                          const StepLimits& steps, const SearchLimits& limits, program::TuningTable& table) {
  return Search(executor, program, threads, steps, limits, table).Run();
}

}  // namespace vivace::engine
