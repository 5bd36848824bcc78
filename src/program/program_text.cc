// Print: the text form of a program, as shown in program.h.

#include <iterator>

#include "base/text_scanner.h"
#include "program/program.h"
#include "program/text_tables.h"
#include "program/tile_phase.h"

namespace vivace::program {
namespace {

/// Collects "name = value" pairs into " {a = 1, b = 2}".
class AttributeText {
 public:
  void Add(std::string_view name, const std::string& value) {
    text_ += (text_.empty() ? " {" : ", ") + std::string(name) + " = " + value;
  }
  void Add(std::string_view name, int value) {
    if (value != 0) Add(name, std::to_string(value));
  }
  void Add(std::string_view name, float value) {
    if (value != 0) Add(name, base::ShortFloat(value));
  }
  std::string Take() const { return text_.empty() ? "" : text_ + "}"; }

 private:
  std::string text_;
};

std::string RopeText(const tensor::RopeSpec& rope) {
  AttributeText attributes;
  attributes.Add("dim", rope.dim);
  attributes.Add("theta", rope.theta);
  if (rope.attention_factor != 1) attributes.Add("attention_factor", rope.attention_factor);
  std::string text = "rope" + attributes.Take();
  for (const float factor : rope.factors) text += " " + base::ShortFloat(factor);
  return text + "\n";
}

std::string BufferList(const Program& program, const std::vector<BufferId>& ids) {
  std::string text;
  for (const BufferId id : ids) {
    text += (text.empty() ? "" : ", ") + program.buffers[static_cast<std::size_t>(id.value)].name;
  }
  return text;
}

std::string List(const std::vector<std::string>& words) {
  std::string text;
  for (const std::string& word : words) text += (text.empty() ? "" : ", ") + word;
  return text;
}

/// "residual squares norm rows", "rs cap:30 floats".
std::string StepsText(const kernels::EpilogueSteps& steps) {
  std::string text;
  for (const kernels::EpilogueStep& step : steps) {
    text += (text.empty() ? "" : " ") + std::string(kernels::Name(step.kind));
    if (step.value != 0) text += ":" + base::ShortFloat(step.value);
  }
  return text;
}

void AddRowTypes(const Phase& phase, AttributeText& attributes) {
  const bool attention = phase.kind == PhaseKind::kPagedAttention;
  if (phase.kind == PhaseKind::kPanelGemm)
    attributes.Add("input", std::string(tensor::Row(tensor::DTypeOf(phase.input)).name));
  if (HasStep(phase, kernels::StepKind::kActivations) || (attention && !phase.float_output))
    attributes.Add("output", std::string(tensor::Row(tensor::DTypeOf(phase.output)).name));
  if (phase.order != tensor::ColumnOrder::kPlain)
    attributes.Add("order", std::string(kColumnOrders[static_cast<std::size_t>(phase.order)]));
}

void AddSteps(const Phase& phase, AttributeText& attributes) {
  const bool parts = HasParts(phase);
  for (std::size_t i = 0; i < phase.steps.size(); ++i) {
    if (phase.steps[i].size() == 0) continue;
    attributes.Add(parts ? kPartNames[i] : kListName, StepsText(phase.steps[i]));
  }
}

std::string PhaseText(const Program& program, const Body& body, const Phase& phase) {
  std::string text = "  " + std::string(Name(phase.kind)) + " " + phase.label + ":";
  if (!phase.reads.empty()) text += " " + BufferList(program, phase.reads);
  text += " ->";
  if (!phase.writes.empty()) text += " " + BufferList(program, phase.writes);
  for (std::size_t i = 0; i < phase.weights.size(); ++i) {
    text += (i == 0 ? " with " : ", ") + body.slots[static_cast<std::size_t>(phase.weights[i].value)];
  }
  AttributeText attributes;
  for (const auto& [name, member] : kIntegerFields) attributes.Add(name, phase.*member);
  for (const auto& [name, member] : kFloatFields) attributes.Add(name, phase.*member);
  if (HasWeightType(phase.kind)) attributes.Add("type", std::string(tensor::Row(phase.type).name));
  AddRowTypes(phase, attributes);
  for (const auto& [name, member] : kFlagFields) attributes.Add(name, static_cast<int>(phase.*member));
  AddSteps(phase, attributes);
  text += attributes.Take() + "\n";
  if (!phase.fused.empty()) text += "    computes " + List(phase.fused) + "\n";
  return text;
}

std::string FormText(const Weight& weight) {
  AttributeText attributes;
  if (weight.form == WeightForm::kPanel) {
    attributes.Add("type", std::string(tensor::Row(weight.layout.type).name));
    attributes.Add("k", weight.layout.k);
    attributes.Add("source_k", weight.layout.source_k);
  } else {
    attributes.Add("form", std::string("vector"));
  }
  attributes.Add("n", weight.layout.n);
  attributes.Add("order", std::string(kColumnOrders[static_cast<std::size_t>(weight.order)]));
  attributes.Add("rope_rows", weight.rope_rows);
  attributes.Add("head_dim", weight.head_dim);
  attributes.Add("offset", weight.offset);
  return attributes.Take();
}

/// The form of a slot's weights, from the first layer that runs the body.
std::string SlotText(const Program& program, int body, std::size_t slot) {
  for (const Layer& layer : program.layers) {
    if (layer.body != body) continue;
    const Weight& weight = program.weights[static_cast<std::size_t>(layer.weights[slot].value)];
    return weight.form == WeightForm::kPlain ? "" : FormText(weight);
  }
  return "";
}

std::string BodyText(const Program& program, std::size_t index) {
  const Body& body = program.bodies[index];
  std::string text = "body " + body.name + "\n";
  for (std::size_t slot = 0; slot < body.slots.size(); ++slot) {
    text += "  slot " + body.slots[slot] + SlotText(program, static_cast<int>(index), slot) + "\n";
  }
  for (const Phase& phase : body.phases) text += PhaseText(program, body, phase);
  return text;
}

std::string BindingsText(const Program& program, const Layer& layer) {
  const Body& body = program.bodies[static_cast<std::size_t>(layer.body)];
  std::string text;
  for (std::size_t slot = 0; slot < body.slots.size(); ++slot) {
    const Weight& weight = program.weights[static_cast<std::size_t>(layer.weights[slot].value)];
    text += "  " + body.slots[slot] + " = ";
    text += (weight.form != WeightForm::kPlain ? weight.name + ", from " : "") + List(weight.sources) + "\n";
  }
  return text;
}

/// Consecutive layers of one body whose bindings differ only in the number of their KV layer are one run.
std::string RunsText(const Program& program) {
  std::string text;
  std::size_t first = 0;
  while (first < program.layers.size()) {
    const Layer& layer = program.layers[first];
    std::string bindings = BindingsText(program, layer);
    std::size_t end = first + 1;
    if (layer.kv_layer >= 0) {
      bindings = base::FoldNumber(bindings, layer.kv_layer);
      while (end < program.layers.size() && program.layers[end].body == layer.body &&
             program.layers[end].kv_layer == layer.kv_layer + static_cast<int>(end - first) &&
             base::FoldNumber(BindingsText(program, program.layers[end]), program.layers[end].kv_layer) ==
                 bindings) {
        ++end;
      }
    }
    text += "run " + program.bodies[static_cast<std::size_t>(layer.body)].name;
    if (layer.kv_layer >= 0) {
      text += " x " + std::to_string(end - first) + " from kv layer " + std::to_string(layer.kv_layer);
    }
    text += "\n" + bindings;
    first = end;
  }
  return text;
}

/// The plans of one specialisation that differ from the rule by rows.
std::string PlansText(const Program& program, const Specialisation& specialisation) {
  AttributeText rows;
  rows.Add("first_rows", specialisation.first_rows);
  rows.Add("last_rows", specialisation.last_rows);
  std::string text = "specialise" + rows.Take() + "\n";
  for (std::size_t body = 0; body < specialisation.plans.size(); ++body) {
    for (std::size_t phase = 0; phase < specialisation.plans[body].size(); ++phase) {
      const kernels::TilePlan& plan = specialisation.plans[body][phase];
      AttributeText attributes;
      for (const auto& [name, member] : kPlanFields) attributes.Add(name, plan.*member);
      attributes.Add("expand", static_cast<int>(plan.expand));
      if (attributes.Take().empty()) continue;
      text += "  " + program.bodies[body].name + " " + std::to_string(phase) + attributes.Take() + "\n";
    }
  }
  return text;
}

}  // namespace

std::string Print(const Program& program) {
  AttributeText header;
  for (const auto& [name, member] : kProgramFields) header.Add(name, std::to_string(program.*member));
  std::string text = "program " + program.name + header.Take() + "\n";
  for (const tensor::RopeSpec& rope : program.ropes) text += RopeText(rope);
  AttributeText kv;
  kv.Add("layers", std::to_string(program.kv.layers));
  kv.Add("kv_heads", std::to_string(program.kv.kv_heads));
  kv.Add("head_dim", std::to_string(program.kv.head_dim));
  kv.Add("type", std::string(tensor::Row(program.kv.type).name));
  text += "kv" + kv.Take() + "\n";
  for (const Buffer& buffer : program.buffers) {
    text += "buffer " + buffer.name + " {bytes_per_row = " + std::to_string(buffer.bytes_per_row) +
            (buffer.logit_rows ? ", logit_rows = 1}\n" : "}\n");
  }
  text += "logits " + program.buffers[static_cast<std::size_t>(program.logits.value)].name + "\n";
  if (program.maxima.value >= 0)
    text += "maxima " + program.buffers[static_cast<std::size_t>(program.maxima.value)].name + "\n";
  for (std::size_t i = 0; i < program.bodies.size(); ++i) text += BodyText(program, i);
  text += RunsText(program);
  for (const Specialisation& specialisation : program.specialisations)
    text += PlansText(program, specialisation);
  return text;
}

}  // namespace vivace::program
