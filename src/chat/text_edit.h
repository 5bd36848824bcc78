// Parts of texts and changes to them, origins kept: what Python's string methods do. Thread safety: pure
// functions, apart from the rendering that they charge for what they make.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "chat/rendering.h"
#include "chat/text.h"
#include "chat/value.h"
#include "vivace/status.h"

namespace vivace::chat {

struct Sides {
  bool left = true, right = true;
};
/// Without the characters of `characters` at its ends, or without white space.
Text Strip(const Text& text, const std::optional<std::string>& characters, Sides sides = {});

/// Every `old`, or the first `count` where that is not negative.
Result<Text> Replace(Rendering& rendering, const Text& text, const Text& old, const Text& with,
                     std::int64_t count = -1);

/// At white space, with nothing empty, where `separator` is absent; at most `limit` times unless negative;
/// counted from the right where `from_right`. Errors: an empty separator.
Result<Value> Split(Rendering& rendering, const Text& text, const std::optional<std::string>& separator,
                    std::int64_t limit, bool from_right = false);

/// As str.splitlines, without the line ends.
std::vector<Text> SplitLines(const Text& text);

Text Reverse(const Text& text);

/// `text` in a field of `width` characters; align: < > ^.
Result<Text> Pad(Rendering& rendering, const Text& text, std::int64_t width, char align,
                 std::string_view fill);

}  // namespace vivace::chat
