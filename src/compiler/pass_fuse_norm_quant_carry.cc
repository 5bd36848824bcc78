// Moves mul and quantize at the head of a body (as DeferNorms leaves them) to the end of whatever runs
// before: the residual stream x is then handed on together with its rows, weighted by the norm of the body to
// come. A body whose layers are followed by rows of different forms (a float LM head after quantised layers)
// is cloned, one for each form. Bits stay as they are.

#include <algorithm>

#include "compiler/body_editor.h"
#include "compiler/pass_fuse_norm_quant.h"

namespace vivace::compiler {
namespace {

using graph::Body;
using graph::BodyId;
using graph::Layer;
using graph::NodeId;
using graph::Op;
using graph::ValueId;

/// The one value that a body takes or gives besides the cache and the step's own; nothing when there are
/// several.
std::optional<ValueId> OnlyCarried(const Body& body, const std::vector<ValueId>& ids) {
  std::optional<ValueId> carried;
  for (const ValueId id : ids) {
    const graph::Type& type = body.value(id).type;
    if (type.kind == graph::Type::Kind::kKvCache || type.dtype == tensor::DType::kI32) continue;
    if (carried || type.dtype != tensor::DType::kF32 || type.rows != graph::Rows::kTokens)
      return std::nullopt;
    carried = id;
  }
  return carried;
}

/// quantize(pad(mul(x, weight))), pad or not, as the only use of each.
struct Head {
  ValueId x, weight, product, rows;
  std::optional<ValueId> padded;
  bool pad_joined = false;  // pad is in the phase of mul
};

std::optional<Head> MatchHead(Body& body) {
  const std::optional<ValueId> x = OnlyCarried(body, body.inputs);
  if (!x) return std::nullopt;
  const BodyEditor editor(body);
  std::optional<Head> head;
  for (const NodeId user : editor.Users(*x)) {
    const graph::Node& mul = editor.node(user);
    if (mul.op != Op::kMul || mul.inputs[0] != *x || !editor.IsWeight(mul.inputs[1])) continue;
    Head found{*x, mul.inputs[1], mul.output, {}, {}};
    if (const auto pad = editor.OnlyUser(mul.output, Op::kPad)) {
      found.padded = editor.node(*pad).output;
      found.pad_joined = editor.node(*pad).group >= 0 && editor.node(*pad).group == mul.group;
    }
    const auto quantize = editor.OnlyUser(found.padded.value_or(mul.output), Op::kQuantize);
    if (!quantize) continue;
    if (head) return std::nullopt;
    found.rows = editor.node(*quantize).output;
    head = found;
  }
  return head;
}

/// What a body does at its end for the one after it.
struct Tail {
  graph::Type weight, product, padded, rows;
  graph::Attributes attributes;  // of mul
  bool is_padded = false, pad_joined = false;
  bool operator==(const Tail&) const = default;
};

Tail TailFor(const Body& body, const Head& head) {
  Tail tail;
  tail.weight = body.value(head.weight).type;
  tail.product = body.value(head.product).type;
  tail.rows = body.value(head.rows).type;
  tail.attributes = body.node(body.value(head.product).node).attributes;
  tail.is_padded = head.padded.has_value();
  tail.pad_joined = head.pad_joined;
  if (head.padded) tail.padded = body.value(*head.padded).type;
  return tail;
}

std::string SourceOf(const Layer& layer, ValueId weight) {
  for (const graph::Binding& binding : layer.bindings) {
    if (binding.weight == weight) return binding.source;
  }
  return "";
}

void InsertBehind(std::vector<ValueId>& values, ValueId value, ValueId more) {
  const auto at = std::find(values.begin(), values.end(), value);
  values.insert(at + 1, more);
}

/// The rows become an input of the body.
void TakeHead(graph::Graph& graph, BodyId id) {
  Body& body = graph.body(id);
  const Head head = *MatchHead(body);
  BodyEditor editor(body);
  const ValueId rows = editor.AddValue("x.rows", graph::ValueKind::kInput, editor.type(head.rows));
  editor.ReplaceUses(head.rows, rows);
  editor.Remove(*editor.Producer(head.rows));
  if (head.padded) editor.Remove(*editor.Producer(*head.padded));
  editor.Remove(*editor.Producer(head.product));
  InsertBehind(body.inputs, head.x, rows);
  CompactBody(graph, id);
}

/// The body puts out the rows after x. Gives the weight that the layers must bind.
ValueId AddTail(Body& body, const Tail& tail) {
  BodyEditor editor(body);
  const ValueId x = *OnlyCarried(body, body.outputs);
  const ValueId weight = editor.AddValue("next_norm", graph::ValueKind::kWeight, tail.weight);
  const ValueId product = editor.Append(Op::kMul, "next_n", {x, weight}, tail.product, tail.attributes);
  ValueId source = product;
  if (tail.is_padded) source = editor.Append(Op::kPad, "next_n.pad", {product}, tail.padded);
  if (tail.pad_joined) editor.Join({*editor.Producer(product), *editor.Producer(source)});
  InsertBehind(body.outputs, x, editor.Append(Op::kQuantize, "next_n.rows", {source}, tail.rows));
  return weight;
}

class Carrier {
 public:
  explicit Carrier(graph::Graph& graph) : graph_(graph), order_(LayersInOrder(graph)) {}
  bool Run();

 private:
  /// By body: the tail that its predecessors get, where it has a head and all of them can.
  std::vector<std::optional<Tail>> Wanted();
  void Split(const std::vector<std::optional<Tail>>& wanted);
  BodyId Clone(BodyId id);

  graph::Graph& graph_;
  std::vector<Layer*> order_;
  std::vector<std::optional<Tail>> tails_;  // by body, as each must end
  std::vector<char> takes_;                 // by body: its head is carried
};

std::vector<std::optional<Tail>> Carrier::Wanted() {
  std::vector<std::optional<Tail>> wanted(graph_.bodies.size());
  for (std::size_t b = 0; b < wanted.size(); ++b) {
    if (const auto head = MatchHead(graph_.bodies[b])) wanted[b] = TailFor(graph_.bodies[b], *head);
  }
  wanted[static_cast<std::size_t>(order_[0]->body.value)].reset();
  for (std::size_t i = 1; i < order_.size(); ++i) {
    const Body& before = graph_.body(order_[i - 1]->body);
    if (!OnlyCarried(before, before.outputs)) wanted[static_cast<std::size_t>(order_[i]->body.value)].reset();
  }
  return wanted;
}

BodyId Carrier::Clone(BodyId id) {
  const BodyId clone{static_cast<std::int32_t>(graph_.bodies.size())};
  graph_.bodies.push_back(graph_.body(id));
  const std::string base = graph_.body(id).name;
  const auto taken = [&](const std::string& name) {
    return std::any_of(graph_.bodies.begin(), graph_.bodies.end() - 1,
                       [&](const Body& body) { return body.name == name; });
  };
  std::string name = base;
  for (int i = 1; taken(name); ++i) name = base + ".before." + std::to_string(i);
  graph_.bodies.back().name = name;
  return clone;
}

/// Every body gets one tail, cloned where its layers need several.
void Carrier::Split(const std::vector<std::optional<Tail>>& wanted) {
  struct Use {
    BodyId original, body;
    std::optional<Tail> tail;
  };
  std::vector<Use> uses;
  tails_.resize(graph_.bodies.size());
  for (std::size_t b = 0; b < wanted.size(); ++b) takes_.push_back(wanted[b].has_value());
  for (std::size_t i = 0; i < order_.size(); ++i) {
    const BodyId original = order_[i]->body;
    const auto next = i + 1 < order_.size() ? wanted[static_cast<std::size_t>(order_[i + 1]->body.value)]
                                            : std::optional<Tail>();
    const auto same = std::find_if(uses.begin(), uses.end(), [&](const Use& use) {
      return use.original == original && use.tail == next;
    });
    if (same != uses.end()) {
      order_[i]->body = same->body;
      continue;
    }
    const bool is_first =
        std::none_of(uses.begin(), uses.end(), [&](const Use& use) { return use.original == original; });
    const BodyId body = is_first ? original : Clone(original);
    if (!is_first) {
      takes_.push_back(takes_[static_cast<std::size_t>(original.value)]);
      tails_.emplace_back();
    }
    tails_[static_cast<std::size_t>(body.value)] = next;
    order_[i]->body = body;
    uses.push_back({original, body, next});
  }
}

bool Carrier::Run() {
  const std::vector<std::optional<Tail>> wanted = Wanted();
  if (std::none_of(wanted.begin(), wanted.end(), [](const auto& tail) { return tail.has_value(); }))
    return false;
  std::vector<std::string> next_norm(order_.size());  // by layer: the norm of the one after it
  for (std::size_t i = 0; i + 1 < order_.size(); ++i) {
    Body& next = graph_.body(order_[i + 1]->body);
    if (const auto head = MatchHead(next)) next_norm[i] = SourceOf(*order_[i + 1], head->weight);
  }
  Split(wanted);
  std::vector<ValueId> weights(graph_.bodies.size());
  for (std::size_t b = 0; b < graph_.bodies.size(); ++b) {
    if (takes_[b]) TakeHead(graph_, BodyId{static_cast<std::int32_t>(b)});
    if (tails_[b]) weights[b] = AddTail(graph_.bodies[b], *tails_[b]);
  }
  for (std::size_t i = 0; i < order_.size(); ++i) {
    const auto body = static_cast<std::size_t>(order_[i]->body.value);
    if (tails_[body]) order_[i]->bindings.push_back({weights[body], next_norm[i]});
  }
  return true;
}

}  // namespace

bool CarryNorms(graph::Graph& graph) {
  return Carrier(graph).Run();
}

}  // namespace vivace::compiler
