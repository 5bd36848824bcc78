// The functions that every template has.
#include <memory>

#include "base/status_macros.h"
#include "chat/builtins.h"
#include "chat/objects.h"
#include "chat/operations.h"

namespace vivace::chat {
namespace {

using Kind = Value::Kind;
using Sequence = Value::Sequence;

Result<Value> RaiseException(Use& use) {
  VIVACE_ASSIGN_OR_RETURN(const Text message, WantText(use, use.values[0]));
  return InvalidArgument(message.Join());
}

Result<Value> Range(Use& use) {
  std::int64_t bounds[] = {0, 0, 1};
  for (std::size_t i = 0; i < std::size(bounds); ++i) {
    if (!use.Has(i)) continue;
    VIVACE_ASSIGN_OR_RETURN(bounds[i], WantInteger("an argument of range", use.values[i]));
  }
  if (!use.Has(1)) std::swap(bounds[0], bounds[1]);
  const auto [start, stop, step] = bounds;
  if (step == 0) return InvalidArgument("the step of range is 0");
  const bool is_empty = step > 0 ? start >= stop : start <= stop;
  // The distance of two 64-bit integers fits in 128 bits.
  const auto distance = is_empty   ? 0
                        : step > 0 ? static_cast<__int128>(stop) - start
                                   : static_cast<__int128>(start) - stop;
  const auto stride = step > 0 ? static_cast<__int128>(step) : -static_cast<__int128>(step);
  const auto count = (distance + stride - 1) / stride;
  if (count > kMaxRange) {
    return ResourceExhausted("a range of more than " + std::to_string(kMaxRange) + " items is refused");
  }
  VIVACE_RETURN_IF_ERROR(use.rendering.ChargeProduct(static_cast<std::size_t>(count), kBytesPerItem));
  Value::List items;
  for (std::int64_t i = 0; i < static_cast<std::int64_t>(count); ++i) {
    items.push_back(Value::Integer(static_cast<std::int64_t>(start + static_cast<__int128>(i) * step)));
  }
  return Value::MakeList(std::move(items), Sequence::kRange);
}

/// The pairs of an argument: a dict, or a list of pairs.
Status AddPairs(Use& use, const Value& from, DictBuilder& dict) {
  if (from.is(Kind::kDict)) {
    for (const auto& [key, value] : from.dict()) VIVACE_RETURN_IF_ERROR(dict.Set(key, value));
    return use.rendering.ChargeProduct(from.dict().size(), kBytesPerString);
  }
  if (!from.is(Kind::kList)) return WrongKind("dict", from);
  VIVACE_RETURN_IF_ERROR(use.rendering.ChargeProduct(from.list().size(), kBytesPerString));
  for (const Value& item : from.list()) {
    if (!item.is(Kind::kList) || item.list().size() != 2) return InvalidArgument("dict needs pairs");
    VIVACE_RETURN_IF_ERROR(use.rendering.ChargeWhole(item.list()[0]));
    VIVACE_RETURN_IF_ERROR(dict.Set(item.list()[0], item.list()[1]));
  }
  return Status::Ok();
}

Result<Value> MakeDict(Use& use) {
  DictBuilder dict;
  if (use.values.size() > 1) return InvalidArgument("dict takes at most 1 argument by place");
  if (use.Has(0)) VIVACE_RETURN_IF_ERROR(AddPairs(use, use.values[0], dict));
  for (const auto& [name, value] : use.named) VIVACE_RETURN_IF_ERROR(dict.Set(Value::Trusted(name), value));
  return std::move(dict).Finish();
}

Result<Value> MakeNamespace(Use& use) {
  auto space = std::make_shared<Namespace>();
  VIVACE_RETURN_IF_ERROR(use.rendering.Keep(space));
  VIVACE_ASSIGN_OR_RETURN(const Value content, MakeDict(use));
  for (const auto& [name, value] : content.dict()) space->Set(name.Print().Join(), value);
  return Value::MakeObject(std::move(space));
}

Result<Value> MakeCycler(Use& use) {
  if (use.values.empty() || !use.named.empty()) return InvalidArgument("cycler needs items, without names");
  return Value::MakeObject(std::make_shared<Cycler>(Value::MakeList(use.values)));
}

Result<Value> MakeJoiner(Use& use) {
  return Value::MakeObject(std::make_shared<Joiner>(use.Has(0) ? use.values[0] : Value::Trusted(", ")));
}

constexpr Builtin kRows[] = {
    {"raise_exception", 1, "message", RaiseException},
    {"range", 1, "/start,stop,step", Range},
    {"dict", 0, kAny, MakeDict},
    {"namespace", 0, kAny, MakeNamespace},
    {"cycler", 0, kAny, MakeCycler},
    {"joiner", 0, "sep", MakeJoiner},
};

}  // namespace

std::span<const Builtin> Functions() {
  return kRows;
}

}  // namespace vivace::chat
