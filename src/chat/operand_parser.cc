// What follows an operand: attributes, items, calls, filters and tests.
#include "base/status_macros.h"
#include "chat/expression_parser.h"

namespace vivace::chat {
namespace {

/// Only these may come after "if", "else", ... without being an argument of a test.
bool BeginsArgument(const Token& token) {
  switch (token.kind) {
    case TokenKind::kString:
    case TokenKind::kInteger:
    case TokenKind::kNumber:
      return true;
    case TokenKind::kName:
      return token.text != "else" && token.text != "or" && token.text != "and" && token.text != "if" &&
             token.text != "in" && token.text != "not";
    case TokenKind::kOperator:
      return token.text == "(" || token.text == "[" || token.text == "{";
    default:
      return false;
  }
}

}  // namespace

Result<ExpressionId> ExpressionParser::ParsePostfix(ExpressionId operand) {
  while (true) {
    if (cursor_.TakeOperator(".")) {
      VIVACE_ASSIGN_OR_RETURN(operand, ParseAttribute(operand));
    } else if (cursor_.TakeOperator("[")) {
      VIVACE_ASSIGN_OR_RETURN(operand, ParseSubscript(operand));
    } else if (cursor_.TakeOperator("(")) {
      VIVACE_ASSIGN_OR_RETURN(operand, ParseCall(operand));
    } else {
      return operand;
    }
  }
}

/// "x.name", or "x.0", which is x[0].
Result<ExpressionId> ExpressionParser::ParseAttribute(ExpressionId operand) {
  const int line = cursor_.line();
  if (cursor_.Peek().kind == TokenKind::kInteger) {
    VIVACE_ASSIGN_OR_RETURN(const ExpressionId number, ParseNumber());
    return Add({.kind = ExpressionKind::kItem, .line = line, .children = {operand, number}});
  }
  if (cursor_.Peek().kind != TokenKind::kName) return cursor_.Expected("an attribute's name");
  const Token name = cursor_.Take();
  return Add({.kind = ExpressionKind::kAttribute, .line = line, .name = name.text, .children = {operand}});
}

/// A bound of a slice, or a none constant where it is left out.
Result<ExpressionId> ExpressionParser::ParseBound() {
  const Token& next = cursor_.Peek();
  const bool left_out = next.Is(TokenKind::kOperator, ":") || next.Is(TokenKind::kOperator, "]");
  return left_out ? AddConstant(Value::None()) : ParseExpression();
}

Result<ExpressionId> ExpressionParser::ParseSubscript(ExpressionId operand) {
  const int line = cursor_.line();
  if (cursor_.Peek().Is(TokenKind::kOperator, "]")) return cursor_.Expected("an expression");
  VIVACE_ASSIGN_OR_RETURN(const ExpressionId first, ParseBound());
  if (cursor_.TakeOperator("]")) {
    return Add({.kind = ExpressionKind::kItem, .line = line, .children = {operand, first}});
  }
  Expression slice{.kind = ExpressionKind::kSlice, .line = line, .children = {operand, first}};
  for (int i = 0; i < 2; ++i) {
    if (cursor_.Peek().Is(TokenKind::kOperator, "]")) {
      VIVACE_ASSIGN_OR_RETURN(const ExpressionId left_out, AddConstant(Value::None()));
      slice.children.push_back(left_out);
      continue;
    }
    if (!cursor_.TakeOperator(":")) return cursor_.Expected("\":\" or \"]\"");
    VIVACE_ASSIGN_OR_RETURN(const ExpressionId bound, ParseBound());
    slice.children.push_back(bound);
  }
  if (!cursor_.TakeOperator("]")) return cursor_.Expected("\"]\"");
  return Add(std::move(slice));
}

Status ExpressionParser::ParseArguments(Expression& expression) {
  while (!cursor_.TakeOperator(")")) {
    if (cursor_.Peek().Is(TokenKind::kOperator, "*") || cursor_.Peek().Is(TokenKind::kOperator, "**")) {
      return Unsupported(AtLine(cursor_.line(), "arguments from a list or a dict (\"*\") are not supported"));
    }
    const bool is_named =
        cursor_.Peek().kind == TokenKind::kName && cursor_.Peek(1).Is(TokenKind::kOperator, "=");
    if (is_named) {
      expression.argument_names.push_back(cursor_.Take().text);
      cursor_.Take();
    } else if (!expression.argument_names.empty()) {
      return InvalidArgument(AtLine(cursor_.line(), "an argument without a name follows one with a name"));
    }
    auto argument = ParseExpression();
    if (!argument.ok()) return argument.status();
    expression.children.push_back(*argument);
    if (cursor_.TakeOperator(",")) continue;
    if (!cursor_.Peek().Is(TokenKind::kOperator, ")")) return cursor_.Expected("\",\" or \")\"");
  }
  return Status::Ok();
}

Result<ExpressionId> ExpressionParser::ParseCall(ExpressionId callee) {
  Expression call{.kind = ExpressionKind::kCall, .line = cursor_.line(), .children = {callee}};
  VIVACE_RETURN_IF_ERROR(ParseArguments(call));
  return Add(std::move(call));
}

Result<ExpressionId> ExpressionParser::ParseFiltersAndTests(ExpressionId operand) {
  while (true) {
    if (cursor_.TakeOperator("|")) {
      VIVACE_ASSIGN_OR_RETURN(operand, ParseFilter(operand));
    } else if (cursor_.TakeName("is")) {
      VIVACE_ASSIGN_OR_RETURN(operand, ParseTest(operand));
    } else if (cursor_.TakeOperator("(")) {
      VIVACE_ASSIGN_OR_RETURN(operand, ParseCall(operand));
    } else {
      return operand;
    }
  }
}

Result<ExpressionId> ExpressionParser::ParseBlockFilters(bool begins_with_bar) {
  VIVACE_ASSIGN_OR_RETURN(ExpressionId text,
                          Add({.kind = ExpressionKind::kBlockText, .line = cursor_.line()}));
  if (!begins_with_bar) {
    VIVACE_ASSIGN_OR_RETURN(text, ParseFilter(text));
  }
  while (cursor_.TakeOperator("|")) {
    VIVACE_ASSIGN_OR_RETURN(text, ParseFilter(text));
  }
  return text;
}

Result<ExpressionId> ExpressionParser::ParseFilter(ExpressionId operand) {
  if (cursor_.Peek().kind != TokenKind::kName) return cursor_.Expected("a filter's name");
  const Token name = cursor_.Take();
  const Builtin* filter = FindFilter(name.text);
  if (filter == nullptr)
    return Unsupported(AtLine(name.line, "the filter \"" + name.text + "\" is not supported"));
  Expression expression{.kind = ExpressionKind::kFilter,
                        .line = name.line,
                        .name = "the filter " + name.text,
                        .children = {operand},
                        .builtin = filter};
  if (cursor_.TakeOperator("(")) VIVACE_RETURN_IF_ERROR(ParseArguments(expression));
  return Add(std::move(expression));
}

Result<ExpressionId> ExpressionParser::ParseTest(ExpressionId operand) {
  const bool negated = cursor_.TakeName("not");
  if (cursor_.Peek().kind != TokenKind::kName) return cursor_.Expected("a test's name");
  const Token name = cursor_.Take();
  const Builtin* test = FindTest(name.text);
  if (test == nullptr)
    return Unsupported(AtLine(name.line, "the test \"" + name.text + "\" is not supported"));
  Expression expression{.kind = ExpressionKind::kTest,
                        .line = name.line,
                        .name = "the test " + name.text,
                        .children = {operand},
                        .builtin = test};
  if (cursor_.TakeOperator("(")) {
    VIVACE_RETURN_IF_ERROR(ParseArguments(expression));
  } else if (BeginsArgument(cursor_.Peek())) {
    if (cursor_.Peek().text == "is") {
      return InvalidArgument(AtLine(name.line, "tests cannot be chained with \"is\""));
    }
    if (++nesting_ > kMaxExpressionDepth)
      return InvalidArgument(AtLine(name.line, "tests are nested too deep"));
    VIVACE_ASSIGN_OR_RETURN(ExpressionId argument, ParsePrimary());
    VIVACE_ASSIGN_OR_RETURN(argument, ParsePostfix(argument));
    --nesting_;
    expression.children.push_back(argument);
  }
  VIVACE_ASSIGN_OR_RETURN(const ExpressionId result, Add(std::move(expression)));
  if (!negated) return result;
  return Add({.kind = ExpressionKind::kNot, .line = name.line, .children = {result}});
}

}  // namespace vivace::chat
