// Template source to tokens: text, delimiters, and the words between them; white-space control is done here.
// Thread safety: pure function. Ownership: tokens own their text.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "chat/template.h"
#include "vivace/status.h"

namespace vivace::chat {

enum class TokenKind {
  kText,           // outside all delimiters
  kVariableBegin,  // {{
  kVariableEnd,    // }}
  kBlockBegin,     // {%
  kBlockEnd,       // %}
  kName,
  kString,  // without quotes, escapes resolved
  kInteger,
  kNumber,
  kOperator,
  kEnd,
};

struct Token {
  TokenKind kind;
  std::string text;
  int line;

  bool Is(TokenKind k, std::string_view t) const { return kind == k && text == t; }
};

/// What every error message of a template begins with.
inline constexpr std::string_view kLinePrefix = "chat template, line ";

/// "chat template, line N: message".
std::string AtLine(int line, std::string_view message);

/// The tokens of a template, a kEnd last. Comments leave nothing. Errors: kInvalidArgument with the line.
Result<std::vector<Token>> Tokenize(std::string_view source, const ParseOptions& options);

}  // namespace vivace::chat
