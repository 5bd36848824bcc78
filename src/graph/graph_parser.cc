// Parse: reads the text form back. Errors name the line. The result is not verified.

#include <limits>
#include <unordered_map>

#include "base/status_macros.h"
#include "base/text_scanner.h"
#include "graph/attribute_table.h"
#include "graph/graph.h"

namespace vivace::graph {
namespace {

constexpr std::int64_t kMaxInt = std::numeric_limits<std::int32_t>::max();
constexpr int kMaxLayers = 1 << 16;

class Parser {
 public:
  explicit Parser(std::string_view text) : scan_(text) {}
  Result<Graph> Run();

 private:
  Status Header();
  Status Dimension(std::string_view name, int& value);
  Status ParseRopeScaling();
  Status ParseBody();
  Status BodyInputs();
  Status Weight();
  Status NodeLine();
  Status ParseAttributes(Attributes& attributes);
  Status ParseLayers();
  Status Bindings(Layer& layer);
  Result<Type> ParseType();
  Status StartBody(std::string_view name);
  Status EndBody();
  Result<ValueId> Reference();
  Status Define(std::string_view name, ValueKind kind, Type type, ValueId& id);
  Result<BodyId> BodyByName();
  Result<int> Integer() {
    VIVACE_ASSIGN_OR_RETURN(const std::int64_t value, scan_.Integer(0, kMaxInt));
    return static_cast<int>(value);
  }

  base::TextScanner scan_;
  Graph graph_;
  bool has_prologue_ = false, has_epilogue_ = false;
  Body body_;
  std::unordered_map<std::string, ValueId> names_;  // of the body, with @ or %
  std::vector<std::string> output_names_;           // resolved when the body ends
};

Result<Graph> Parser::Run() {
  if (!scan_.NextLine()) return InvalidArgument("the graph's text is empty");
  VIVACE_RETURN_IF_ERROR(Header());
  bool more = scan_.NextLine();
  while (more) {
    if (scan_.Accept("rope_scaling")) {
      VIVACE_RETURN_IF_ERROR(ParseRopeScaling());
      more = scan_.NextLine();
      continue;
    }
    if (scan_.Accept("body")) {
      VIVACE_RETURN_IF_ERROR(ParseBody());  // leaves the scanner at the line after the body
      if (scan_.LineDone()) break;
      continue;
    }
    VIVACE_RETURN_IF_ERROR(ParseLayers());
    more = !scan_.LineDone();
  }
  if (!has_prologue_ || !has_epilogue_)
    return InvalidArgument("the graph's text has no prologue or no epilogue");
  return std::move(graph_);
}

Status Parser::Header() {
  VIVACE_RETURN_IF_ERROR(scan_.Expect("graph"));
  VIVACE_ASSIGN_OR_RETURN(graph_.name, scan_.Word());
  VIVACE_RETURN_IF_ERROR(scan_.Expect("{"));
  VIVACE_RETURN_IF_ERROR(Dimension("vocabulary", graph_.vocabulary));
  VIVACE_RETURN_IF_ERROR(scan_.Expect(","));
  VIVACE_RETURN_IF_ERROR(Dimension("hidden", graph_.hidden));
  VIVACE_RETURN_IF_ERROR(scan_.Expect(","));
  VIVACE_RETURN_IF_ERROR(Dimension("max_positions", graph_.max_positions));
  VIVACE_RETURN_IF_ERROR(scan_.Expect("}"));
  return scan_.ExpectLineDone();
}

Status Parser::Dimension(std::string_view name, int& value) {
  VIVACE_RETURN_IF_ERROR(scan_.Expect(name));
  VIVACE_RETURN_IF_ERROR(scan_.Expect("="));
  VIVACE_ASSIGN_OR_RETURN(value, Integer());
  return Status::Ok();
}

Status Parser::ParseRopeScaling() {
  RopeScaling scaling;
  for (const char* word : {"{", "attention_factor", "="}) VIVACE_RETURN_IF_ERROR(scan_.Expect(word));
  VIVACE_ASSIGN_OR_RETURN(scaling.attention_factor, scan_.Number());
  VIVACE_RETURN_IF_ERROR(scan_.Expect("}"));
  while (!scan_.LineDone()) {
    VIVACE_ASSIGN_OR_RETURN(const float factor, scan_.Number());
    scaling.factors.push_back(factor);
  }
  graph_.rope_scalings.push_back(std::move(scaling));
  return Status::Ok();
}

Status Parser::ParseBody() {
  VIVACE_ASSIGN_OR_RETURN(const std::string_view name, scan_.Word());
  VIVACE_RETURN_IF_ERROR(StartBody(name));
  VIVACE_RETURN_IF_ERROR(BodyInputs());
  while (scan_.NextLine()) {
    if (scan_.Accept("weight")) {
      VIVACE_RETURN_IF_ERROR(Weight());
    } else if (scan_.Peek("[") || scan_.Peek("%")) {
      VIVACE_RETURN_IF_ERROR(NodeLine());
    } else {
      break;
    }
    VIVACE_RETURN_IF_ERROR(scan_.ExpectLineDone());
  }
  return EndBody();
}

Status Parser::StartBody(std::string_view name) {
  for (const Body& body : graph_.bodies) {
    if (body.name == name) return scan_.Error("a body of this name exists");
  }
  body_ = Body();
  body_.name = name;
  names_.clear();
  output_names_.clear();
  return Status::Ok();
}

Status Parser::BodyInputs() {
  VIVACE_RETURN_IF_ERROR(scan_.Expect("("));
  while (!scan_.Accept(")")) {
    if (!body_.inputs.empty()) VIVACE_RETURN_IF_ERROR(scan_.Expect(","));
    VIVACE_RETURN_IF_ERROR(scan_.Expect("%"));
    VIVACE_ASSIGN_OR_RETURN(const std::string_view name, scan_.Word());
    VIVACE_RETURN_IF_ERROR(scan_.Expect(":"));
    VIVACE_ASSIGN_OR_RETURN(const Type type, ParseType());
    ValueId id;
    VIVACE_RETURN_IF_ERROR(Define(name, ValueKind::kInput, type, id));
    body_.inputs.push_back(id);
  }
  VIVACE_RETURN_IF_ERROR(scan_.Expect("->"));
  do {
    VIVACE_RETURN_IF_ERROR(scan_.Expect("%"));
    VIVACE_ASSIGN_OR_RETURN(const std::string_view name, scan_.Word());
    output_names_.push_back("%" + std::string(name));
  } while (scan_.Accept(","));
  return scan_.ExpectLineDone();
}

Status Parser::EndBody() {
  for (const std::string& name : output_names_) {
    const auto found = names_.find(name);
    if (found == names_.end()) {
      return InvalidArgument("body '" + body_.name + "' puts out " + name + ", which it does not define");
    }
    body_.outputs.push_back(found->second);
  }
  graph_.bodies.push_back(std::move(body_));
  return Status::Ok();
}

Status Parser::Define(std::string_view name, ValueKind kind, Type type, ValueId& id) {
  id.value = static_cast<std::int32_t>(body_.values.size());
  const std::string key = (kind == ValueKind::kWeight ? "@" : "%") + std::string(name);
  if (!names_.emplace(key, id).second) return scan_.Error(key + " is defined twice");
  body_.values.push_back({std::string(name), kind, type, {}});
  return Status::Ok();
}

Status Parser::Weight() {
  VIVACE_RETURN_IF_ERROR(scan_.Expect("@"));
  VIVACE_ASSIGN_OR_RETURN(const std::string_view name, scan_.Word());
  VIVACE_RETURN_IF_ERROR(scan_.Expect(":"));
  VIVACE_ASSIGN_OR_RETURN(const Type type, ParseType());
  ValueId id;
  return Define(name, ValueKind::kWeight, type, id);
}

Result<ValueId> Parser::Reference() {
  std::string key = scan_.Accept("@") ? "@" : "%";
  if (key == "%") VIVACE_RETURN_IF_ERROR(scan_.Expect("%"));
  VIVACE_ASSIGN_OR_RETURN(const std::string_view name, scan_.Word());
  key += name;
  const auto found = names_.find(key);
  if (found == names_.end()) return scan_.Error(key + " is not defined before this line");
  return found->second;
}

Status Parser::NodeLine() {
  Node node{};
  node.group = -1;
  if (scan_.Accept("[")) {
    VIVACE_ASSIGN_OR_RETURN(node.group, Integer());
    VIVACE_RETURN_IF_ERROR(scan_.Expect("]"));
  }
  VIVACE_RETURN_IF_ERROR(scan_.Expect("%"));
  VIVACE_ASSIGN_OR_RETURN(const std::string_view name, scan_.Word());
  VIVACE_RETURN_IF_ERROR(scan_.Expect(":"));
  VIVACE_ASSIGN_OR_RETURN(const Type type, ParseType());
  VIVACE_RETURN_IF_ERROR(scan_.Expect("="));
  VIVACE_ASSIGN_OR_RETURN(const std::string_view op_name, scan_.Word());
  const std::optional<Op> op = OpFromName(op_name);
  if (!op) return scan_.Error("there is no op '" + std::string(op_name) + "'");
  node.op = *op;
  do {
    VIVACE_ASSIGN_OR_RETURN(const ValueId input, Reference());
    node.inputs.push_back(input);
  } while (scan_.Accept(","));
  VIVACE_RETURN_IF_ERROR(ParseAttributes(node.attributes));
  VIVACE_RETURN_IF_ERROR(Define(name, ValueKind::kNode, type, node.output));
  body_.value(node.output).node.value = static_cast<std::int32_t>(body_.nodes.size());
  body_.nodes.push_back(std::move(node));
  return Status::Ok();
}

Status Parser::ParseAttributes(Attributes& attributes) {
  if (!scan_.Accept("{")) return Status::Ok();
  do {
    VIVACE_ASSIGN_OR_RETURN(const std::string_view name, scan_.Word());
    VIVACE_RETURN_IF_ERROR(scan_.Expect("="));
    bool known = false;
    for (const auto& [attribute, member] : kIntegerAttributes) {
      if (attribute != name) continue;
      VIVACE_ASSIGN_OR_RETURN(attributes.*member, Integer());
      known = true;
    }
    for (const auto& [attribute, member] : kFloatAttributes) {
      if (attribute != name) continue;
      VIVACE_ASSIGN_OR_RETURN(attributes.*member, scan_.Number());
      known = true;
    }
    if (!known) return scan_.Error("there is no attribute '" + std::string(name) + "'");
  } while (scan_.Accept(","));
  return scan_.Expect("}");
}

Result<Type> Parser::ParseType() {
  VIVACE_ASSIGN_OR_RETURN(const std::string_view name, scan_.Word());
  if (name == "kv") return Type::KvCache();
  const std::optional<tensor::DType> dtype = tensor::DTypeFromName(name);
  if (!dtype) return scan_.Error("there is no element type '" + std::string(name) + "'");
  VIVACE_RETURN_IF_ERROR(scan_.Expect("["));
  Type type = Type::Matrix(*dtype, 0, 0);
  if (scan_.Accept("T")) {
    type.rows = Rows::kTokens;
  } else if (scan_.Accept("L")) {
    type.rows = Rows::kLogits;
  } else {
    VIVACE_ASSIGN_OR_RETURN(type.width, Integer());
  }
  if (scan_.Accept(",")) {
    type.static_rows = type.width;
    VIVACE_ASSIGN_OR_RETURN(type.width, Integer());
  }
  VIVACE_RETURN_IF_ERROR(scan_.Expect("]"));
  return type;
}

Result<BodyId> Parser::BodyByName() {
  VIVACE_ASSIGN_OR_RETURN(const std::string_view name, scan_.Word());
  for (std::size_t i = 0; i < graph_.bodies.size(); ++i) {
    if (graph_.bodies[i].name == name) return BodyId{static_cast<std::int32_t>(i)};
  }
  return scan_.Error("there is no body '" + std::string(name) + "' above this line");
}

Status Parser::ParseLayers() {
  Layer layer;
  if (scan_.Accept("prologue")) {
    VIVACE_ASSIGN_OR_RETURN(layer.body, BodyByName());
    VIVACE_RETURN_IF_ERROR(Bindings(layer));
    graph_.prologue = std::move(layer);
    has_prologue_ = true;
    return Status::Ok();
  }
  if (scan_.Accept("epilogue")) {
    VIVACE_ASSIGN_OR_RETURN(layer.body, BodyByName());
    VIVACE_RETURN_IF_ERROR(Bindings(layer));
    graph_.epilogue = std::move(layer);
    has_epilogue_ = true;
    return Status::Ok();
  }
  if (!scan_.Accept("layers")) return scan_.Error("expected body, prologue, layers or epilogue");
  const int room = kMaxLayers - static_cast<int>(graph_.layers.size());
  VIVACE_ASSIGN_OR_RETURN(const std::int64_t count, scan_.Integer(1, room));
  VIVACE_RETURN_IF_ERROR(scan_.Expect("x"));
  VIVACE_ASSIGN_OR_RETURN(layer.body, BodyByName());
  VIVACE_RETURN_IF_ERROR(Bindings(layer));
  for (int i = 0; i < count; ++i) {
    Layer one = layer;
    const int index = static_cast<int>(graph_.layers.size());
    for (Binding& binding : one.bindings) binding.source = base::UnfoldNumber(binding.source, index);
    graph_.layers.push_back(std::move(one));
  }
  return Status::Ok();
}

Status Parser::Bindings(Layer& layer) {
  VIVACE_RETURN_IF_ERROR(scan_.ExpectLineDone());
  const Body& body = graph_.body(layer.body);
  while (scan_.NextLine()) {
    if (scan_.Peek("body") || scan_.Peek("prologue") || scan_.Peek("layers") || scan_.Peek("epilogue")) {
      return Status::Ok();
    }
    VIVACE_ASSIGN_OR_RETURN(const std::string_view name, scan_.Word());
    std::optional<ValueId> weight;
    for (std::size_t i = 0; i < body.values.size(); ++i) {
      const Value& value = body.values[i];
      if (value.kind == ValueKind::kWeight && value.name == name) weight = ValueId{static_cast<int>(i)};
    }
    if (!weight) return scan_.Error("body '" + body.name + "' has no weight @" + std::string(name));
    VIVACE_RETURN_IF_ERROR(scan_.Expect("="));
    VIVACE_ASSIGN_OR_RETURN(const std::string_view source, scan_.Word());
    VIVACE_RETURN_IF_ERROR(scan_.ExpectLineDone());
    layer.bindings.push_back({*weight, std::string(source)});
  }
  return Status::Ok();
}

}  // namespace

Result<Graph> Parse(std::string_view text) {
  return Parser(text).Run();
}

}  // namespace vivace::graph
