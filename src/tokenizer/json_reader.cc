// Strings and white space are most of a tokenizer.json of 30 MB, so both are scanned 16 bytes at a time.
#include "tokenizer/json_reader.h"

#include <emmintrin.h>

#include <bit>
#include <charconv>

#include "base/append_utf8.h"
#include "tokenizer/utf8.h"

namespace vivace::tokenizer {
namespace {

/// A bit for each of 16 bytes that ends a plain stretch of a string: quote, backslash or control character.
unsigned StringEnds(__m128i bytes) {
  const __m128i control = _mm_cmpeq_epi8(_mm_min_epu8(bytes, _mm_set1_epi8(0x1F)), bytes);
  const __m128i quote = _mm_cmpeq_epi8(bytes, _mm_set1_epi8('"'));
  const __m128i backslash = _mm_cmpeq_epi8(bytes, _mm_set1_epi8('\\'));
  return static_cast<unsigned>(_mm_movemask_epi8(_mm_or_si128(control, _mm_or_si128(quote, backslash))));
}

struct PlainStretch {
  std::size_t end;
  bool ascii;
};

/// Where the plain stretch of a string that begins at `at` ends.
PlainStretch ScanPlain(std::string_view text, std::size_t at) {
  bool ascii = true;
  for (; text.size() - at >= 16; at += 16) {
    const __m128i bytes = _mm_loadu_si128(reinterpret_cast<const __m128i*>(text.data() + at));
    const unsigned ends = StringEnds(bytes);
    const auto high = static_cast<unsigned>(_mm_movemask_epi8(bytes));
    if (ends != 0) {
      const auto length = static_cast<unsigned>(std::countr_zero(ends));
      return {at + length, ascii && (high & ((1u << length) - 1)) == 0};
    }
    ascii = ascii && high == 0;
  }
  for (; at < text.size(); ++at) {
    const auto c = static_cast<unsigned char>(text[at]);
    if (c < 0x20 || c == '"' || c == '\\') break;
    ascii = ascii && c < 0x80;
  }
  return {at, ascii};
}

bool IsNumberByte(char c) {
  return (c >= '0' && c <= '9') || c == '-' || c == '+' || c == '.' || c == 'e' || c == 'E';
}

template <class T>
bool ParseWhole(std::string_view text, T& value) {
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  return error == std::errc() && end == text.data() + text.size();
}

}  // namespace

const JsonValue* JsonValue::Find(std::string_view name) const {
  for (const auto& [key, value] : members) {
    if (key == name) return value.is_null() ? nullptr : &value;
  }
  return nullptr;
}

std::optional<std::int64_t> JsonValue::Integer() const {
  std::int64_t value = 0;
  if (kind != JsonKind::kNumber || !ParseWhole(text, value)) return std::nullopt;
  return value;
}

std::optional<double> JsonValue::Number() const {
  double value = 0;
  if (kind != JsonKind::kNumber || !ParseWhole(text, value)) return std::nullopt;
  return value;
}

namespace {

/// A decimal without an exponent as its digits (of as many as fit 64 bits) over a power of ten, each rounded
/// on its own: up to one unit in the last place from the nearest double. Hugging Face tokenizers reads
/// numbers so, and where two ways to cut a word have sums of scores that differ in the last place only, that
/// decides. Nothing for other forms, and for what is no number.
std::optional<double> ScaledDecimal(std::string_view text) {
  constexpr double kPowers[] = {1e0,  1e1,  1e2,  1e3,  1e4,  1e5,  1e6,  1e7,  1e8,  1e9,  1e10,
                                1e11, 1e12, 1e13, 1e14, 1e15, 1e16, 1e17, 1e18, 1e19, 1e20, 1e21};
  const bool negative = text.starts_with('-');
  if (negative) text.remove_prefix(1);
  std::uint64_t digits = 0;
  std::size_t places = 0;
  bool fraction = false;
  if (text.empty() || text.front() == '.' || text.back() == '.') return std::nullopt;
  for (const char c : text) {
    if (c == '.' && !fraction) {
      fraction = true;
      continue;
    }
    if (c < '0' || c > '9') return std::nullopt;
    const auto digit = static_cast<std::uint64_t>(c - '0');
    if (digits > (UINT64_MAX - digit) / 10) {
      if (!fraction || text.find_last_not_of("0123456789") != text.find('.')) return std::nullopt;
      break;  // the digits that do not fit are left out
    }
    digits = digits * 10 + digit;
    places += fraction ? 1 : 0;
  }
  if (places >= std::size(kPowers)) return std::nullopt;
  const double value = static_cast<double>(digits) / kPowers[places];
  return negative ? -value : value;
}

}  // namespace

JsonReader::JsonReader(std::string_view text, std::string_view name) : text_(text), name_(name) {}

void JsonReader::Fail(std::string_view why) {
  if (!status_.ok()) return;
  status_ = DataLoss(std::string(name_) + ", byte " + std::to_string(at_) + ": " + std::string(why));
  at_ = text_.size();
}

void JsonReader::SkipMoreSpace() {
  ++at_;  // the caller has seen one
  while (text_.size() - at_ >= 16) {
    if (static_cast<unsigned char>(text_[at_]) > ' ') return;
    const __m128i bytes = _mm_loadu_si128(reinterpret_cast<const __m128i*>(text_.data() + at_));
    const __m128i space = _mm_cmpeq_epi8(_mm_min_epu8(bytes, _mm_set1_epi8(' ')), bytes);
    const unsigned other = ~static_cast<unsigned>(_mm_movemask_epi8(space)) & 0xFFFFu;
    if (other != 0) {
      at_ += static_cast<unsigned>(std::countr_zero(other));
      return;
    }
    at_ += 16;
  }
  while (at_ < text_.size() && static_cast<unsigned char>(text_[at_]) <= ' ') ++at_;
}

JsonKind JsonReader::Peek() {
  SkipSpace();
  if (at_ >= text_.size()) return JsonKind::kBad;
  switch (text_[at_]) {
    case '{':
      return JsonKind::kObject;
    case '[':
      return JsonKind::kArray;
    case '"':
      return JsonKind::kString;
    case 't':
    case 'f':
      return JsonKind::kBool;
    case 'n':
      return JsonKind::kNull;
    default:
      return IsNumberByte(text_[at_]) ? JsonKind::kNumber : JsonKind::kBad;
  }
}

bool JsonReader::Take(char c, const char* why) {
  SkipSpace();
  if (at_ < text_.size() && text_[at_] == c) {
    ++at_;
    return true;
  }
  Fail(why);
  return false;
}

bool JsonReader::Enter(char c, const char* why) {
  if (!Take(c, why)) return false;
  if (++depth_ > kMaxDepth) {
    Fail("nested more than 64 deep");
    return false;
  }
  first_ = true;
  return true;
}

bool JsonReader::Next(char close) {
  SkipSpace();
  if (at_ < text_.size() && text_[at_] == close) {
    ++at_;
    --depth_;
    first_ = false;
    return false;
  }
  if (!first_ && !Take(',', "a comma or the end of the list is missing")) return false;
  first_ = false;
  SkipSpace();
  if (at_ >= text_.size()) Fail("the text ends in the middle");
  return ok();
}

bool JsonReader::BeginObject() {
  return Enter('{', "an object is expected");
}

bool JsonReader::NextMember(std::string_view& key) {
  if (!Next('}')) return false;
  key = String();
  return ok() && Take(':', "a colon is missing");
}

bool JsonReader::BeginArray() {
  return Enter('[', "an array is expected");
}

bool JsonReader::NextItem() {
  return Next(']');
}

std::string_view JsonReader::String() {
  if (!Take('"', "a string is expected")) return {};
  const std::size_t begin = at_;
  const PlainStretch stretch = ScanPlain(text_, at_);
  at_ = stretch.end;
  if (at_ < text_.size() && text_[at_] == '\\') return Unescape(begin);
  const std::string_view string = text_.substr(begin, at_ - begin);
  if (!stretch.ascii && WellFormedPrefix(string) != string.size()) {
    Fail("a string is not UTF-8");
    return {};
  }
  if (!Take('"', "a string does not end, or has a control character")) return {};
  return string;
}

/// The string that begins at `begin`; at_ is at its first backslash.
std::string_view JsonReader::Unescape(std::size_t begin) {
  std::string& out = unescaped_.emplace_back(text_.substr(begin, at_ - begin));
  while (at_ < text_.size() && text_[at_] == '\\') {
    ++at_;
    if (!AppendEscape(out)) return {};
    const std::size_t end = ScanPlain(text_, at_).end;
    out.append(text_.substr(at_, end - at_));
    at_ = end;
  }
  if (WellFormedPrefix(out) != out.size()) {
    Fail("a string is not UTF-8");
    return {};
  }
  if (at_ >= text_.size() || text_[at_] != '"') {
    Fail("a string does not end, or has a control character");
    return {};
  }
  ++at_;
  return out;
}

bool JsonReader::ReadHex(std::uint32_t& code) {
  const std::string_view digits = text_.substr(at_, 4);
  const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), code, 16);
  if (digits.size() < 4 || error != std::errc() || end != digits.data() + 4) {
    Fail("\\u needs four hexadecimal digits");
    return false;
  }
  at_ += 4;
  return true;
}

bool JsonReader::AppendEscape(std::string& out) {
  constexpr std::string_view kEscapes = "\"\\/bfnrt", kMeanings = "\"\\/\b\f\n\r\t";
  const char kind = at_ < text_.size() ? text_[at_++] : '\0';
  if (kind != 'u') {
    const std::size_t which = kEscapes.find(kind);
    if (which == std::string_view::npos) {
      Fail("unknown escape in a string");
      return false;
    }
    out.push_back(kMeanings[which]);
    return true;
  }
  std::uint32_t code = 0;
  if (!ReadHex(code)) return false;
  if (code >= 0xD800 && code < 0xDC00 && text_.substr(at_, 2) == "\\u") {
    std::uint32_t low = 0;
    at_ += 2;
    if (!ReadHex(low)) return false;
    code = low >= 0xDC00 && low < 0xE000 ? 0x10000 + ((code - 0xD800) << 10) + (low - 0xDC00) : 0xD800;
  }
  if (code >= 0xD800 && code < 0xE000) {
    Fail("half of a surrogate pair in a string");
    return false;
  }
  base::AppendUtf8(code, out);
  return true;
}

std::string_view JsonReader::NumberText() {
  SkipSpace();
  const std::size_t begin = at_;
  while (at_ < text_.size() && IsNumberByte(text_[at_])) ++at_;
  return text_.substr(begin, at_ - begin);
}

std::int64_t JsonReader::Integer() {
  std::int64_t value = 0;
  if (!ParseWhole(NumberText(), value)) Fail("a whole number is expected");
  return value;
}

double JsonReader::Number() {
  const std::string_view text = NumberText();
  if (const auto decimal = ScaledDecimal(text)) return *decimal;
  double value = 0;
  if (!ParseWhole(text, value)) Fail("a number is expected");
  return value;
}

bool JsonReader::TakeWord(std::string_view word) {
  if (text_.substr(at_, word.size()) != word) return false;
  at_ += word.size();
  return true;
}

// Recursion ends at kMaxDepth.
JsonValue JsonReader::Value() {
  JsonValue value;
  value.kind = Peek();
  switch (value.kind) {
    case JsonKind::kObject:
      BeginObject();
      for (std::string_view key; NextMember(key);) value.members.push_back({key, Value()});
      break;
    case JsonKind::kArray:
      BeginArray();
      while (NextItem()) value.items.push_back(Value());
      break;
    case JsonKind::kString:
      value.text = String();
      break;
    case JsonKind::kNumber:
      value.text = NumberText();
      if (!value.Number()) Fail("a number is expected");
      break;
    case JsonKind::kBool:
      value.boolean = text_[at_] == 't';
      if (!TakeWord("true") && !TakeWord("false")) Fail("a value is expected");
      break;
    case JsonKind::kNull:
      if (!TakeWord("null")) Fail("a value is expected");
      break;
    case JsonKind::kBad:
      Fail("a value is expected");
  }
  return value;
}

void JsonReader::Skip() {
  const JsonKind kind = Peek();
  if (kind == JsonKind::kObject) {
    BeginObject();
    for (std::string_view key; NextMember(key);) Skip();
  } else if (kind == JsonKind::kArray) {
    BeginArray();
    while (NextItem()) Skip();
  } else {
    static_cast<void>(Value());
  }
}

Status JsonReader::Finish() {
  SkipSpace();
  if (at_ < text_.size()) Fail("more text after the end of the value");
  return status_;
}

}  // namespace vivace::tokenizer
