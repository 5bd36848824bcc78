#include "chat/parser.h"

#include <algorithm>
#include <utility>

#include "base/status_macros.h"
#include "chat/expression_parser.h"

namespace vivace::chat {
namespace {

constexpr int kMaxNesting = 60;  // blocks within blocks

class StatementParser {
 public:
  explicit StatementParser(std::vector<Token> tokens)
      : cursor_(std::move(tokens)), expressions_(cursor_, syntax_) {}

  Result<Syntax> Run() {
    VIVACE_RETURN_IF_ERROR(ParseBody(1, {}, syntax_.body));
    return std::move(syntax_);
  }

 private:
  /// Of the block that began at `line`: statements up to a block whose name is in `ends` (the cursor is then
  /// at that name), or to the end where `ends` is empty.
  Status ParseBody(int line, std::initializer_list<std::string_view> ends, std::vector<StatementId>& body) {
    if (++nesting_ > kMaxNesting) return InvalidArgument(AtLine(line, "blocks are nested more than 60 deep"));
    while (cursor_.Peek().kind != TokenKind::kEnd) {
      const Token token = cursor_.Take();
      if (token.kind == TokenKind::kText) {
        body.push_back(
            Add({.kind = StatementKind::kText, .line = token.line, .text = Value::Trusted(token.text)}));
        continue;
      }
      if (token.kind == TokenKind::kVariableBegin) {
        VIVACE_RETURN_IF_ERROR(ParsePrint(token.line, body));
        continue;
      }
      const Token& name = cursor_.Peek();
      if (name.kind == TokenKind::kName && std::find(ends.begin(), ends.end(), name.text) != ends.end()) {
        --nesting_;
        return Status::Ok();
      }
      VIVACE_RETURN_IF_ERROR(ParseBlock(body));
    }
    --nesting_;
    if (ends.size() == 0) return Status::Ok();
    return InvalidArgument(AtLine(line, "\"" + std::string(*(ends.end() - 1)) + "\" is missing"));
  }

  Status ParseBlock(std::vector<StatementId>& body) {
    if (cursor_.Peek().kind != TokenKind::kName) return cursor_.Expected("a statement");
    const Token name = cursor_.Take();
    if (name.text == "if") return ParseIf(name.line, body);
    if (name.text == "for") return ParseFor(name.line, body);
    if (name.text == "set") return ParseSet(name.line, body);
    if (name.text == "elif" || name.text == "else" || name.text == "endif" || name.text == "endfor") {
      return InvalidArgument(AtLine(name.line, "\"" + name.text + "\" has nothing to belong to"));
    }
    return Unsupported(AtLine(name.line, "the statement \"" + name.text + "\" is not supported"));
  }

  Status ParsePrint(int line, std::vector<StatementId>& body) {
    VIVACE_ASSIGN_OR_RETURN(const ExpressionId value, expressions_.ParseExpression());
    if (cursor_.Peek().kind != TokenKind::kVariableEnd) return cursor_.Expected("\"}}\"");
    cursor_.Take();
    body.push_back(Add({.kind = StatementKind::kPrint, .line = line, .expression = value}));
    return Status::Ok();
  }

  Status CloseBlock() {
    if (cursor_.Peek().kind != TokenKind::kBlockEnd) return cursor_.Expected("\"%}\"");
    cursor_.Take();
    return Status::Ok();
  }

  Status ParseIf(int line, std::vector<StatementId>& body) {
    Statement statement{.kind = StatementKind::kIf, .line = line};
    while (true) {
      VIVACE_ASSIGN_OR_RETURN(const ExpressionId condition, expressions_.ParseExpression());
      VIVACE_RETURN_IF_ERROR(CloseBlock());
      statement.branches.push_back({condition, {}});
      VIVACE_RETURN_IF_ERROR(ParseBody(line, {"elif", "else", "endif"}, statement.branches.back().body));
      if (!cursor_.TakeName("elif")) break;
    }
    if (cursor_.TakeName("else")) {
      VIVACE_RETURN_IF_ERROR(CloseBlock());
      VIVACE_RETURN_IF_ERROR(ParseBody(line, {"endif"}, statement.else_body));
    }
    cursor_.Take();
    VIVACE_RETURN_IF_ERROR(CloseBlock());
    body.push_back(Add(std::move(statement)));
    return Status::Ok();
  }

  Status ParseFor(int line, std::vector<StatementId>& body) {
    Statement statement{.kind = StatementKind::kFor, .line = line};
    do {
      if (cursor_.Peek().kind != TokenKind::kName) return cursor_.Expected("a variable's name");
      statement.targets.push_back(cursor_.Take().text);
    } while (cursor_.TakeOperator(","));
    if (!cursor_.TakeName("in")) return cursor_.Expected("\"in\"");
    VIVACE_ASSIGN_OR_RETURN(statement.expression, expressions_.ParseExpression(false));
    if (cursor_.TakeName("if")) {
      VIVACE_ASSIGN_OR_RETURN(statement.condition, expressions_.ParseExpression());
    }
    VIVACE_RETURN_IF_ERROR(CloseBlock());
    VIVACE_RETURN_IF_ERROR(ParseBody(line, {"else", "endfor"}, statement.body));
    if (cursor_.TakeName("else")) {
      VIVACE_RETURN_IF_ERROR(CloseBlock());
      VIVACE_RETURN_IF_ERROR(ParseBody(line, {"endfor"}, statement.else_body));
    }
    cursor_.Take();
    VIVACE_RETURN_IF_ERROR(CloseBlock());
    body.push_back(Add(std::move(statement)));
    return Status::Ok();
  }

  Status ParseSet(int line, std::vector<StatementId>& body) {
    if (cursor_.Peek().kind != TokenKind::kName) return cursor_.Expected("a variable's name");
    Statement statement{.kind = StatementKind::kSet, .line = line, .targets = {cursor_.Take().text}};
    if (cursor_.Peek().Is(TokenKind::kOperator, ".") || cursor_.Peek().kind == TokenKind::kBlockEnd) {
      return Unsupported(AtLine(line, "\"set\" of an attribute or of a block is not supported"));
    }
    if (!cursor_.TakeOperator("=")) return cursor_.Expected("\"=\"");
    VIVACE_ASSIGN_OR_RETURN(statement.expression, expressions_.ParseExpression());
    VIVACE_RETURN_IF_ERROR(CloseBlock());
    body.push_back(Add(std::move(statement)));
    return Status::Ok();
  }

  StatementId Add(Statement statement) {
    syntax_.statements.push_back(std::move(statement));
    return static_cast<StatementId>(syntax_.statements.size() - 1);
  }

  TokenCursor cursor_;
  Syntax syntax_;
  ExpressionParser expressions_;
  int nesting_ = 0;
};

}  // namespace

Result<Syntax> Parse(std::vector<Token> tokens) {
  return StatementParser(std::move(tokens)).Run();
}

}  // namespace vivace::chat
