#include "compiler/portable_note.h"

#include <map>

namespace vivace::compiler {
namespace {

using program::PhaseKind;

struct Counts {
  int linears = 0, attentions = 0;
  std::map<tensor::DType, int> portable_linears;
  std::map<PhaseKind, int> portable;  // other kinds
  std::string embedding;              // its type, when portable
};

bool IsPortable(PhaseKind kind) {
  return !program::IsTileKind(kind) && kind != PhaseKind::kPagedAttention && kind != PhaseKind::kGatherRows;
}

void Count(const program::Program& program, const program::Layer& layer, const program::Phase& phase,
           Counts& counts) {
  if (phase.kind == PhaseKind::kPanelGemm) {
    const program::WeightId panel = layer.weights[static_cast<std::size_t>(phase.weights[0].value)];
    counts.linears += static_cast<int>(program.weights[static_cast<std::size_t>(panel.value)].sources.size());
  }
  counts.attentions += phase.kind == PhaseKind::kAttention || phase.kind == PhaseKind::kPagedAttention;
  if (phase.kind == PhaseKind::kLinear) {
    ++counts.linears;
    ++counts.portable_linears[phase.type];
  } else if (phase.kind == PhaseKind::kEmbed) {
    counts.embedding = tensor::Row(phase.type).name;
  } else if (IsPortable(phase.kind)) {
    ++counts.portable[phase.kind];
  }
}

}  // namespace

std::string PortableNote(const program::Program& program, const std::vector<std::string>& reasons) {
  Counts counts;
  for (const program::Layer& layer : program.layers) {
    for (const program::Phase& phase : program.bodies[static_cast<std::size_t>(layer.body)].phases) {
      Count(program, layer, phase, counts);
    }
  }
  const auto of = [](int some, int all) { return std::to_string(some) + " of " + std::to_string(all); };
  std::vector<std::string> parts;
  for (const auto& [type, count] : counts.portable_linears) {
    parts.push_back(std::string(tensor::Row(type).name) + " linears (" + of(count, counts.linears) + ")");
  }
  if (!counts.embedding.empty()) parts.push_back("the embedding (" + counts.embedding + ")");
  for (const auto& [kind, count] : counts.portable) {
    const bool attention = kind == PhaseKind::kAttention;
    parts.push_back(std::string(program::Name(kind)) + " (" +
                    (attention ? of(count, counts.attentions) : std::to_string(count)) + ")");
  }
  if (parts.empty()) return "";
  std::string note = "-O" + std::to_string(program.level) + ": ";
  for (std::size_t i = 0; i < parts.size(); ++i) {
    note += (i == 0 ? "" : i + 1 == parts.size() ? " and " : ", ") + parts[i];
  }
  note += parts.size() == 1 && counts.embedding.empty() == false ? " runs" : " run";
  note += " on portable kernels";
  if (!reasons.empty()) note += "; the first reason: " + reasons[0];
  return note;
}

}  // namespace vivace::compiler
