// The graph: what to compute, in SSA form. A flat array of small nodes per body; layers are (body, weight
// bindings), so a body that several layers share exists, is optimised and is compiled once. Printed and
// parsed as text. Plain values; builders and passes own them; no thread safety needed.
//
//   graph llama {vocabulary = 49152, hidden = 576, max_positions = 8192}
//   rope_scaling {attention_factor = 1.2} 1 1 4 4   (none in most models; one factor per pair)
//   body prologue(%tokens: i32[T]) -> %x
//     weight @token_embd: q8_0[49152, 576]
//     %x: f32[T, 576] = embed %tokens, @token_embd
//   body layer(%x: f32[T, 576], %kv: kv, %positions: i32[T]) -> %x2, %kv2
//     weight @attn_norm: f32[576]
//     %n: f32[T, 576] = rms_norm %x, @attn_norm {eps = 1e-05}
//     ...
//   layers 30 x layer
//     attn_norm = blk.#.attn_norm.weight          (# is the layer's index, #+1 the next one's)
//
// Bodies run in the order prologue, layers, epilogue. A body's inputs are the tensors that the body before it
// put out, in order, besides the step's own i32 values (tokens, positions) and the KV cache of the layer.
#pragma once

#include <cstdint>
#include <optional>
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
std::optional<Op> OpFromName(std::string_view name);

using ValueId = base::Id<struct ValueTag>;
using NodeId = base::Id<struct NodeTag>;
using BodyId = base::Id<struct BodyTag>;

/// First dimension of a value.
enum class Rows : std::uint8_t { kStatic, kTokens, kLogits };

struct Type {
  enum class Kind : std::uint8_t { kTensor, kKvCache } kind = Kind::kTensor;
  tensor::DType dtype = tensor::DType::kF32;
  Rows rows = Rows::kTokens;
  int static_rows = 0;  // for kStatic (weights [rows, width]); 0 rows: a vector of width
  int width = 0;        // 0: one value per row
  bool operator==(const Type&) const = default;

  static Type Tokens(tensor::DType dtype, int width) {
    return {Kind::kTensor, dtype, Rows::kTokens, 0, width};
  }
  static Type Logits(tensor::DType dtype, int width) {
    return {Kind::kTensor, dtype, Rows::kLogits, 0, width};
  }
  static Type Matrix(tensor::DType dtype, int rows, int width) {
    return {Kind::kTensor, dtype, Rows::kStatic, rows, width};
  }
  static Type Vector(tensor::DType dtype, int width) { return Matrix(dtype, 0, width); }
  static Type KvCache() { return {Kind::kKvCache, tensor::DType::kF32, Rows::kStatic, 0, 0}; }
};
/// "f32[T, 576]", "q8_0[49152, 576]", "f32[576]", "kv".
std::string TypeText(const Type& type);

/// Where a value comes from.
enum class ValueKind : std::uint8_t { kInput, kWeight, kNode };

struct Value {
  std::string name;  // without % or @
  ValueKind kind;
  Type type;
  NodeId node;  // producer, for kNode
};

/// Attributes of a node; unused fields are zero.
struct Attributes {
  float eps = 0;
  float scale = 0;    // attention, scale
  float theta = 0;    // rope base
  float offset = 0;   // added to a norm's weight
  float softcap = 0;  // attention (0: none), softcap
  std::int32_t heads = 0, kv_heads = 0, head_dim = 0;
  std::int32_t half = 0;     // rope: 1: pairs (i, i + head_dim/2), 0: pairs (2i, 2i+1)
  std::int32_t scaling = 0;  // rope: n-th of Graph::rope_scalings, from 1; 0: none
  std::int32_t window = 0;   // attention: positions that a token sees, itself included; 0: all before it
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
  std::vector<Node> nodes;      // in execution order
  std::vector<ValueId> inputs;  // %x, %kv, %tokens
  std::vector<ValueId> outputs;

  const Value& value(ValueId id) const { return values[static_cast<std::size_t>(id.value)]; }
  Value& value(ValueId id) { return values[static_cast<std::size_t>(id.value)]; }
  const Node& node(NodeId id) const { return nodes[static_cast<std::size_t>(id.value)]; }
  Node& node(NodeId id) { return nodes[static_cast<std::size_t>(id.value)]; }
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

/// How rotary frequencies differ from theta^(-2i/head_dim): frequency i is divided by factors[i], and cosines
/// and sines are multiplied by attention_factor. One factor per pair; none: all 1.
struct RopeScaling {
  float attention_factor = 1;
  std::vector<float> factors;
  bool operator==(const RopeScaling&) const = default;
};

struct Graph {
  std::string name;  // the architecture
  int vocabulary = 0, hidden = 0, max_positions = 0;
  std::vector<RopeScaling> rope_scalings;
  std::vector<Body> bodies;
  Layer prologue;
  std::vector<Layer> layers;
  Layer epilogue;

  const Body& body(BodyId id) const { return bodies[static_cast<std::size_t>(id.value)]; }
  Body& body(BodyId id) { return bodies[static_cast<std::size_t>(id.value)]; }
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
/// Types, arity, order (defined before used), bindings, and that each body takes what the one before it
/// gives. The message (kInternal) names the body and the node.
Status Verify(const Graph& graph);

}  // namespace vivace::graph
