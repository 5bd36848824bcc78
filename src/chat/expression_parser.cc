#include "chat/expression_parser.h"

#include <algorithm>
#include <charconv>
#include <utility>

#include "base/status_macros.h"
#include "chat/limits.h"

namespace vivace::chat {
namespace {

Status TooDeep(int line) {
  return InvalidArgument(
      AtLine(line, "expressions are nested more than " + std::to_string(kMaxExpressionDepth) + " deep"));
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
  if (expression.depth > kMaxExpressionDepth) return TooDeep(expression.line);
  syntax_.expressions.push_back(std::move(expression));
  return static_cast<ExpressionId>(syntax_.expressions.size() - 1);
}

Result<ExpressionId> ExpressionParser::AddConstant(Value value) {
  return Add({.kind = ExpressionKind::kConstant, .line = cursor_.line(), .constant = std::move(value)});
}

Result<ExpressionId> ExpressionParser::ParseExpression(bool conditional) {
  if (++nesting_ > kMaxExpressionDepth) return TooDeep(cursor_.line());
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
  return ParseLeftToRight(&ExpressionParser::ParsePower, {"*", "/", "//", "%"}, ExpressionKind::kArithmetic);
}
/// Jinja has it from left to right.
Result<ExpressionId> ExpressionParser::ParsePower() {
  return ParseLeftToRight(&ExpressionParser::ParseFiltered, {"**"}, ExpressionKind::kArithmetic);
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

Result<ExpressionId> ExpressionParser::ParseFiltered() {
  VIVACE_ASSIGN_OR_RETURN(const ExpressionId value, ParseUnary());
  return ParseFiltersAndTests(value);
}

Result<ExpressionId> ExpressionParser::ParseUnary() {
  std::vector<Token> signs;
  while (cursor_.Peek().Is(TokenKind::kOperator, "-") || cursor_.Peek().Is(TokenKind::kOperator, "+")) {
    signs.push_back(cursor_.Take());
  }
  VIVACE_ASSIGN_OR_RETURN(ExpressionId value, ParsePrimary());
  VIVACE_ASSIGN_OR_RETURN(value, ParsePostfix(value));
  for (; !signs.empty(); signs.pop_back()) {
    const ExpressionKind kind = signs.back().text == "-" ? ExpressionKind::kNegate : ExpressionKind::kPlus;
    VIVACE_ASSIGN_OR_RETURN(value, Add({.kind = kind, .line = signs.back().line, .children = {value}}));
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
  if (cursor_.TakeOperator("{")) return ParseDictItems();
  if (cursor_.TakeOperator("(")) {
    if (cursor_.TakeOperator(")")) return Add({.kind = ExpressionKind::kTuple, .line = cursor_.line()});
    VIVACE_ASSIGN_OR_RETURN(const ExpressionId inner, ParseTuple());
    if (!cursor_.TakeOperator(")")) return cursor_.Expected("\")\"");
    return inner;
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
  if (signature_ != nullptr) {
    signature_->takes_more |= name.text == "varargs";
    signature_->takes_named |= name.text == "kwargs";
    signature_->takes_caller |= name.text == "caller";
  }
  return Add({.kind = ExpressionKind::kName, .line = name.line, .name = name.text});
}

Result<ExpressionId> ExpressionParser::ParseNumber() {
  const Token token = cursor_.Take();
  std::string_view digits = token.text;
  const auto read = [&digits](auto& value, auto... base) {
    const auto end = std::from_chars(digits.data(), digits.data() + digits.size(), value, base...);
    return end.ec == std::errc() && end.ptr == digits.data() + digits.size();
  };
  if (token.kind == TokenKind::kInteger) {
    int base = 10;
    if (digits.size() > 2 && digits[0] == '0') {
      const char letter = static_cast<char>(digits[1] | 0x20);
      base = letter == 'x' ? 16 : letter == 'o' ? 8 : letter == 'b' ? 2 : 10;
      if (base != 10) digits.remove_prefix(2);
    }
    std::int64_t value = 0;
    if (!read(value, base)) {
      return InvalidArgument(
          AtLine(token.line, "the integer " + token.text + " is too large, or has a wrong digit"));
    }
    return AddConstant(Value::Integer(value));
  }
  double value = 0;
  if (!read(value))
    return InvalidArgument(AtLine(token.line, "the number " + token.text + " is out of range"));
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

Result<ExpressionId> ExpressionParser::ParseDictItems() {
  Expression dict{.kind = ExpressionKind::kDict, .line = cursor_.line()};
  while (!cursor_.TakeOperator("}")) {
    VIVACE_ASSIGN_OR_RETURN(const ExpressionId key, ParseExpression());
    if (!cursor_.TakeOperator(":")) return cursor_.Expected("\":\"");
    VIVACE_ASSIGN_OR_RETURN(const ExpressionId value, ParseExpression());
    dict.children.insert(dict.children.end(), {key, value});
    if (cursor_.TakeOperator(",")) continue;
    if (!cursor_.Peek().Is(TokenKind::kOperator, "}")) return cursor_.Expected("\",\" or \"}\"");
  }
  return Add(std::move(dict));
}

Result<ExpressionId> ExpressionParser::ParseTuple(bool conditional) {
  Expression tuple{.kind = ExpressionKind::kTuple, .line = cursor_.line()};
  VIVACE_ASSIGN_OR_RETURN(const ExpressionId first, ParseExpression(conditional));
  if (!cursor_.Peek().Is(TokenKind::kOperator, ",")) return first;
  tuple.children.push_back(first);
  while (cursor_.TakeOperator(",")) {
    const Token& next = cursor_.Peek();
    if (next.kind == TokenKind::kVariableEnd || next.kind == TokenKind::kBlockEnd ||
        next.Is(TokenKind::kOperator, ")")) {
      break;
    }
    VIVACE_ASSIGN_OR_RETURN(const ExpressionId item, ParseExpression(conditional));
    tuple.children.push_back(item);
  }
  return Add(std::move(tuple));
}

}  // namespace vivace::chat
