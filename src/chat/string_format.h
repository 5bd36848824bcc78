// Python's two ways to format: "{}".format(x) and "%s" % x. Origins of the format and of the strings put into
// it are kept. FormatPercent is declared in operations.h.
#pragma once

#include <string>

#include "chat/builtins.h"
#include "chat/operations.h"
#include "chat/value.h"
#include "vivace/status.h"

namespace vivace::chat {

/// How one value is printed: [[fill]align][sign][#][0][width][,][.precision][type].
struct FieldStyle {
  std::string fill = " ";
  char align = '\0';  // < > ^ =, or as usual for the value
  char sign = '-';    // - + or space
  bool alternate = false;
  bool thousands = false;
  std::int64_t width = 0;
  int precision = -1;
  char type = '\0';
};

/// The longest precision of a number; a longer one is an error.
inline constexpr int kMaxPrecision = 100;

Result<Text> FormatField(Rendering& rendering, const Value& value, const FieldStyle& style);

/// str.format with the arguments of `use`.
Result<Value> FormatBraces(Use& use);

}  // namespace vivace::chat
