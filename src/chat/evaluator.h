// Runs a syntax tree over variables, within a budget. One Evaluator per rendering, one thread; refers to the
// tree and the variables. Errors name the line. Statements: evaluator.cc; expressions: evaluate.cc; calls and
// macros: call.cc.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "chat/objects.h"
#include "chat/rendering.h"
#include "chat/syntax.h"
#include "vivace/status.h"

namespace vivace::chat {

class Evaluator {
 public:
  Evaluator(const Syntax& syntax, const Value& variables, const Budget& budget)
      : syntax_(syntax), variables_(variables), rendering_(budget), scope_(std::make_shared<Scope>()) {}

  /// The text of the whole template.
  Result<Text> Run();

 private:
  /// What ends the run of a body early.
  enum class Leave { kNo, kBreak, kContinue };

  Status RunBody(const std::vector<StatementId>& body);
  Status RunStatement(const Statement& statement);
  Status RunIf(const Statement& statement);
  Status RunFor(const Statement& statement);
  Status RunSetBlock(const Statement& statement);
  Status RunCallBlock(const Statement& statement);
  /// A body with variables of its own; what it writes is returned, not written.
  Result<Text> Capture(const std::vector<StatementId>& body);
  Status RunScoped(const std::vector<StatementId>& body);
  /// The items that a loop walks over, its condition applied: a list.
  Result<Value> LoopItems(const Statement& statement);
  Status Assign(const Target& target, const Value& value, int line);
  Status Write(const Text& text, int line);

  Result<Value> Evaluate(ExpressionId id);
  Result<Value> EvaluateKind(const Expression& expression);
  Result<Value> EvaluateUnary(const Expression& expression);
  Result<Value> EvaluateBinary(const Expression& expression);
  Result<Value> EvaluateAttribute(const Expression& expression);
  Result<Value> EvaluateItem(const Expression& expression);
  Result<Value> EvaluateSlice(const Expression& expression);
  Result<Value> EvaluateList(const Expression& expression);
  Result<Value> EvaluateDict(const Expression& expression);
  Result<Value> EvaluateApplication(const Expression& expression);
  Value Lookup(std::string_view name) const;

  /// With `caller` where a call block makes the call.
  Result<Value> EvaluateCall(const Expression& expression, const Value* caller = nullptr);
  /// The values of children[1...].
  Result<Arguments> EvaluateArguments(const Expression& expression);
  /// `object.name(...)`; nothing where it is no builtin method, so that the attribute itself is called.
  Result<Value> CallMethod(const Value& self, std::string_view name, Arguments arguments, bool& is_method);
  Result<Value> CallValue(const Value& callee, std::string_view name, Arguments arguments);
  Result<Value> CallMacro(const Macro& macro, Arguments arguments);
  /// Gives the parameters of a macro their values, in the current scope.
  Status BindParameters(const Macro& macro, Arguments& arguments);

  Status Charge(int line, std::size_t bytes = 0);

  const Syntax& syntax_;
  const Value& variables_;
  Rendering rendering_;
  std::shared_ptr<Scope> scope_;  // the innermost
  Text output_;
  std::size_t output_bytes_ = 0;
  Value block_text_;  // of the filter or set block whose filters are evaluated
  Leave leave_ = Leave::kNo;
  int depth_ = 0;  // of evaluation
};

/// The status with "chat template, line N: " before its message, where it has none yet.
Status WithLine(int line, const Status& status);

/// object.name: attributes of objects, items of dicts, methods. Errors do not name the line.
Result<Value> GetAttribute(const Value& object, std::string_view name);
/// object[key].
Result<Value> GetItem(Rendering& rendering, const Value& object, const Value& key);
/// object[start:stop:step], none where a bound is left out.
Result<Value> GetSlice(Rendering& rendering, const Value& object, const Value& start, const Value& stop,
                       const Value& step);

}  // namespace vivace::chat
