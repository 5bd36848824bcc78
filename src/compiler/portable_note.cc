#include "compiler/portable_note.h"

#include <map>

namespace vivace::compiler {
namespace {

using program::PhaseKind;

/// Linear layers that a phase computes.
int LinearsOf(PhaseKind kind) {
  switch (kind) {
    case PhaseKind::kQkv:
      return 3;
    case PhaseKind::kGateUp:
      return 2;
    case PhaseKind::kLinear:
    case PhaseKind::kProjectResidual:
    case PhaseKind::kLogits:
      return 1;
    default:
      return 0;
  }
}

struct Counts {
  int linears = 0, attentions = 0, portable_attentions = 0;
  std::map<tensor::DType, int> portable_linears;
  std::string embedding;  // its type, when portable
};

Counts CountPhases(const program::Program& program) {
  Counts counts;
  for (const program::Layer& layer : program.layers) {
    for (const program::Phase& phase : program.bodies[static_cast<std::size_t>(layer.body)].phases) {
      counts.linears += LinearsOf(phase.kind);
      if (phase.kind == PhaseKind::kLinear) ++counts.portable_linears[phase.type];
      if (phase.kind == PhaseKind::kEmbed) counts.embedding = tensor::Row(phase.type).name;
      counts.portable_attentions += phase.kind == PhaseKind::kAttention;
      counts.attentions += phase.kind == PhaseKind::kAttention || phase.kind == PhaseKind::kPagedAttention ||
                           phase.kind == PhaseKind::kPagedAttentionF32;
    }
  }
  return counts;
}

}  // namespace

std::string PortableNote(const program::Program& program, const std::vector<RejectedWeight>& rejected) {
  const Counts counts = CountPhases(program);
  const auto of = [](int some, int all) { return std::to_string(some) + " of " + std::to_string(all); };
  std::vector<std::string> parts;
  for (const auto& [type, count] : counts.portable_linears) {
    parts.push_back(std::string(tensor::Row(type).name) + " linears (" + of(count, counts.linears) + ")");
  }
  if (!counts.embedding.empty()) parts.push_back("the embedding (" + counts.embedding + ")");
  if (counts.portable_attentions > 0) {
    parts.push_back("attention (" + of(counts.portable_attentions, counts.attentions) + ")");
  }
  if (parts.empty()) return "";
  std::string note = "-O2: ";
  for (std::size_t i = 0; i < parts.size(); ++i) {
    note += (i == 0 ? "" : i + 1 == parts.size() ? " and " : ", ") + parts[i];
  }
  note += " run on portable kernels";
  if (!rejected.empty()) note += "; the first reason: " + rejected[0].why;
  return note;
}

}  // namespace vivace::compiler
