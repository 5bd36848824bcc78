#include "graph/graph.h"

#include <utility>

namespace vivace::graph {
namespace {

constexpr std::string_view kOpNames[] = {
#define GRAPH_OP(id, text) text,
#include "graph/graph_ops.def"
#undef GRAPH_OP
};

}  // namespace

std::string_view Name(Op op) {
  return kOpNames[static_cast<std::size_t>(op)];
}

std::optional<Op> OpFromName(std::string_view name) {
  for (std::size_t i = 0; i < std::size(kOpNames); ++i) {
    if (kOpNames[i] == name) return static_cast<Op>(i);
  }
  return std::nullopt;
}

std::string TypeText(const Type& type) {
  if (type.kind == Type::Kind::kKvCache) return "kv";
  std::string text(tensor::Row(type.dtype).name);
  text += '[';
  if (type.rows == Rows::kTokens) text += "T";
  if (type.rows == Rows::kLogits) text += "L";
  if (type.rows == Rows::kStatic && type.static_rows > 0) text += std::to_string(type.static_rows);
  if (type.width > 0) text += (text.back() == '[' ? "" : ", ") + std::to_string(type.width);
  return text + ']';
}

ValueId BodyBuilder::Input(std::string name, Type type) {
  const ValueId id{static_cast<std::int32_t>(body_.values.size())};
  body_.values.push_back({std::move(name), ValueKind::kInput, type, {}});
  body_.inputs.push_back(id);
  return id;
}

ValueId BodyBuilder::Weight(std::string name, Type type) {
  const ValueId id{static_cast<std::int32_t>(body_.values.size())};
  body_.values.push_back({std::move(name), ValueKind::kWeight, type, {}});
  return id;
}

ValueId BodyBuilder::Add(Op op, std::string name, std::vector<ValueId> inputs, Type type,
                         Attributes attributes) {
  const ValueId id{static_cast<std::int32_t>(body_.values.size())};
  const NodeId node{static_cast<std::int32_t>(body_.nodes.size())};
  body_.values.push_back({std::move(name), ValueKind::kNode, type, node});
  body_.nodes.push_back({op, std::move(inputs), id, attributes});
  return id;
}

}  // namespace vivace::graph
