#include "runtime/phase_sets.h"

#include <algorithm>
#include <utility>

#include "base/check.h"
#include "base/status_macros.h"

namespace vivace::runtime {
namespace {

bool IsAttention(const BoundPhase& phase) {
  return std::holds_alternative<kernels::AttentionArgs>(phase.storage) ||
         std::holds_alternative<kernels::PagedAttentionArgs>(phase.storage);
}

}  // namespace

Result<PhaseSets> PhaseSets::Bind(const BindContext& context, int max_rows) {
  PhaseSets out;
  VIVACE_RETURN_IF_ERROR(out.BindGeneral(context));
  out.set_of_rows_.assign(static_cast<std::size_t>(max_rows) + 1, 0);
  std::vector<int> width(out.set_of_rows_.size(), max_rows + 1);  // of the range that has the size now
  for (const program::Specialisation& specialisation : context.program.specialisations) {
    const int first = std::max(specialisation.first_rows, 1), last = specialisation.last_rows;
    if (first > std::min(last, max_rows)) continue;
    const int set = out.size();
    VIVACE_RETURN_IF_ERROR(out.BindSpecialised(context, specialisation));
    out.set_rows_.emplace_back(specialisation.first_rows, specialisation.last_rows);
    for (int rows = first; rows <= std::min(last, max_rows); ++rows) {
      const auto index = static_cast<std::size_t>(rows);
      if (last - first >= width[index]) continue;
      width[index] = last - first;
      out.set_of_rows_[index] = set;
    }
  }
  return out;
}

Status PhaseSets::BindGeneral(const BindContext& context) {
  std::vector<BoundPhase*> phases;
  for (const program::Layer& layer : context.program.layers) {
    last_layer_ = static_cast<int>(phases.size());
    for (const program::Phase& phase :
         context.program.bodies.at(static_cast<std::size_t>(layer.body)).phases) {
      VIVACE_ASSIGN_OR_RETURN(BoundPhase bound, BindPhase(context, layer, phase));
      facts_.push_back({.joined = phase.joined, .attention = IsAttention(bound)});
      phases.push_back(&bound_.emplace_back(std::move(bound)));
    }
  }
  for (std::size_t i = static_cast<std::size_t>(last_layer_); i < facts_.size(); ++i) {
    facts_[i].last_layer = true;
  }
  sets_.push_back(std::move(phases));
  return Status::Ok();
}

Status PhaseSets::BindSpecialised(const BindContext& context, const program::Specialisation& specialisation) {
  std::vector<BoundPhase*> phases = sets_.front();
  std::size_t index = 0;
  for (const program::Layer& layer : context.program.layers) {
    const auto body_index = static_cast<std::size_t>(layer.body);
    const program::Body& body = context.program.bodies.at(body_index);
    const std::vector<kernels::TilePlan>& plans = specialisation.plans.at(body_index);
    VIVACE_CHECK(plans.size() == body.phases.size());
    for (std::size_t i = 0; i < body.phases.size(); ++i, ++index) {
      // Phases that gather the rows of logits have other sizes than the step: no height of tiles fits them.
      if (plans[i] == kernels::TilePlan{} || (body.phases[i].logit_rows && plans[i].direct_rows > 0))
        continue;
      VIVACE_ASSIGN_OR_RETURN(BoundPhase bound, BindPhase(context, layer, body.phases[i], &plans[i]));
      phases[index] = &bound_.emplace_back(std::move(bound));
    }
  }
  sets_.push_back(std::move(phases));
  return Status::Ok();
}

int PhaseSets::Retile(const program::Program& program, const program::Specialisation& specialisation) {
  const auto found = std::find(set_rows_.begin(), set_rows_.end(),
                               std::pair(specialisation.first_rows, specialisation.last_rows));
  if (found == set_rows_.end()) return -1;
  const auto set = static_cast<std::size_t>(found - set_rows_.begin()) + 1;
  std::size_t index = 0;
  for (const program::Layer& layer : program.layers) {
    const auto body = static_cast<std::size_t>(layer.body);
    const std::vector<kernels::TilePlan>& plans = specialisation.plans.at(body);
    for (std::size_t i = 0; i < plans.size(); ++i, ++index) {
      const bool follows_rules = program.bodies[body].phases[i].logit_rows && plans[i].direct_rows > 0;
      BoundPhase*& phase = sets_[set][index];
      const auto* now = std::get_if<kernels::PanelGemmArgs>(&phase->storage);
      if (now == nullptr || follows_rules || now->plan == plans[i]) continue;
      if (phase == sets_[0][index]) phase = &bound_.emplace_back(*phase);
      std::get<kernels::PanelGemmArgs>(phase->storage).plan = plans[i];
    }
  }
  return static_cast<int>(set);
}

}  // namespace vivace::runtime
