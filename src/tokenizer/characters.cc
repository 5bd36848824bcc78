#include "tokenizer/characters.h"

#include <utf8proc.h>

#include <algorithm>
#include <iterator>

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

// Punctuation, nonspacing marks and format characters that came after Unicode 8. Hugging Face tokenizers
// classes text by tables of that age, and vocabularies are made with it, so these count as none of the three.
constexpr CharacterRange kAfterUnicode8[] = {
    {0x61D, 0x61D},     {0x7FD, 0x7FD},     {0x890, 0x891},     {0x898, 0x89F},     {0x8CA, 0x8E2},
    {0x9FD, 0x9FE},     {0xA76, 0xA76},     {0xAFA, 0xAFF},     {0xB55, 0xB55},     {0xC04, 0xC04},
    {0xC3C, 0xC3C},     {0xC77, 0xC77},     {0xC84, 0xC84},     {0xD00, 0xD00},     {0xD3B, 0xD3C},
    {0xD81, 0xD81},     {0xEBA, 0xEBA},     {0xECE, 0xECE},     {0x180F, 0x180F},   {0x1885, 0x1886},
    {0x1ABF, 0x1ACE},   {0x1B7D, 0x1B7E},   {0x1DF6, 0x1DFB},   {0x2E43, 0x2E4F},   {0x2E52, 0x2E5D},
    {0xA82C, 0xA82C},   {0xA8C5, 0xA8C5},   {0xA8FF, 0xA8FF},   {0xA9BD, 0xA9BD},   {0x10D24, 0x10D27},
    {0x10EAB, 0x10EAD}, {0x10EFD, 0x10EFF}, {0x10F46, 0x10F50}, {0x10F55, 0x10F59}, {0x10F82, 0x10F89},
    {0x11070, 0x11070}, {0x11073, 0x11074}, {0x110C2, 0x110C2}, {0x110CD, 0x110CD}, {0x111C9, 0x111C9},
    {0x111CF, 0x111CF}, {0x1123E, 0x1123E}, {0x11241, 0x11241}, {0x1133B, 0x1133B}, {0x11438, 0x1143F},
    {0x11442, 0x11444}, {0x11446, 0x11446}, {0x1144B, 0x1144F}, {0x1145A, 0x1145B}, {0x1145D, 0x1145E},
    {0x11660, 0x1166C}, {0x116B9, 0x116B9}, {0x1182F, 0x11837}, {0x11839, 0x1183B}, {0x1193B, 0x1193C},
    {0x1193E, 0x1193E}, {0x11943, 0x11946}, {0x119D4, 0x119D7}, {0x119DA, 0x119DB}, {0x119E0, 0x119E0},
    {0x119E2, 0x119E2}, {0x11A01, 0x11A0A}, {0x11A33, 0x11A38}, {0x11A3B, 0x11A47}, {0x11A51, 0x11A56},
    {0x11A59, 0x11A5B}, {0x11A8A, 0x11A96}, {0x11A98, 0x11A9C}, {0x11A9E, 0x11AA2}, {0x11B00, 0x11B09},
    {0x11C30, 0x11C36}, {0x11C38, 0x11C3D}, {0x11C3F, 0x11C3F}, {0x11C41, 0x11C45}, {0x11C70, 0x11C71},
    {0x11C92, 0x11CA7}, {0x11CAA, 0x11CB0}, {0x11CB2, 0x11CB3}, {0x11CB5, 0x11CB6}, {0x11D31, 0x11D36},
    {0x11D3A, 0x11D3A}, {0x11D3C, 0x11D3D}, {0x11D3F, 0x11D45}, {0x11D47, 0x11D47}, {0x11D90, 0x11D91},
    {0x11D95, 0x11D95}, {0x11D97, 0x11D97}, {0x11EF3, 0x11EF4}, {0x11EF7, 0x11EF8}, {0x11F00, 0x11F01},
    {0x11F36, 0x11F3A}, {0x11F40, 0x11F40}, {0x11F42, 0x11F4F}, {0x11FFF, 0x11FFF}, {0x12FF1, 0x12FF2},
    {0x13430, 0x13440}, {0x13447, 0x13455}, {0x16E97, 0x16E9A}, {0x16F4F, 0x16F4F}, {0x16FE2, 0x16FE2},
    {0x16FE4, 0x16FE4}, {0x1CF00, 0x1CF2D}, {0x1CF30, 0x1CF46}, {0x1E000, 0x1E006}, {0x1E008, 0x1E018},
    {0x1E01B, 0x1E021}, {0x1E023, 0x1E024}, {0x1E026, 0x1E02A}, {0x1E08F, 0x1E08F}, {0x1E130, 0x1E136},
    {0x1E2AE, 0x1E2AE}, {0x1E2EC, 0x1E2EF}, {0x1E4EC, 0x1E4EF}, {0x1E944, 0x1E94A}, {0x1E95E, 0x1E95F},
};

bool IsAfterUnicode8(char32_t c) {
  constexpr CharacterRange kNone = {0x2E5E, 0xA82B};  // Chinese, Japanese and much else
  if (c < kAfterUnicode8[0].first || (c >= kNone.first && c <= kNone.last)) return false;
  const auto* range =
      std::lower_bound(std::begin(kAfterUnicode8), std::end(kAfterUnicode8), c,
                       [](const CharacterRange& a, char32_t value) { return a.last < value; });
  return range != std::end(kAfterUnicode8) && c >= range->first;
}

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
  if (c == 0x166D || c == 0x111C9) return true;  // were punctuation then
  return HasCategory(c, kPunctuation) && !IsAfterUnicode8(c);
}

bool IsNumeric(char32_t c) {
  if (c < 0x80) return c >= '0' && c <= '9';
  return HasCategory(c, kNumbers);
}

bool IsMark(char32_t c) {
  return c >= 0x300 && HasCategory(c, kMarks);
}

bool IsNonspacingMark(char32_t c) {
  if (c < 0x300) return false;
  return c == 0x1734 || (Category(c) == UTF8PROC_CATEGORY_MN && !IsAfterUnicode8(c));
}

bool IsOtherCategory(char32_t c) {
  return HasCategory(c, kOthers) && !IsAfterUnicode8(c);
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
