// Filters, tests, functions and methods of the template language: one table each. A new one is one row and
// one function. Thread safety: pure functions, apart from the rendering that they charge.
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "chat/rendering.h"
#include "chat/value.h"
#include "vivace/status.h"

namespace vivace::chat {

/// Arguments as a template gives them: by place, then by name.
struct Arguments {
  std::vector<Value> values = {};
  std::vector<std::pair<std::string, Value>> named = {};
};

/// One use of a builtin. `values` has one entry for each parameter, undefined where it is not given; of a
/// builtin that takes any arguments, those given by place.
struct Use {
  Rendering& rendering;
  const Value& self;  // before the bar, the "is" or the dot; undefined for a function
  const std::vector<Value>& values;
  const std::vector<std::pair<std::string, Value>>& named;  // only of a builtin that takes any

  bool Has(std::size_t i) const { return i < values.size() && !values[i].is(Value::Kind::kUndefined); }
};

struct Builtin {
  std::string_view name;
  std::size_t required;  // arguments that must be given
  /// Names with commas between, "/" before them where they cannot be named by the caller; or kAny.
  std::string_view parameters;
  /// Null for what Python knows but a template may not use.
  Result<Value> (*apply)(Use& use);
};
inline constexpr std::string_view kAny = "*";

/// Null when there is none of that name.
const Builtin* FindFilter(std::string_view name);
const Builtin* FindTest(std::string_view name);
const Builtin* FindFunction(std::string_view name);
/// A method of strings, lists or dicts, as `self` is.
const Builtin* FindMethod(const Value& self, std::string_view name);

/// Brings the arguments in place and applies the builtin. `what` is for errors: "the filter trim". Errors do
/// not name the line.
Result<Value> Apply(const Builtin& builtin, std::string_view what, Rendering& rendering, const Value& self,
                    Arguments arguments);

// The tables, by concern.
std::span<const Builtin> TextFilters();
std::span<const Builtin> SequenceFilters();
std::span<const Builtin> OrderFilters();
std::span<const Builtin> NumberFilters();
std::span<const Builtin> Tests();
std::span<const Builtin> Functions();
std::span<const Builtin> StringMethods();
std::span<const Builtin> ListMethods();
std::span<const Builtin> DictMethods();

/// "`what` cannot be applied to a list".
Status WrongKind(std::string_view what, const Value& value);
/// The integer of an argument (a boolean counts), or an error that names it.
Result<std::int64_t> WantInteger(std::string_view what, const Value& value);
/// Any value as a text to work on, its size charged.
Result<Text> WantText(Use& use, const Value& value);
/// The items that a loop over the value walks over: of a string its characters, of a dict its keys.
Result<Value> ItemsOf(Rendering& rendering, const Value& value);
/// `value.name`, or of a list value[name], as the filters map, sort and join look it up; dots go deeper.
/// What is undefined on the way is `otherwise`.
Result<Value> AttributeByPath(Rendering& rendering, const Value& value, const Value& path,
                              const Value& otherwise = {});

}  // namespace vivace::chat
