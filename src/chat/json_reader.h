// JSON text to values. Thread safety: pure functions.
#pragma once

#include <string_view>

#include "chat/value.h"
#include "vivace/status.h"

namespace vivace::chat {

/// How deep lists and dicts of a JSON text may be nested.
inline constexpr int kMaxJsonDepth = 64;

/// The value of a JSON text (RFC 8259). Key order is kept; of equal keys the last value counts. All strings,
/// keys too, are data: none can pass for template text. Integers beyond 64 bits become numbers.
/// Errors: kInvalidArgument with the byte offset.
Result<Value> ValueFromJson(std::string_view json);

/// The same for a text of known origin: `from_template` marks its strings as the model's own.
Result<Value> ParseJson(std::string_view json, bool from_template);

}  // namespace vivace::chat
