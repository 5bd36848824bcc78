// The expressions of Evaluator, apart from calls.
#include <utility>

#include "base/status_macros.h"
#include "chat/evaluator.h"
#include "chat/lexer.h"
#include "chat/operations.h"

namespace vivace::chat {

using Kind = Value::Kind;

Value Evaluator::Lookup(std::string_view name) const {
  for (const Scope* scope = scope_.get(); scope != nullptr; scope = scope->parent.get()) {
    for (const auto& [known, value] : scope->variables) {
      if (known == name) return value;
    }
  }
  if (const Value* variable = variables_.Find(name); variable != nullptr) return *variable;
  if (const Builtin* function = FindFunction(name); function != nullptr) {
    return Value::MakeObject(std::make_shared<Function>(*function));
  }
  return {};
}

Result<Value> Evaluator::Evaluate(ExpressionId id) {
  const Expression& expression = syntax_.expression(id);
  if (expression.kind == ExpressionKind::kConstant) return expression.constant;
  VIVACE_RETURN_IF_ERROR(Charge(expression.line));
  if (++depth_ > kMaxEvaluationDepth) {
    return ResourceExhausted(AtLine(expression.line, "macros call each other too deep"));
  }
  auto value = EvaluateKind(expression);
  --depth_;
  if (!value.ok()) return WithLine(expression.line, value.status());
  if (value->depth() > kMaxValueDepth) {
    return ResourceExhausted(AtLine(
        expression.line, "lists and dicts are nested more than " + std::to_string(kMaxValueDepth) + " deep"));
  }
  return value;
}

Result<Value> Evaluator::EvaluateKind(const Expression& expression) {
  switch (expression.kind) {
    case ExpressionKind::kConstant:
      return expression.constant;
    case ExpressionKind::kName:
      return Lookup(expression.name);
    case ExpressionKind::kBlockText:
      return block_text_;
    case ExpressionKind::kAttribute:
      return EvaluateAttribute(expression);
    case ExpressionKind::kItem:
      return EvaluateItem(expression);
    case ExpressionKind::kSlice:
      return EvaluateSlice(expression);
    case ExpressionKind::kList:
    case ExpressionKind::kTuple:
      return EvaluateList(expression);
    case ExpressionKind::kDict:
      return EvaluateDict(expression);
    case ExpressionKind::kFilter:
    case ExpressionKind::kTest:
      return EvaluateApplication(expression);
    case ExpressionKind::kCall:
      return EvaluateCall(expression);
    case ExpressionKind::kNot:
    case ExpressionKind::kNegate:
    case ExpressionKind::kPlus:
      return EvaluateUnary(expression);
    default:
      return EvaluateBinary(expression);
  }
}

Result<Value> Evaluator::EvaluateUnary(const Expression& expression) {
  VIVACE_ASSIGN_OR_RETURN(const Value value, Evaluate(expression.children[0]));
  if (expression.kind == ExpressionKind::kNot) return Value::Bool(!value.Truthy());
  return expression.kind == ExpressionKind::kNegate ? Negate(value) : Plus(value);
}

Result<Value> Evaluator::EvaluateBinary(const Expression& expression) {
  const auto& children = expression.children;
  if (expression.kind == ExpressionKind::kConditional) {
    VIVACE_ASSIGN_OR_RETURN(const Value condition, Evaluate(children[1]));
    return Evaluate(condition.Truthy() ? children[0] : children[2]);
  }
  VIVACE_ASSIGN_OR_RETURN(Value left, Evaluate(children[0]));
  if (expression.kind == ExpressionKind::kAnd && !left.Truthy()) return left;
  if (expression.kind == ExpressionKind::kOr && left.Truthy()) return left;
  VIVACE_ASSIGN_OR_RETURN(Value right, Evaluate(children[1]));
  switch (expression.kind) {
    case ExpressionKind::kAnd:
    case ExpressionKind::kOr:
      return right;
    case ExpressionKind::kConcat:
      VIVACE_RETURN_IF_ERROR(rendering_.ChargeWhole(left));
      VIVACE_RETURN_IF_ERROR(rendering_.ChargeWhole(right));
      return Concat(left, right);
    case ExpressionKind::kCompare:
      VIVACE_RETURN_IF_ERROR(rendering_.ChargeWhole(left));
      VIVACE_RETURN_IF_ERROR(rendering_.ChargeWhole(right));
      return Compare(expression.name, left, right);
    default:
      return Arithmetic(rendering_, expression.name, left, right);
  }
}

Result<Value> Evaluator::EvaluateAttribute(const Expression& expression) {
  VIVACE_ASSIGN_OR_RETURN(const Value object, Evaluate(expression.children[0]));
  if (object.is(Kind::kDict)) VIVACE_RETURN_IF_ERROR(rendering_.Charge(object.dict().size()));
  return GetAttribute(object, expression.name);
}

Result<Value> Evaluator::EvaluateItem(const Expression& expression) {
  VIVACE_ASSIGN_OR_RETURN(const Value object, Evaluate(expression.children[0]));
  VIVACE_ASSIGN_OR_RETURN(const Value key, Evaluate(expression.children[1]));
  return GetItem(rendering_, object, key);
}

Result<Value> Evaluator::EvaluateSlice(const Expression& expression) {
  Value parts[4];
  for (std::size_t i = 0; i < std::size(parts); ++i) {
    VIVACE_ASSIGN_OR_RETURN(parts[i], Evaluate(expression.children[i]));
  }
  return GetSlice(rendering_, parts[0], parts[1], parts[2], parts[3]);
}

Result<Value> Evaluator::EvaluateList(const Expression& expression) {
  Value::List items;
  for (const ExpressionId child : expression.children) {
    VIVACE_ASSIGN_OR_RETURN(Value item, Evaluate(child));
    items.push_back(std::move(item));
  }
  VIVACE_RETURN_IF_ERROR(rendering_.Charge(items.size() * kBytesPerItem));
  return Value::MakeList(std::move(items), expression.kind == ExpressionKind::kTuple
                                               ? Value::Sequence::kTuple
                                               : Value::Sequence::kList);
}

Result<Value> Evaluator::EvaluateDict(const Expression& expression) {
  DictBuilder dict;
  for (std::size_t i = 0; i < expression.children.size(); i += 2) {
    VIVACE_ASSIGN_OR_RETURN(const Value key, Evaluate(expression.children[i]));
    VIVACE_ASSIGN_OR_RETURN(Value value, Evaluate(expression.children[i + 1]));
    VIVACE_RETURN_IF_ERROR(rendering_.ChargeWhole(key));
    VIVACE_RETURN_IF_ERROR(dict.Set(key, std::move(value)));
  }
  VIVACE_RETURN_IF_ERROR(rendering_.Charge(expression.children.size() * kBytesPerItem));
  return std::move(dict).Finish();
}

Result<Value> Evaluator::EvaluateApplication(const Expression& expression) {
  VIVACE_ASSIGN_OR_RETURN(const Value self, Evaluate(expression.children[0]));
  VIVACE_ASSIGN_OR_RETURN(Arguments arguments, EvaluateArguments(expression));
  return Apply(*expression.builtin, expression.name, rendering_, self, std::move(arguments));
}

}  // namespace vivace::chat
