// Verify: what every lowering must leave true before a program is run. phase_verify.cc looks at phases by
// themselves, this file at how layers and buffers go together.

#include <string>

#include "base/status_macros.h"
#include "program/phase_verify.h"
#include "program/program.h"

namespace vivace::program {
namespace {

template <class Id, class T>
bool InRange(Id id, const std::vector<T>& list) {
  return id.value >= 0 && static_cast<std::size_t>(id.value) < list.size();
}

class Verifier {
 public:
  explicit Verifier(const Program& program) : program_(program) {}
  Status Run();

 private:
  Status Fail(const std::string& where, const std::string& what) const {
    return Internal("program '" + program_.name + "', " + where + ": " + what);
  }
  Status CheckBody(const Body& body) const;
  Status CheckLayer(std::size_t index);
  Status CheckContents(const std::string& where, const Phase& phase);
  Status CheckSquares() const;
  Status CheckLastLayer() const;
  Status CheckLogits() const;
  Status CheckMaxima() const;
  Status CheckRopes() const;
  Status CheckSpecialisation(const Specialisation& specialisation) const;
  const Content& content(BufferId id) const { return contents_[static_cast<std::size_t>(id.value)]; }

  const Program& program_;
  std::vector<Content> contents_;  // by buffer, as the phases so far have left them
  std::vector<char> used_;         // by weight
};

Status Verifier::CheckBody(const Body& body) const {
  const std::string where = "body '" + body.name + "'";
  for (const Phase& phase : body.phases) {
    const std::string fault = PhaseFault(program_, body, phase);
    if (!fault.empty()) return Fail(where + ", " + std::string(Name(phase.kind)) + " " + phase.label, fault);
  }
  const std::string fault = JoinFault(body);
  return fault.empty() ? Status::Ok() : Fail(where, fault);
}

/// Reads find what the phase takes; afterwards the written buffers hold what it leaves.
Status Verifier::CheckContents(const std::string& where, const Phase& phase) {
  const PhaseUses uses = UsesOf(program_, phase);
  const auto check = [&](BufferId id, const OperandUse& use) {
    const Content& found = content(id);
    const std::string& name = program_.buffers[static_cast<std::size_t>(id.value)].name;
    if (found.kind == Content::Kind::kNothing)
      return Fail(where, phase.label + " reads " + name + " before anything is written there");
    if (found == use.content) return Status::Ok();
    return Fail(where, phase.label + " reads " + name + " as " + ContentText(use.content) +
                           ", but it was written as " + ContentText(found));
  };
  for (std::size_t i = 0; i < phase.reads.size(); ++i) {
    VIVACE_RETURN_IF_ERROR(check(phase.reads[i], uses.reads[i]));
  }
  for (std::size_t i = 0; i < phase.writes.size(); ++i) {
    if (uses.writes[i].updated) VIVACE_RETURN_IF_ERROR(check(phase.writes[i], uses.writes[i]));
    contents_[static_cast<std::size_t>(phase.writes[i].value)] = uses.writes[i].content;
  }
  return Status::Ok();
}

Status Verifier::CheckLayer(std::size_t index) {
  const Layer& layer = program_.layers[index];
  const std::string where = "layer " + std::to_string(index);
  if (layer.body < 0 || static_cast<std::size_t>(layer.body) >= program_.bodies.size()) {
    return Fail(where, "has no body");
  }
  const Body& body = program_.bodies[static_cast<std::size_t>(layer.body)];
  if (layer.weights.size() != body.slots.size()) return Fail(where, "does not bind every slot");
  for (const WeightId id : layer.weights) {
    if (!InRange(id, program_.weights)) return Fail(where, "binds a weight that does not exist");
    used_[static_cast<std::size_t>(id.value)] = 1;
  }
  for (const Phase& phase : body.phases) {
    const bool uses_cache = AppendsToCache(phase) || ReadsCache(phase);
    if (uses_cache && (layer.kv_layer < 0 || layer.kv_layer >= program_.kv.layers)) {
      return Fail(where, phase.label + " uses the KV cache, of which it has no layer");
    }
    const std::string fault = WeightFault(program_, phase, layer);
    if (!fault.empty()) return Fail(where + ", " + phase.label, fault);
    VIVACE_RETURN_IF_ERROR(CheckContents(where, phase));
  }
  return Status::Ok();
}

/// Sums go over whole vectors of squares: nothing else may be written where their padding is zero.
Status Verifier::CheckSquares() const {
  std::vector<Content::Kind> kinds(program_.buffers.size());
  for (const Body& body : program_.bodies) {
    for (const Phase& phase : body.phases) {
      const PhaseUses uses = UsesOf(program_, phase);
      for (std::size_t i = 0; i < phase.writes.size(); ++i) {
        const auto index = static_cast<std::size_t>(phase.writes[i].value);
        const Content::Kind kind = uses.writes[i].content.kind, before = kinds[index];
        kinds[index] = kind;
        if (before == Content::Kind::kNothing || before == kind) continue;
        if (before == Content::Kind::kSquares || kind == Content::Kind::kSquares) {
          return Fail("body '" + body.name + "', " + phase.label,
                      program_.buffers[index].name + " has squares, and is written as something else, too");
        }
      }
    }
  }
  return Status::Ok();
}

/// The last layer runs again for further rows of logits: it must find what it read the first time.
Status Verifier::CheckLastLayer() const {
  if (program_.layers.empty()) return Status::Ok();
  const Body& body = program_.bodies[static_cast<std::size_t>(program_.layers.back().body)];
  std::vector<char> own(program_.buffers.size()), taken(program_.buffers.size());
  for (const Phase& phase : body.phases) {
    const PhaseUses uses = UsesOf(program_, phase);
    const auto take = [&](BufferId id) {
      const auto index = static_cast<std::size_t>(id.value);
      if (!own[index]) taken[index] = 1;
    };
    for (const BufferId id : phase.reads) take(id);
    for (std::size_t i = 0; i < phase.writes.size(); ++i) {
      if (uses.writes[i].updated) take(phase.writes[i]);
      const auto index = static_cast<std::size_t>(phase.writes[i].value);
      own[index] = 1;
      if (taken[index])
        return Fail("last layer, " + phase.label, "writes over " + program_.buffers[index].name +
                                                      ", which it must find again when it runs twice");
    }
  }
  return Status::Ok();
}

Status Verifier::CheckLogits() const {
  if (!InRange(program_.logits, program_.buffers)) return Fail("logits", "the buffer does not exist");
  const std::size_t index = static_cast<std::size_t>(program_.logits.value);
  const Buffer& logits = program_.buffers[index];
  if (!logits.logit_rows || logits.bytes_per_row < std::int64_t{4} * program_.vocabulary) {
    return Fail("logits", "buffer " + logits.name + " does not have rows of logits");
  }
  if (contents_[index].kind == Content::Kind::kFloats) return Status::Ok();
  return Fail("logits", "nothing writes " + logits.name);
}

Status Verifier::CheckMaxima() const {
  if (program_.maxima.value < 0) return Status::Ok();
  if (!InRange(program_.maxima, program_.buffers)) return Fail("maxima", "the buffer does not exist");
  const std::size_t index = static_cast<std::size_t>(program_.maxima.value);
  const Buffer& maxima = program_.buffers[index];
  if (!maxima.logit_rows || maxima.bytes_per_row < kernels::MaximaRows{program_.vocabulary}.row_stride()) {
    return Fail("maxima", "buffer " + maxima.name + " does not have rows of maxima");
  }
  if (contents_[index].kind == Content::Kind::kMaxima) return Status::Ok();
  return Fail("maxima", "nothing writes " + maxima.name);
}

Status Verifier::CheckRopes() const {
  for (const tensor::RopeSpec& rope : program_.ropes) {
    const auto pairs = static_cast<std::size_t>(rope.dim) / 2;
    bool good = rope.dim > 0 && rope.dim % 2 == 0 && rope.theta > 0 && rope.attention_factor > 0 &&
                (rope.factors.empty() || rope.factors.size() == pairs);
    for (const float factor : rope.factors) good = good && factor > 0;
    if (!good) return Fail("rope", "needs an even dim, positive numbers and one factor per pair or none");
  }
  return Status::Ok();
}

Status Verifier::CheckSpecialisation(const Specialisation& specialisation) const {
  const std::string where = "specialisation of " + std::to_string(specialisation.first_rows) + " to " +
                            std::to_string(specialisation.last_rows) + " rows";
  if (specialisation.first_rows < 1 || specialisation.last_rows < specialisation.first_rows)
    return Fail(where, "there are no such steps");
  bool fits = specialisation.plans.size() == program_.bodies.size();
  for (std::size_t body = 0; fits && body < program_.bodies.size(); ++body) {
    fits = specialisation.plans[body].size() == program_.bodies[body].phases.size();
  }
  if (!fits) return Fail(where, "does not have a plan for each phase");
  for (const auto& plans : specialisation.plans) {
    for (const kernels::TilePlan& plan : plans) {
      if (plan.direct_rows < 0 || plan.task_units < 0) return Fail(where, "has a plan with a negative size");
    }
  }
  return Status::Ok();
}

Status Verifier::Run() {
  VIVACE_RETURN_IF_ERROR(CheckRopes());
  contents_.assign(program_.buffers.size(), {});
  used_.assign(program_.weights.size(), 0);
  for (const Body& body : program_.bodies) VIVACE_RETURN_IF_ERROR(CheckBody(body));
  VIVACE_RETURN_IF_ERROR(CheckSquares());
  for (std::size_t i = 0; i < program_.layers.size(); ++i) VIVACE_RETURN_IF_ERROR(CheckLayer(i));
  for (std::size_t i = 0; i < used_.size(); ++i) {
    if (!used_[i]) return Fail("weight " + program_.weights[i].name, "no layer binds it");
  }
  for (const Specialisation& specialisation : program_.specialisations) {
    VIVACE_RETURN_IF_ERROR(CheckSpecialisation(specialisation));
  }
  VIVACE_RETURN_IF_ERROR(CheckLogits());
  VIVACE_RETURN_IF_ERROR(CheckMaxima());
  return CheckLastLayer();
}

}  // namespace

Status Verify(const Program& program) {
  return Verifier(program).Run();
}

}  // namespace vivace::program
