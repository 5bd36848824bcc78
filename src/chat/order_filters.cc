// Filters that compare the items of a list.
#include <algorithm>
#include <string>
#include <unordered_set>

#include "base/status_macros.h"
#include "chat/builtins.h"
#include "chat/casing.h"
#include "chat/operations.h"

namespace vivace::chat {
namespace {

using Kind = Value::Kind;
using Sequence = Value::Sequence;

/// An item and what it is compared by.
struct Keyed {
  Value item;
  Value key;
};

/// What an item is compared by: its attribute (or several, with commas between), strings in lower case unless
/// the case counts.
class KeyMaker {
 public:
  KeyMaker(Use& use, const Value& case_sensitive, const Value& attribute, bool many)
      : use_(use), ignores_case_(!case_sensitive.Truthy()), attribute_(attribute), many_(many) {}

  Result<Value> Make(const Value& item) const {
    VIVACE_RETURN_IF_ERROR(use_.rendering.ChargeWhole(item));
    if (attribute_.is(Kind::kUndefined) || attribute_.is(Kind::kNone)) return Fold(item);
    if (!many_ || !attribute_.is(Kind::kString)) {
      VIVACE_ASSIGN_OR_RETURN(const Value found, AttributeByPath(use_.rendering, item, attribute_));
      return Fold(found);
    }
    Value::List keys;
    const std::string names = attribute_.text().Join();
    std::string_view rest = names;
    while (true) {
      const std::string_view name = rest.substr(0, rest.find(','));
      VIVACE_ASSIGN_OR_RETURN(const Value found, AttributeByPath(use_.rendering, item, Value::Trusted(name)));
      keys.push_back(Fold(found));
      if (name.size() == rest.size()) break;
      rest.remove_prefix(name.size() + 1);
    }
    return Value::MakeList(std::move(keys));
  }

 private:
  Value Fold(const Value& value) const {
    if (!ignores_case_ || !value.is(Kind::kString)) return value;
    return Value::String(ChangeCase(value.text(), Case::kLower));
  }

  Use& use_;
  bool ignores_case_;
  const Value& attribute_;
  bool many_;
};

Result<std::vector<Keyed>> MakeKeys(Use& use, const KeyMaker& maker) {
  VIVACE_ASSIGN_OR_RETURN(const Value items, ItemsOf(use.rendering, use.self));
  VIVACE_RETURN_IF_ERROR(use.rendering.ChargeProduct(items.list().size(), 2 * kBytesPerItem));
  std::vector<Keyed> keyed;
  for (const Value& item : items.list()) {
    VIVACE_ASSIGN_OR_RETURN(Value key, maker.Make(item));
    keyed.push_back({item, std::move(key)});
  }
  return keyed;
}

/// Stable, in either direction.
Status SortByKey(std::vector<Keyed>& keyed, bool descending) {
  Status status;
  std::stable_sort(keyed.begin(), keyed.end(), [&](const Keyed& a, const Keyed& b) {
    const auto order = descending ? Order("<", b.key, a.key) : Order("<", a.key, b.key);
    if (!order.ok() && status.ok()) status = order.status();
    return order.ok() && *order < 0;
  });
  return status;
}

Value ItemsOfKeyed(std::vector<Keyed> keyed, Sequence sequence = Sequence::kList) {
  Value::List items;
  for (Keyed& entry : keyed) items.push_back(std::move(entry.item));
  return Value::MakeList(std::move(items), sequence);
}

Result<Value> Sort(Use& use) {
  const KeyMaker maker(use, use.values[1], use.values[2], true);
  VIVACE_ASSIGN_OR_RETURN(std::vector<Keyed> keyed, MakeKeys(use, maker));
  VIVACE_RETURN_IF_ERROR(SortByKey(keyed, use.values[0].Truthy()));
  return ItemsOfKeyed(std::move(keyed));
}

Result<Value> Unique(Use& use) {
  const KeyMaker maker(use, use.values[0], use.values[1], false);
  VIVACE_ASSIGN_OR_RETURN(std::vector<Keyed> keyed, MakeKeys(use, maker));
  std::unordered_set<std::string> seen;
  Value::List kept;
  for (Keyed& entry : keyed) {
    if (entry.key.is(Kind::kDict) || entry.key.is(Sequence::kList)) return WrongKind("unique", entry.key);
    if (seen.insert(HashKey(entry.key)).second) kept.push_back(std::move(entry.item));
  }
  return Value::MakeList(std::move(kept), Sequence::kIterator);
}

Result<Value> Extreme(Use& use, bool greatest) {
  const KeyMaker maker(use, use.values[0], use.values[1], false);
  VIVACE_ASSIGN_OR_RETURN(const std::vector<Keyed> keyed, MakeKeys(use, maker));
  if (keyed.empty()) return Value();
  const Keyed* best = &keyed[0];
  for (const Keyed& entry : keyed) {
    VIVACE_ASSIGN_OR_RETURN(const auto order, Order(greatest ? ">" : "<", entry.key, best->key));
    if (greatest ? order > 0 : order < 0) best = &entry;
  }
  return best->item;
}
Result<Value> Min(Use& use) {
  return Extreme(use, false);
}
Result<Value> Max(Use& use) {
  return Extreme(use, true);
}

/// The pairs of a dict, by key or by value.
Result<Value> DictSort(Use& use) {
  if (!use.self.is(Kind::kDict)) return WrongKind("dictsort", use.self);
  VIVACE_RETURN_IF_ERROR(use.rendering.ChargeProduct(use.self.dict().size(), kBytesPerString));
  const std::string by = use.Has(1) ? use.values[1].Print().Join() : "key";
  if (by != "key" && by != "value")
    return InvalidArgument("dictsort goes by \"key\" or \"value\", not \"" + by + "\"");
  const Value no_attribute;
  const KeyMaker maker(use, use.values[0], no_attribute, false);
  std::vector<Keyed> keyed;
  for (const auto& [key, value] : use.self.dict()) {
    VIVACE_ASSIGN_OR_RETURN(Value compared, maker.Make(by == "key" ? key : value));
    keyed.push_back({Value::MakeList({key, value}, Sequence::kTuple), std::move(compared)});
  }
  VIVACE_RETURN_IF_ERROR(SortByKey(keyed, use.values[2].Truthy()));
  return ItemsOfKeyed(std::move(keyed));
}

Result<Value> Sum(Use& use) {
  VIVACE_ASSIGN_OR_RETURN(const Value items, ItemsOf(use.rendering, use.self));
  Value total = use.Has(1) ? use.values[1] : Value::Integer(0);
  if (total.is(Kind::kString)) return InvalidArgument("sum cannot add strings: use join");
  for (const Value& item : items.list()) {
    Value term = item;
    if (use.Has(0) && !use.values[0].is(Kind::kNone)) {
      VIVACE_ASSIGN_OR_RETURN(term, AttributeByPath(use.rendering, item, use.values[0]));
    }
    VIVACE_RETURN_IF_ERROR(use.rendering.Charge());
    VIVACE_ASSIGN_OR_RETURN(total, Arithmetic(use.rendering, "+", total, term));
  }
  return total;
}

constexpr Builtin kRows[] = {
    {"sort", 0, "reverse,case_sensitive,attribute", Sort},
    {"unique", 0, "case_sensitive,attribute", Unique},
    {"min", 0, "case_sensitive,attribute", Min},
    {"max", 0, "case_sensitive,attribute", Max},
    {"dictsort", 0, "case_sensitive,by,reverse", DictSort},
    {"sum", 0, "attribute,start", Sum},
};

}  // namespace

std::span<const Builtin> OrderFilters() {
  return kRows;
}

}  // namespace vivace::chat
