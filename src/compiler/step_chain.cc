// One node of a group as one step of a chain, or the reason why it cannot be.

#include <algorithm>

#include "compiler/group_walk.h"
#include "kernels/epilogue_spec.h"
#include "tensor/packed_panel.h"
#include "tensor/quantized_rows.h"

namespace vivace::compiler {

using graph::NodeId;
using graph::ValueId;
using kernels::StepKind;

bool GroupWalk::Apply(Chain& chain, NodeId id) {
  const graph::Node& node = body_.node(id);
  if (chain.ended) return Fail(id, "comes after the rows of its phase are written");
  if (chain.steps.size() + 3 > kernels::EpilogueSteps::kMaximumSteps) return Fail(id, "is a step too many");
  bool fits = true;
  switch (node.op) {
    case Op::kScaleRows:
      fits = ApplyScaleRows(chain, node, id);
      break;
    case Op::kAddBias:
      if (!chain.bias.empty()) return Fail(id, "is the second bias of a phase");
      chain.bias.push_back({node.inputs[1]});
      chain.steps.Add({StepKind::kBias});
      break;
    case Op::kScale:
      chain.steps.Add({StepKind::kScale, node.attributes.scale});
      break;
    case Op::kSoftcap:
      chain.steps.Add({StepKind::kSoftCap, node.attributes.softcap});
      break;
    case Op::kMul:
      fits = ApplyMul(chain, node, id);
      break;
    case Op::kAdd:
      fits = ApplyAdd(chain, node, id);
      break;
    case Op::kSiluMul:
    case Op::kGeluMul:
      fits = ApplyGate(chain, node, id);
      break;
    case Op::kHeadNorm:
    case Op::kRope:
      fits = ApplyHeads(chain, node, id);
      break;
    case Op::kKvAppend:
      fits = ApplyAppend(chain, node, id);
      break;
    case Op::kQuantize:
    case Op::kMaxima:
      fits = ApplyRows(chain, node, id);
      break;
    default:
      return Fail(id, "is no step on tiles");
  }
  if (!fits) return false;
  chain.nodes.push_back(id);
  done_[static_cast<std::size_t>(id.value)] = 1;
  if (chain.ended) return true;
  chain.value = node.output;
  return WriteValue(chain, id);
}

/// Squares and floats of the value that node `id` made, as far as others want them.
bool GroupWalk::WriteValue(Chain& chain, NodeId id) {
  const ValueId value = chain.value;
  const bool is_sum = chain.sum == value;
  const std::vector<NodeId>& readers = uses_.Readers(value);
  const bool leaves = uses_.IsOutput(value) || std::any_of(readers.begin(), readers.end(),
                                                           [&](NodeId reader) { return !IsMember(reader); });
  if (leaves && !is_sum) {
    if (chain.floats) return Fail(id, "is the second result that its phase would store");
    chain.floats = value;
    chain.steps.Add({StepKind::kFloats});
  }
  if (uses_.NeedsSquares(value)) {
    if (TypeOf(value).width != facts_.hidden) {
      return Fail(id, "has a norm over " + std::to_string(TypeOf(value).width) + " columns, not over " +
                          std::to_string(facts_.hidden));
    }
    if (chain.squares) return Fail(id, "is the second value whose squares its phase would sum");
    chain.squares = value;
    chain.steps.Add({StepKind::kSquares});
  }
  return true;
}

bool GroupWalk::ApplyScaleRows(Chain& chain, const graph::Node& node, NodeId id) {
  const ValueId of = uses_.NormOf(node.inputs[1]);
  const graph::Value& scale = body_.value(uses_.Rows(node.inputs[1]));
  if (scale.kind != graph::ValueKind::kNode || body_.node(scale.node).op != Op::kRmsScale)
    return Fail(id, "scales by something else than a norm's factor");
  if (IsMade(of)) return Fail(id, "needs the norm of whole rows that its phase makes");
  if (chain.norm_of) return Fail(id, "is the second norm of a phase");
  const bool gathered = TypeOf(node.output).rows == graph::Rows::kLogits;
  if (gathered != chain.gathered) return Fail(id, "scales rows of logits apart from their contraction");
  chain.norm_of = of;
  chain.eps = body_.node(scale.node).attributes.eps;
  chain.steps.Add({StepKind::kRowScale});
  return true;
}

bool GroupWalk::ApplyMul(Chain& chain, const graph::Node& node, NodeId id) {
  if (body_.value(node.inputs[1]).kind != graph::ValueKind::kWeight || node.inputs[0] != chain.value)
    return Fail(id, "multiplies by something else than a weight");
  const VectorUse use{node.inputs[1], node.attributes.offset};
  const bool before_sum = !chain.sum && std::any_of(nodes_.begin(), nodes_.end(), [&](NodeId other) {
    return body_.node(other).op == Op::kAdd && uses_.Reaches(id, other);
  });
  std::optional<VectorUse>& place = before_sum ? chain.post_norm : chain.norm;
  if (place) return Fail(id, "is the second norm weight of a phase");
  place = use;
  chain.steps.Add({before_sum ? StepKind::kPostNorm : StepKind::kNorm});
  return true;
}

/// True when the sum may be written over x: nobody reads x after.
bool GroupWalk::MayUpdate(ValueId x, NodeId add) const {
  const graph::Value& value = body_.value(x);
  if (value.kind == graph::ValueKind::kWeight || value.type.dtype != tensor::DType::kF32 ||
      value.type.width != facts_.hidden || value.type.rows != graph::Rows::kTokens || IsMade(x) ||
      uses_.IsOutput(x) || (uses_.IsLast() && value.kind == graph::ValueKind::kInput)) {
    return false;
  }
  const std::vector<NodeId>& readers = uses_.Readers(x);
  return std::all_of(readers.begin(), readers.end(), [&](NodeId reader) {
    return reader == add || (!IsMember(reader) && uses_.Reaches(reader, add));
  });
}

bool GroupWalk::ApplyAdd(Chain& chain, const graph::Node& node, NodeId id) {
  const ValueId x = node.inputs[0] == chain.value ? node.inputs[1] : node.inputs[0];
  if (x == chain.value || chain.sum) return Fail(id, "is no sum with a residual stream");
  if (!MayUpdate(x, id)) return Fail(id, "cannot update %" + body_.value(x).name + " in place");
  chain.residual = x;
  chain.sum = node.output;
  chain.steps.Add({StepKind::kResidual});
  return true;
}

/// 1 or 0: the pairs that rotate in what becomes of heads; -1: nothing does.
int GroupWalk::OrderOf(ValueId id) const {
  for (const NodeId reader : uses_.Readers(id)) {
    const graph::Node& node = body_.node(reader);
    if (node.op == Op::kRope) return node.attributes.half;
    if (node.op == Op::kHeadNorm) return OrderOf(node.output);
  }
  return -1;
}

/// True when the columns of a value in a buffer are in the order of packed heads already.
bool GroupWalk::IsTurned(ValueId id) const {
  const graph::Value& value = body_.value(id);
  if (value.kind != graph::ValueKind::kNode) return false;
  const graph::Node& node = body_.node(value.node);
  if (node.op != Op::kHeadNorm && node.op != Op::kRope) return false;
  if (!HeadFault(node.attributes, id).empty()) return false;
  return node.op == Op::kRope || OrderOf(id) >= 0;
}

std::string GroupWalk::HeadFault(const graph::Attributes& attributes, ValueId value) const {
  const int dim = attributes.head_dim;
  if (dim % tensor::PanelLayout::kUnitColumns != 0)
    return "has heads of " + std::to_string(dim) + ", not a multiple of 32";
  if (dim / tensor::PanelLayout::kUnitColumns > kernels::kMaximumUnits || dim != facts_.kv.head_dim)
    return "has heads of " + std::to_string(dim);
  const int heads = TypeOf(value).width / dim;
  const int part = PartOf(value);
  if (part == 2 || (part == 1 && heads != facts_.kv.kv_heads))
    return "rotates or norms other heads than q's and k's";
  return "";
}

bool GroupWalk::ApplyHeads(Chain& chain, const graph::Node& node, NodeId id) {
  if (std::string fault = HeadFault(node.attributes, node.output); !fault.empty()) return Fail(id, fault);
  if (chain.steps.gated() || chain.residual || chain.norm || chain.gathered)
    return Fail(id, "works on heads of what has none");
  const bool is_turned = chain.half >= 0 || (!chain.contraction && IsTurned(chain.inputs[0]));
  if (!is_turned) {
    const int half = node.op == Op::kRope ? node.attributes.half : OrderOf(node.output);
    if (half >= 0 && chain.floats) return Fail(id, "has columns in another order than what is stored before");
    chain.half = half;
  }
  if (node.op == Op::kHeadNorm) {
    if (chain.head_norm || chain.rope) return Fail(id, "is the second step on heads");
    chain.head_norm = VectorUse{node.inputs[1], node.attributes.offset};
    chain.steps.Add({StepKind::kHeadNorm, node.attributes.eps});
  } else {
    if (chain.rope) return Fail(id, "rotates for a second time");
    chain.rope = id;
    chain.steps.Add({StepKind::kRope});
  }
  chain.heads_node = id;
  return true;
}

bool GroupWalk::ApplyAppend(Chain& chain, const graph::Node& node, NodeId id) {
  const bool is_key = node.inputs[1] == chain.value;
  if (is_key && node.inputs[2] == chain.value) return Fail(id, "appends one value as key and value");
  if (facts_.kv.head_dim % tensor::PanelLayout::kUnitColumns != 0)
    return Fail(id, "has heads of " + std::to_string(facts_.kv.head_dim) + ", not a multiple of 32");
  chain.steps.Add({is_key ? StepKind::kKey : StepKind::kValue});
  chain.part = is_key ? 1 : 2;
  chain.ended = true;
  return true;
}

/// The steps before a gate are done; both sides have the same.
bool GroupWalk::ApplyGate(Chain& chain, const graph::Node& node, NodeId id) {
  if (node.inputs[0] == node.inputs[1]) return Fail(id, "gates a value with itself");
  chain.steps.Add({node.op == Op::kSiluMul ? StepKind::kGateSilu : StepKind::kGateGelu});
  return true;
}

bool GroupWalk::ApplyRows(Chain& chain, const graph::Node& node, NodeId id) {
  if (uses_.Rows(node.inputs[0]) != chain.value) return Fail(id, "takes something else than its phase makes");
  chain.ended = true;
  if (node.op == Op::kMaxima) {
    chain.maxima = node.output;
    chain.steps.Add({StepKind::kMaximum});
    return true;
  }
  const auto rows = tensor::ActivationOf(TypeOf(node.output).dtype);
  if (!rows || *rows == tensor::ActivationType::kU8Token)
    return Fail(id, "needs the whole row for its scale");
  chain.rows = node.output;
  chain.steps.Add({StepKind::kActivations});
  return true;
}

}  // namespace vivace::compiler
