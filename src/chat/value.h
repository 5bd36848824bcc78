// Values of the template language. Thread safety: values are immutable and may be shared between threads,
// except those that hold an Object, which belong to one rendering. Ownership: strings, lists and dicts are
// shared, never changed.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "chat/text.h"

namespace vivace::chat {

/// What a template can hold besides data: a namespace, a loop, a macro, a function.
class Object {
 public:
  virtual ~Object() = default;
  virtual std::string_view KindName() const = 0;
  /// As Value::depth.
  virtual int depth() const { return 1; }
};

class Value {
 public:
  using List = std::vector<Value>;
  using Dict = std::vector<std::pair<Value, Value>>;  // in insertion order, keys unique
  enum class Kind { kUndefined, kNone, kBool, kInteger, kNumber, kString, kList, kDict, kObject };
  /// A list proper, a tuple, what Python walks over once (no length, always true), or what "items()" of a
  /// dict and range() give (a length, and for kRange items by number).
  enum class Sequence { kList, kTuple, kIterator, kView, kRange };

  Value();  // undefined
  Value(const Value&);
  Value(Value&&) noexcept;
  Value& operator=(const Value&);
  Value& operator=(Value&&) noexcept;
  ~Value();
  static Value None();
  static Value Bool(bool value);
  static Value Integer(std::int64_t value);
  static Value Number(double value);
  /// Text that a user or a client wrote: never holds special tokens.
  static Value Data(std::string_view text);
  /// Text of the model's own files: the template, bos_token, eos_token.
  static Value Trusted(std::string_view text);
  static Value String(Text text);
  static Value MakeList(List items, Sequence sequence = Sequence::kList);
  static Value MakeDict(Dict items);
  /// A dict with these names as keys.
  static Value MakeRecord(std::vector<std::pair<std::string_view, Value>> fields);
  static Value MakeObject(std::shared_ptr<Object> object);

  Kind kind() const { return static_cast<Kind>(data_.index()); }
  bool is(Kind k) const { return kind() == k; }
  bool is(Sequence s) const { return is(Kind::kList) && sequence() == s; }
  bool boolean() const { return std::get<bool>(data_); }
  std::int64_t integer() const { return std::get<std::int64_t>(data_); }
  double number() const { return std::get<double>(data_); }
  /// Of a boolean, integer or number.
  double AsNumber() const;
  bool IsNumeric() const { return is(Kind::kBool) || is(Kind::kInteger) || is(Kind::kNumber); }
  const Text& text() const { return *std::get<std::shared_ptr<const Text>>(data_); }
  const List& list() const { return std::get<std::shared_ptr<const ListData>>(data_)->items; }
  Sequence sequence() const { return std::get<std::shared_ptr<const ListData>>(data_)->sequence; }
  const Dict& dict() const { return std::get<std::shared_ptr<const DictData>>(data_)->items; }
  Object& object() const { return *std::get<std::shared_ptr<Object>>(data_); }
  const std::shared_ptr<Object>& shared_object() const { return std::get<std::shared_ptr<Object>>(data_); }
  /// The item of a dict, or null.
  const Value* Find(std::string_view key) const;
  const Value* Find(const Value& key) const;

  /// How deep lists and dicts are nested in this: 0 for a plain value. Bounds recursion over values.
  int depth() const;
  bool Truthy() const;
  /// As Python prints it, strings with their origin kept; undefined prints as nothing.
  Text Print() const;
  /// As Python prints it within a list: strings quoted.
  Text PrintQuoted() const;
  std::string_view KindName() const;  // "a string", "a list", ...

  friend bool operator==(const Value& a, const Value& b);

 private:
  struct NoneTag {};
  struct ListData {
    List items;
    Sequence sequence;
    int depth;
  };
  struct DictData {
    Dict items;
    int depth;
  };
  std::variant<std::monostate, NoneTag, bool, std::int64_t, double, std::shared_ptr<const Text>,
               std::shared_ptr<const ListData>, std::shared_ptr<const DictData>, std::shared_ptr<Object>>
      data_;
};

}  // namespace vivace::chat
