// All phases of a program bound to addresses, in execution order: once for steps of any size, and again,
// where they are tiled otherwise, for each specialisation. Immutable once made but for Retile; read from any
// thread. Ownership: owns the bound phases, whose addresses stay.
#pragma once

#include <deque>
#include <span>
#include <utility>
#include <vector>

#include "runtime/bind_phase.h"
#include "runtime/captured_plan.h"
#include "vivace/status.h"

namespace vivace::runtime {

class PhaseSets {
 public:
  /// Sets for steps of 1 to max_rows rows. Errors are those of BindPhase.
  static Result<PhaseSets> Bind(const BindContext& context, int max_rows);

  /// Gives the set of the specialisation with these rows other plans. Steps that run now must not use it. The
  /// set's number, or -1 when there is none: such steps do not come.
  int Retile(const program::Program& program, const program::Specialisation& specialisation);

  PhaseSets() = default;
  PhaseSets(PhaseSets&&) = default;
  PhaseSets& operator=(PhaseSets&&) = default;
  PhaseSets(const PhaseSets&) = delete;
  PhaseSets& operator=(const PhaseSets&) = delete;

  /// Set 0 is the general one.
  int size() const { return static_cast<int>(sets_.size()); }
  std::span<const BoundPhase* const> phases(int set) const { return sets_[static_cast<std::size_t>(set)]; }
  /// The set of steps of that many rows: an exact size wins over a range, a narrow range over a wider one,
  /// and each over the general set.
  int SetOf(int rows) const { return set_of_rows_[static_cast<std::size_t>(rows)]; }
  /// By phase, of every set alike.
  std::span<const PhaseFacts> facts() const { return facts_; }
  /// The first phase of the last layer.
  int last_layer() const { return last_layer_; }

 private:
  Status BindGeneral(const BindContext& context);
  Status BindSpecialised(const BindContext& context, const program::Specialisation& specialisation);

  std::deque<BoundPhase> bound_;
  std::vector<std::vector<BoundPhase*>> sets_;
  std::vector<std::pair<int, int>> set_rows_;  // [sets - 1], first and last rows of each specialised set
  std::vector<int> set_of_rows_;               // [max_rows + 1]
  std::vector<PhaseFacts> facts_;
  int last_layer_ = 0;
};

}  // namespace vivace::runtime
