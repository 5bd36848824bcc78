// Verify: what every pass and every builder must leave true. One function per rule; the operand rules of the
// ops are those of graph_ops.def.

#include <string>
#include <unordered_set>

#include "base/status_macros.h"
#include "graph/graph.h"
#include "kernels/epilogue_spec.h"
#include "tensor/quantized_rows.h"

namespace vivace::graph {
namespace {

using tensor::DType;

bool IsRows(const Type& type) {
  return type.kind == Type::Kind::kTensor && type.rows != Rows::kStatic;
}
bool IsFloatRows(const Type& type) {
  return IsRows(type) && type.dtype == DType::kF32 && type.width > 0;
}
/// Rows of one of the activation types that linear layers on packed weights take.
bool IsActivationRows(const Type& type) {
  return IsRows(type) && type.width > 0 && tensor::ActivationOf(type.dtype).has_value();
}
bool IsVector(const Type& type, int width) {
  return type == Type::Vector(DType::kF32, width);
}
bool IsKv(const Type& type) {
  return type.kind == Type::Kind::kKvCache;
}

Type WithWidth(Type type, DType dtype, int width) {
  type.dtype = dtype;
  type.width = width;
  return type;
}

/// Checks the operands of one node. A rule returns an empty string or what is wrong.
class NodeRules {
 public:
  NodeRules(const Body& body, const Node& node) : body_(body), node_(node) {}

  std::string Check() const {
    switch (node_.op) {
      case Op::kEmbed:
        return Embed();
      case Op::kRmsNorm:
        return RmsNorm();
      case Op::kHeadNorm:
        return HeadNorm();
      case Op::kLinear:
        return Linear();
      case Op::kRope:
        return Rope();
      case Op::kKvAppend:
        return KvAppend();
      case Op::kAttention:
        return Attention();
      case Op::kAdd:
        return Add();
      case Op::kAddBias:
        return AddBias();
      case Op::kScale:
        return OneFactor(Attr().scale, "scale");
      case Op::kSoftcap:
        return OneFactor(Attr().softcap, "softcap");
      case Op::kMul:
        return Mul();
      case Op::kSiluMul:
      case Op::kGeluMul:
        return Add();  // two alike operands, as add
      case Op::kGatherRows:
        return GatherRows();
      case Op::kPad:
        return Pad();
      case Op::kQuantize:
        return Quantize();
      case Op::kRmsScale:
        return RmsScale();
      case Op::kScaleRows:
        return ScaleRows();
      case Op::kMaxima:
        return Maxima();
    }
    return "unknown op";
  }

 private:
  const Type& In(std::size_t i) const { return body_.value(node_.inputs[i]).type; }
  bool IsWeight(std::size_t i) const { return body_.value(node_.inputs[i]).kind == ValueKind::kWeight; }
  const Type& Out() const { return body_.value(node_.output).type; }
  const Attributes& Attr() const { return node_.attributes; }

  /// f32 rows of whole heads. In 64 bits: the attributes may come from a text.
  bool IsHeads(const Type& type) const {
    return IsFloatRows(type) && Attr().heads > 0 && Attr().head_dim > 0 &&
           type.width == static_cast<std::int64_t>(Attr().heads) * Attr().head_dim;
  }
  std::string Arity(std::size_t count) const {
    if (node_.inputs.size() == count) return "";
    return "takes " + std::to_string(count) + " operands, has " + std::to_string(node_.inputs.size());
  }
  std::string Gives(const Type& expected) const {
    if (Out() == expected) return "";
    return "gives " + TypeText(expected) + ", declared as " + TypeText(Out());
  }

  static bool IsPadded(int from, int to) {
    return to % 32 == 0 && to > from && to - static_cast<std::int64_t>(from) < 64;
  }

  std::string Embed() const {
    if (std::string e = Arity(2); !e.empty()) return e;
    if (In(0) != Type::Tokens(DType::kI32, 0)) return "the first operand must be i32[T]";
    if (!IsWeight(1) || In(1).static_rows == 0)
      return "the second operand must be a weight [vocabulary, width]";
    return Gives(Type::Tokens(DType::kF32, In(1).width));
  }
  std::string RmsNorm() const {
    if (std::string e = Arity(2); !e.empty()) return e;
    if (!IsFloatRows(In(0))) return "the first operand must be rows of f32";
    if (!IsWeight(1) || !IsVector(In(1), In(0).width))
      return "the second operand must be an f32 weight as wide";
    if (!(Attr().eps > 0)) return "eps must be positive";
    return Gives(In(0));
  }
  std::string HeadNorm() const {
    if (std::string e = Arity(2); !e.empty()) return e;
    if (!IsHeads(In(0))) return "the first operand must be f32[T, heads * head_dim]";
    if (!IsWeight(1) || !IsVector(In(1), Attr().head_dim))
      return "the second operand must be an f32 weight as wide as a head";
    if (!(Attr().eps > 0)) return "eps must be positive";
    return Gives(In(0));
  }
  std::string Linear() const {
    if (std::string e = Arity(2); !e.empty()) return e;
    const bool quantised = IsActivationRows(In(0));
    if (!quantised && !IsFloatRows(In(0))) return "the first operand must be rows of f32 or quantised rows";
    if (!IsWeight(1) || In(1).static_rows == 0) return "the second operand must be a weight [n, k]";
    if (In(1).width != In(0).width && !(quantised && IsPadded(In(1).width, In(0).width))) {
      return "the weight takes " + std::to_string(In(1).width) + " inputs, the operand is " + TypeText(In(0));
    }
    return Gives(WithWidth(In(0), DType::kF32, In(1).static_rows));
  }
  std::string Rope() const {
    if (std::string e = Arity(2); !e.empty()) return e;
    if (In(1) != Type::Tokens(DType::kI32, 0)) return "the second operand must be the positions, i32[T]";
    if (!IsHeads(In(0))) return "the first operand must be f32[T, heads * head_dim]";
    if (Attr().half != 0 && Attr().half != 1) return "half must be 0 or 1";
    if (Attr().head_dim % 2 != 0 || !(Attr().theta > 0)) return "head_dim must be even and theta positive";
    return Gives(In(0));
  }
  std::string KvAppend() const {
    if (std::string e = Arity(3); !e.empty()) return e;
    if (!IsKv(In(0))) return "the first operand must be the kv cache";
    if (!IsFloatRows(In(1)) || In(1) != In(2)) return "k and v must be alike rows of f32";
    return Gives(Type::KvCache());
  }
  std::string Attention() const {
    if (std::string e = Arity(2); !e.empty()) return e;
    if (!IsKv(In(1))) return "the second operand must be the kv cache";
    if (!IsHeads(In(0))) return "the first operand must be f32[T, heads * head_dim]";
    if (!(Attr().softcap >= 0)) return "softcap must not be negative";
    if (Attr().kv_heads <= 0 || Attr().heads % Attr().kv_heads != 0) return "kv_heads must divide heads";
    return Gives(In(0));
  }
  std::string Add() const {
    if (std::string e = Arity(2); !e.empty()) return e;
    if (!IsFloatRows(In(0)) || In(0) != In(1)) return "the operands must be alike rows of f32";
    return Gives(In(0));
  }
  std::string AddBias() const {
    if (std::string e = Arity(2); !e.empty()) return e;
    if (!IsFloatRows(In(0))) return "the first operand must be rows of f32";
    if (!IsWeight(1) || !IsVector(In(1), In(0).width))
      return "the second operand must be an f32 weight as wide";
    return Gives(In(0));
  }
  std::string OneFactor(float factor, const char* name) const {
    if (std::string e = Arity(1); !e.empty()) return e;
    if (!IsFloatRows(In(0))) return "the operand must be rows of f32";
    if (!(factor > 0)) return std::string(name) + " must be positive";
    return Gives(In(0));
  }
  std::string Mul() const {
    if (std::string e = Arity(2); !e.empty()) return e;
    if (!IsFloatRows(In(0))) return "the first operand must be rows of f32";
    if (In(1) != In(0) && !(IsWeight(1) && IsVector(In(1), In(0).width))) {
      return "the second operand must be alike rows or an f32 weight as wide";
    }
    if (!IsWeight(1) && Attr().offset != 0) return "an offset goes with a weight only";
    return Gives(In(0));
  }
  std::string GatherRows() const {
    if (std::string e = Arity(1); !e.empty()) return e;
    if (!IsRows(In(0)) || In(0).rows != Rows::kTokens) return "the operand must have T rows";
    Type expected = In(0);
    expected.rows = Rows::kLogits;
    return Gives(expected);
  }
  std::string Pad() const {
    if (std::string e = Arity(1); !e.empty()) return e;
    if (!IsFloatRows(In(0))) return "the operand must be rows of f32";
    if (!IsPadded(In(0).width, Out().width))
      return "must fill up to a multiple of 32, by less than 64 columns";
    return Gives(WithWidth(In(0), DType::kF32, Out().width));
  }
  std::string Quantize() const {
    if (std::string e = Arity(1); !e.empty()) return e;
    if (!IsFloatRows(In(0))) return "the operand must be rows of f32";
    const auto rows = tensor::ActivationOf(Out().dtype);
    if (!rows) return "gives rows of an activation type, not " + TypeText(Out());
    if (In(0).width % 32 != 0 || In(0).width % tensor::QuantizedRows{In(0).width, *rows}.group() != 0) {
      return "the operand's width must be a multiple of 32 and of the type's group";
    }
    return Gives(WithWidth(In(0), Out().dtype, In(0).width));
  }
  std::string RmsScale() const {
    if (std::string e = Arity(1); !e.empty()) return e;
    if (!IsFloatRows(In(0))) return "the operand must be rows of f32";
    if (!(Attr().eps > 0)) return "eps must be positive";
    return Gives(WithWidth(In(0), DType::kF32, 0));
  }
  std::string ScaleRows() const {
    if (std::string e = Arity(2); !e.empty()) return e;
    if (!IsFloatRows(In(0))) return "the first operand must be rows of f32";
    if (In(1) != WithWidth(In(0), DType::kF32, 0)) return "the second operand must be one f32 per row";
    return Gives(In(0));
  }

  std::string Maxima() const {
    if (std::string e = Arity(1); !e.empty()) return e;
    // The stride of wider rows would not fit 32 bits.
    if (!IsFloatRows(In(0)) || In(0).width > (1 << 28)) return "the operand must be rows of f32";
    return Gives(WithWidth(In(0), DType::kF32, kernels::MaximaRows{In(0).width}.row_stride() / 4));
  }

  const Body& body_;
  const Node& node_;
};

class Verifier {
 public:
  explicit Verifier(const Graph& graph) : graph_(graph) {}
  Status Run() const;

 private:
  Status Fail(const std::string& where, const std::string& what) const {
    return Internal("graph '" + graph_.name + "', " + where + ": " + what);
  }
  Status CheckBody(const Body& body) const;
  std::string CheckScaling(const Node& node) const;
  Status CheckNode(const Body& body, std::size_t index, std::vector<char>& defined) const;
  Status CheckLayer(const std::string& where, const Layer& layer, std::vector<Type>& carried) const;
  Status CheckBindings(const std::string& where, const Layer& layer) const;

  const Graph& graph_;
};

bool InRange(const Body& body, ValueId id) {
  return id.value >= 0 && static_cast<std::size_t>(id.value) < body.values.size();
}

Status Verifier::CheckNode(const Body& body, std::size_t index, std::vector<char>& defined) const {
  const Node& node = body.nodes[index];
  if (!InRange(body, node.output)) return Fail("body '" + body.name + "'", "a node's output does not exist");
  const Value& output = body.value(node.output);
  const auto where = [&] {
    return "body '" + body.name + "', %" + output.name + " (" + std::string(Name(node.op)) + ")";
  };
  if (output.kind != ValueKind::kNode || output.node != NodeId{static_cast<std::int32_t>(index)}) {
    return Fail(where(), "the output's value does not name this node");
  }
  for (const ValueId input : node.inputs) {
    if (!InRange(body, input)) return Fail(where(), "an operand does not exist");
    if (!defined[static_cast<std::size_t>(input.value)]) {
      return Fail(where(), "%" + body.value(input).name + " is used before it is defined");
    }
  }
  if (std::string error = NodeRules(body, node).Check(); !error.empty()) return Fail(where(), error);
  if (std::string error = CheckScaling(node); !error.empty()) return Fail(where(), error);
  defined[static_cast<std::size_t>(node.output.value)] = 1;
  return Status::Ok();
}

std::string Verifier::CheckScaling(const Node& node) const {
  const int index = node.attributes.scaling;
  if (index == 0) return "";
  if (index < 0 || static_cast<std::size_t>(index) > graph_.rope_scalings.size()) {
    return "the graph has no rope_scaling " + std::to_string(index);
  }
  const RopeScaling& scaling = graph_.rope_scalings[static_cast<std::size_t>(index) - 1];
  if (!scaling.factors.empty() &&
      scaling.factors.size() != static_cast<std::size_t>(node.attributes.head_dim) / 2) {
    return "rope_scaling " + std::to_string(index) + " has " + std::to_string(scaling.factors.size()) +
           " factors, not one per pair";
  }
  bool positive = scaling.attention_factor > 0;
  for (const float factor : scaling.factors) positive = positive && factor > 0;
  return positive ? "" : "rope_scaling " + std::to_string(index) + " must have positive factors";
}

Status Verifier::CheckBody(const Body& body) const {
  const std::string where = "body '" + body.name + "'";
  std::vector<char> defined(body.values.size(), 0);
  std::unordered_set<std::string_view> weight_names, value_names;
  for (std::size_t i = 0; i < body.values.size(); ++i) {
    const Value& value = body.values[i];
    auto& names = value.kind == ValueKind::kWeight ? weight_names : value_names;
    if (!names.insert(value.name).second) return Fail(where, "the name '" + value.name + "' is given twice");
    defined[i] = value.kind != ValueKind::kNode;
  }
  for (std::size_t i = 0; i < body.nodes.size(); ++i) {
    VIVACE_RETURN_IF_ERROR(CheckNode(body, i, defined));
  }
  for (const ValueId output : body.outputs) {
    if (!InRange(body, output) || !defined[static_cast<std::size_t>(output.value)]) {
      return Fail(where, "an output is not defined");
    }
  }
  return Status::Ok();
}

Status Verifier::CheckBindings(const std::string& where, const Layer& layer) const {
  const Body& body = graph_.body(layer.body);
  std::vector<char> bound(body.values.size(), 0);
  for (const Binding& binding : layer.bindings) {
    if (!InRange(body, binding.weight) || body.value(binding.weight).kind != ValueKind::kWeight) {
      return Fail(where, "binds '" + binding.source + "' to something that is no weight");
    }
    char& once = bound[static_cast<std::size_t>(binding.weight.value)];
    const std::string& name = body.value(binding.weight).name;
    if (once) return Fail(where, "binds @" + name + " twice");
    if (binding.source.empty()) return Fail(where, "binds @" + name + " to an empty name");
    once = 1;
  }
  for (std::size_t i = 0; i < body.values.size(); ++i) {
    const Value& value = body.values[i];
    if (value.kind == ValueKind::kWeight && !bound[i]) return Fail(where, "does not bind @" + value.name);
  }
  return Status::Ok();
}

/// `carried`: what the body before put out; becomes what this one puts out.
Status Verifier::CheckLayer(const std::string& where, const Layer& layer, std::vector<Type>& carried) const {
  if (layer.body.value < 0 || static_cast<std::size_t>(layer.body.value) >= graph_.bodies.size()) {
    return Fail(where, "has no body");
  }
  const Body& body = graph_.body(layer.body);
  std::size_t next = 0;
  for (const ValueId input : body.inputs) {
    const Type& type = body.value(input).type;
    if (IsKv(type) || type.dtype == DType::kI32) continue;
    if (next >= carried.size()) return Fail(where, "nothing before it gives %" + body.value(input).name);
    if (carried[next] != type) {
      return Fail(where, "takes %" + body.value(input).name + " as " + TypeText(type) +
                             ", the body before it gives " + TypeText(carried[next]));
    }
    ++next;
  }
  if (next != carried.size()) return Fail(where, "does not take all that the body before it gives");
  carried.clear();
  for (const ValueId output : body.outputs) {
    if (!IsKv(body.value(output).type)) carried.push_back(body.value(output).type);
  }
  return CheckBindings(where, layer);
}

/// True when a body's second output is the maxima of its first.
bool PutsOutMaxima(const Body& body) {
  const Value& second = body.value(body.outputs[1]);
  if (second.kind != ValueKind::kNode) return false;
  const Node& node = body.node(second.node);
  return node.op == Op::kMaxima && node.inputs[0] == body.outputs[0];
}

Status Verifier::Run() const {
  for (const Body& body : graph_.bodies) VIVACE_RETURN_IF_ERROR(CheckBody(body));
  std::vector<Type> carried;
  VIVACE_RETURN_IF_ERROR(CheckLayer("prologue", graph_.prologue, carried));
  for (std::size_t i = 0; i < graph_.layers.size(); ++i) {
    VIVACE_RETURN_IF_ERROR(CheckLayer("layer " + std::to_string(i), graph_.layers[i], carried));
  }
  VIVACE_RETURN_IF_ERROR(CheckLayer("epilogue", graph_.epilogue, carried));
  if (carried.empty() || carried[0] != Type::Logits(DType::kF32, graph_.vocabulary)) {
    return Fail("epilogue", "must put out one f32[L, " + std::to_string(graph_.vocabulary) + "], the logits");
  }
  if (carried.size() > 2 || (carried.size() == 2 && !PutsOutMaxima(graph_.body(graph_.epilogue.body)))) {
    return Fail("epilogue", "must put out nothing after the logits but their maxima");
  }
  return Status::Ok();
}

}  // namespace

Status Verify(const Graph& graph) {
  return Verifier(graph).Run();
}

}  // namespace vivace::graph
