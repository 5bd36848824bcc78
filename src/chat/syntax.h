// The syntax tree of a template: flat arrays of nodes that refer to each other by index; a node's children
// come before it. Plain data; immutable after parsing.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "chat/builtins.h"
#include "chat/value.h"

namespace vivace::chat {

using ExpressionId = std::int32_t;
using StatementId = std::int32_t;

enum class ExpressionKind {
  kConstant,   // constant
  kName,       // name
  kAttribute,  // children[0].name
  kItem,       // children[0][children[1]]
  kSlice,      // children[0][children[1]:children[2]]; a none constant where a bound is left out
  kList,       // children
  kFilter,     // children[0] | filter(children[1...])
  kTest,       // children[0] is test
  kCall,       // function(children)
  kNot,        // children[0]
  kNegate,     // children[0]
  kAnd,        // children[0], children[1]
  kOr,
  kConditional,  // children[0] if children[1] else children[2]
  kCompare,      // children[0] name children[1], where name is == != < > <= >= in
  kArithmetic,   // children[0] name children[1], where name is + - * / // %
  kConcat,       // children[0] ~ children[1]
};

struct Expression {
  ExpressionKind kind;
  int line = 0;
  int depth = 1;
  std::string name = {};
  Value constant = {};
  std::vector<ExpressionId> children = {};
  const Filter* filter = nullptr;
  const Test* test = nullptr;
  const Function* function = nullptr;
};

enum class StatementKind { kText, kPrint, kIf, kFor, kSet };

struct Branch {
  ExpressionId condition;
  std::vector<StatementId> body;
};

struct Statement {
  StatementKind kind;
  int line = 0;
  Value text = {};                        // kText: a trusted string
  ExpressionId expression = -1;           // kPrint: printed; kFor: iterated; kSet: assigned
  std::vector<std::string> targets = {};  // kFor: one name, or several that an item is unpacked to; kSet: one
  ExpressionId condition = -1;            // kFor: items that are kept, or -1 for all
  std::vector<Branch> branches = {};      // kIf: if and elif
  std::vector<StatementId> body = {};     // kFor
  std::vector<StatementId> else_body = {};  // kIf, kFor
};

struct Syntax {
  std::vector<Expression> expressions;
  std::vector<Statement> statements;
  std::vector<StatementId> body;

  const Expression& expression(ExpressionId id) const { return expressions[static_cast<std::size_t>(id)]; }
  const Statement& statement(StatementId id) const { return statements[static_cast<std::size_t>(id)]; }
};

}  // namespace vivace::chat
