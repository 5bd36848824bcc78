// Reads JSON text as a stream (large vocabularies) or as a small tree (everything else). Strings without
// escapes are views into the text; the others live in the reader. The first error sticks: later calls return
// nothing, and status() tells it. Thread safety: one reader per thread. Ownership: the text and the reader
// must outlive every view and every JsonValue.
#pragma once

#include <cstdint>
#include <deque>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "vivace/status.h"

namespace vivace::tokenizer {

enum class JsonKind { kBad, kNull, kBool, kNumber, kString, kArray, kObject };

struct JsonMember;

/// A parsed value. Numbers keep their text.
struct JsonValue {
  JsonKind kind = JsonKind::kNull;
  bool boolean = false;
  std::string_view text;  // of a string or a number
  std::vector<JsonMember> members;
  std::vector<JsonValue> items;

  bool is_null() const { return kind == JsonKind::kNull; }
  bool is_string() const { return kind == JsonKind::kString; }
  bool is_object() const { return kind == JsonKind::kObject; }
  bool is_array() const { return kind == JsonKind::kArray; }
  /// The member of that name that is not null; nullptr when there is none.
  const JsonValue* Find(std::string_view name) const;
  std::optional<std::int64_t> Integer() const;
  std::optional<double> Number() const;
};

struct JsonMember {
  std::string_view key;
  JsonValue value;
};

class JsonReader {
 public:
  static constexpr int kMaxDepth = 64;

  /// `name` is the file's, for errors.
  JsonReader(std::string_view text, std::string_view name);

  /// What comes next; kBad at the end of the text or after an error.
  JsonKind Peek();

  /// Objects: BeginObject(), then NextMember(key) and one value for each, until it returns false.
  bool BeginObject();
  bool NextMember(std::string_view& key);
  /// Arrays: BeginArray(), then NextItem() and one value for each, until it returns false.
  bool BeginArray();
  bool NextItem();

  std::string_view String();
  std::int64_t Integer();
  double Number();
  JsonValue Value();
  /// The next value, without keeping it.
  void Skip();

  /// After the last value: an error when anything but white space follows.
  Status Finish();
  const Status& status() const { return status_; }
  bool ok() const { return status_.ok(); }
  /// The first error sticks: "NAME, byte N: WHY".
  void Fail(std::string_view why);

 private:
  void SkipSpace() {
    if (at_ < text_.size() && static_cast<unsigned char>(text_[at_]) <= ' ') SkipMoreSpace();
  }
  void SkipMoreSpace();
  bool Take(char c, const char* why);
  bool Enter(char c, const char* why);
  bool Next(char close);
  std::string_view NumberText();
  std::string_view Unescape(std::size_t begin);
  bool AppendEscape(std::string& out);
  bool ReadHex(std::uint32_t& code);
  bool TakeWord(std::string_view word);

  std::string_view text_;
  std::string_view name_;
  std::size_t at_ = 0;
  int depth_ = 0;
  bool first_ = false;  // no member or item of the innermost container was read yet
  std::deque<std::string> unescaped_;
  Status status_;
};

}  // namespace vivace::tokenizer
