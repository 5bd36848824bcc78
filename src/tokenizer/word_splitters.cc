// One cursor over classes of characters, and one function for each family of expressions. Where a function
// looks odd, the comment gives the part of the expression that it stands for.
#include "tokenizer/word_splitters.h"

#include <utf8proc.h>

#include <array>
#include <cstdint>

namespace vivace::tokenizer {
namespace {

// What the expressions tell apart. Letters have three kinds for o200k; a mark is "other" elsewhere.
enum CharacterClass : std::uint8_t {
  kOther,
  kMark,
  kUpper,        // Lu, Lt
  kLower,        // Ll
  kOtherLetter,  // Lm, Lo
  kNumber,
  kSpace,    // White_Space but for the next
  kNewline,  // \r and \n
};

bool IsLetter(CharacterClass c) {
  return c >= kUpper && c <= kOtherLetter;
}
bool IsSpace(CharacterClass c) {
  return c >= kSpace;
}
/// [^\s\p{L}\p{N}]
bool IsOther(CharacterClass c) {
  return c <= kMark;
}

CharacterClass ClassOfCode(std::uint32_t code) {
  if (code == '\r' || code == '\n') return kNewline;
  if ((code >= '\t' && code <= '\f') || code == 0x85) return kSpace;
  switch (utf8proc_category(static_cast<utf8proc_int32_t>(code))) {
    case UTF8PROC_CATEGORY_LU:
    case UTF8PROC_CATEGORY_LT:
      return kUpper;
    case UTF8PROC_CATEGORY_LL:
      return kLower;
    case UTF8PROC_CATEGORY_LM:
    case UTF8PROC_CATEGORY_LO:
      return kOtherLetter;
    case UTF8PROC_CATEGORY_ND:
    case UTF8PROC_CATEGORY_NL:
    case UTF8PROC_CATEGORY_NO:
      return kNumber;
    case UTF8PROC_CATEGORY_MN:
    case UTF8PROC_CATEGORY_MC:
    case UTF8PROC_CATEGORY_ME:
      return kMark;
    case UTF8PROC_CATEGORY_ZS:
    case UTF8PROC_CATEGORY_ZL:
    case UTF8PROC_CATEGORY_ZP:
      return kSpace;
    default:
      return kOther;
  }
}

constexpr std::array<CharacterClass, 128> AsciiClasses() {
  std::array<CharacterClass, 128> classes{};
  for (unsigned c = 0; c < 128; ++c) {
    classes[c] = c >= 'A' && c <= 'Z'                              ? kUpper
                 : c >= 'a' && c <= 'z'                            ? kLower
                 : c >= '0' && c <= '9'                            ? kNumber
                 : c == '\n' || c == '\r'                          ? kNewline
                 : c == ' ' || c == '\t' || c == '\v' || c == '\f' ? kSpace
                                                                   : kOther;
  }
  return classes;
}
constexpr std::array<CharacterClass, 128> kAsciiClasses = AsciiClasses();

/// A place in the text and the character there.
class Cursor {
 public:
  Cursor(std::string_view text, std::size_t at, std::size_t end) : text_(text), at_(at), end_(end) { Read(); }

  bool done() const { return at_ >= end_; }
  std::size_t at() const { return at_; }
  /// Meaningless when done.
  CharacterClass kind() const { return kind_; }
  bool Is(char c) const { return at_ < end_ && text_[at_] == c; }
  bool IsOneOf(bool (*belongs)(CharacterClass)) const { return at_ < end_ && belongs(kind_); }
  void Advance() {
    at_ += length_;
    Read();
  }
  void SkipWhile(bool (*belongs)(CharacterClass)) {
    while (at_ < end_ && belongs(kind_)) Advance();
  }
  Cursor After() const {
    Cursor next = *this;
    next.Advance();
    return next;
  }

 private:
  void Read() {
    if (at_ >= end_) return;
    const auto* bytes = reinterpret_cast<const unsigned char*>(text_.data() + at_);
    if (bytes[0] < 0x80) {
      length_ = 1;
      kind_ = kAsciiClasses[bytes[0]];
      return;
    }
    ReadLong(bytes);
  }
  void ReadLong(const unsigned char* bytes) {
    std::uint32_t code;
    if (bytes[0] < 0xE0) {
      length_ = 2;
      code = (bytes[0] & 0x1Fu) << 6 | (bytes[1] & 0x3Fu);
    } else if (bytes[0] < 0xF0) {
      length_ = 3;
      code = (bytes[0] & 0x0Fu) << 12 | (bytes[1] & 0x3Fu) << 6 | (bytes[2] & 0x3Fu);
    } else {
      length_ = 4;
      code =
          (bytes[0] & 0x07u) << 18 | (bytes[1] & 0x3Fu) << 12 | (bytes[2] & 0x3Fu) << 6 | (bytes[3] & 0x3Fu);
    }
    kind_ = ClassOfCode(code);
  }

  std::string_view text_;
  std::size_t at_, end_;
  std::size_t length_ = 0;
  CharacterClass kind_ = kOther;
};

/// The bytes of 's, 't, 're, 've, 'm, 'll or 'd at the beginning of `text`; 0 when it is none. `any_case` as
/// (?i:...): the long s counts as an s then.
std::size_t ContractionLength(std::string_view text, bool any_case) {
  if (text.size() < 2 || text[0] != '\'') return 0;
  const auto letter = [&](std::size_t i) {
    const char c = i < text.size() ? text[i] : '\0';
    return any_case && c >= 'A' && c <= 'Z' ? static_cast<char>(c | 0x20) : c;
  };
  const char first = letter(1), second = letter(2);
  if (first == 's' || first == 't' || first == 'm' || first == 'd') return 2;
  if (((first == 'r' || first == 'v') && second == 'e') || (first == 'l' && second == 'l')) return 3;
  return any_case && text.substr(1, 2) == "\u017F" ? 3 : 0;
}

/// \s+(?!\S)|\s+ at a space: all of the run but its last character, unless the text ends or that is all.
std::size_t EndOfSpaces(Cursor cursor, bool (*stops)(CharacterClass)) {
  std::size_t last = cursor.at();
  const std::size_t begin = cursor.at();
  while (cursor.IsOneOf(IsSpace)) {
    last = cursor.at();
    cursor.Advance();
  }
  if (cursor.done() || last == begin || (stops != nullptr && stops(cursor.kind()))) return cursor.at();
  return last;
}

bool IsNumber(CharacterClass c) {
  return c == kNumber;
}

/// GPT-2's word at `at`. With single digits: as if the text were cut around every number before.
template <bool kSingleDigits>
std::size_t Gpt2WordEnd(std::string_view text, std::size_t at, std::size_t end) {
  Cursor cursor(text, at, end);
  if (text[at] == '\'') {
    if (const std::size_t length = ContractionLength(text.substr(at, end - at), false)) return at + length;
  }
  if (kSingleDigits && cursor.kind() == kNumber) return cursor.After().at();
  Cursor word = cursor;
  if (cursor.Is(' ')) {
    word.Advance();
    if (word.done()) return word.at();
  }
  if (IsLetter(word.kind())) {
    word.SkipWhile(IsLetter);
    return word.at();
  }
  if (IsOther(word.kind())) {
    word.SkipWhile(IsOther);
    return word.at();
  }
  if (!kSingleDigits && word.kind() == kNumber) {
    word.SkipWhile(IsNumber);
    return word.at();
  }
  return EndOfSpaces(cursor, kSingleDigits ? IsNumber : nullptr);
}

/// \s*[\r\n]+|\s+(?!\S)|\s+ at a space.
std::size_t EndOfLines(const Cursor& begin) {
  std::size_t line_end = 0;
  for (Cursor cursor = begin; cursor.IsOneOf(IsSpace);) {
    const bool newline = cursor.kind() == kNewline;
    cursor.Advance();
    if (newline) line_end = cursor.at();
  }
  return line_end != 0 ? line_end : EndOfSpaces(begin, nullptr);
}

std::size_t EndOfNumber(Cursor cursor, int digits) {
  for (int i = 0; i < digits && cursor.IsOneOf(IsNumber); ++i) cursor.Advance();
  return cursor.at();
}

/// " ?[^\s\p{L}\p{N}]+[\r\n]*", with a slash among the ends when `slash`; 0 when it does not match.
std::size_t EndOfPunctuation(Cursor cursor, bool slash) {
  if (cursor.Is(' ')) cursor.Advance();
  if (!cursor.IsOneOf(IsOther)) return 0;
  cursor.SkipWhile(IsOther);
  while (cursor.Is('\r') || cursor.Is('\n') || (slash && cursor.Is('/'))) cursor.Advance();
  return cursor.at();
}

template <int kDigits>
std::size_t Llama3WordEnd(std::string_view text, std::size_t at, std::size_t end) {
  const Cursor cursor(text, at, end);
  if (text[at] == '\'') {
    if (const std::size_t length = ContractionLength(text.substr(at, end - at), true)) return at + length;
  }
  if (cursor.kind() == kNumber) return EndOfNumber(cursor, kDigits);
  Cursor word = cursor;
  if (!IsLetter(cursor.kind()) && cursor.kind() != kNewline) word.Advance();
  if (word.IsOneOf(IsLetter)) {
    word.SkipWhile(IsLetter);
    return word.at();
  }
  const std::size_t punctuation = EndOfPunctuation(cursor, false);
  return punctuation != 0 ? punctuation : EndOfLines(cursor);
}

/// [\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}] and [\p{Ll}\p{Lm}\p{Lo}\p{M}]: they share what is neither.
bool BeginsWord(CharacterClass c) {
  return c == kUpper || c == kOtherLetter || c == kMark;
}
bool EndsWord(CharacterClass c) {
  return c == kLower || c == kOtherLetter || c == kMark;
}

/// begin* end+ from `cursor`; 0 when it does not match.
std::size_t EndOfLowerWord(Cursor cursor) {
  std::size_t shared_end = 0;  // after the last character that may also end a word
  while (cursor.IsOneOf(BeginsWord)) {
    const bool shared = cursor.kind() != kUpper;
    cursor.Advance();
    if (shared) shared_end = cursor.at();
  }
  if (!cursor.IsOneOf(EndsWord)) return shared_end;
  cursor.SkipWhile(EndsWord);
  return cursor.at();
}

/// begin+ end* from `cursor`; 0 when it does not match.
std::size_t EndOfUpperWord(Cursor cursor) {
  if (!cursor.IsOneOf(BeginsWord)) return 0;
  cursor.SkipWhile(BeginsWord);
  cursor.SkipWhile(EndsWord);
  return cursor.at();
}

template <int kDigits, bool kContractions>
std::size_t O200kWordEnd(std::string_view text, std::size_t at, std::size_t end) {
  const Cursor cursor(text, at, end);
  if (cursor.kind() == kNumber) return EndOfNumber(cursor, kDigits);
  const bool prefix = !IsLetter(cursor.kind()) && cursor.kind() != kNewline;
  std::size_t word = 0;
  for (auto* end_of : {EndOfLowerWord, EndOfUpperWord}) {
    if (word == 0 && prefix) word = end_of(cursor.After());
    if (word == 0) word = end_of(cursor);
  }
  if (word != 0) return word + (kContractions ? ContractionLength(text.substr(word, end - word), true) : 0);
  const std::size_t punctuation = EndOfPunctuation(cursor, true);
  return punctuation != 0 ? punctuation : EndOfLines(cursor);
}

template <std::size_t (*kWordEnd)(std::string_view, std::size_t, std::size_t)>
void SplitWords(std::string_view text, std::size_t begin, std::size_t end, std::vector<ByteRange>& words) {
  while (begin < end) {
    const std::size_t word_end = kWordEnd(text, begin, end);
    words.push_back({begin, word_end});
    begin = word_end;
  }
}

#define VIVACE_LINES "\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+"
#define VIVACE_UPPER "\\p{Lu}\\p{Lt}\\p{Lm}\\p{Lo}\\p{M}"
#define VIVACE_LOWER "\\p{Ll}\\p{Lm}\\p{Lo}\\p{M}"
#define VIVACE_ANY_CASE "(?i:'s|'t|'re|'ve|'m|'ll|'d)"

constexpr std::string_view kGpt2 =
    "'s|'t|'re|'ve|'m|'ll|'d| ?\\p{L}+| ?\\p{N}+| ?[^\\s\\p{L}\\p{N}]+|\\s+(?!\\S)|\\s+";
// A digit ends the word before it just as the end of the text does: hence \p{N} in the look-ahead.
constexpr std::string_view kSingleDigitsGpt2 =
    "'s|'t|'re|'ve|'m|'ll|'d| ?\\p{L}+|\\p{N}| ?[^\\s\\p{L}\\p{N}]+|\\s+(?![^\\s\\p{N}])|\\s+";
constexpr std::string_view kLlama3 =
    VIVACE_ANY_CASE "|[^\\r\\n\\p{L}\\p{N}]?\\p{L}+|\\p{N}{1,3}| ?[^\\s\\p{L}\\p{N}]+[\\r\\n]*|" VIVACE_LINES;
constexpr std::string_view kQwen2 =
    VIVACE_ANY_CASE "|[^\\r\\n\\p{L}\\p{N}]?\\p{L}+|\\p{N}| ?[^\\s\\p{L}\\p{N}]+[\\r\\n]*|" VIVACE_LINES;
constexpr std::string_view kO200k =
    "[^\\r\\n\\p{L}\\p{N}]?[" VIVACE_UPPER "]*[" VIVACE_LOWER "]+" VIVACE_ANY_CASE
    "?|[^\\r\\n\\p{L}\\p{N}]?[" VIVACE_UPPER "]+[" VIVACE_LOWER "]*" VIVACE_ANY_CASE
    "?|\\p{N}{1,3}| ?[^\\s\\p{L}\\p{N}]+[\\r\\n/]*|" VIVACE_LINES;
constexpr std::string_view kTekken =
    "[^\\r\\n\\p{L}\\p{N}]?[" VIVACE_UPPER "]*[" VIVACE_LOWER "]+|[^\\r\\n\\p{L}\\p{N}]?[" VIVACE_UPPER
    "]+[" VIVACE_LOWER "]*|\\p{N}| ?[^\\s\\p{L}\\p{N}]+[\\r\\n/]*|" VIVACE_LINES;

#undef VIVACE_LINES
#undef VIVACE_UPPER
#undef VIVACE_LOWER
#undef VIVACE_ANY_CASE

struct KnownExpression {
  std::string_view pattern;
  WordSplitter split;
};

constexpr KnownExpression kKnown[] = {
    {kGpt2, SplitWords<Gpt2WordEnd<false>>},     {kSingleDigitsGpt2, SplitWords<Gpt2WordEnd<true>>},
    {kLlama3, SplitWords<Llama3WordEnd<3>>},     {kQwen2, SplitWords<Llama3WordEnd<1>>},
    {kO200k, SplitWords<O200kWordEnd<3, true>>}, {kTekken, SplitWords<O200kWordEnd<1, false>>},
};

}  // namespace

WordSplitter FindWordSplitter(std::string_view pattern) {
  for (const KnownExpression& known : kKnown) {
    if (known.pattern == pattern) return known.split;
  }
  return nullptr;
}

std::string_view Gpt2Pattern() {
  return kGpt2;
}
std::string_view SingleDigitsGpt2Pattern() {
  return kSingleDigitsGpt2;
}
std::string_view Llama3Pattern() {
  return kLlama3;
}
std::string_view Qwen2Pattern() {
  return kQwen2;
}
std::string_view O200kPattern() {
  return kO200k;
}
std::string_view TekkenPattern() {
  return kTekken;
}

}  // namespace vivace::tokenizer
