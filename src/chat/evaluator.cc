#include "chat/evaluator.h"

#include <algorithm>

#include "base/status_macros.h"
#include "chat/lexer.h"
#include "chat/operations.h"

namespace vivace::chat {
namespace {

using Kind = Value::Kind;

constexpr std::size_t kBytesPerStep = 64;  // copying this much counts as one step
constexpr std::int64_t kMadePerOutput =
    16;  // bytes that may be made on the way for each byte of output allowed

Status WithLine(int line, const Status& status) {
  return {status.code(), AtLine(line, status.message())};
}

Result<Value> WithLine(int line, Result<Value> result) {
  if (!result.ok()) return WithLine(line, result.status());
  return result;
}

Value OrUndefined(const Value* found) {
  if (found == nullptr) return {};
  return *found;
}

/// A Python index: from the end when negative; clamped to [0, size].
std::size_t Clamp(std::int64_t index, std::size_t size) {
  const auto signed_size = static_cast<std::int64_t>(size);
  if (index < 0) index = std::max(index + signed_size, std::int64_t{0});
  return static_cast<std::size_t>(std::min(index, signed_size));
}

Value LoopVariable(std::size_t index, std::size_t count) {
  const auto integer = [](std::size_t n) { return Value::Integer(static_cast<std::int64_t>(n)); };
  return Value::MakeRecord({{"index", integer(index + 1)},
                            {"index0", integer(index)},
                            {"revindex", integer(count - index)},
                            {"revindex0", integer(count - index - 1)},
                            {"first", Value::Bool(index == 0)},
                            {"last", Value::Bool(index + 1 == count)},
                            {"length", integer(count)}});
}

}  // namespace

Result<Text> Evaluator::Run() {
  VIVACE_RETURN_IF_ERROR(RunBody(syntax_.body));
  return std::move(output_);
}

std::size_t Evaluator::Weight(const Value& value) {
  if (value.is(Kind::kString)) return value.text().size();
  if (value.is(Kind::kList)) return value.list().size() * sizeof(Value);
  return 0;
}

Status Evaluator::Charge(int line, std::size_t bytes) {
  steps_ += 1 + static_cast<std::int64_t>(bytes / kBytesPerStep);
  made_bytes_ += static_cast<std::int64_t>(bytes);
  if (steps_ > budget_.steps) {
    return ResourceExhausted(
        AtLine(line, "the template takes more than " + std::to_string(budget_.steps) + " steps"));
  }
  if (made_bytes_ / kMadePerOutput > budget_.output_bytes) {
    return ResourceExhausted(AtLine(line, "the template makes more text than its budget allows"));
  }
  return Status::Ok();
}

Status Evaluator::Write(const Text& text, int line) {
  output_bytes_ += text.size();
  if (output_bytes_ > static_cast<std::size_t>(budget_.output_bytes)) {
    return ResourceExhausted(
        AtLine(line, "the template writes more than " + std::to_string(budget_.output_bytes) + " bytes"));
  }
  output_.Append(text);
  return Status::Ok();
}

Status Evaluator::RunBody(const std::vector<StatementId>& body) {
  for (const StatementId id : body) VIVACE_RETURN_IF_ERROR(RunStatement(syntax_.statement(id)));
  return Status::Ok();
}

Status Evaluator::RunStatement(const Statement& statement) {
  VIVACE_RETURN_IF_ERROR(Charge(statement.line, 0));
  switch (statement.kind) {
    case StatementKind::kText:
      return Write(statement.text.text(), statement.line);
    case StatementKind::kIf:
      return RunIf(statement);
    case StatementKind::kFor:
      return RunFor(statement);
    case StatementKind::kPrint:
    case StatementKind::kSet:
      break;
  }
  VIVACE_ASSIGN_OR_RETURN(Value value, Evaluate(statement.expression));
  if (statement.kind == StatementKind::kPrint) return Write(value.Print(), statement.line);
  Set(statement.targets[0], std::move(value));
  return Status::Ok();
}

Status Evaluator::RunIf(const Statement& statement) {
  for (const Branch& branch : statement.branches) {
    VIVACE_ASSIGN_OR_RETURN(const Value condition, Evaluate(branch.condition));
    if (condition.Truthy()) return RunBody(branch.body);
  }
  return RunBody(statement.else_body);
}

Status Evaluator::RunFor(const Statement& statement) {
  VIVACE_ASSIGN_OR_RETURN(const Value::List items, LoopItems(statement));
  if (items.empty()) return RunBody(statement.else_body);
  const std::size_t outer_scope = scope_, outer_size = bindings_.size();
  for (std::size_t i = 0; i < items.size(); ++i) {
    scope_ = outer_size;
    VIVACE_RETURN_IF_ERROR(Charge(statement.line, 0));
    VIVACE_RETURN_IF_ERROR(Bind(statement, items[i]));
    Set("loop", LoopVariable(i, items.size()));
    VIVACE_RETURN_IF_ERROR(RunBody(statement.body));
    bindings_.resize(outer_size);  // what the body has set ends with the round
  }
  scope_ = outer_scope;
  return Status::Ok();
}

Result<Value::List> Evaluator::LoopItems(const Statement& statement) {
  VIVACE_ASSIGN_OR_RETURN(const Value iterated, Evaluate(statement.expression));
  Value::List items;
  if (iterated.is(Kind::kList)) {
    items = iterated.list();
  } else if (iterated.is(Kind::kDict)) {
    for (const auto& [name, value] : iterated.dict()) items.push_back(name);
  } else if (!iterated.is(Kind::kUndefined)) {
    return InvalidArgument(
        AtLine(statement.line, std::string(iterated.KindName()) + " cannot be looped over"));
  }
  VIVACE_RETURN_IF_ERROR(Charge(statement.line, items.size() * sizeof(Value)));
  if (statement.condition < 0) return items;
  Value::List kept;
  const std::size_t outer_scope = scope_, outer_size = bindings_.size();
  for (Value& item : items) {
    scope_ = outer_size;
    VIVACE_RETURN_IF_ERROR(Bind(statement, item));
    VIVACE_ASSIGN_OR_RETURN(const Value keep, Evaluate(statement.condition));
    if (keep.Truthy()) kept.push_back(std::move(item));
    bindings_.resize(outer_size);
  }
  scope_ = outer_scope;
  return kept;
}

Status Evaluator::Bind(const Statement& loop, const Value& item) {
  if (loop.targets.size() == 1) {
    Set(loop.targets[0], item);
    return Status::Ok();
  }
  if (!item.is(Kind::kList) || item.list().size() != loop.targets.size()) {
    return InvalidArgument(
        AtLine(loop.line, "an item cannot be unpacked to " + std::to_string(loop.targets.size()) + " names"));
  }
  for (std::size_t i = 0; i < loop.targets.size(); ++i) Set(loop.targets[i], item.list()[i]);
  return Status::Ok();
}

void Evaluator::Set(std::string_view name, Value value) {
  for (std::size_t i = scope_; i < bindings_.size(); ++i) {
    if (bindings_[i].name != name) continue;
    bindings_[i].value = std::move(value);
    return;
  }
  bindings_.push_back({name, std::move(value)});
}

Value Evaluator::Lookup(std::string_view name) const {
  for (auto binding = bindings_.rbegin(); binding != bindings_.rend(); ++binding) {
    if (binding->name == name) return binding->value;
  }
  const Value* variable = variables_.Find(name);
  return OrUndefined(variable);
}

Result<Value> Evaluator::Evaluate(ExpressionId id) {
  const Expression& expression = syntax_.expression(id);
  VIVACE_RETURN_IF_ERROR(Charge(expression.line, 0));
  switch (expression.kind) {
    case ExpressionKind::kConstant:
      return expression.constant;
    case ExpressionKind::kName:
      return Lookup(expression.name);
    case ExpressionKind::kAttribute:
      return EvaluateAttribute(expression);
    case ExpressionKind::kItem:
      return EvaluateItem(expression);
    case ExpressionKind::kSlice:
      return EvaluateSlice(expression);
    case ExpressionKind::kList:
      return EvaluateList(expression);
    case ExpressionKind::kFilter:
    case ExpressionKind::kTest:
    case ExpressionKind::kCall:
      return EvaluateApplication(expression);
    default:
      return EvaluateOperation(expression);
  }
}

Result<Value> Evaluator::EvaluateOperation(const Expression& expression) {
  const auto& children = expression.children;
  if (expression.kind == ExpressionKind::kConditional) {
    VIVACE_ASSIGN_OR_RETURN(const Value condition, Evaluate(children[1]));
    return Evaluate(condition.Truthy() ? children[0] : children[2]);
  }
  VIVACE_ASSIGN_OR_RETURN(Value left, Evaluate(children[0]));
  if (expression.kind == ExpressionKind::kNot) return Value::Bool(!left.Truthy());
  if (expression.kind == ExpressionKind::kNegate) return WithLine(expression.line, Negate(left));
  if (expression.kind == ExpressionKind::kAnd && !left.Truthy()) return left;
  if (expression.kind == ExpressionKind::kOr && left.Truthy()) return left;
  VIVACE_ASSIGN_OR_RETURN(Value right, Evaluate(children[1]));
  VIVACE_RETURN_IF_ERROR(Charge(expression.line, Weight(left) + Weight(right)));
  switch (expression.kind) {
    case ExpressionKind::kAnd:
    case ExpressionKind::kOr:
      return right;
    case ExpressionKind::kConcat:
      return Concat(left, right);
    case ExpressionKind::kCompare:
      return WithLine(expression.line, Compare(expression.name, left, right));
    default:
      return WithLine(expression.line, Arithmetic(expression.name, left, right));
  }
}

Result<Value> Evaluator::EvaluateAttribute(const Expression& expression) {
  VIVACE_ASSIGN_OR_RETURN(const Value object, Evaluate(expression.children[0]));
  if (object.is(Kind::kUndefined)) {
    return InvalidArgument(
        AtLine(expression.line, "\"" + expression.name + "\" is asked of something undefined"));
  }
  const Value* found = object.Find(expression.name);
  return OrUndefined(found);
}

Result<Value> Evaluator::EvaluateItem(const Expression& expression) {
  VIVACE_ASSIGN_OR_RETURN(const Value object, Evaluate(expression.children[0]));
  VIVACE_ASSIGN_OR_RETURN(const Value key, Evaluate(expression.children[1]));
  if (object.is(Kind::kUndefined)) {
    return InvalidArgument(
        AtLine(expression.line, "item " + key.Print().Join() + " is asked of something undefined"));
  }
  if (object.is(Kind::kDict) && key.is(Kind::kString)) {
    const Value* found = object.Find(key.text().Join());
    return OrUndefined(found);
  }
  if (object.is(Kind::kList) && key.is(Kind::kInteger)) {
    const auto size = static_cast<std::int64_t>(object.list().size());
    const std::int64_t index = key.integer() < 0 ? key.integer() + size : key.integer();
    if (index >= 0 && index < size) return object.list()[static_cast<std::size_t>(index)];
  }
  if (object.is(Kind::kString) && key.is(Kind::kInteger)) {
    return Unsupported(AtLine(expression.line, "characters of a string by number are not supported"));
  }
  return Value();
}

Result<Value> Evaluator::EvaluateSlice(const Expression& expression) {
  VIVACE_ASSIGN_OR_RETURN(const Value object, Evaluate(expression.children[0]));
  if (!object.is(Kind::kList)) {
    return Unsupported(
        AtLine(expression.line, "slices of " + std::string(object.KindName()) + " are not supported"));
  }
  const Value::List& items = object.list();
  std::size_t bounds[2] = {0, items.size()};
  for (std::size_t i = 0; i < 2; ++i) {
    VIVACE_ASSIGN_OR_RETURN(const Value bound, Evaluate(expression.children[i + 1]));
    if (bound.is(Kind::kNone)) continue;
    if (!bound.is(Kind::kInteger)) return InvalidArgument(AtLine(expression.line, "a slice needs integers"));
    bounds[i] = Clamp(bound.integer(), items.size());
  }
  VIVACE_RETURN_IF_ERROR(Charge(expression.line, items.size() * sizeof(Value)));
  if (bounds[0] >= bounds[1]) return Value::MakeList({});
  const auto at = [&items](std::size_t i) { return items.begin() + static_cast<std::ptrdiff_t>(i); };
  return Value::MakeList(Value::List(at(bounds[0]), at(bounds[1])));
}

Result<Value> Evaluator::EvaluateList(const Expression& expression) {
  Value::List items;
  for (const ExpressionId child : expression.children) {
    VIVACE_ASSIGN_OR_RETURN(Value item, Evaluate(child));
    items.push_back(std::move(item));
  }
  return Value::MakeList(std::move(items));
}

Result<Value> Evaluator::EvaluateApplication(const Expression& expression) {
  Value::List values;
  for (const ExpressionId child : expression.children) {
    VIVACE_ASSIGN_OR_RETURN(Value value, Evaluate(child));
    VIVACE_RETURN_IF_ERROR(Charge(expression.line, Weight(value)));
    values.push_back(std::move(value));
  }
  if (expression.kind == ExpressionKind::kTest) return Value::Bool(expression.test->holds(values[0]));
  if (expression.kind == ExpressionKind::kCall)
    return WithLine(expression.line, expression.function->call(values));
  return WithLine(expression.line,
                  expression.filter->apply(values[0], std::span<const Value>(values).subspan(1)));
}

}  // namespace vivace::chat
