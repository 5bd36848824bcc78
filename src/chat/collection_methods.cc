// The methods of lists and dicts. Those that would change their value have no function: they are refused.
#include <algorithm>

#include "base/status_macros.h"
#include "chat/builtins.h"

namespace vivace::chat {
namespace {

using Sequence = Value::Sequence;

enum class Part { kKeys, kValues, kItems };

template <Part part>
Result<Value> PartsOf(Use& use) {
  VIVACE_RETURN_IF_ERROR(use.rendering.ChargeProduct(use.self.dict().size(),
                                                     part == Part::kItems ? kBytesPerString : kBytesPerItem));
  Value::List parts;
  for (const auto& [key, value] : use.self.dict()) {
    if (part == Part::kKeys) parts.push_back(key);
    if (part == Part::kValues) parts.push_back(value);
    if (part == Part::kItems) parts.push_back(Value::MakeList({key, value}, Sequence::kTuple));
  }
  return Value::MakeList(std::move(parts), Sequence::kView);
}

Result<Value> Get(Use& use) {
  VIVACE_RETURN_IF_ERROR(use.rendering.Charge(use.self.dict().size()));
  VIVACE_RETURN_IF_ERROR(use.rendering.ChargeWhole(use.values[0]));
  if (const Value* const found = use.self.Find(use.values[0]); found != nullptr) return *found;
  return use.Has(1) ? use.values[1] : Value::None();
}

Result<Value> Copy(Use& use) {
  return use.self;
}

Result<Value> Count(Use& use) {
  VIVACE_RETURN_IF_ERROR(use.rendering.ChargeWhole(use.self));
  const auto& items = use.self.list();
  return Value::Integer(std::count(items.begin(), items.end(), use.values[0]));
}

Result<Value> Index(Use& use) {
  VIVACE_RETURN_IF_ERROR(use.rendering.ChargeWhole(use.self));
  const auto& items = use.self.list();
  const auto found = std::find(items.begin(), items.end(), use.values[0]);
  if (found == items.end()) return InvalidArgument("index: the item is not in the list");
  return Value::Integer(found - items.begin());
}

constexpr Builtin kDictRows[] = {
    {"keys", 0, "", PartsOf<Part::kKeys>},
    {"values", 0, "", PartsOf<Part::kValues>},
    {"items", 0, "", PartsOf<Part::kItems>},
    {"get", 1, "/key,default", Get},
    {"copy", 0, "", Copy},
    {"clear", 0, kAny, nullptr},
    {"fromkeys", 0, kAny, nullptr},
    {"pop", 0, kAny, nullptr},
    {"popitem", 0, kAny, nullptr},
    {"setdefault", 0, kAny, nullptr},
    {"update", 0, kAny, nullptr},
};

constexpr Builtin kListRows[] = {
    {"count", 1, "/value", Count}, {"index", 1, "/value", Index}, {"copy", 0, "", Copy},
    {"append", 0, kAny, nullptr},  {"clear", 0, kAny, nullptr},   {"extend", 0, kAny, nullptr},
    {"insert", 0, kAny, nullptr},  {"pop", 0, kAny, nullptr},     {"remove", 0, kAny, nullptr},
    {"reverse", 0, kAny, nullptr}, {"sort", 0, kAny, nullptr},
};

}  // namespace

std::span<const Builtin> DictMethods() {
  return kDictRows;
}
std::span<const Builtin> ListMethods() {
  return kListRows;
}

}  // namespace vivace::chat
