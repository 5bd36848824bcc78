// Filters, tests and functions of the template language: one table each. A new one is one row and one
// function. Thread safety: pure functions.
#pragma once

#include <span>
#include <string_view>

#include "chat/value.h"
#include "vivace/status.h"

namespace vivace::chat {

/// A filter gets the value before the bar and the arguments in brackets.
struct Filter {
  std::string_view name;
  int min_arguments, max_arguments;
  Result<Value> (*apply)(const Value& value, std::span<const Value> arguments);
};

struct Test {
  std::string_view name;
  bool (*holds)(const Value& value);
};

struct Function {
  std::string_view name;
  int min_arguments, max_arguments;
  Result<Value> (*call)(std::span<const Value> arguments);
};

/// Null when there is none of that name.
const Filter* FindFilter(std::string_view name);
const Test* FindTest(std::string_view name);
const Function* FindFunction(std::string_view name);

}  // namespace vivace::chat
