// The graph: what to compute, in SSA form. A flat array of small nodes per body; layers are (body, weight bindings), so a body that
// several layers share exists, is optimised and is compiled once. Printed and parsed as text. Plain values; builders and passes own
// them; no thread safety needed.
//
//   graph llama {heads = 9, kv_heads = 3, ...}
//   body prologue(%tokens: i32[T]) -> %x
//     %x: f32[T, 576] = embed %tokens, @token_embd
//   body layer(%x: f32[T, 576], %kv: kv) -> %x2, %kv2
//     %n: f32[T, 576] = rms_norm %x, @attn_norm {eps = 1e-05}
//     ...
//   layers 30 x layer          (each binds @attn_norm to blk.<i>.attn_norm.weight and so on)
//   body epilogue(%x: f32[T, 576]) -> %logits
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/ids.h"
#include "tensor/dtype.h"
#include "vivace/status.h"

namespace vivace::graph {

enum class Op : std::uint8_t {
#define GRAPH_OP(id, text) id,
#include "graph/graph_ops.def"
#undef GRAPH_OP
};
std::string_view Name(Op op);

using ValueId = base::Id<struct ValueTag>;
using NodeId = base::Id<struct NodeTag>;
using BodyId = base::Id<struct BodyTag>;

/// First dimension of a value.
enum class Rows : std::uint8_t { kStatic, kTokens, kLogits };

struct Type {
  enum class Kind : std::uint8_t { kTensor, kKvCache } kind = Kind::kTensor;
  tensor::DType dtype = tensor::DType::kF32;
  Rows rows = Rows::kTokens;
  int static_rows = 0;   // for kStatic (weights [rows, width]); 0 rows: a vector of width
  int width = 0;         // 0: one value per row
  bool operator==(const Type&) const = default;
};

/// Where a value comes from.
enum class ValueKind : std::uint8_t { kInput, kWeight, kNode };

struct Value {
  std::string name;      // without % or @
  ValueKind kind;
  Type type;
  NodeId node;           // producer, for kNode
};

/// Attributes of a node; unused fields are zero.
struct Attributes {
  float eps = 0;
  float scale = 0;       // attention
  float theta = 0;       // rope base
  std::int32_t heads = 0, kv_heads = 0, head_dim = 0;
  bool operator==(const Attributes&) const = default;
};

struct Node {
  Op op;
  std::vector<ValueId> inputs;
  ValueId output;
  Attributes attributes;
  std::int32_t group = -1;  // set by the fusion passes: nodes of one group become one phase; -1: none
};

struct Body {
  std::string name;
  std::vector<Value> values;
  std::vector<Node> nodes;          // in execution order
  std::vector<ValueId> inputs;      // %x, %kv, %tokens
  std::vector<ValueId> outputs;

  const Value& value(ValueId id) const { return values[static_cast<std::size_t>(id.value)]; }
};

/// One layer: a body and, for each weight value of the body, the checkpoint's name of the tensor.
struct Binding {
  ValueId weight;
  std::string source;
};
struct Layer {
  BodyId body;
  std::vector<Binding> bindings;
};

struct Graph {
  std::string name;                 // the architecture
  int vocabulary = 0, hidden = 0, max_positions = 0;
  std::vector<Body> bodies;
  Layer prologue;
  std::vector<Layer> layers;
  Layer epilogue;

  const Body& body(BodyId id) const { return bodies[static_cast<std::size_t>(id.value)]; }
};

/// Adds values and nodes to one body.
class BodyBuilder {
 public:
  explicit BodyBuilder(std::string name) { body_.name = std::move(name); }
  ValueId Input(std::string name, Type type);
  ValueId Weight(std::string name, Type type);
  ValueId Add(Op op, std::string name, std::vector<ValueId> inputs, Type type, Attributes attributes = {});
  void Output(ValueId value) { body_.outputs.push_back(value); }
  Body Take() { return std::move(body_); }

 private:
  Body body_;
};

std::string Print(const Graph& graph);
Result<Graph> Parse(std::string_view text);
/// Types, arity, order (defined before used), bindings. Names the body and the node.
Status Verify(const Graph& graph);

}  // namespace vivace::graph
