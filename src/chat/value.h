// Values of the template language. Strings remember which of their bytes come from the model's own files
// (template text, special tokens) and which are data (what a user wrote), so that a user's text can never be
// taken for a special token. Thread safety: values are immutable and may be shared between threads.
// Ownership: lists and dicts are shared, never changed.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

namespace vivace::chat {

/// A stretch of text of one origin.
struct Piece {
  std::string text;
  bool from_template = false;
  bool operator==(const Piece&) const = default;
};

/// A string as pieces; no piece is empty and neighbours differ in origin.
class Text {
 public:
  Text() = default;
  Text(std::string text, bool from_template) { Append(text, from_template); }

  void Append(std::string_view text, bool from_template);
  void Append(const Text& other);
  const std::vector<Piece>& pieces() const { return pieces_; }
  std::size_t size() const;  // bytes
  bool empty() const { return pieces_.empty(); }
  std::string Join() const;

 private:
  std::vector<Piece> pieces_;
};

class Value {
 public:
  using List = std::vector<Value>;
  using Dict = std::vector<std::pair<std::string, Value>>;  // in insertion order, keys unique
  enum class Kind { kUndefined, kNone, kBool, kInteger, kNumber, kString, kList, kDict };

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
  static Value Data(std::string text);
  /// Text of the model's own files: the template, bos_token, eos_token.
  static Value Trusted(std::string text);
  static Value String(Text text);
  static Value MakeList(List items);
  static Value MakeDict(Dict items);

  Kind kind() const { return static_cast<Kind>(data_.index()); }
  bool is(Kind k) const { return kind() == k; }
  bool boolean() const { return std::get<bool>(data_); }
  std::int64_t integer() const { return std::get<std::int64_t>(data_); }
  double number() const { return std::get<double>(data_); }
  /// Of a boolean, integer or number.
  double AsNumber() const;
  const Text& text() const { return *std::get<std::shared_ptr<const Text>>(data_); }
  const List& list() const { return *std::get<std::shared_ptr<const List>>(data_); }
  const Dict& dict() const { return *std::get<std::shared_ptr<const Dict>>(data_); }
  /// The item of a dict, or null.
  const Value* Find(std::string_view key) const;

  bool Truthy() const;
  /// As Python prints it, strings with their origin kept; undefined prints as nothing.
  Text Print() const;
  std::string_view KindName() const;  // "string", "list", ...

  friend bool operator==(const Value& a, const Value& b);

 private:
  struct NoneTag {
    bool operator==(const NoneTag&) const = default;
  };
  std::variant<std::monostate, NoneTag, bool, std::int64_t, double, std::shared_ptr<const Text>,
               std::shared_ptr<const List>, std::shared_ptr<const Dict>>
      data_;
};

}  // namespace vivace::chat
