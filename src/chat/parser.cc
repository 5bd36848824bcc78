#include "chat/parser.h"

#include <algorithm>
#include <utility>

#include "base/status_macros.h"
#include "chat/expression_parser.h"
#include "chat/limits.h"

namespace vivace::chat {
namespace {

using Body = std::vector<StatementId>;

/// Statements that Jinja knows and a chat template may not use: they read other files.
bool NeedsFiles(std::string_view name) {
  return name == "import" || name == "include" || name == "extends" || name == "from" || name == "block";
}

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
  Status ParseBody(int line, std::initializer_list<std::string_view> ends, Body& body) {
    if (++nesting_ > kMaxBlockDepth) {
      return InvalidArgument(
          AtLine(line, "blocks are nested more than " + std::to_string(kMaxBlockDepth) + " deep"));
    }
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

  /// The rest of "%}", a body and its one end.
  Status ParseWholeBody(int line, std::string_view end, Body& body) {
    VIVACE_RETURN_IF_ERROR(CloseBlock());
    VIVACE_RETURN_IF_ERROR(ParseBody(line, {end}, body));
    cursor_.Take();
    return CloseBlock();
  }

  Status ParseBlock(Body& body) {
    if (cursor_.Peek().kind != TokenKind::kName) return cursor_.Expected("a statement");
    const Token name = cursor_.Take();
    struct Row {
      std::string_view name;
      Status (StatementParser::*parse)(int line, Body& body);
    };
    constexpr Row kRows[] = {{"if", &StatementParser::ParseIf},
                             {"for", &StatementParser::ParseFor},
                             {"set", &StatementParser::ParseSet},
                             {"macro", &StatementParser::ParseMacro},
                             {"call", &StatementParser::ParseCallBlock},
                             {"filter", &StatementParser::ParseFilterBlock},
                             {"generation", &StatementParser::ParseGeneration},
                             {"with", &StatementParser::ParseWith},
                             {"print", &StatementParser::ParsePrintBlock},
                             {"break", &StatementParser::ParseBreak},
                             {"continue", &StatementParser::ParseContinue}};
    for (const Row& row : kRows) {
      if (row.name == name.text) return (this->*row.parse)(name.line, body);
    }
    if (name.text == "else" || name.text == "elif" || name.text.starts_with("end")) {
      return InvalidArgument(AtLine(name.line, "\"" + name.text + "\" has nothing to belong to"));
    }
    return Unsupported(AtLine(name.line, "the statement \"" + name.text + "\" is not supported" +
                                             (NeedsFiles(name.text) ? ": a chat template is one file" : "")));
  }

  Status ParsePrint(int line, Body& body) {
    VIVACE_ASSIGN_OR_RETURN(const ExpressionId value, expressions_.ParseTuple());
    if (cursor_.Peek().kind != TokenKind::kVariableEnd) return cursor_.Expected("\"}}\"");
    cursor_.Take();
    body.push_back(Add({.kind = StatementKind::kPrint, .line = line, .expression = value}));
    return Status::Ok();
  }

  Status ParsePrintBlock(int line, Body& body) {
    do {
      VIVACE_ASSIGN_OR_RETURN(const ExpressionId value, expressions_.ParseExpression());
      body.push_back(Add({.kind = StatementKind::kPrint, .line = line, .expression = value}));
    } while (cursor_.TakeOperator(","));
    return CloseBlock();
  }

  Status CloseBlock() {
    if (cursor_.Peek().kind != TokenKind::kBlockEnd) return cursor_.Expected("\"%}\"");
    cursor_.Take();
    return Status::Ok();
  }

  Status ParseIf(int line, Body& body) {
    Statement statement{.kind = StatementKind::kIf, .line = line};
    while (true) {
      VIVACE_ASSIGN_OR_RETURN(const ExpressionId condition, expressions_.ParseTuple());
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

  Status ParseFor(int line, Body& body) {
    Statement statement{.kind = StatementKind::kFor, .line = line};
    VIVACE_RETURN_IF_ERROR(ParseTargets("in", false, 1, statement.target));
    if (!cursor_.TakeName("in")) return cursor_.Expected("\"in\"");
    VIVACE_ASSIGN_OR_RETURN(statement.expression, expressions_.ParseTuple(false));
    if (cursor_.TakeName("if")) {
      VIVACE_ASSIGN_OR_RETURN(statement.condition, expressions_.ParseExpression());
    }
    if (cursor_.Peek().Is(TokenKind::kName, "recursive")) {
      return Unsupported(AtLine(line, "recursive loops are not supported: use a macro"));
    }
    VIVACE_RETURN_IF_ERROR(CloseBlock());
    ++loops_;
    VIVACE_RETURN_IF_ERROR(ParseBody(line, {"else", "endfor"}, statement.body));
    --loops_;
    if (cursor_.TakeName("else")) {
      VIVACE_RETURN_IF_ERROR(CloseBlock());
      VIVACE_RETURN_IF_ERROR(ParseBody(line, {"endfor"}, statement.else_body));
    }
    cursor_.Take();
    VIVACE_RETURN_IF_ERROR(CloseBlock());
    body.push_back(Add(std::move(statement)));
    return Status::Ok();
  }

  /// One target, or several with commas between, up to the word or operator `end`.
  Status ParseTargets(std::string_view end, bool attributes, int depth, Target& target) {
    if (depth > kMaxBlockDepth) return InvalidArgument(AtLine(cursor_.line(), "names are nested too deep"));
    std::vector<Target> parts;
    bool is_tuple = false;
    while (true) {
      parts.emplace_back();
      VIVACE_RETURN_IF_ERROR(ParseTarget(attributes, depth, parts.back()));
      if (!cursor_.TakeOperator(",")) break;
      is_tuple = true;
      if (cursor_.Peek().text == end || cursor_.Peek().kind == TokenKind::kBlockEnd) break;
    }
    if (is_tuple) {
      target.parts = std::move(parts);
    } else {
      target = std::move(parts[0]);
    }
    return Status::Ok();
  }

  Status ParseTarget(bool attributes, int depth, Target& target) {
    if (cursor_.TakeOperator("(")) {
      VIVACE_RETURN_IF_ERROR(ParseTargets(")", attributes, depth + 1, target));
      return cursor_.TakeOperator(")") ? Status::Ok() : cursor_.Expected("\")\"");
    }
    VIVACE_RETURN_IF_ERROR(ParseTargetName(target.name));
    if (!attributes || !cursor_.TakeOperator(".")) return Status::Ok();
    if (cursor_.Peek().kind != TokenKind::kName) return cursor_.Expected("an attribute's name");
    target.attribute = cursor_.Take().text;
    return Status::Ok();
  }

  Status ParseTargetName(std::string& name) {
    constexpr std::string_view kConstants[] = {"true", "false", "none", "True", "False", "None"};
    const Token& next = cursor_.Peek();
    const bool is_constant =
        std::find(std::begin(kConstants), std::end(kConstants), next.text) != std::end(kConstants);
    if (next.kind != TokenKind::kName || is_constant) return cursor_.Expected("a variable's name");
    name = cursor_.Take().text;
    return Status::Ok();
  }

  Status ParseSet(int line, Body& body) {
    Statement statement{.kind = StatementKind::kSet, .line = line};
    VIVACE_RETURN_IF_ERROR(ParseTargets("=", true, 1, statement.target));
    if (cursor_.TakeOperator("=")) {
      VIVACE_ASSIGN_OR_RETURN(statement.expression, expressions_.ParseTuple());
      VIVACE_RETURN_IF_ERROR(CloseBlock());
    } else {
      statement.kind = StatementKind::kSetBlock;
      VIVACE_ASSIGN_OR_RETURN(statement.expression, expressions_.ParseBlockFilters(true));
      VIVACE_RETURN_IF_ERROR(ParseWholeBody(line, "endset", statement.body));
    }
    body.push_back(Add(std::move(statement)));
    return Status::Ok();
  }

  Status ParseFilterBlock(int line, Body& body) {
    Statement statement{.kind = StatementKind::kFilter, .line = line};
    VIVACE_ASSIGN_OR_RETURN(statement.expression, expressions_.ParseBlockFilters(false));
    VIVACE_RETURN_IF_ERROR(ParseWholeBody(line, "endfilter", statement.body));
    body.push_back(Add(std::move(statement)));
    return Status::Ok();
  }

  /// "(a, b=1)".
  Status ParseSignature(Signature& signature) {
    if (!cursor_.TakeOperator("(")) return cursor_.Expected("\"(\"");
    while (!cursor_.TakeOperator(")")) {
      Parameter parameter;
      VIVACE_RETURN_IF_ERROR(ParseTargetName(parameter.name));
      if (cursor_.TakeOperator("=")) {
        auto value = expressions_.ParseExpression();
        if (!value.ok()) return value.status();
        parameter.default_value = *value;
      } else if (!signature.parameters.empty() && signature.parameters.back().default_value >= 0) {
        return InvalidArgument(
            AtLine(cursor_.line(), "a parameter without a default follows one with a default"));
      }
      signature.parameters.push_back(std::move(parameter));
      if (cursor_.TakeOperator(",")) continue;
      if (!cursor_.Peek().Is(TokenKind::kOperator, ")")) return cursor_.Expected("\",\" or \")\"");
    }
    return Status::Ok();
  }

  /// The body of a macro or call block: loops outside of it cannot be left from within.
  Status ParseMacroBody(int line, std::string_view end, Statement& statement) {
    Signature* const outer = expressions_.signature();
    const int outer_loops = std::exchange(loops_, 0);
    expressions_.set_signature(&statement.signature);
    VIVACE_RETURN_IF_ERROR(ParseWholeBody(line, end, statement.body));
    expressions_.set_signature(outer);
    loops_ = outer_loops;
    return Status::Ok();
  }

  Status ParseMacro(int line, Body& body) {
    Statement statement{.kind = StatementKind::kMacro, .line = line};
    VIVACE_RETURN_IF_ERROR(ParseTargetName(statement.target.name));
    VIVACE_RETURN_IF_ERROR(ParseSignature(statement.signature));
    VIVACE_RETURN_IF_ERROR(ParseMacroBody(line, "endmacro", statement));
    body.push_back(Add(std::move(statement)));
    return Status::Ok();
  }

  Status ParseCallBlock(int line, Body& body) {
    Statement statement{.kind = StatementKind::kCall, .line = line};
    if (cursor_.Peek().Is(TokenKind::kOperator, "("))
      VIVACE_RETURN_IF_ERROR(ParseSignature(statement.signature));
    VIVACE_ASSIGN_OR_RETURN(statement.expression, expressions_.ParseExpression());
    if (syntax_.expression(statement.expression).kind != ExpressionKind::kCall) {
      return InvalidArgument(AtLine(line, "\"call\" needs the call of a macro"));
    }
    VIVACE_RETURN_IF_ERROR(ParseMacroBody(line, "endcall", statement));
    body.push_back(Add(std::move(statement)));
    return Status::Ok();
  }

  /// Marks what the assistant has written, which only training asks for.
  Status ParseGeneration(int line, Body& body) {
    Statement statement{.kind = StatementKind::kScope, .line = line};
    const int outer_loops = std::exchange(loops_, 0);
    VIVACE_RETURN_IF_ERROR(ParseWholeBody(line, "endgeneration", statement.body));
    loops_ = outer_loops;
    body.push_back(Add(std::move(statement)));
    return Status::Ok();
  }

  /// "with a = 1, b = 2": the values see the variables outside, so they are set together.
  Status ParseWith(int line, Body& body) {
    Statement statement{.kind = StatementKind::kScope, .line = line};
    Statement set{.kind = StatementKind::kSet, .line = line};
    Expression values{.kind = ExpressionKind::kTuple, .line = line, .depth = 2};
    while (cursor_.Peek().kind != TokenKind::kBlockEnd) {
      set.target.parts.emplace_back();
      VIVACE_RETURN_IF_ERROR(ParseTarget(false, 1, set.target.parts.back()));
      if (!cursor_.TakeOperator("=")) return cursor_.Expected("\"=\"");
      VIVACE_ASSIGN_OR_RETURN(const ExpressionId value, expressions_.ParseExpression());
      values.children.push_back(value);
      if (!cursor_.TakeOperator(",")) break;
    }
    syntax_.expressions.push_back(std::move(values));
    set.expression = static_cast<ExpressionId>(syntax_.expressions.size() - 1);
    if (!set.target.parts.empty()) statement.body.push_back(Add(std::move(set)));
    VIVACE_RETURN_IF_ERROR(ParseWholeBody(line, "endwith", statement.body));
    body.push_back(Add(std::move(statement)));
    return Status::Ok();
  }

  Status ParseBreak(int line, Body& body) { return ParseLeave(StatementKind::kBreak, "break", line, body); }
  Status ParseContinue(int line, Body& body) {
    return ParseLeave(StatementKind::kContinue, "continue", line, body);
  }
  Status ParseLeave(StatementKind kind, std::string_view name, int line, Body& body) {
    if (loops_ == 0)
      return InvalidArgument(AtLine(line, "\"" + std::string(name) + "\" is outside of a loop"));
    body.push_back(Add({.kind = kind, .line = line}));
    return CloseBlock();
  }

  StatementId Add(Statement statement) {
    syntax_.statements.push_back(std::move(statement));
    return static_cast<StatementId>(syntax_.statements.size() - 1);
  }

  Syntax syntax_;
  TokenCursor cursor_;
  ExpressionParser expressions_;
  int nesting_ = 0;
  int loops_ = 0;  // that "break" could leave
};

}  // namespace

Result<Syntax> Parse(std::vector<Token> tokens) {
  return StatementParser(std::move(tokens)).Run();
}

}  // namespace vivace::chat
