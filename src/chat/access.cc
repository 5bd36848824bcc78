// Attributes, items and slices, as Jinja's environment looks them up.
#include <algorithm>
#include <memory>

#include "base/status_macros.h"
#include "chat/evaluator.h"
#include "chat/unicode.h"

namespace vivace::chat {

using Kind = Value::Kind;

namespace {

bool IsWhole(const Value& value) {
  return value.is(Kind::kInteger) || value.is(Kind::kBool);
}
std::int64_t Whole(const Value& value) {
  return value.is(Kind::kBool) ? (value.boolean() ? 1 : 0) : value.integer();
}

Value OrUndefined(const Value* found) {
  if (found == nullptr) return {};
  return *found;
}

/// The attributes that only Python's own objects have.
Status Refuse(std::string_view name) {
  return InvalidArgument("the attribute \"" + std::string(name) + "\" is refused: it begins with \"_\"");
}

Result<Value> ObjectAttribute(const Object& object, std::string_view name) {
  if (const auto* space = dynamic_cast<const Namespace*>(&object)) return space->Get(name);
  if (const auto* loop = dynamic_cast<const Loop*>(&object)) return loop->Get(name);
  if (const auto* cycler = dynamic_cast<const Cycler*>(&object)) {
    return name == "current" ? cycler->Current() : Value();
  }
  if (const auto* macro = dynamic_cast<const Macro*>(&object); macro != nullptr && name == "name") {
    return Value::Trusted(macro->statement().target.name);
  }
  return Value();
}

/// The index of a Python sequence, or none where it is outside.
std::optional<std::size_t> Place(std::int64_t index, std::size_t size) {
  const auto signed_size = static_cast<std::int64_t>(size);
  if (index < 0) index += signed_size;
  if (index < 0 || index >= signed_size) return std::nullopt;
  return static_cast<std::size_t>(index);
}

Result<Value> CharacterAt(Rendering& rendering, const Text& text, std::int64_t index) {
  VIVACE_RETURN_IF_ERROR(rendering.Charge(text.size()));
  const Cutter cutter(text);
  const auto starts = CharacterStarts(cutter.bytes());
  const auto place = Place(index, starts.size() - 1);
  if (!place) return Value();
  return Value::String(cutter.Cut(starts[*place], starts[*place + 1]));
}

/// The places that a slice takes, in its order.
struct Span {
  std::int64_t start, stop, step;
};

Result<std::int64_t> Bound(const Value& value, std::int64_t left_out) {
  if (value.is(Kind::kNone)) return left_out;
  if (!IsWhole(value)) return InvalidArgument("a slice needs integers, not " + std::string(value.KindName()));
  return Whole(value);
}

/// As Python's slice.indices.
Result<Span> ResolveSlice(const Value& start, const Value& stop, const Value& step, std::int64_t size) {
  Span span{};
  VIVACE_ASSIGN_OR_RETURN(span.step, Bound(step, 1));
  if (span.step == 0) return InvalidArgument("the step of a slice is 0");
  const bool back = span.step < 0;
  const std::int64_t lowest = back ? -1 : 0, highest = back ? size - 1 : size;
  const auto clamp = [=](std::int64_t bound) {
    if (bound < 0) bound = std::max(bound + size, lowest);
    return std::min(bound, highest);
  };
  VIVACE_ASSIGN_OR_RETURN(const std::int64_t first, Bound(start, back ? highest : lowest));
  VIVACE_ASSIGN_OR_RETURN(const std::int64_t last, Bound(stop, back ? lowest : highest));
  span.start = start.is(Kind::kNone) ? first : clamp(first);
  span.stop = stop.is(Kind::kNone) ? last : clamp(last);
  span.step = std::clamp(span.step, -(size + 1), size + 1);  // no sum with it overflows
  return span;
}

template <class Take>
void ForEachPlace(const Span& span, Take take) {
  for (std::int64_t i = span.start; span.step > 0 ? i < span.stop : i > span.stop; i += span.step) {
    take(static_cast<std::size_t>(i));
  }
}

Result<Value> SliceText(Rendering& rendering, const Text& text, const Value& start, const Value& stop,
                        const Value& step) {
  VIVACE_RETURN_IF_ERROR(rendering.Charge(text.size()));
  const Cutter cutter(text);
  const auto starts = CharacterStarts(cutter.bytes());
  VIVACE_ASSIGN_OR_RETURN(const Span span,
                          ResolveSlice(start, stop, step, static_cast<std::int64_t>(starts.size() - 1)));
  if (span.step == 1) {
    if (span.start >= span.stop) return Value::String({});
    return Value::String(cutter.Cut(starts[static_cast<std::size_t>(span.start)],
                                    starts[static_cast<std::size_t>(span.stop)]));
  }
  Text out;
  ForEachPlace(span, [&](std::size_t i) { out.Append(cutter.Cut(starts[i], starts[i + 1])); });
  return Value::String(std::move(out));
}

}  // namespace

Result<Value> GetAttribute(const Value& object, std::string_view name) {
  if (object.is(Kind::kUndefined)) {
    return InvalidArgument("\"" + std::string(name) + "\" is asked of something undefined");
  }
  if (object.is(Kind::kObject)) {
    if (name.starts_with("_")) return Refuse(name);
    return ObjectAttribute(object.object(), name);
  }
  if (const Builtin* method = FindMethod(object, name); method != nullptr) {
    return Value::MakeObject(std::make_shared<Function>(*method));
  }
  const Value* const found = object.Find(name);
  if (name.starts_with("__") || (name.starts_with("_") && found == nullptr)) return Refuse(name);
  return OrUndefined(found);
}

Result<Value> GetItem(Rendering& rendering, const Value& object, const Value& key) {
  if (object.is(Kind::kUndefined)) {
    return InvalidArgument("item " + key.Print().Join() + " is asked of something undefined");
  }
  if (object.is(Kind::kDict)) {
    VIVACE_RETURN_IF_ERROR(rendering.Charge(object.dict().size()));
    VIVACE_RETURN_IF_ERROR(rendering.ChargeWhole(key));
    if (const Value* const found = object.Find(key); found != nullptr) return *found;
  }
  if (object.is(Kind::kList) && IsWhole(key)) {
    const bool has_places = !object.is(Value::Sequence::kIterator) && !object.is(Value::Sequence::kView);
    const auto place = Place(Whole(key), object.list().size());
    return has_places && place ? object.list()[*place] : Value();
  }
  if (object.is(Kind::kString) && IsWhole(key)) return CharacterAt(rendering, object.text(), Whole(key));
  return key.is(Kind::kString) ? GetAttribute(object, key.text().Join()) : Value();
}

Result<Value> GetSlice(Rendering& rendering, const Value& object, const Value& start, const Value& stop,
                       const Value& step) {
  if (object.is(Kind::kUndefined)) return InvalidArgument("a slice is asked of something undefined");
  if (object.is(Kind::kString)) return SliceText(rendering, object.text(), start, stop, step);
  const bool has_places =
      object.is(Kind::kList) && !object.is(Value::Sequence::kIterator) && !object.is(Value::Sequence::kView);
  if (!has_places) return InvalidArgument(std::string(object.KindName()) + " has no slices");
  const Value::List& items = object.list();
  VIVACE_ASSIGN_OR_RETURN(const Span span,
                          ResolveSlice(start, stop, step, static_cast<std::int64_t>(items.size())));
  Value::List out;
  ForEachPlace(span, [&](std::size_t i) { out.push_back(items[i]); });
  VIVACE_RETURN_IF_ERROR(rendering.Charge(out.size() * kBytesPerItem));
  return Value::MakeList(std::move(out), object.sequence());
}

}  // namespace vivace::chat
