// Lines of the text form that belong to phases: operands, facts, steps, and the plans of specialisations.

#include <algorithm>
#include <iterator>
#include <optional>

#include "program/program_parser.h"
#include "program/text_tables.h"

namespace vivace::program {

Status Parser::PhaseLine() {
  VIVACE_ASSIGN_OR_RETURN(const std::string_view kind_name, scan_.Word());
  const std::optional<PhaseKind> kind = PhaseKindFromName(kind_name);
  if (!kind) return scan_.Error("there is no phase kind '" + std::string(kind_name) + "'");
  Phase phase{};
  phase.kind = *kind;
  VIVACE_ASSIGN_OR_RETURN(phase.label, scan_.Word());
  VIVACE_RETURN_IF_ERROR(scan_.Expect(":"));
  VIVACE_RETURN_IF_ERROR(PhaseOperands(phase));
  VIVACE_RETURN_IF_ERROR(Attributes([&](std::string_view name) { return PhaseAttribute(name, phase); }));
  SetSpec(program_, phase);
  body().phases.push_back(std::move(phase));
  return Status::Ok();
}

/// "x8, squares -> q with qkv, bias": how many there must be is for Verify to say.
Status Parser::PhaseOperands(Phase& phase) {
  if (!scan_.Peek("->")) {
    do {
      VIVACE_ASSIGN_OR_RETURN(const BufferId id, BufferByName());
      phase.reads.push_back(id);
    } while (scan_.Accept(","));
  }
  VIVACE_RETURN_IF_ERROR(scan_.Expect("->"));
  if (!scan_.LineDone() && !scan_.Peek("with") && !scan_.Peek("{")) {
    do {
      VIVACE_ASSIGN_OR_RETURN(const BufferId id, BufferByName());
      phase.writes.push_back(id);
    } while (scan_.Accept(","));
  }
  if (!scan_.Accept("with")) return Status::Ok();
  do {
    VIVACE_ASSIGN_OR_RETURN(const std::string_view slot, scan_.Word());
    const auto found = std::find(body().slots.begin(), body().slots.end(), slot);
    if (found == body().slots.end()) return scan_.Error("the body has no slot " + std::string(slot));
    phase.weights.push_back(SlotId{static_cast<std::int32_t>(found - body().slots.begin())});
  } while (scan_.Accept(","));
  return Status::Ok();
}

Status Parser::PhaseAttribute(std::string_view name, Phase& phase) {
  for (const auto& [field, member] : kIntegerFields) {
    if (field != name) continue;
    VIVACE_ASSIGN_OR_RETURN(phase.*member, Integer());
    return Status::Ok();
  }
  for (const auto& [field, member] : kFloatFields) {
    if (field != name) continue;
    VIVACE_ASSIGN_OR_RETURN(phase.*member, scan_.Number());
    return Status::Ok();
  }
  for (const auto& [field, member] : kFlagFields) {
    if (field != name) continue;
    VIVACE_ASSIGN_OR_RETURN(const int value, Integer());
    phase.*member = value != 0;
    return Status::Ok();
  }
  return PhaseFact(name, phase);
}

/// Attributes that are names: types, orders, steps.
Status Parser::PhaseFact(std::string_view name, Phase& phase) {
  if (name == "type") {
    VIVACE_ASSIGN_OR_RETURN(phase.type, Type());
    if (static_cast<int>(phase.type) < tensor::kWeightTypes) return Status::Ok();
    return scan_.Error("weights are not of this type");
  }
  if (name == "input" || name == "output") {
    VIVACE_ASSIGN_OR_RETURN((name == "input" ? phase.input : phase.output), RowType());
    return Status::Ok();
  }
  if (name == "order") {
    VIVACE_ASSIGN_OR_RETURN(phase.order, Order());
    return Status::Ok();
  }
  if (name == kListName) return Steps(phase.steps[0]);
  for (std::size_t part = 0; part < std::size(kPartNames); ++part) {
    if (name == kPartNames[part]) return Steps(phase.steps[part]);
  }
  return scan_.Error("a phase has no '" + std::string(name) + "'");
}

Result<tensor::ColumnOrder> Parser::Order() {
  VIVACE_ASSIGN_OR_RETURN(const std::string_view name, scan_.Word());
  const auto* found = std::find(std::begin(kColumnOrders), std::end(kColumnOrders), name);
  if (found == std::end(kColumnOrders)) return scan_.Error("there is no order '" + std::string(name) + "'");
  return static_cast<tensor::ColumnOrder>(found - std::begin(kColumnOrders));
}

Result<tensor::ActivationType> Parser::RowType() {
  VIVACE_ASSIGN_OR_RETURN(const tensor::DType type, Type());
  if (const auto rows = tensor::ActivationOf(type)) return *rows;
  return scan_.Error("this is no type of rows");
}

/// "rs cap:30 floats", up to what follows a value of an attribute.
Status Parser::Steps(kernels::EpilogueSteps& steps) {
  steps = {};
  do {
    VIVACE_ASSIGN_OR_RETURN(const std::string_view word, scan_.Word());
    const std::size_t colon = word.find(':');
    const std::string_view name = word.substr(0, colon);
    int kind = 0;
    while (kind < kernels::kStepKinds && kernels::Name(static_cast<kernels::StepKind>(kind)) != name) ++kind;
    if (kind == kernels::kStepKinds) return scan_.Error("there is no step '" + std::string(name) + "'");
    kernels::EpilogueStep step{static_cast<kernels::StepKind>(kind)};
    if (colon != std::string_view::npos) {
      base::TextScanner value(word.substr(colon + 1));
      value.NextLine();
      const Result<float> number = value.Number();
      if (!number.ok() || !value.LineDone()) return scan_.Error("'" + std::string(word) + "' has no number");
      step.value = *number;
    }
    if (steps.size() == kernels::EpilogueSteps::kMaximumSteps)
      return scan_.Error("a list has at most " + std::to_string(steps.size()) + " steps");
    steps.Add(step);
  } while (!scan_.Peek(",") && !scan_.Peek("}"));
  return Status::Ok();
}

Status Parser::Computes() {
  if (body().phases.empty()) return scan_.Error("no phase above this line");
  do {
    VIVACE_ASSIGN_OR_RETURN(const std::string_view node, scan_.Word());
    body().phases.back().fused.emplace_back(node);
  } while (scan_.Accept(","));
  return Status::Ok();
}

/// "specialise {first_rows = 1, last_rows = 8}", then a line for each phase that has a plan.
Status Parser::Specialise() {
  Specialisation specialisation;
  VIVACE_RETURN_IF_ERROR(Attributes([&](std::string_view name) -> Status {
    int* field = name == "first_rows"  ? &specialisation.first_rows
                 : name == "last_rows" ? &specialisation.last_rows
                                       : nullptr;
    if (field == nullptr) return scan_.Error("a specialisation has no '" + std::string(name) + "'");
    VIVACE_ASSIGN_OR_RETURN(*field, Integer());
    return Status::Ok();
  }));
  VIVACE_RETURN_IF_ERROR(scan_.ExpectLineDone());
  for (const Body& body : program_.bodies) specialisation.plans.emplace_back(body.phases.size());
  while (scan_.NextLine() && !scan_.Peek("specialise")) {
    VIVACE_RETURN_IF_ERROR(Plan(specialisation));
    VIVACE_RETURN_IF_ERROR(scan_.ExpectLineDone());
  }
  program_.specialisations.push_back(std::move(specialisation));
  return Status::Ok();
}

/// "layer 0 {direct_rows = 4}": the body, the number of its phase and the plan.
Status Parser::Plan(Specialisation& specialisation) {
  VIVACE_ASSIGN_OR_RETURN(const std::string_view name, scan_.Word());
  const auto found = std::find_if(program_.bodies.begin(), program_.bodies.end(),
                                  [&](const Body& body) { return body.name == name; });
  if (found == program_.bodies.end()) return scan_.Error("there is no body '" + std::string(name) + "'");
  auto& plans = specialisation.plans[static_cast<std::size_t>(found - program_.bodies.begin())];
  VIVACE_ASSIGN_OR_RETURN(const std::int64_t phase,
                          scan_.Integer(0, static_cast<std::int64_t>(plans.size()) - 1));
  kernels::TilePlan& plan = plans[static_cast<std::size_t>(phase)];
  return Attributes([&](std::string_view field) -> Status {
    VIVACE_ASSIGN_OR_RETURN(const int value, Integer());
    if (field == "expand") {
      plan.expand = value != 0;
      return Status::Ok();
    }
    for (const auto& [known, member] : kPlanFields) {
      if (known != field) continue;
      plan.*member = value;
      return Status::Ok();
    }
    return scan_.Error("a plan has no '" + std::string(field) + "'");
  });
}

}  // namespace vivace::program
