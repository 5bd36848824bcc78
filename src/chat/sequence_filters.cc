// Filters over lists and dicts: choosing, mapping, cutting up.
#include <algorithm>
#include <string>

#include "base/status_macros.h"
#include "chat/builtins.h"
#include "chat/text_edit.h"
#include "chat/unicode.h"

namespace vivace::chat {
namespace {

using Kind = Value::Kind;
using Sequence = Value::Sequence;

Value Count(std::size_t number) {
  return Value::Integer(static_cast<std::int64_t>(number));
}

Result<Value> Length(Use& use) {
  const Value& value = use.self;
  if (value.is(Kind::kUndefined)) return Count(0);
  if (value.is(Kind::kList) && !value.is(Sequence::kIterator)) return Count(value.list().size());
  if (value.is(Kind::kDict)) return Count(value.dict().size());
  if (!value.is(Kind::kString)) return WrongKind("length", value);
  VIVACE_RETURN_IF_ERROR(use.rendering.Charge(value.text().size()));
  return Count(CountCharacters(value.text().Join()));  // characters, not bytes
}

Result<Value> Default(Use& use) {
  const bool when_false = use.values[1].Truthy();
  if (!use.self.is(Kind::kUndefined) && (!when_false || use.self.Truthy())) return use.self;
  return use.Has(0) ? use.values[0] : Value::Trusted("");
}

Result<Value> Items(Use& use) {
  if (use.self.is(Kind::kUndefined)) return Value::MakeList({}, Sequence::kIterator);
  if (!use.self.is(Kind::kDict)) return WrongKind("items", use.self);
  VIVACE_RETURN_IF_ERROR(use.rendering.ChargeProduct(use.self.dict().size(), kBytesPerString));
  Value::List pairs;
  for (const auto& [key, value] : use.self.dict())
    pairs.push_back(Value::MakeList({key, value}, Sequence::kTuple));
  return Value::MakeList(std::move(pairs), Sequence::kIterator);
}

Result<Value> AsList(Use& use) {
  VIVACE_ASSIGN_OR_RETURN(const Value items, ItemsOf(use.rendering, use.self));
  VIVACE_RETURN_IF_ERROR(use.rendering.Charge(items.list().size() * kBytesPerItem));
  return Value::MakeList(items.list());
}

Result<Value> First(Use& use) {
  VIVACE_ASSIGN_OR_RETURN(const Value items, ItemsOf(use.rendering, use.self));
  return items.list().empty() ? Value() : items.list().front();
}

Result<Value> Last(Use& use) {
  if (use.self.is(Sequence::kIterator)) return WrongKind("last", use.self);
  VIVACE_ASSIGN_OR_RETURN(const Value items, ItemsOf(use.rendering, use.self));
  return items.list().empty() ? Value() : items.list().back();
}

Result<Value> Backwards(Use& use) {
  if (use.self.is(Kind::kString)) {
    VIVACE_RETURN_IF_ERROR(use.rendering.ChargeProduct(use.self.text().size(), sizeof(std::size_t)));
    return Value::String(Reverse(use.self.text()));
  }
  VIVACE_ASSIGN_OR_RETURN(const Value items, ItemsOf(use.rendering, use.self));
  VIVACE_RETURN_IF_ERROR(use.rendering.Charge(items.list().size() * kBytesPerItem));
  return Value::MakeList({items.list().rbegin(), items.list().rend()}, Sequence::kIterator);
}

/// Lists of `linecount` items each; the last is filled up where there is something to fill it with.
Result<Value> Batch(Use& use) {
  VIVACE_ASSIGN_OR_RETURN(const Value items, ItemsOf(use.rendering, use.self));
  VIVACE_ASSIGN_OR_RETURN(const std::int64_t count, WantInteger("the count of batch", use.values[0]));
  VIVACE_RETURN_IF_ERROR(use.rendering.ChargeProduct(items.list().size(), kBytesPerString));
  Value::List batches, batch;
  for (const Value& item : items.list()) {
    if (static_cast<std::int64_t>(batch.size()) == count) {
      batches.push_back(Value::MakeList(std::move(batch)));
      batch.clear();
    }
    batch.push_back(item);
  }
  if (!batch.empty()) {
    const bool fills = use.Has(1) && !use.values[1].is(Kind::kNone);
    if (const auto size = static_cast<std::int64_t>(batch.size()); fills && size < count) {
      VIVACE_RETURN_IF_ERROR(
          use.rendering.ChargeProduct(static_cast<std::size_t>(count - size), kBytesPerItem));
      batch.resize(static_cast<std::size_t>(count), use.values[1]);
    }
    batches.push_back(Value::MakeList(std::move(batch)));
  }
  return Value::MakeList(std::move(batches), Sequence::kIterator);
}

/// The name that filter or test `kind` is called by: the argument at `place`.
Result<std::string> NameAt(Use& use, std::size_t place, std::string_view kind) {
  if (place >= use.values.size() || !use.values[place].is(Kind::kString)) {
    return InvalidArgument("the name of a " + std::string(kind) + " is missing");
  }
  return use.values[place].text().Join();
}

Arguments RestOf(const Use& use, std::size_t from) {
  Arguments rest{{}, use.named};
  for (std::size_t i = from; i < use.values.size(); ++i) rest.values.push_back(use.values[i]);
  return rest;
}

/// map(attribute="a", default=...): the attribute of each item.
Result<Value> MapAttribute(Use& use, const Value::List& items) {
  Value path, otherwise;
  for (const auto& [name, value] : use.named) {
    if (name != "attribute" && name != "default") {
      return InvalidArgument("map has no argument named \"" + name + "\"");
    }
    (name == "attribute" ? path : otherwise) = value;
  }
  Value::List out;
  for (const Value& item : items) {
    VIVACE_ASSIGN_OR_RETURN(Value found, AttributeByPath(use.rendering, item, path, otherwise));
    out.push_back(std::move(found));
  }
  return Value::MakeList(std::move(out), Sequence::kIterator);
}

Result<Value> Map(Use& use) {
  VIVACE_ASSIGN_OR_RETURN(const Value items, ItemsOf(use.rendering, use.self));
  VIVACE_RETURN_IF_ERROR(use.rendering.ChargeProduct(items.list().size(), kBytesPerItem));
  const bool by_attribute = std::any_of(use.named.begin(), use.named.end(),
                                        [](const auto& argument) { return argument.first == "attribute"; });
  if (by_attribute && use.values.empty()) return MapAttribute(use, items.list());
  VIVACE_ASSIGN_OR_RETURN(const std::string name, NameAt(use, 0, "filter"));
  const Builtin* const filter = FindFilter(name);
  if (filter == nullptr) return Unsupported("the filter \"" + name + "\" is not supported");
  Value::List out;
  for (const Value& item : items.list()) {
    VIVACE_RETURN_IF_ERROR(use.rendering.Charge());
    VIVACE_ASSIGN_OR_RETURN(Value mapped,
                            Apply(*filter, "the filter " + name, use.rendering, item, RestOf(use, 1)));
    out.push_back(std::move(mapped));
  }
  return Value::MakeList(std::move(out), Sequence::kIterator);
}

/// select, reject, selectattr, rejectattr: the items that a test holds for, or not; without a test, those
/// that are true. Of the "attr" forms the first argument names what is tested.
Result<Value> Choose(Use& use, bool by_attribute, bool keep) {
  VIVACE_ASSIGN_OR_RETURN(const Value items, ItemsOf(use.rendering, use.self));
  VIVACE_RETURN_IF_ERROR(use.rendering.ChargeProduct(items.list().size(), kBytesPerItem));
  if (by_attribute && use.values.empty()) return InvalidArgument("the name of an attribute is missing");
  const std::size_t place = by_attribute ? 1 : 0;
  const Builtin* test = nullptr;
  std::string name;
  if (use.values.size() > place) {
    VIVACE_ASSIGN_OR_RETURN(name, NameAt(use, place, "test"));
    test = FindTest(name);
    if (test == nullptr) return Unsupported("the test \"" + name + "\" is not supported");
  }
  Value::List kept;
  for (const Value& item : items.list()) {
    VIVACE_RETURN_IF_ERROR(use.rendering.Charge());
    Value tested = item;
    if (by_attribute) {
      VIVACE_ASSIGN_OR_RETURN(tested, AttributeByPath(use.rendering, item, use.values[0]));
    }
    Value holds = tested;
    if (test != nullptr) {
      VIVACE_ASSIGN_OR_RETURN(
          holds, Apply(*test, "the test " + name, use.rendering, tested, RestOf(use, place + 1)));
    }
    if (holds.Truthy() == keep) kept.push_back(item);
  }
  return Value::MakeList(std::move(kept), Sequence::kIterator);
}

template <bool by_attribute, bool keep>
Result<Value> Choose(Use& use) {
  return Choose(use, by_attribute, keep);
}

constexpr Builtin kRows[] = {
    {"length", 0, "", Length},
    {"count", 0, "", Length},
    {"default", 0, "default_value,boolean", Default},
    {"d", 0, "default_value,boolean", Default},
    {"items", 0, "", Items},
    {"list", 0, "", AsList},
    {"first", 0, "", First},
    {"last", 0, "", Last},
    {"reverse", 0, "", Backwards},
    {"batch", 1, "linecount,fill_with", Batch},
    {"map", 0, kAny, Map},
    {"select", 0, kAny, Choose<false, true>},
    {"reject", 0, kAny, Choose<false, false>},
    {"selectattr", 0, kAny, Choose<true, true>},
    {"rejectattr", 0, kAny, Choose<true, false>},
};

}  // namespace

std::span<const Builtin> SequenceFilters() {
  return kRows;
}

}  // namespace vivace::chat
