#include "compiler/body_uses.h"

#include <algorithm>

#include "compiler/program_frame.h"

namespace vivace::compiler {
namespace {

using graph::NodeId;
using graph::Op;
using graph::ValueId;

bool IsFloatTensor(const graph::Type& type) {
  return type.dtype == tensor::DType::kF32 && type.rows == graph::Rows::kTokens;
}

/// The f32 tensors among what a body is handed or hands on.
std::vector<ValueId> FloatsOf(const graph::Body& body, const std::vector<ValueId>& carried) {
  std::vector<ValueId> floats;
  for (const ValueId id : carried) {
    if (IsFloatTensor(body.value(id).type)) floats.push_back(id);
  }
  return floats;
}

}  // namespace

std::vector<char> CarriedSquares(const graph::Graph& graph) {
  std::vector<char> wanted;
  for (const graph::Body& body : graph.bodies) {
    const std::vector<ValueId> inputs = FloatsOf(body, CarriedInputs(body));
    for (std::size_t i = 0; i < inputs.size(); ++i) {
      if (wanted.size() <= i) wanted.resize(i + 1, 0);
      for (const graph::Node& node : body.nodes) {
        if (node.op == Op::kRmsScale && node.inputs[0] == inputs[i]) wanted[i] = 1;
      }
    }
  }
  return wanted;
}

BodyUses::BodyUses(const graph::Body& body, const std::vector<char>& carried_squares)
    : body_(body),
      no_phase_(body.nodes.size(), 0),
      output_(body.values.size(), 0),
      squares_(body.values.size(), 0),
      readers_(body.values.size()) {
  for (const ValueId id : body.outputs) output_[static_cast<std::size_t>(id.value)] = 1;
  const std::vector<ValueId> carried = CarriedOutputs(body);
  last_ = !carried.empty() && body.value(carried[0]).type.rows == graph::Rows::kLogits;
  const std::vector<ValueId> floats = FloatsOf(body, carried);
  for (std::size_t i = 0; i < floats.size() && i < carried_squares.size(); ++i) {
    squares_[static_cast<std::size_t>(floats[i].value)] = carried_squares[i];
  }
  for (std::size_t i = 0; i < body.nodes.size(); ++i) {
    const graph::Node& node = body.nodes[i];
    const bool floats_in = node.op == Op::kGatherRows && IsFloatTensor(body.value(node.inputs[0]).type) &&
                           body.value(node.inputs[0]).type.width > 0;
    no_phase_[i] =
        node.op == Op::kPad || node.op == Op::kRmsScale || (node.op == Op::kGatherRows && !floats_in);
    if (node.op == Op::kRmsScale) squares_[static_cast<std::size_t>(node.inputs[0].value)] = 1;
  }
  for (std::size_t i = 0; i < body.nodes.size(); ++i) {
    if (no_phase_[i]) continue;
    const NodeId id{static_cast<std::int32_t>(i)};
    for (const ValueId input : body.nodes[i].inputs) {
      std::vector<NodeId>& readers = readers_[static_cast<std::size_t>(Rows(input).value)];
      if (readers.empty() || readers.back() != id) readers.push_back(id);
    }
  }
  FindReach();
}

void BodyUses::FindReach() {
  const std::size_t count = body_.nodes.size();
  reach_.assign(count, std::vector<char>(count, 0));
  for (std::size_t i = 0; i < count; ++i) {
    reach_[i][i] = 1;
    for (const ValueId input : body_.nodes[i].inputs) {
      const graph::Value& value = body_.value(input);
      if (value.kind != graph::ValueKind::kNode) continue;
      for (std::size_t j = 0; j < i; ++j) {
        if (reach_[j][static_cast<std::size_t>(value.node.value)]) reach_[j][i] = 1;
      }
    }
  }
}

ValueId BodyUses::Rows(ValueId id) const {
  while (body_.value(id).kind == graph::ValueKind::kNode) {
    const graph::Node& node = body_.node(body_.value(id).node);
    if (!HasNoPhase(body_.value(id).node) || node.op == Op::kRmsScale) break;
    id = node.inputs[0];
  }
  return id;
}

ValueId BodyUses::NormOf(ValueId id) const {
  const ValueId scale = Rows(id);
  const graph::Value& value = body_.value(scale);
  if (value.kind != graph::ValueKind::kNode) return scale;
  return body_.node(value.node).op == Op::kRmsScale ? body_.node(value.node).inputs[0] : scale;
}

}  // namespace vivace::compiler
