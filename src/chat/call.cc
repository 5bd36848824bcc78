// Calls: functions, methods, macros.
#include <algorithm>
#include <utility>

#include "base/status_macros.h"
#include "chat/evaluator.h"
#include "chat/lexer.h"

namespace vivace::chat {

using Kind = Value::Kind;

Result<Arguments> Evaluator::EvaluateArguments(const Expression& expression) {
  Arguments arguments;
  const std::size_t by_place = expression.children.size() - expression.argument_names.size();
  for (std::size_t i = 1; i < expression.children.size(); ++i) {
    VIVACE_ASSIGN_OR_RETURN(Value value, Evaluate(expression.children[i]));
    if (i < by_place) {
      arguments.values.push_back(std::move(value));
      continue;
    }
    const std::string& name = expression.argument_names[i - by_place];
    for (const auto& [known, old] : arguments.named) {
      if (known == name) return InvalidArgument("the argument \"" + name + "\" is given twice");
    }
    arguments.named.emplace_back(name, std::move(value));
  }
  return arguments;
}

Result<Value> Evaluator::EvaluateCall(const Expression& expression, const Value* caller) {
  const Expression& callee = syntax_.expression(expression.children[0]);
  Value self, function;
  std::string name = callee.name;
  bool has_self = false;
  if (callee.kind == ExpressionKind::kAttribute || callee.kind == ExpressionKind::kItem) {
    VIVACE_ASSIGN_OR_RETURN(self, Evaluate(callee.children[0]));
    has_self = callee.kind == ExpressionKind::kAttribute;
    if (!has_self) {
      VIVACE_ASSIGN_OR_RETURN(const Value key, Evaluate(callee.children[1]));
      has_self = key.is(Kind::kString) && self.Find(key) == nullptr;
      if (has_self) name = key.text().Join();
      if (!has_self) {
        VIVACE_ASSIGN_OR_RETURN(function, GetItem(rendering_, self, key));
      }
    }
  } else {
    VIVACE_ASSIGN_OR_RETURN(function, Evaluate(expression.children[0]));
  }
  VIVACE_ASSIGN_OR_RETURN(Arguments arguments, EvaluateArguments(expression));
  if (caller != nullptr) arguments.named.emplace_back("caller", *caller);
  if (has_self) {
    bool is_method = true;
    auto result = CallMethod(self, name, arguments, is_method);
    if (is_method) return result;
    VIVACE_ASSIGN_OR_RETURN(function, GetAttribute(self, name));
  }
  return CallValue(function, name, std::move(arguments));
}

namespace {

Status TakesNoNames(std::string_view name, const Arguments& arguments) {
  if (arguments.named.empty()) return Status::Ok();
  return InvalidArgument(std::string(name) + " has no argument named \"" + arguments.named[0].first + "\"");
}

/// loop.cycle and loop.changed.
Result<Value> CallLoopMethod(Loop& loop, std::string_view name, const Arguments& arguments, bool& is_method) {
  if (name == "cycle") {
    if (arguments.values.empty()) return InvalidArgument("loop.cycle needs something to choose from");
    return loop.Cycle(arguments.values);
  }
  if (name == "changed") return Value::Bool(loop.Changed(arguments.values));
  is_method = false;
  return Value();
}

}  // namespace

Result<Value> Evaluator::CallMethod(const Value& self, std::string_view name, Arguments arguments,
                                    bool& is_method) {
  if (self.is(Kind::kUndefined)) {
    return InvalidArgument("\"" + std::string(name) + "\" is asked of something undefined");
  }
  if (self.is(Kind::kObject)) {
    if (auto* const loop = dynamic_cast<Loop*>(&self.object())) {
      VIVACE_RETURN_IF_ERROR(rendering_.ChargeWhole(Value::MakeList(arguments.values)));
      return CallLoopMethod(*loop, name, arguments, is_method);
    }
    if (auto* const cycler = dynamic_cast<Cycler*>(&self.object())) {
      if (name == "next") return cycler->Next();
      if (name == "reset") {
        cycler->Reset();
        return Value::None();
      }
    }
  }
  const Builtin* const method = FindMethod(self, name);
  if (method != nullptr) {
    return Apply(*method, name, rendering_, self, std::move(arguments));
  }
  is_method = false;
  return Value();
}

Result<Value> Evaluator::CallValue(const Value& callee, std::string_view name, Arguments arguments) {
  if (callee.is(Kind::kUndefined)) {
    return InvalidArgument((name.empty() ? "something" : "\"" + std::string(name) + "\"") +
                           std::string(" is undefined, so it cannot be called"));
  }
  Object* const object = callee.is(Kind::kObject) ? &callee.object() : nullptr;
  if (auto* const macro = dynamic_cast<Macro*>(object)) return CallMacro(*macro, std::move(arguments));
  if (auto* const function = dynamic_cast<Function*>(object)) {
    return Apply(function->builtin(), name, rendering_, Value(), std::move(arguments));
  }
  if (auto* const clock = dynamic_cast<Clock*>(object)) {
    if (arguments.named.size() == 1 && arguments.named[0].first == "format") {
      arguments.values.push_back(std::move(arguments.named[0].second));
      arguments.named.clear();
    }
    if (arguments.values.size() != 1 || !arguments.named.empty() || !arguments.values[0].is(Kind::kString)) {
      return InvalidArgument("strftime_now takes one string, a format");
    }
    VIVACE_RETURN_IF_ERROR(rendering_.Charge(16 * arguments.values[0].text().size()));
    VIVACE_ASSIGN_OR_RETURN(Text text, clock->Format(arguments.values[0].text()));
    return Value::String(std::move(text));
  }
  if (auto* const joiner = dynamic_cast<Joiner*>(object)) {
    VIVACE_RETURN_IF_ERROR(TakesNoNames("a joiner", arguments));
    return joiner->Next();
  }
  return InvalidArgument(std::string(callee.KindName()) + " cannot be called");
}

Result<Value> Evaluator::CallMacro(const Macro& macro, Arguments arguments) {
  const std::shared_ptr<Scope> outer = std::exchange(scope_, std::make_shared<Scope>(Scope{macro.scope()}));
  const Value outer_text = std::exchange(block_text_, Value());
  VIVACE_RETURN_IF_ERROR(BindParameters(macro, arguments));
  VIVACE_ASSIGN_OR_RETURN(Text text, Capture(macro.statement().body));
  scope_ = outer;
  block_text_ = outer_text;
  VIVACE_RETURN_IF_ERROR(Charge(macro.statement().line, text.size()));
  return Value::String(std::move(text));
}

Status Evaluator::BindParameters(const Macro& macro, Arguments& arguments) {
  const Signature& signature = macro.statement().signature;
  const std::string name = macro.statement().kind == StatementKind::kCall
                               ? "the caller"
                               : "the macro \"" + macro.statement().target.name + "\"";
  const auto take_named = [&arguments](std::string_view wanted, Value& value) {
    const auto found = std::find_if(arguments.named.begin(), arguments.named.end(),
                                    [wanted](const auto& argument) { return argument.first == wanted; });
    if (found == arguments.named.end()) return false;
    value = std::move(found->second);
    arguments.named.erase(found);
    return true;
  };
  const std::size_t count = signature.parameters.size();
  for (std::size_t i = 0; i < count; ++i) {
    const Parameter& parameter = signature.parameters[i];
    Value value;
    if (i < arguments.values.size()) {
      value = arguments.values[i];
    } else if (!take_named(parameter.name, value) && parameter.default_value >= 0) {
      VIVACE_ASSIGN_OR_RETURN(value, Evaluate(parameter.default_value));
    }
    scope_->Set(parameter.name, std::move(value));
  }
  if (arguments.values.size() > count && !signature.takes_more) {
    return InvalidArgument(name + " takes at most " + std::to_string(count) + " arguments, not " +
                           std::to_string(arguments.values.size()));
  }
  if (signature.takes_more) {
    const auto more =
        arguments.values.begin() + static_cast<std::ptrdiff_t>(std::min(count, arguments.values.size()));
    scope_->Set("varargs", Value::MakeList({more, arguments.values.end()}, Value::Sequence::kTuple));
  }
  if (signature.takes_caller) {
    Value caller;
    take_named("caller", caller);
    scope_->Set("caller", std::move(caller));
  }
  if (signature.takes_named) {
    Value::Dict named;
    for (auto& [key, value] : arguments.named) named.emplace_back(Value::Trusted(key), std::move(value));
    scope_->Set("kwargs", Value::MakeDict(std::move(named)));
  } else if (!arguments.named.empty()) {
    return InvalidArgument(name + " has no argument named \"" + arguments.named[0].first + "\"");
  }
  return Status::Ok();
}

}  // namespace vivace::chat
