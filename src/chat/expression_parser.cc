#include "chat/expression_parser.h"

#include <algorithm>
#include <charconv>
#include <utility>

#include "base/status_macros.h"

namespace vivace::chat {
namespace {

Status TooDeep(int line) {
  return InvalidArgument(AtLine(
      line, "expressions are nested more than " + std::to_string(ExpressionParser::kMaxDepth) + " deep"));
}

/// Keywords cannot name a variable.
bool IsKeyword(std::string_view name) {
  for (const std::string_view keyword : {"and", "or", "not", "in", "is", "if", "else"}) {
    if (name == keyword) return true;
  }
  return false;
}

}  // namespace

Status TokenCursor::Expected(std::string_view wanted) const {
  const Token& found = Peek();
  std::string what;
  switch (found.kind) {
    case TokenKind::kText:
      what = "text";
      break;
    case TokenKind::kVariableBegin:
      what = "\"{{\"";
      break;
    case TokenKind::kVariableEnd:
      what = "\"}}\"";
      break;
    case TokenKind::kBlockBegin:
      what = "\"{%\"";
      break;
    case TokenKind::kBlockEnd:
      what = "\"%}\"";
      break;
    case TokenKind::kEnd:
      what = "the end of the template";
      break;
    case TokenKind::kString:
      what = "a string";
      break;
    default:
      what = "\"" + found.text + "\"";
      break;
  }
  return InvalidArgument(AtLine(found.line, "expected " + std::string(wanted) + ", found " + what));
}

Result<ExpressionId> ExpressionParser::Add(Expression expression) {
  for (const ExpressionId child : expression.children) {
    expression.depth = std::max(expression.depth, syntax_.expression(child).depth + 1);
  }
  if (expression.depth > kMaxDepth) return TooDeep(expression.line);
  syntax_.expressions.push_back(std::move(expression));
  return static_cast<ExpressionId>(syntax_.expressions.size() - 1);
}

Result<ExpressionId> ExpressionParser::AddConstant(Value value) {
  return Add({.kind = ExpressionKind::kConstant, .line = cursor_.line(), .constant = std::move(value)});
}

Result<ExpressionId> ExpressionParser::ParseExpression(bool conditional) {
  if (++nesting_ > kMaxDepth) return TooDeep(cursor_.line());
  auto expression = conditional ? ParseConditional() : ParseOr();
  --nesting_;
  return expression;
}

Result<ExpressionId> ExpressionParser::ParseConditional() {
  VIVACE_ASSIGN_OR_RETURN(ExpressionId value, ParseOr());
  while (cursor_.Peek().Is(TokenKind::kName, "if")) {
    const int line = cursor_.Take().line;
    VIVACE_ASSIGN_OR_RETURN(const ExpressionId condition, ParseOr());
    ExpressionId otherwise;
    if (cursor_.TakeName("else")) {
      VIVACE_ASSIGN_OR_RETURN(otherwise, ParseExpression());
    } else {
      VIVACE_ASSIGN_OR_RETURN(otherwise, AddConstant(Value()));
    }
    VIVACE_ASSIGN_OR_RETURN(
        value,
        Add({.kind = ExpressionKind::kConditional, .line = line, .children = {value, condition, otherwise}}));
  }
  return value;
}

Result<ExpressionId> ExpressionParser::ParseLeftToRight(Rule operand,
                                                        std::initializer_list<std::string_view> operators,
                                                        ExpressionKind kind) {
  VIVACE_ASSIGN_OR_RETURN(ExpressionId left, (this->*operand)());
  while (true) {
    const Token& next = cursor_.Peek();
    const bool is_word = next.kind == TokenKind::kOperator || next.kind == TokenKind::kName;
    if (!is_word || std::find(operators.begin(), operators.end(), next.text) == operators.end()) return left;
    const Token op = cursor_.Take();
    VIVACE_ASSIGN_OR_RETURN(const ExpressionId right, (this->*operand)());
    VIVACE_ASSIGN_OR_RETURN(left,
                            Add({.kind = kind, .line = op.line, .name = op.text, .children = {left, right}}));
  }
}

Result<ExpressionId> ExpressionParser::ParseOr() {
  return ParseLeftToRight(&ExpressionParser::ParseAnd, {"or"}, ExpressionKind::kOr);
}
Result<ExpressionId> ExpressionParser::ParseAnd() {
  return ParseLeftToRight(&ExpressionParser::ParseNot, {"and"}, ExpressionKind::kAnd);
}
Result<ExpressionId> ExpressionParser::ParseSum() {
  return ParseLeftToRight(&ExpressionParser::ParseConcat, {"+", "-"}, ExpressionKind::kArithmetic);
}
Result<ExpressionId> ExpressionParser::ParseConcat() {
  return ParseLeftToRight(&ExpressionParser::ParseProduct, {"~"}, ExpressionKind::kConcat);
}
Result<ExpressionId> ExpressionParser::ParseProduct() {
  return ParseLeftToRight(&ExpressionParser::ParseUnary, {"*", "/", "//", "%"}, ExpressionKind::kArithmetic);
}

Result<ExpressionId> ExpressionParser::ParseNot() {
  std::vector<int> lines;
  while (cursor_.Peek().Is(TokenKind::kName, "not")) lines.push_back(cursor_.Take().line);
  VIVACE_ASSIGN_OR_RETURN(ExpressionId value, ParseCompare());
  for (; !lines.empty(); lines.pop_back()) {
    VIVACE_ASSIGN_OR_RETURN(value,
                            Add({.kind = ExpressionKind::kNot, .line = lines.back(), .children = {value}}));
  }
  return value;
}

/// "a < b < c" is "a < b and b < c", as in Python.
Result<ExpressionId> ExpressionParser::ParseCompare() {
  VIVACE_ASSIGN_OR_RETURN(ExpressionId left, ParseSum());
  ExpressionId all = -1;
  while (true) {
    const Token& next = cursor_.Peek();
    bool is_compare = next.Is(TokenKind::kName, "in");
    for (const std::string_view op : {"==", "!=", "<", ">", "<=", ">="})
      is_compare |= next.Is(TokenKind::kOperator, op);
    const bool is_not_in = next.Is(TokenKind::kName, "not") && cursor_.Peek(1).Is(TokenKind::kName, "in");
    if (!is_compare && !is_not_in) return all < 0 ? left : all;
    if (is_not_in) cursor_.Take();
    const Token op = cursor_.Take();
    VIVACE_ASSIGN_OR_RETURN(const ExpressionId right, ParseSum());
    VIVACE_ASSIGN_OR_RETURN(
        ExpressionId one,
        Add({.kind = ExpressionKind::kCompare, .line = op.line, .name = op.text, .children = {left, right}}));
    if (is_not_in) {
      VIVACE_ASSIGN_OR_RETURN(one, Add({.kind = ExpressionKind::kNot, .line = op.line, .children = {one}}));
    }
    if (all >= 0) {
      VIVACE_ASSIGN_OR_RETURN(one,
                              Add({.kind = ExpressionKind::kAnd, .line = op.line, .children = {all, one}}));
    }
    all = one;
    left = right;
  }
}

Result<ExpressionId> ExpressionParser::ParseUnary() {
  VIVACE_ASSIGN_OR_RETURN(const ExpressionId value, ParseUnaryWithoutFilters());
  return ParseFiltersAndTests(value);
}

Result<ExpressionId> ExpressionParser::ParseUnaryWithoutFilters() {
  std::vector<int> lines;
  while (cursor_.Peek().Is(TokenKind::kOperator, "-")) lines.push_back(cursor_.Take().line);
  VIVACE_ASSIGN_OR_RETURN(ExpressionId value, ParsePrimary());
  VIVACE_ASSIGN_OR_RETURN(value, ParsePostfix(value));
  for (; !lines.empty(); lines.pop_back()) {
    VIVACE_ASSIGN_OR_RETURN(
        value, Add({.kind = ExpressionKind::kNegate, .line = lines.back(), .children = {value}}));
  }
  return value;
}

Result<ExpressionId> ExpressionParser::ParsePrimary() {
  switch (cursor_.Peek().kind) {
    case TokenKind::kName:
      return ParseName();
    case TokenKind::kInteger:
    case TokenKind::kNumber:
      return ParseNumber();
    case TokenKind::kString: {
      std::string text;
      while (cursor_.Peek().kind == TokenKind::kString) text += cursor_.Take().text;  // neighbours join
      return AddConstant(Value::Trusted(std::move(text)));
    }
    default:
      break;
  }
  if (cursor_.TakeOperator("[")) return ParseListItems();
  if (cursor_.TakeOperator("(")) {
    VIVACE_ASSIGN_OR_RETURN(const ExpressionId inner, ParseExpression());
    if (!cursor_.TakeOperator(")")) return cursor_.Expected("\")\"");
    return inner;
  }
  if (cursor_.Peek().Is(TokenKind::kOperator, "{")) {
    return Unsupported(AtLine(cursor_.line(), "dict literals are not supported"));
  }
  return cursor_.Expected("an expression");
}

Result<ExpressionId> ExpressionParser::ParseName() {
  const Token& next = cursor_.Peek();
  if (IsKeyword(next.text)) return cursor_.Expected("an expression");
  const Token name = cursor_.Take();
  if (name.text == "true" || name.text == "True") return AddConstant(Value::Bool(true));
  if (name.text == "false" || name.text == "False") return AddConstant(Value::Bool(false));
  if (name.text == "none" || name.text == "None") return AddConstant(Value::None());
  return Add({.kind = ExpressionKind::kName, .line = name.line, .name = name.text});
}

Result<ExpressionId> ExpressionParser::ParseNumber() {
  const Token token = cursor_.Take();
  const char* end = token.text.data() + token.text.size();
  if (token.kind == TokenKind::kInteger) {
    std::int64_t value = 0;
    if (std::from_chars(token.text.data(), end, value).ec != std::errc()) {
      return InvalidArgument(AtLine(token.line, "the integer " + token.text + " is too large"));
    }
    return AddConstant(Value::Integer(value));
  }
  double value = 0;
  std::from_chars(token.text.data(), end, value);
  return AddConstant(Value::Number(value));
}

Result<ExpressionId> ExpressionParser::ParseListItems() {
  Expression list{.kind = ExpressionKind::kList, .line = cursor_.line()};
  while (!cursor_.TakeOperator("]")) {
    VIVACE_ASSIGN_OR_RETURN(const ExpressionId item, ParseExpression());
    list.children.push_back(item);
    if (cursor_.TakeOperator(",")) continue;
    if (!cursor_.Peek().Is(TokenKind::kOperator, "]")) return cursor_.Expected("\",\" or \"]\"");
  }
  return Add(std::move(list));
}

Result<ExpressionId> ExpressionParser::ParsePostfix(ExpressionId operand) {
  while (true) {
    if (cursor_.TakeOperator(".")) {
      if (cursor_.Peek().kind != TokenKind::kName) return cursor_.Expected("an attribute's name");
      const Token name = cursor_.Take();
      VIVACE_ASSIGN_OR_RETURN(operand, Add({.kind = ExpressionKind::kAttribute,
                                            .line = name.line,
                                            .name = name.text,
                                            .children = {operand}}));
    } else if (cursor_.TakeOperator("[")) {
      VIVACE_ASSIGN_OR_RETURN(operand, ParseSubscript(operand));
    } else if (cursor_.TakeOperator("(")) {
      VIVACE_ASSIGN_OR_RETURN(operand, ParseCall(operand));
    } else {
      return operand;
    }
  }
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
  if (!cursor_.TakeOperator(":")) return cursor_.Expected("\"]\"");
  VIVACE_ASSIGN_OR_RETURN(const ExpressionId second, ParseBound());
  if (cursor_.TakeOperator("]")) {
    return Add({.kind = ExpressionKind::kSlice, .line = line, .children = {operand, first, second}});
  }
  if (!cursor_.TakeOperator(":")) return cursor_.Expected("\"]\"");
  return Unsupported(AtLine(line, "slices with a step are not supported"));
}

Status ExpressionParser::ParseArguments(std::vector<ExpressionId>& arguments) {
  while (!cursor_.TakeOperator(")")) {
    if (cursor_.Peek().kind == TokenKind::kName && cursor_.Peek(1).Is(TokenKind::kOperator, "=")) {
      return Unsupported(
          AtLine(cursor_.line(), "the named argument \"" + cursor_.Peek().text + "\" is not supported"));
    }
    auto argument = ParseExpression();
    if (!argument.ok()) return argument.status();
    arguments.push_back(*argument);
    if (cursor_.TakeOperator(",")) continue;
    if (!cursor_.Peek().Is(TokenKind::kOperator, ")")) return cursor_.Expected("\",\" or \")\"");
  }
  return Status::Ok();
}

namespace {

Status CheckArguments(int line, std::string_view name, std::size_t count, int minimum, int maximum) {
  if (count >= static_cast<std::size_t>(minimum) && count <= static_cast<std::size_t>(maximum))
    return Status::Ok();
  return InvalidArgument(AtLine(line, std::string(name) + " takes " + std::to_string(minimum) + " to " +
                                          std::to_string(maximum) + " arguments, not " +
                                          std::to_string(count)));
}

}  // namespace

Result<ExpressionId> ExpressionParser::ParseCall(ExpressionId callee) {
  const ExpressionKind kind = syntax_.expression(callee).kind;
  const std::string name = syntax_.expression(callee).name;
  const int line = syntax_.expression(callee).line;
  if (kind == ExpressionKind::kAttribute) {
    return Unsupported(AtLine(line, "the method \"" + name + "\" is not supported"));
  }
  const Function* function = kind == ExpressionKind::kName ? FindFunction(name) : nullptr;
  if (function == nullptr) return Unsupported(AtLine(line, "the function \"" + name + "\" is not supported"));
  Expression call{.kind = ExpressionKind::kCall, .line = line, .name = name, .function = function};
  VIVACE_RETURN_IF_ERROR(ParseArguments(call.children));
  VIVACE_RETURN_IF_ERROR(
      CheckArguments(line, name, call.children.size(), function->min_arguments, function->max_arguments));
  return Add(std::move(call));
}

Result<ExpressionId> ExpressionParser::ParseFiltersAndTests(ExpressionId operand) {
  while (true) {
    if (cursor_.TakeOperator("|")) {
      VIVACE_ASSIGN_OR_RETURN(operand, ParseFilter(operand));
    } else if (cursor_.TakeName("is")) {
      VIVACE_ASSIGN_OR_RETURN(operand, ParseTest(operand));
    } else {
      return operand;
    }
  }
}

Result<ExpressionId> ExpressionParser::ParseFilter(ExpressionId operand) {
  if (cursor_.Peek().kind != TokenKind::kName) return cursor_.Expected("a filter's name");
  const Token name = cursor_.Take();
  const Filter* filter = FindFilter(name.text);
  if (filter == nullptr)
    return Unsupported(AtLine(name.line, "the filter \"" + name.text + "\" is not supported"));
  Expression expression{.kind = ExpressionKind::kFilter,
                        .line = name.line,
                        .name = name.text,
                        .children = {operand},
                        .filter = filter};
  if (cursor_.TakeOperator("(")) VIVACE_RETURN_IF_ERROR(ParseArguments(expression.children));
  VIVACE_RETURN_IF_ERROR(CheckArguments(name.line, "the filter " + name.text, expression.children.size() - 1,
                                        filter->min_arguments, filter->max_arguments));
  return Add(std::move(expression));
}

Result<ExpressionId> ExpressionParser::ParseTest(ExpressionId operand) {
  const bool negated = cursor_.TakeName("not");
  if (cursor_.Peek().kind != TokenKind::kName) return cursor_.Expected("a test's name");
  const Token name = cursor_.Take();
  const Test* test = FindTest(name.text);
  if (test == nullptr)
    return Unsupported(AtLine(name.line, "the test \"" + name.text + "\" is not supported"));
  VIVACE_ASSIGN_OR_RETURN(ExpressionId result, Add({.kind = ExpressionKind::kTest,
                                                    .line = name.line,
                                                    .name = name.text,
                                                    .children = {operand},
                                                    .test = test}));
  if (!negated) return result;
  return Add({.kind = ExpressionKind::kNot, .line = name.line, .children = {result}});
}

}  // namespace vivace::chat
