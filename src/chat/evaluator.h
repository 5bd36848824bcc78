// Runs a syntax tree over variables, within a budget. One Evaluator per rendering, one thread; refers to the
// tree and the variables.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "chat/syntax.h"
#include "chat/template.h"
#include "vivace/status.h"

namespace vivace::chat {

class Evaluator {
 public:
  Evaluator(const Syntax& syntax, const Value& variables, const Budget& budget)
      : syntax_(syntax), variables_(variables), budget_(budget) {}

  /// The text of the whole template.
  Result<Text> Run();

 private:
  struct Binding {
    std::string_view name;
    Value value;
  };

  Status RunBody(const std::vector<StatementId>& body);
  Status RunStatement(const Statement& statement);
  Status RunIf(const Statement& statement);
  Status RunFor(const Statement& statement);
  /// The items that a loop walks over, its condition applied.
  Result<Value::List> LoopItems(const Statement& statement);
  Status Bind(const Statement& loop, const Value& item);
  void Set(std::string_view name, Value value);
  Status Write(const Text& text, int line);

  Result<Value> Evaluate(ExpressionId id);
  Result<Value> EvaluateOperation(const Expression& expression);
  Result<Value> EvaluateAttribute(const Expression& expression);
  Result<Value> EvaluateItem(const Expression& expression);
  Result<Value> EvaluateSlice(const Expression& expression);
  Result<Value> EvaluateList(const Expression& expression);
  Result<Value> EvaluateApplication(const Expression& expression);
  Value Lookup(std::string_view name) const;

  /// Counts work; copying `bytes` counts too.
  Status Charge(int line, std::size_t bytes);
  /// What the value holds, for Charge.
  static std::size_t Weight(const Value& value);

  const Syntax& syntax_;
  const Value& variables_;
  const Budget& budget_;
  Text output_;
  std::size_t output_bytes_ = 0;
  std::int64_t steps_ = 0;
  std::int64_t made_bytes_ = 0;
  std::vector<Binding> bindings_;  // innermost last
  std::size_t scope_ = 0;          // where the innermost scope begins in bindings_
};

}  // namespace vivace::chat
