// The expression half of the parser; the precedence is that of Jinja. Nesting is bounded, so that neither
// parsing nor evaluating can exhaust the stack. One parse, one thread; refers to the tokens and writes into
// the syntax tree.
#pragma once

#include <algorithm>
#include <initializer_list>
#include <string>
#include <string_view>
#include <vector>

#include "chat/lexer.h"
#include "chat/syntax.h"
#include "vivace/status.h"

namespace vivace::chat {

/// Where a parser is in the tokens.
class TokenCursor {
 public:
  explicit TokenCursor(std::vector<Token> tokens) : tokens_(std::move(tokens)) {}

  const Token& Peek(std::size_t ahead = 0) const {
    return tokens_[std::min(at_ + ahead, tokens_.size() - 1)];
  }
  Token Take() { return at_ + 1 < tokens_.size() ? std::move(tokens_[at_++]) : tokens_.back(); }
  bool TakeIf(TokenKind kind, std::string_view text) {
    if (!Peek().Is(kind, text)) return false;
    ++at_;
    return true;
  }
  bool TakeOperator(std::string_view text) { return TakeIf(TokenKind::kOperator, text); }
  bool TakeName(std::string_view text) { return TakeIf(TokenKind::kName, text); }
  int line() const { return Peek().line; }
  /// "chat template, line N: expected `wanted`, found ...".
  Status Expected(std::string_view wanted) const;

 private:
  std::vector<Token> tokens_;
  std::size_t at_ = 0;
};

class ExpressionParser {
 public:
  ExpressionParser(TokenCursor& cursor, Syntax& syntax) : cursor_(cursor), syntax_(syntax) {}

  /// A whole expression; without conditional, "if" ends it (as in "for x in y if z").
  Result<ExpressionId> ParseExpression(bool conditional = true);
  /// The same, or several with commas between, which are a tuple.
  Result<ExpressionId> ParseTuple(bool conditional = true);
  /// The filters of a block, "upper | trim", over what its body writes (kBlockText).
  Result<ExpressionId> ParseBlockFilters(bool begins_with_bar);
  /// The macro whose body is parsed, to note which special names it uses; null outside.
  void set_signature(Signature* signature) { signature_ = signature; }
  Signature* signature() const { return signature_; }

 private:
  using Rule = Result<ExpressionId> (ExpressionParser::*)();

  Result<ExpressionId> ParseConditional();
  Result<ExpressionId> ParseOr();
  Result<ExpressionId> ParseAnd();
  Result<ExpressionId> ParseNot();
  Result<ExpressionId> ParseCompare();
  Result<ExpressionId> ParseSum();
  Result<ExpressionId> ParseConcat();
  Result<ExpressionId> ParseProduct();
  Result<ExpressionId> ParsePower();
  Result<ExpressionId> ParseFiltered();
  Result<ExpressionId> ParseUnary();
  Result<ExpressionId> ParsePrimary();
  Result<ExpressionId> ParsePostfix(ExpressionId operand);
  Result<ExpressionId> ParseAttribute(ExpressionId operand);
  Result<ExpressionId> ParseSubscript(ExpressionId operand);
  Result<ExpressionId> ParseBound();
  Result<ExpressionId> ParseFiltersAndTests(ExpressionId operand);
  Result<ExpressionId> ParseFilter(ExpressionId operand);
  Result<ExpressionId> ParseTest(ExpressionId operand);
  Result<ExpressionId> ParseCall(ExpressionId callee);
  Result<ExpressionId> ParseListItems();
  Result<ExpressionId> ParseDictItems();
  Result<ExpressionId> ParseName();
  Result<ExpressionId> ParseNumber();

  /// Operators of one level, left to right.
  Result<ExpressionId> ParseLeftToRight(Rule operand, std::initializer_list<std::string_view> operators,
                                        ExpressionKind kind);
  /// "a, name=b)" after its opening bracket, into the children of a call, filter or test.
  Status ParseArguments(Expression& expression);
  Result<ExpressionId> Add(Expression expression);
  Result<ExpressionId> AddConstant(Value value);

  TokenCursor& cursor_;
  Syntax& syntax_;
  Signature* signature_ = nullptr;
  int nesting_ = 0;
};

}  // namespace vivace::chat
