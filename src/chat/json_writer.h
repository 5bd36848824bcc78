// Values to JSON text as Python's json.dumps writes it, which is what the filter tojson of Hugging Face does.
#pragma once

#include <string>

#include "chat/rendering.h"
#include "chat/text.h"
#include "chat/value.h"
#include "vivace/status.h"

namespace vivace::chat {

struct JsonStyle {
  bool ascii_only = false;
  bool sort_keys = false;
  bool has_lines = false;  // an item a line, indented by `indent`
  Text indent = {};
  Text item_separator = Text(", ", true);
  Text key_separator = Text(": ", true);
};

/// From the argument "indent": none, a number of spaces or a string.
Status SetIndent(const Value& indent, JsonStyle& style);
/// From the argument "separators": none, or a list of two strings.
Status SetSeparators(const Value& separators, JsonStyle& style);

/// Strings keep their origin, what stands between them is trusted. Key order is kept.
/// Errors: undefined values and objects.
Result<Text> WriteJson(Rendering& rendering, const Value& value, const JsonStyle& style);

}  // namespace vivace::chat
