#include "chat/json_reader.h"

#include <charconv>
#include <string>
#include <unordered_map>

#include "base/json_text.h"
#include "base/status_macros.h"
#include "chat/unicode.h"

namespace vivace::chat {
namespace {

bool IsDigit(char c) {
  return c >= '0' && c <= '9';
}

class Reader {
 public:
  Reader(std::string_view json, bool from_template) : json_(json), from_template_(from_template) {}

  Result<Value> Run() {
    VIVACE_ASSIGN_OR_RETURN(Value value, ReadValue(1));
    SkipSpace();
    if (at_ != json_.size()) return Error("text after the value");
    return value;
  }

 private:
  Status Error(std::string_view what) const {
    return InvalidArgument("JSON, byte " + std::to_string(at_) + ": " + std::string(what));
  }
  char Peek() const { return at_ < json_.size() ? json_[at_] : '\0'; }
  void SkipSpace() {
    while (Peek() == ' ' || Peek() == '\t' || Peek() == '\n' || Peek() == '\r') ++at_;
  }
  bool TakeWord(std::string_view word) {
    if (!json_.substr(at_).starts_with(word)) return false;
    at_ += word.size();
    return true;
  }

  Result<Value> ReadValue(int depth) {
    SkipSpace();
    const char c = Peek();
    if ((c == '{' || c == '[') && depth > kMaxJsonDepth) {
      return Error("lists and dicts are nested more than " + std::to_string(kMaxJsonDepth) + " deep");
    }
    if (c == '{') return ReadDict(depth);
    if (c == '[') return ReadList(depth);
    if (c == '"') return ReadString();
    if (c == '-' || IsDigit(c)) return ReadNumber();
    if (TakeWord("true")) return Value::Bool(true);
    if (TakeWord("false")) return Value::Bool(false);
    if (TakeWord("null")) return Value::None();
    return Error("expected a value");
  }

  Result<Value> ReadList(int depth) {
    Value::List items;
    ++at_;
    SkipSpace();
    if (Peek() == ']') {
      ++at_;
      return Value::MakeList({});
    }
    while (true) {
      VIVACE_ASSIGN_OR_RETURN(Value item, ReadValue(depth + 1));
      items.push_back(std::move(item));
      SkipSpace();
      const char c = Peek();
      if (c != ',' && c != ']') return Error("expected \",\" or \"]\"");
      ++at_;
      if (c == ']') return Value::MakeList(std::move(items));
    }
  }

  Result<Value> ReadDict(int depth) {
    Value::Dict items;
    std::unordered_map<std::string, std::size_t> places;
    ++at_;
    SkipSpace();
    if (Peek() == '}') {
      ++at_;
      return Value::MakeDict({});
    }
    while (true) {
      SkipSpace();
      if (Peek() != '"') return Error("expected a key");
      VIVACE_ASSIGN_OR_RETURN(Value key, ReadString());
      SkipSpace();
      if (Peek() != ':') return Error("expected \":\"");
      ++at_;
      VIVACE_ASSIGN_OR_RETURN(Value value, ReadValue(depth + 1));
      const auto [place, is_new] = places.emplace(key.text().Join(), items.size());
      if (is_new) {
        items.emplace_back(std::move(key), std::move(value));
      } else {
        items[place->second].second = std::move(value);
      }
      SkipSpace();
      const char c = Peek();
      if (c != ',' && c != '}') return Error("expected \",\" or \"}\"");
      ++at_;
      if (c == '}') return Value::MakeDict(std::move(items));
    }
  }

  Result<Value> ReadNumber() {
    const std::size_t start = at_;
    if (Peek() == '-') ++at_;
    if (!IsDigit(Peek())) return Error("expected a digit");
    const bool leading_zero = Peek() == '0';
    const std::size_t whole = at_;
    while (IsDigit(Peek())) ++at_;
    if (leading_zero && at_ - whole > 1) return Error("a number begins with 0");
    bool is_whole = true;
    if (Peek() == '.') {
      is_whole = false;
      VIVACE_RETURN_IF_ERROR(SkipDigits());
    }
    if (Peek() == 'e' || Peek() == 'E') {
      is_whole = false;
      if (const char sign = at_ + 1 < json_.size() ? json_[at_ + 1] : '\0'; sign == '+' || sign == '-') ++at_;
      VIVACE_RETURN_IF_ERROR(SkipDigits());
    }
    const char* begin = json_.data() + start;
    const char* end = json_.data() + at_;
    std::int64_t integer = 0;
    if (is_whole && std::from_chars(begin, end, integer).ec == std::errc()) return Value::Integer(integer);
    double number = 0;
    if (std::from_chars(begin, end, number).ec != std::errc()) return Error("a number out of range");
    return Value::Number(number);
  }

  /// One character, then at least one digit.
  Status SkipDigits() {
    ++at_;
    if (!IsDigit(Peek())) return Error("expected a digit");
    while (IsDigit(Peek())) ++at_;
    return Status::Ok();
  }

  Result<Value> ReadString() {
    std::string text;
    ++at_;
    while (true) {
      const std::size_t plain = json_.find_first_of("\"\\", at_);
      if (plain == std::string_view::npos) return Error("a string is not closed");
      VIVACE_RETURN_IF_ERROR(CheckPlain(plain));
      text += json_.substr(at_, plain - at_);
      at_ = plain + 1;
      if (json_[plain] == '"') return Value::String(Text(text, from_template_));
      VIVACE_RETURN_IF_ERROR(ReadEscape(text));
    }
  }

  /// The characters up to `end` are valid UTF-8 without control characters.
  Status CheckPlain(std::size_t end) {
    for (std::size_t i = at_; i < end;) {
      const auto c = static_cast<unsigned char>(json_[i]);
      if (c < 0x20) return Error("a control character in a string");
      const std::size_t length = c < 0x80 ? 1 : base::Utf8Length(json_.substr(i, end - i));
      if (length == 0) return Error("a string is not UTF-8");
      i += length;
    }
    return Status::Ok();
  }

  Status ReadEscape(std::string& text) {
    constexpr std::string_view kNames = "\"\\/bfnrt", kMeanings = "\"\\/\b\f\n\r\t";
    const char c = Peek();
    if (c == 'u') {
      ++at_;
      std::uint32_t code = 0;
      VIVACE_RETURN_IF_ERROR(ReadFourDigits(code));
      if (code >= 0xD800 && code < 0xDC00 && TakeWord("\\u")) {
        std::uint32_t low = 0;
        VIVACE_RETURN_IF_ERROR(ReadFourDigits(low));
        if (low < 0xDC00 || low > 0xDFFF) return Error("half a surrogate pair");
        code = 0x10000 + ((code - 0xD800) << 10) + (low - 0xDC00);
      }
      if (code >= 0xD800 && code < 0xE000) return Error("half a surrogate pair");
      AppendUtf8(code, text);
      return Status::Ok();
    }
    const std::size_t known = c == '\0' ? std::string_view::npos : kNames.find(c);
    if (known == std::string_view::npos) return Error("an unknown escape in a string");
    text.push_back(kMeanings[known]);
    ++at_;
    return Status::Ok();
  }

  Status ReadFourDigits(std::uint32_t& code) {
    const std::string_view digits = json_.substr(at_, 4);
    const auto read = std::from_chars(digits.data(), digits.data() + digits.size(), code, 16);
    if (digits.size() != 4 || read.ptr != digits.data() + 4)
      return Error("\\u needs four hexadecimal digits");
    at_ += 4;
    return Status::Ok();
  }

  std::string_view json_;
  bool from_template_;
  std::size_t at_ = 0;
};

}  // namespace

Result<Value> ParseJson(std::string_view json, bool from_template) {
  return Reader(json, from_template).Run();
}

Result<Value> ValueFromJson(std::string_view json) {
  return ParseJson(json, false);
}

}  // namespace vivace::chat
