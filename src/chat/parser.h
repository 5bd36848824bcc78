// Tokens to a syntax tree. Thread safety: pure functions.
#pragma once

#include <string_view>
#include <vector>

#include "chat/lexer.h"
#include "chat/syntax.h"
#include "vivace/status.h"

namespace vivace::chat {

/// Errors name the line: kInvalidArgument for a syntax error, kUnsupported for a statement, filter, test or
/// function that is not known.
Result<Syntax> Parse(std::vector<Token> tokens);

}  // namespace vivace::chat
