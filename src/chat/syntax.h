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
  kSlice,      // children[0][children[1]:children[2]:children[3]]; a none constant where a bound is left out
  kList,       // children
  kTuple,      // children
  kDict,       // children: key, value, key, value...
  kFilter,     // children[0] | builtin(children[1...])
  kTest,       // children[0] is builtin(children[1...])
  kCall,       // children[0](children[1...])
  kBlockText,  // what the body of the filter or set block has written
  kNot,        // children[0]
  kNegate,
  kPlus,
  kAnd,  // children[0], children[1]
  kOr,
  kConditional,  // children[0] if children[1] else children[2]
  kCompare,      // children[0] name children[1], where name is == != < > <= >= in
  kArithmetic,   // children[0] name children[1], where name is + - * / // % **
  kConcat,       // children[0] ~ children[1]
};

struct Expression {
  ExpressionKind kind;
  int line = 0;
  int depth = 1;
  std::string name = {};
  Value constant = {};
  std::vector<ExpressionId> children = {};
  std::vector<std::string> argument_names = {};  // of the last children, which are named arguments
  const Builtin* builtin = nullptr;
};

enum class StatementKind {
  kText,      // text
  kPrint,     // expression
  kIf,        // branches, else_body
  kFor,       // target in expression if condition; body, else_body
  kSet,       // target = expression
  kSetBlock,  // target = what body writes, through the filters of expression
  kFilter,    // what body writes, through the filters of expression
  kMacro,     // signature, body; its name is target.name
  kCall,      // expression, a call, with body as its caller (signature)
  kScope,     // body, whose variables end with it
  kBreak,
  kContinue,
};

/// What is assigned to: a name, an attribute of a namespace, or several targets that a list is unpacked to.
struct Target {
  std::string name = {};
  std::string attribute = {};
  std::vector<Target> parts = {};
};

struct Parameter {
  std::string name;
  ExpressionId default_value = -1;
};

/// The parameters of a macro, and which of the names varargs, kwargs and caller its body uses.
struct Signature {
  std::vector<Parameter> parameters = {};
  bool takes_more = false;   // varargs
  bool takes_named = false;  // kwargs
  bool takes_caller = false;
};

struct Branch {
  ExpressionId condition;
  std::vector<StatementId> body;
};

struct Statement {
  StatementKind kind;
  int line = 0;
  Value text = {};  // a trusted string
  ExpressionId expression = -1;
  Target target = {};
  ExpressionId condition = -1;  // of a loop's items, or -1 for all
  std::vector<Branch> branches = {};
  std::vector<StatementId> body = {};
  std::vector<StatementId> else_body = {};
  Signature signature = {};
};

struct Syntax {
  std::vector<Expression> expressions;
  std::vector<Statement> statements;
  std::vector<StatementId> body;

  const Expression& expression(ExpressionId id) const { return expressions[static_cast<std::size_t>(id)]; }
  const Statement& statement(StatementId id) const { return statements[static_cast<std::size_t>(id)]; }
};

}  // namespace vivace::chat
