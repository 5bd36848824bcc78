#include "chat/evaluator.h"

#include <utility>

#include "base/status_macros.h"
#include "chat/lexer.h"

namespace vivace::chat {

using Kind = Value::Kind;

Status WithLine(int line, const Status& status) {
  if (status.ok() || status.message().starts_with(kLinePrefix)) return status;
  return {status.code(), AtLine(line, status.message())};
}

Result<Text> Evaluator::Run() {
  VIVACE_RETURN_IF_ERROR(RunBody(syntax_.body));
  return std::move(output_);
}

Status Evaluator::Charge(int line, std::size_t bytes) {
  return WithLine(line, rendering_.Charge(bytes));
}

Status Evaluator::Write(const Text& text, int line) {
  output_bytes_ += text.size();
  const std::int64_t limit = rendering_.budget().output_bytes;
  if (output_bytes_ > static_cast<std::size_t>(limit)) {
    return ResourceExhausted(
        AtLine(line, "the template writes more than " + std::to_string(limit) + " bytes"));
  }
  output_.Append(text);
  return Status::Ok();
}

Status Evaluator::RunBody(const std::vector<StatementId>& body) {
  for (const StatementId id : body) {
    const Statement& statement = syntax_.statement(id);
    VIVACE_RETURN_IF_ERROR(Charge(statement.line));
    if (++depth_ > kMaxEvaluationDepth) {
      return ResourceExhausted(AtLine(statement.line, "macros call each other too deep"));
    }
    VIVACE_RETURN_IF_ERROR(RunStatement(statement));
    --depth_;
    if (leave_ != Leave::kNo) break;
  }
  return Status::Ok();
}

Status Evaluator::RunStatement(const Statement& statement) {
  switch (statement.kind) {
    case StatementKind::kText:
      return Write(statement.text.text(), statement.line);
    case StatementKind::kIf:
      return RunIf(statement);
    case StatementKind::kFor:
      return RunFor(statement);
    case StatementKind::kSetBlock:
    case StatementKind::kFilter:
      return RunSetBlock(statement);
    case StatementKind::kMacro: {
      auto macro = std::make_shared<Macro>(statement, scope_);
      VIVACE_RETURN_IF_ERROR(WithLine(statement.line, rendering_.Keep(macro)));
      scope_->Set(statement.target.name, Value::MakeObject(std::move(macro)));
      return Status::Ok();
    }
    case StatementKind::kCall:
      return RunCallBlock(statement);
    case StatementKind::kScope:
      return RunScoped(statement.body);
    case StatementKind::kBreak:
      leave_ = Leave::kBreak;
      return Status::Ok();
    case StatementKind::kContinue:
      leave_ = Leave::kContinue;
      return Status::Ok();
    case StatementKind::kPrint:
    case StatementKind::kSet:
      break;
  }
  VIVACE_ASSIGN_OR_RETURN(const Value value, Evaluate(statement.expression));
  if (statement.kind == StatementKind::kSet) return Assign(statement.target, value, statement.line);
  if (value.is(Kind::kString)) return Write(value.text(), statement.line);
  VIVACE_RETURN_IF_ERROR(WithLine(statement.line, rendering_.ChargeWhole(value)));
  return Write(value.Print(), statement.line);
}

Status Evaluator::RunIf(const Statement& statement) {
  for (const Branch& branch : statement.branches) {
    VIVACE_ASSIGN_OR_RETURN(const Value condition, Evaluate(branch.condition));
    if (condition.Truthy()) return RunBody(branch.body);
  }
  return RunBody(statement.else_body);
}

Status Evaluator::RunFor(const Statement& statement) {
  VIVACE_ASSIGN_OR_RETURN(const Value items, LoopItems(statement));
  if (items.list().empty()) return RunScoped(statement.else_body);
  const auto loop = std::make_shared<Loop>(items);
  const std::shared_ptr<Scope> outer = scope_;
  bool is_complete = false;  // some round came to its end: as in Jinja, "else" is for loops without one
  for (std::size_t i = 0; i < items.list().size(); ++i) {
    VIVACE_RETURN_IF_ERROR(Charge(statement.line));
    scope_ = std::make_shared<Scope>(Scope{outer});  // what the body sets ends with the round
    loop->set_index(i);
    VIVACE_RETURN_IF_ERROR(Assign(statement.target, items.list()[i], statement.line));
    scope_->Set("loop", Value::MakeObject(loop));
    VIVACE_RETURN_IF_ERROR(RunBody(statement.body));
    is_complete |= leave_ == Leave::kNo;
    if (std::exchange(leave_, Leave::kNo) == Leave::kBreak) break;
  }
  scope_ = outer;
  return is_complete ? Status::Ok() : RunScoped(statement.else_body);
}

Result<Value> Evaluator::LoopItems(const Statement& statement) {
  VIVACE_ASSIGN_OR_RETURN(const Value iterated, Evaluate(statement.expression));
  auto items = ItemsOf(rendering_, iterated);
  if (!items.ok()) return WithLine(statement.line, items.status());
  if (statement.condition < 0) return items;
  Value::List kept;
  const std::shared_ptr<Scope> outer = scope_;
  for (const Value& item : items->list()) {
    scope_ = std::make_shared<Scope>(Scope{outer});
    VIVACE_RETURN_IF_ERROR(Assign(statement.target, item, statement.line));
    VIVACE_ASSIGN_OR_RETURN(const Value condition, Evaluate(statement.condition));
    if (condition.Truthy()) kept.push_back(item);
  }
  scope_ = outer;
  return Value::MakeList(std::move(kept));
}

Status Evaluator::Assign(const Target& target, const Value& value, int line) {
  if (!target.parts.empty()) {
    auto items = ItemsOf(rendering_, value);
    if (items.status().code() == StatusCode::kResourceExhausted) return WithLine(line, items.status());
    if (!items.ok() || items->list().size() != target.parts.size()) {
      return InvalidArgument(
          AtLine(line, "an item cannot be unpacked to " + std::to_string(target.parts.size()) + " names"));
    }
    for (std::size_t i = 0; i < target.parts.size(); ++i) {
      VIVACE_RETURN_IF_ERROR(Assign(target.parts[i], items->list()[i], line));
    }
    return Status::Ok();
  }
  if (target.attribute.empty()) {
    scope_->Set(target.name, value);
    return Status::Ok();
  }
  const Value owner = Lookup(target.name);
  auto* const space = owner.is(Kind::kObject) ? dynamic_cast<Namespace*>(&owner.object()) : nullptr;
  if (space == nullptr) {
    return InvalidArgument(AtLine(line, "\"" + target.name + "\" is " + std::string(owner.KindName()) +
                                            "; only attributes of a namespace can be set"));
  }
  space->Set(target.attribute, value);
  return Status::Ok();
}

Status Evaluator::RunScoped(const std::vector<StatementId>& body) {
  const std::shared_ptr<Scope> outer = scope_;
  scope_ = std::make_shared<Scope>(Scope{outer});
  VIVACE_RETURN_IF_ERROR(RunBody(body));
  scope_ = outer;
  return Status::Ok();
}

Result<Text> Evaluator::Capture(const std::vector<StatementId>& body) {
  Text outer = std::exchange(output_, Text());
  const std::size_t outer_bytes = output_bytes_;
  VIVACE_RETURN_IF_ERROR(RunScoped(body));
  output_bytes_ = outer_bytes;
  return std::exchange(output_, std::move(outer));
}

Status Evaluator::RunSetBlock(const Statement& statement) {
  VIVACE_ASSIGN_OR_RETURN(Text text, Capture(statement.body));
  if (leave_ != Leave::kNo) return Status::Ok();  // "break" or "continue" left it
  VIVACE_RETURN_IF_ERROR(Charge(statement.line, text.size()));
  Value outer = std::exchange(block_text_, Value::String(std::move(text)));
  VIVACE_ASSIGN_OR_RETURN(const Value filtered, Evaluate(statement.expression));
  block_text_ = std::move(outer);
  if (statement.kind == StatementKind::kSetBlock) return Assign(statement.target, filtered, statement.line);
  VIVACE_RETURN_IF_ERROR(WithLine(statement.line, rendering_.ChargeWhole(filtered)));
  return Write(filtered.Print(), statement.line);
}

Status Evaluator::RunCallBlock(const Statement& statement) {
  auto macro = std::make_shared<Macro>(statement, scope_);
  VIVACE_RETURN_IF_ERROR(WithLine(statement.line, rendering_.Keep(macro)));
  const Value caller = Value::MakeObject(std::move(macro));
  auto result = EvaluateCall(syntax_.expression(statement.expression), &caller);
  if (!result.ok()) return WithLine(statement.line, result.status());
  VIVACE_RETURN_IF_ERROR(WithLine(statement.line, rendering_.ChargeWhole(*result)));
  return Write(result->Print(), statement.line);
}

}  // namespace vivace::chat
