#include "chat/value.h"

#include <algorithm>

namespace vivace::chat {

Value::Value() = default;
Value::Value(const Value&) = default;
Value::Value(Value&&) noexcept = default;
Value& Value::operator=(const Value&) = default;
Value& Value::operator=(Value&&) noexcept = default;
Value::~Value() = default;

Value Value::None() {
  Value value;
  value.data_ = NoneTag{};
  return value;
}
Value Value::Bool(bool flag) {
  Value value;
  value.data_ = flag;
  return value;
}
Value Value::Integer(std::int64_t number) {
  Value value;
  value.data_ = number;
  return value;
}
Value Value::Number(double number) {
  Value value;
  value.data_ = number;
  return value;
}
Value Value::Data(std::string_view text) {
  return String(Text(text, false));
}
Value Value::Trusted(std::string_view text) {
  return String(Text(text, true));
}
Value Value::String(Text text) {
  Value value;
  value.data_ = std::make_shared<const Text>(std::move(text));
  return value;
}
Value Value::MakeList(List items, Sequence sequence) {
  int depth = 0;
  for (const Value& item : items) depth = std::max(depth, item.depth());
  Value value;
  value.data_ = std::make_shared<const ListData>(ListData{std::move(items), sequence, depth + 1});
  return value;
}
Value Value::MakeDict(Dict items) {
  int depth = 0;
  for (const auto& [key, item] : items) depth = std::max({depth, key.depth(), item.depth()});
  Value value;
  value.data_ = std::make_shared<const DictData>(DictData{std::move(items), depth + 1});
  return value;
}
Value Value::MakeRecord(std::vector<std::pair<std::string_view, Value>> fields) {
  Dict items;
  items.reserve(fields.size());
  for (auto& [name, value] : fields) items.emplace_back(Trusted(name), std::move(value));
  return MakeDict(std::move(items));
}
Value Value::MakeObject(std::shared_ptr<Object> object) {
  Value value;
  value.data_ = std::move(object);
  return value;
}

const Value* Value::Find(std::string_view key) const {
  if (!is(Kind::kDict)) return nullptr;
  for (const auto& [name, value] : dict()) {
    if (!name.is(Kind::kString)) continue;
    const Text& text = name.text();
    if (text.pieces().size() <= 1 ? (text.empty() ? key.empty() : text.pieces()[0].text == key)
                                  : text.Join() == key) {
      return &value;
    }
  }
  return nullptr;
}

const Value* Value::Find(const Value& key) const {
  if (!is(Kind::kDict)) return nullptr;
  if (key.is(Kind::kString)) return Find(key.text().Join());
  for (const auto& [name, value] : dict()) {
    if (name == key) return &value;
  }
  return nullptr;
}

double Value::AsNumber() const {
  if (is(Kind::kBool)) return boolean() ? 1 : 0;
  return is(Kind::kInteger) ? static_cast<double>(integer()) : number();
}

int Value::depth() const {
  if (is(Kind::kList)) return std::get<std::shared_ptr<const ListData>>(data_)->depth;
  if (is(Kind::kDict)) return std::get<std::shared_ptr<const DictData>>(data_)->depth;
  return is(Kind::kObject) ? object().depth() : 0;
}

bool Value::Truthy() const {
  switch (kind()) {
    case Kind::kUndefined:
    case Kind::kNone:
      return false;
    case Kind::kBool:
      return boolean();
    case Kind::kInteger:
      return integer() != 0;
    case Kind::kNumber:
      return number() != 0;
    case Kind::kString:
      return !text().empty();
    case Kind::kList:
      return sequence() == Sequence::kIterator || !list().empty();
    case Kind::kDict:
      return !dict().empty();
    case Kind::kObject:
      return true;
  }
  return false;
}

std::string_view Value::KindName() const {
  if (is(Kind::kObject)) return object().KindName();
  if (is(Sequence::kTuple)) return "a tuple";
  if (is(Sequence::kIterator)) return "an iterator";
  constexpr std::string_view kNames[] = {"undefined", "none",     "a boolean", "an integer",
                                         "a number",  "a string", "a list",    "a dict"};
  return kNames[data_.index()];
}

namespace {

/// Dicts are equal whatever their order.
bool SameItems(const Value& a, const Value& b) {
  if (a.dict().size() != b.dict().size()) return false;
  for (const auto& [key, value] : a.dict()) {
    const Value* other = b.Find(key);
    if (other == nullptr || !(value == *other)) return false;
  }
  return true;
}

/// An integer and a number are equal only where the number is that very integer.
bool SameNumber(const Value& a, const Value& b) {
  constexpr double kTwoTo63 = 9223372036854775808.0;
  const bool a_is_number = a.is(Value::Kind::kNumber), b_is_number = b.is(Value::Kind::kNumber);
  const auto whole = [](const Value& v) { return v.is(Value::Kind::kBool) ? v.boolean() : v.integer(); };
  if (!a_is_number && !b_is_number) return whole(a) == whole(b);
  if (a_is_number && b_is_number) return a.number() == b.number();
  const double number = a_is_number ? a.number() : b.number();
  const std::int64_t integer = whole(a_is_number ? b : a);
  return number >= -kTwoTo63 && number < kTwoTo63 && static_cast<std::int64_t>(number) == integer &&
         static_cast<double>(static_cast<std::int64_t>(number)) == number;
}

}  // namespace

bool operator==(const Value& a, const Value& b) {
  if (a.IsNumeric() && b.IsNumeric()) return SameNumber(a, b);
  if (a.kind() != b.kind()) return false;
  switch (a.kind()) {
    case Value::Kind::kString:
      return SameBytes(a.text(), b.text());
    case Value::Kind::kList:
      return a.sequence() == b.sequence() && a.list() == b.list();
    case Value::Kind::kDict:
      return SameItems(a, b);
    case Value::Kind::kObject:
      return &a.object() == &b.object();
    default:
      return true;  // undefined, none
  }
}

}  // namespace vivace::chat
