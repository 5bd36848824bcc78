#include "tokenizer/characters.h"

#include <utf8proc.h>

#include "tokenizer/utf8.h"

namespace vivace::tokenizer {
namespace {

struct CharacterRange {
  char32_t first, last;
};

// The blocks of BERT's reference code as Hugging Face tokenizers has them (its extension E begins at
// U+2B920).
constexpr CharacterRange kCjk[] = {{0x3400, 0x4DBF},   {0x4E00, 0x9FFF},   {0xF900, 0xFAFF},
                                   {0x20000, 0x2A6DF}, {0x2A700, 0x2B81F}, {0x2B920, 0x2CEAF},
                                   {0x2F800, 0x2FA1F}};
// Symbols that have the property Alphabetic: letters in circles and squares.
constexpr CharacterRange kLetterSymbols[] = {
    {0x24B6, 0x24E9}, {0x1F130, 0x1F149}, {0x1F150, 0x1F169}, {0x1F170, 0x1F189}};

template <std::size_t kCount>
bool IsIn(const CharacterRange (&ranges)[kCount], char32_t c) {
  for (const CharacterRange& range : ranges) {
    if (c >= range.first && c <= range.last) return true;
  }
  return false;
}

utf8proc_category_t Category(char32_t c) {
  return utf8proc_category(static_cast<utf8proc_int32_t>(c));
}

constexpr unsigned Bit(utf8proc_category_t category) {
  return 1u << category;
}
constexpr unsigned kMarks = Bit(UTF8PROC_CATEGORY_MN) | Bit(UTF8PROC_CATEGORY_MC) | Bit(UTF8PROC_CATEGORY_ME);
constexpr unsigned kPunctuation = Bit(UTF8PROC_CATEGORY_PC) | Bit(UTF8PROC_CATEGORY_PD) |
                                  Bit(UTF8PROC_CATEGORY_PS) | Bit(UTF8PROC_CATEGORY_PE) |
                                  Bit(UTF8PROC_CATEGORY_PI) | Bit(UTF8PROC_CATEGORY_PF) |
                                  Bit(UTF8PROC_CATEGORY_PO);
constexpr unsigned kNumbers =
    Bit(UTF8PROC_CATEGORY_ND) | Bit(UTF8PROC_CATEGORY_NL) | Bit(UTF8PROC_CATEGORY_NO);
constexpr unsigned kOthers =
    Bit(UTF8PROC_CATEGORY_CC) | Bit(UTF8PROC_CATEGORY_CF) | Bit(UTF8PROC_CATEGORY_CO);
constexpr unsigned kWord = kMarks | Bit(UTF8PROC_CATEGORY_LU) | Bit(UTF8PROC_CATEGORY_LL) |
                           Bit(UTF8PROC_CATEGORY_LT) | Bit(UTF8PROC_CATEGORY_LM) | Bit(UTF8PROC_CATEGORY_LO) |
                           Bit(UTF8PROC_CATEGORY_ND) | Bit(UTF8PROC_CATEGORY_NL) | Bit(UTF8PROC_CATEGORY_PC);

bool HasCategory(char32_t c, unsigned categories) {
  return (Bit(Category(c)) & categories) != 0;
}

constexpr bool IsAsciiAlphanumeric(char32_t c) {
  return (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z');
}

}  // namespace

char32_t NextCharacter(std::string_view text, std::size_t& at) {
  const auto byte = [text](std::size_t i) { return static_cast<unsigned char>(text[i]); };
  const char32_t lead = byte(at);
  if (lead < 0x80) return text[at++];
  const std::size_t length = CharacterBytes(text[at]);
  char32_t character = lead & (0x7Fu >> length);
  for (std::size_t i = 1; i < length; ++i) character = character << 6 | (byte(at + i) & 0x3F);
  at += length;
  return character;
}

void AppendUtf8(char32_t character, std::string& out) {
  const auto tail = [character](int shift) { return static_cast<char>(0x80 | (character >> shift & 0x3F)); };
  if (character < 0x80) {
    out.push_back(static_cast<char>(character));
  } else if (character < 0x800) {
    out.append({static_cast<char>(0xC0 | character >> 6), tail(0)});
  } else if (character < 0x10000) {
    out.append({static_cast<char>(0xE0 | character >> 12), tail(6), tail(0)});
  } else {
    out.append({static_cast<char>(0xF0 | character >> 18), tail(12), tail(6), tail(0)});
  }
}

bool IsOneCharacter(std::string_view text) {
  if (text.empty()) return false;
  const Utf8Character first = FirstCharacter(text);
  return first.kind == Utf8Kind::kWhole && first.length == text.size();
}

bool IsWhiteSpace(char32_t c) {
  if (c <= 0x20) return c == ' ' || (c >= '\t' && c <= '\r');
  if (c < 0x1680) return c == 0x85 || c == 0xA0;
  return c == 0x1680 || (c >= 0x2000 && c <= 0x200A) || c == 0x2028 || c == 0x2029 || c == 0x202F ||
         c == 0x205F || c == 0x3000;
}

bool IsPunctuation(char32_t c) {
  if (c < 0x80) return c > 0x20 && c < 0x7F && !IsAsciiAlphanumeric(c);
  return HasCategory(c, kPunctuation);
}

bool IsNumeric(char32_t c) {
  if (c < 0x80) return c >= '0' && c <= '9';
  return HasCategory(c, kNumbers);
}

bool IsMark(char32_t c) {
  return c >= 0x300 && HasCategory(c, kMarks);
}

bool IsNonspacingMark(char32_t c) {
  return c >= 0x300 && Category(c) == UTF8PROC_CATEGORY_MN;
}

bool IsOtherCategory(char32_t c) {
  return HasCategory(c, kOthers);
}

bool IsWordCharacter(char32_t c) {
  if (c < 0x80) return IsAsciiAlphanumeric(c) || c == '_';
  return HasCategory(c, kWord) || c == 0x200C || c == 0x200D || IsIn(kLetterSymbols, c);
}

bool IsCjk(char32_t c) {
  return c >= kCjk[0].first && IsIn(kCjk, c);
}

void AppendLowercase(char32_t c, std::string& out) {
  constexpr char32_t kCapitalIWithDot = 0x130;
  if (c < 0x80) {
    out.push_back(static_cast<char>(c >= 'A' && c <= 'Z' ? c + ('a' - 'A') : c));
  } else if (c == kCapitalIWithDot) {
    out.append("i\xCC\x87");  // the one character whose lower case is two: i and U+0307
  } else {
    AppendUtf8(static_cast<char32_t>(utf8proc_tolower(static_cast<utf8proc_int32_t>(c))), out);
  }
}

}  // namespace vivace::tokenizer
