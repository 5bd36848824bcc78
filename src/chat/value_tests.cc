// What "is" asks for.
#include <string>

#include "base/status_macros.h"
#include "chat/builtins.h"
#include "chat/casing.h"
#include "chat/operations.h"

namespace vivace::chat {
namespace {

using Kind = Value::Kind;
using Sequence = Value::Sequence;

template <Kind kind>
Result<Value> Is(Use& use) {
  return Value::Bool(use.self.is(kind));
}

template <bool wanted>
Result<Value> IsBool(Use& use) {
  return Value::Bool(use.self.is(Kind::kBool) && use.self.boolean() == wanted);
}

Result<Value> IsDefined(Use& use) {
  return Value::Bool(!use.self.is(Kind::kUndefined));
}
Result<Value> IsNumber(Use& use) {
  return Value::Bool(use.self.IsNumeric());
}

bool Holds(const Value& value) {
  return value.is(Kind::kList) || value.is(Kind::kDict) || value.is(Kind::kString) ||
         value.is(Kind::kUndefined);
}
Result<Value> IsIterable(Use& use) {
  return Value::Bool(Holds(use.self));
}
/// It has a length and items.
Result<Value> IsSequence(Use& use) {
  return Value::Bool(Holds(use.self) && !use.self.is(Sequence::kIterator) && !use.self.is(Sequence::kView));
}
Result<Value> IsCallable(Use& use) {
  if (use.self.is(Kind::kUndefined)) return Value::Bool(true);  // in Jinja too: the call is what fails
  return Value::Bool(use.self.is(Kind::kObject) &&
                     (use.self.KindName() == "a function" || use.self.KindName() == "a macro" ||
                      use.self.KindName() == "a joiner"));
}

Result<Value> CompareWith(Use& use, std::string_view op) {
  VIVACE_RETURN_IF_ERROR(use.rendering.ChargeWhole(use.self));
  VIVACE_RETURN_IF_ERROR(use.rendering.ChargeWhole(use.values[0]));
  return Compare(op, use.self, use.values[0]);
}
Result<Value> Equal(Use& use) {
  return CompareWith(use, "==");
}
Result<Value> NotEqual(Use& use) {
  return CompareWith(use, "!=");
}
Result<Value> Less(Use& use) {
  return CompareWith(use, "<");
}
Result<Value> LessOrEqual(Use& use) {
  return CompareWith(use, "<=");
}
Result<Value> Greater(Use& use) {
  return CompareWith(use, ">");
}
Result<Value> GreaterOrEqual(Use& use) {
  return CompareWith(use, ">=");
}
Result<Value> In(Use& use) {
  return CompareWith(use, "in");
}

/// The same thing, as far as values can tell: no two strings or lists are, even if equal.
Result<Value> SameAs(Use& use) {
  const bool is_plain = use.self.is(Kind::kNone) || use.self.is(Kind::kBool) || use.self.is(Kind::kInteger) ||
                        use.self.is(Kind::kObject);
  return Value::Bool(is_plain && use.self.kind() == use.values[0].kind() && use.self == use.values[0]);
}

Result<Value> Remainder(Use& use, const Value& divisor) {
  if (!use.self.IsNumeric()) return WrongKind("a test of division", use.self);
  return Arithmetic(use.rendering, "%", use.self, divisor);
}
Result<Value> DivisibleBy(Use& use) {
  VIVACE_ASSIGN_OR_RETURN(const Value rest, Remainder(use, use.values[0]));
  return Value::Bool(!rest.Truthy());
}
Result<Value> Odd(Use& use) {
  VIVACE_ASSIGN_OR_RETURN(const Value rest, Remainder(use, Value::Integer(2)));
  return Value::Bool(rest == Value::Integer(1));
}
Result<Value> Even(Use& use) {
  VIVACE_ASSIGN_OR_RETURN(const Value rest, Remainder(use, Value::Integer(2)));
  return Value::Bool(!rest.Truthy());
}

Result<Value> StartingWith(Use& use) {
  if (!use.self.is(Kind::kString) || !use.values[0].is(Kind::kString))
    return WrongKind("startingwith", use.self);
  VIVACE_RETURN_IF_ERROR(use.rendering.ChargeWhole(use.self));
  return Value::Bool(use.self.text().Join().starts_with(use.values[0].text().Join()));
}

/// str.islower and str.isupper: some letter has a case, and all that have are small, or large.
template <Case style>
Result<Value> IsCased(Use& use) {
  VIVACE_ASSIGN_OR_RETURN(const Text text, WantText(use, use.self));
  const Case other = style == Case::kLower ? Case::kUpper : Case::kLower;
  return Value::Bool(SameBytes(ChangeCase(text, style), text) && !SameBytes(ChangeCase(text, other), text));
}

template <const Builtin* (*find)(std::string_view)>
Result<Value> IsKnown(Use& use) {
  return Value::Bool(use.self.is(Kind::kString) && find(use.self.text().Join()) != nullptr);
}

constexpr Builtin kRows[] = {
    {"defined", 0, "", IsDefined},
    {"undefined", 0, "", Is<Kind::kUndefined>},
    {"none", 0, "", Is<Kind::kNone>},
    {"string", 0, "", Is<Kind::kString>},
    {"mapping", 0, "", Is<Kind::kDict>},
    {"iterable", 0, "", IsIterable},
    {"sequence", 0, "", IsSequence},
    {"callable", 0, "", IsCallable},
    {"boolean", 0, "", Is<Kind::kBool>},
    {"true", 0, "", IsBool<true>},
    {"false", 0, "", IsBool<false>},
    {"integer", 0, "", Is<Kind::kInteger>},
    {"float", 0, "", Is<Kind::kNumber>},
    {"number", 0, "", IsNumber},
    {"odd", 0, "", Odd},
    {"even", 0, "", Even},
    {"divisibleby", 1, "num", DivisibleBy},
    {"sameas", 1, "other", SameAs},
    {"in", 1, "seq", In},
    {"eq", 1, "other", Equal},
    {"equalto", 1, "other", Equal},
    {"==", 1, "other", Equal},
    {"ne", 1, "other", NotEqual},
    {"!=", 1, "other", NotEqual},
    {"lt", 1, "other", Less},
    {"lessthan", 1, "other", Less},
    {"<", 1, "other", Less},
    {"le", 1, "other", LessOrEqual},
    {"<=", 1, "other", LessOrEqual},
    {"gt", 1, "other", Greater},
    {"greaterthan", 1, "other", Greater},
    {">", 1, "other", Greater},
    {"ge", 1, "other", GreaterOrEqual},
    {">=", 1, "other", GreaterOrEqual},
    {"startingwith", 1, "start", StartingWith},
    {"lower", 0, "", IsCased<Case::kLower>},
    {"upper", 0, "", IsCased<Case::kUpper>},
    {"filter", 0, "", IsKnown<FindFilter>},
    {"test", 0, "", IsKnown<FindTest>},
};

}  // namespace

std::span<const Builtin> Tests() {
  return kRows;
}

}  // namespace vivace::chat
