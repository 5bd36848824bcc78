#include "chat/casing.h"

#include <utf8proc.h>

#include <algorithm>
#include <string>
#include <vector>

#include "chat/casing_table.h"
#include "chat/unicode.h"

namespace vivace::chat {
namespace {

constexpr std::uint32_t kCapitalSigma = 0x3A3, kSigma = 0x3C3, kFinalSigma = 0x3C2;
constexpr std::uint32_t kCapitalIWithDot = 0x130;

struct Range {
  std::uint32_t first, last;
};
/// Other_Lowercase and Other_Uppercase of Unicode's PropList.txt: cased, though no letters of either case.
constexpr Range kOtherCased[] = {
    {0xAA, 0xAA},       {0xBA, 0xBA},       {0x2B0, 0x2B8},     {0x2C0, 0x2C1},     {0x2E0, 0x2E4},
    {0x345, 0x345},     {0x37A, 0x37A},     {0x1D2C, 0x1D6A},   {0x1D78, 0x1D78},   {0x1D9B, 0x1DBF},
    {0x2071, 0x2071},   {0x207F, 0x207F},   {0x2090, 0x209C},   {0x2160, 0x217F},   {0x24B6, 0x24E9},
    {0x2C7C, 0x2C7D},   {0xA69C, 0xA69D},   {0xA770, 0xA770},   {0xA7F8, 0xA7F9},   {0xAB5C, 0xAB5F},
    {0x10780, 0x10780}, {0x10783, 0x10785}, {0x10787, 0x107B0}, {0x107B2, 0x107BA}, {0x1F130, 0x1F149},
    {0x1F150, 0x1F169}, {0x1F170, 0x1F189}};
/// Word_Break MidLetter, MidNumLet and Single_Quote: they do not end a word for the final sigma.
constexpr std::uint32_t kInsideWords[] = {0x27,   0x2E,   0x3A,   0xB7,   0x387,  0x55F,
                                          0x5F4,  0x2018, 0x2019, 0x2024, 0x2027, 0xFE13,
                                          0xFE52, 0xFE55, 0xFF07, 0xFF0E, 0xFF1A};

utf8proc_category_t Category(std::uint32_t code) {
  return code == kNoCharacter ? UTF8PROC_CATEGORY_CN : utf8proc_category(static_cast<utf8proc_int32_t>(code));
}

bool IsCased(std::uint32_t code) {
  const utf8proc_category_t category = Category(code);
  if (category == UTF8PROC_CATEGORY_LU || category == UTF8PROC_CATEGORY_LL ||
      category == UTF8PROC_CATEGORY_LT) {
    return true;
  }
  return std::any_of(std::begin(kOtherCased), std::end(kOtherCased),
                     [code](const Range& range) { return code >= range.first && code <= range.last; });
}

bool IsCaseIgnorable(std::uint32_t code) {
  const utf8proc_category_t category = Category(code);
  return category == UTF8PROC_CATEGORY_MN || category == UTF8PROC_CATEGORY_ME ||
         category == UTF8PROC_CATEGORY_CF || category == UTF8PROC_CATEGORY_LM ||
         category == UTF8PROC_CATEGORY_SK ||
         std::find(std::begin(kInsideWords), std::end(kInsideWords), code) != std::end(kInsideWords);
}

bool BeginsWord(std::uint32_t before) {
  return IsSpace(before) || before == '-' || before == '(' || before == '{' || before == '[' || before == '<';
}

/// The characters [first, last) are seen when it is decided whether a sigma ends a word.
struct Context {
  std::size_t first, last;
};

class Changer {
 public:
  explicit Changer(const Text& text) {
    for (const Piece& piece : text.pieces()) {
      for (std::size_t at = 0; at < piece.text.size();) {
        const Character character = FirstCharacter(std::string_view(piece.text).substr(at));
        codes_.push_back(character.code);
        at += character.bytes;
      }
    }
  }

  void Append(std::size_t i, Case style, const Context& context, std::string_view bytes,
              std::string& out) const {
    const std::uint32_t code = codes_[i];
    if (code == kNoCharacter) {
      out += bytes;
    } else if (style == Case::kLower) {
      AppendLower(i, context, out);
    } else {
      AppendUpper(code, style, out);
    }
  }
  const std::vector<std::uint32_t>& codes() const { return codes_; }

 private:
  void AppendUpper(std::uint32_t code, Case style, std::string& out) const {
    const auto row =
        std::lower_bound(std::begin(kLongCases), std::end(kLongCases), code,
                         [](const LongCase& r, std::uint32_t wanted) { return r.code < wanted; });
    const bool is_title = style == Case::kTitle;
    if (row != std::end(kLongCases) && row->code == code) {
      out += is_title ? row->title : row->upper;
      return;
    }
    const auto signed_code = static_cast<utf8proc_int32_t>(code);
    AppendUtf8(
        static_cast<std::uint32_t>(is_title ? utf8proc_totitle(signed_code) : utf8proc_toupper(signed_code)),
        out);
  }

  void AppendLower(std::size_t i, const Context& context, std::string& out) const {
    const std::uint32_t code = codes_[i];
    if (code == kCapitalSigma) {
      AppendUtf8(EndsWord(i, context) ? kFinalSigma : kSigma, out);
    } else if (code == kCapitalIWithDot) {
      out += "i\xCC\x87";
    } else {
      AppendUtf8(static_cast<std::uint32_t>(utf8proc_tolower(static_cast<utf8proc_int32_t>(code))), out);
    }
  }

  bool EndsWord(std::size_t i, const Context& context) const {
    std::size_t before = i;
    while (before > context.first && IsCaseIgnorable(codes_[before - 1])) --before;
    if (before == context.first || !IsCased(codes_[before - 1])) return false;
    std::size_t after = i + 1;
    while (after < context.last && IsCaseIgnorable(codes_[after])) ++after;
    return after >= context.last || !IsCased(codes_[after]);
  }

  std::vector<std::uint32_t> codes_;
};

/// Whether a character becomes large, small, and in what context.
class Styler {
 public:
  Styler(const std::vector<std::uint32_t>& codes, Case style) : codes_(codes), style_(style) {}

  Case At(std::size_t i, Context& context) {
    context = {0, codes_.size()};
    switch (style_) {
      case Case::kTitle: {
        const Case chosen = after_cased_ ? Case::kLower : Case::kTitle;
        after_cased_ = IsCased(codes_[i]);
        return chosen;
      }
      case Case::kCapitalize:
        return i == 0 ? Case::kTitle : Case::kLower;
      case Case::kWords: {
        const bool begins = i == 0 || BeginsWord(codes_[i - 1]) != BeginsWord(codes_[i]);
        if (begins) FindWord(i);
        context = word_;
        return begins ? Case::kUpper : Case::kLower;
      }
      default:
        return style_;
    }
  }

 private:
  /// The rest of the word that begins at i, which is lowered without its first character.
  void FindWord(std::size_t i) {
    std::size_t end = i + 1;
    while (end < codes_.size() && BeginsWord(codes_[end]) == BeginsWord(codes_[i])) ++end;
    word_ = {i + 1, end};
  }

  const std::vector<std::uint32_t>& codes_;
  Case style_;
  bool after_cased_ = false;
  Context word_{0, 0};
};

}  // namespace

Text ChangeCase(const Text& text, Case style) {
  const Changer changer(text);
  Styler styler(changer.codes(), style);
  Text out;
  std::size_t i = 0;
  const auto codes = changer.codes().size();
  for (const Piece& piece : text.pieces()) {
    std::string changed;
    for (std::size_t at = 0; at < piece.text.size(); ++i) {
      const std::string_view rest = std::string_view(piece.text).substr(at);
      const std::size_t bytes = FirstCharacter(rest).bytes;
      Context context{0, codes};
      const Case chosen = styler.At(i, context);
      changer.Append(i, chosen, context, rest.substr(0, bytes), changed);
      at += bytes;
    }
    out.Append(changed, piece.from_template);
  }
  return out;
}

}  // namespace vivace::chat
