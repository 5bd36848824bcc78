// One class a kind of step; a step reads one text and writes the next.
// Thread safety and ownership: see normalizer.h.
#include "tokenizer/normalizer.h"

#include <utf8proc.h>

#include <array>
#include <utility>

#include "base/status_macros.h"
#include "tokenizer/byte_alphabet.h"
#include "tokenizer/characters.h"
#include "tokenizer/precompiled_charsmap.h"
#include "tokenizer/regex.h"
#include "tokenizer/unicode_forms.h"
#include "tokenizer/utf8.h"

namespace vivace::tokenizer {

/// Appends the rewritten text to `out`, which is empty before.
class NormalizerRule {
 public:
  virtual ~NormalizerRule() = default;
  virtual Status Apply(std::string_view in, std::string& out) const = 0;
};

namespace {

// What a text may grow to: Unicode's worst is eleven times, Replace has no bound of its own.
constexpr std::size_t kMaxGrowth = 64, kGrowthAllowance = 1 << 16;

Status CheckGrowth(std::size_t in, std::size_t out) {
  if (out <= kGrowthAllowance || (out - kGrowthAllowance) / kMaxGrowth <= in) return Status::Ok();
  return ResourceExhausted("the tokenizer's normalizer makes more than " + std::to_string(kMaxGrowth) +
                           " times its text of " + std::to_string(in) + " bytes");
}

struct FormStep {
  UnicodeNormalizer normalizer;
  Status operator()(std::string_view in, std::string& out) const {
    out.reserve(in.size());
    normalizer.Apply(in, out);
    return Status::Ok();
  }
};

Status Lowercase(std::string_view in, std::string& out) {
  out.reserve(in.size());
  for (std::size_t at = 0; at < in.size();) AppendLowercase(NextCharacter(in, at), out);
  return Status::Ok();
}

/// Drops the characters for which `drop` holds; copies stretches, not characters.
template <class Drop>
Status Filter(std::string_view in, std::string& out, const Drop& drop) {
  std::size_t copied = 0;
  for (std::size_t at = 0; at < in.size();) {
    const std::size_t begin = at;
    if (!drop(NextCharacter(in, at))) continue;
    out.append(in.substr(copied, begin - copied));
    copied = at;
  }
  out.append(in.substr(copied));
  return Status::Ok();
}

struct StripStep {
  bool left, right;
  Status operator()(std::string_view in, std::string& out) const {
    std::size_t begin = 0, end = in.size();
    for (std::size_t at = 0; left && at < in.size(); begin = at) {
      if (!IsWhiteSpace(NextCharacter(in, at))) break;
    }
    while (right && end > begin) {
      std::size_t at = end - 1;
      while (at > begin && (static_cast<unsigned char>(in[at]) & 0xC0) == 0x80) --at;
      std::size_t next = at;
      if (!IsWhiteSpace(NextCharacter(in, next))) break;
      end = at;
    }
    out.assign(in.substr(begin, end - begin));
    return Status::Ok();
  }
};

struct ReplaceStep {
  std::string pattern, content;
  Status operator()(std::string_view in, std::string& out) const {
    out.reserve(in.size() + in.size() / 4);
    std::size_t copied = 0;
    for (std::size_t at; (at = in.find(pattern, copied)) != in.npos; copied = at + pattern.size()) {
      out.append(in.substr(copied, at - copied)).append(content);
      VIVACE_RETURN_IF_ERROR(CheckGrowth(in.size(), out.size()));
    }
    out.append(in.substr(copied));
    return Status::Ok();
  }
};

struct ReplaceRegexStep {
  Regex regex;
  std::string content;
  Status operator()(std::string_view in, std::string& out) const {
    Regex::Matcher matcher(regex);
    std::size_t copied = 0;
    for (ByteRange match{}; copied < in.size(); copied = match.end) {
      VIVACE_ASSIGN_OR_RETURN(const bool found, matcher.Find(in, copied, match));
      if (!found) break;
      out.append(in.substr(copied, match.begin - copied)).append(content);
      VIVACE_RETURN_IF_ERROR(CheckGrowth(in.size(), out.size()));
    }
    out.append(in.substr(copied));
    return Status::Ok();
  }
};

/// SentencePiece's charsmap as Hugging Face tokenizers applies it: a grapheme of less than six bytes is
/// looked up whole, and what is not found is looked up character by character.
class PrecompiledStep {
 public:
  explicit PrecompiledStep(PrecompiledCharsmap charsmap) : charsmap_(std::move(charsmap)) {
    for (std::size_t c = 0; c < kAscii; ++c) {
      const char text = static_cast<char>(c);
      const auto found = charsmap_.Find({&text, 1});
      ascii_[c] = found ? std::string(*found) : std::string(1, text);
      keeps_ascii_[c] = ascii_[c] == std::string_view(&text, 1);
    }
  }

  Status operator()(std::string_view in, std::string& out) const {
    out.reserve(in.size());
    utf8proc_int32_t state = 0;
    for (std::size_t at = 0; at < in.size();) {
      const auto c = static_cast<unsigned char>(in[at]);
      const auto next = static_cast<unsigned char>(at + 1 < in.size() ? in[at + 1] : 0);
      if (c < kAscii && next < kAscii && c != '\r') {  // a grapheme of one letter
        if (keeps_ascii_[c]) {
          out.push_back(in[at]);
        } else {
          out.append(ascii_[c]);
        }
        ++at;
        state = 0;
        continue;
      }
      const std::size_t end = GraphemeEnd(in, at, state);
      AppendGrapheme(in.substr(at, end - at), out);
      at = end;
    }
    return Status::Ok();
  }

 private:
  static constexpr std::size_t kAscii = 0x80;
  static constexpr std::size_t kLongestGrapheme = 5;  // bytes of one that is looked up whole

  static std::size_t GraphemeEnd(std::string_view in, std::size_t at, utf8proc_int32_t& state) {
    auto before = static_cast<utf8proc_int32_t>(NextCharacter(in, at));
    while (at < in.size()) {
      std::size_t next = at;
      const auto after = static_cast<utf8proc_int32_t>(NextCharacter(in, next));
      if (utf8proc_grapheme_break_stateful(before, after, &state)) break;
      before = after;
      at = next;
    }
    return at;
  }

  void AppendGrapheme(std::string_view grapheme, std::string& out) const {
    if (grapheme.size() <= kLongestGrapheme) {
      if (const auto found = charsmap_.Find(grapheme)) {
        out.append(*found);
        return;
      }
    }
    for (std::size_t at = 0; at < grapheme.size();) {
      const std::string_view character = grapheme.substr(at, CharacterBytes(grapheme[at]));
      out.append(charsmap_.Find(character).value_or(character));
      at += character.size();
    }
  }

  PrecompiledCharsmap charsmap_;
  std::array<std::string, kAscii> ascii_;
  std::array<bool, kAscii> keeps_ascii_{};
};

/// BERT's cleaning: each part by its flag, in one order.
class BertStep {
 public:
  explicit BertStep(const NormalizerStep& step)
      : clean_(step.clean_text),
        cjk_(step.space_out_cjk),
        lowercase_(step.lowercase),
        accents_(step.strip_accents.value_or(step.lowercase)) {
    if (accents_) nfd_.emplace(UnicodeForm::kNfd);
  }

  Status operator()(std::string_view in, std::string& out) const {
    std::string buffer;
    CleanAndSpace(in, accents_ || lowercase_ ? buffer : out);
    if (accents_) {
      std::string decomposed;
      decomposed.reserve(buffer.size());
      nfd_->Apply(buffer, decomposed);
      std::string& target = lowercase_ ? buffer : out;
      target.clear();
      VIVACE_RETURN_IF_ERROR(Filter(decomposed, target, IsNonspacingMark));
    }
    return lowercase_ ? Lowercase(buffer, out) : Status::Ok();
  }

 private:
  void CleanAndSpace(std::string_view in, std::string& out) const {
    out.reserve(in.size());
    for (std::size_t at = 0; at < in.size();) {
      const std::size_t begin = at;
      const char32_t c = NextCharacter(in, at);
      if (c >= 0x20 && c < 0x7F) {
        out.push_back(static_cast<char>(c));
        continue;
      }
      const bool line_space =
          c == '\t' || c == '\n' || c == '\r';  // the control characters that stay, as spaces
      if (clean_ && !line_space && (c == 0 || c == 0xFFFD || IsOtherCategory(c))) continue;
      if (clean_ && IsWhiteSpace(c)) {
        out.push_back(' ');
      } else if (cjk_ && IsCjk(c)) {
        out.append(" ").append(in.substr(begin, at - begin)).append(" ");
      } else {
        out.append(in.substr(begin, at - begin));
      }
    }
  }

  bool clean_, cjk_, lowercase_, accents_;
  std::optional<UnicodeNormalizer> nfd_;
};

Status ApplyNmt(std::string_view in, std::string& out) {
  out.reserve(in.size());
  for (std::size_t at = 0; at < in.size();) {
    const char32_t c = NextCharacter(in, at);
    const bool control = (c >= 0x01 && c <= 0x08) || c == 0x0B || (c >= 0x0E && c <= 0x1F) || c == 0x7F ||
                         c == 0x8F || c == 0x9F;
    if (control) continue;
    const bool space = c == '\t' || c == '\n' || c == '\f' || c == '\r' || c == 0x1680 ||
                       (c >= 0x200B && c <= 0x200F) || c == 0x2028 || c == 0x2029 || c == 0x2581 ||
                       c == 0xFEFF || c == 0xFFFD;
    AppendUtf8(space ? U' ' : c, out);
  }
  return Status::Ok();
}

class ByteLevelStep {
 public:
  ByteLevelStep() {
    for (unsigned byte = 0; byte < 256; ++byte)
      characters_[byte] = ByteCharacter(static_cast<unsigned char>(byte));
  }
  Status operator()(std::string_view in, std::string& out) const {
    out.reserve(in.size() * 2);
    for (const char c : in) out.append(characters_[static_cast<unsigned char>(c)]);
    return Status::Ok();
  }

 private:
  std::array<std::string, 256> characters_;
};

Status CheckText(const char* what, std::string_view text) {
  if (const std::size_t good = WellFormedPrefix(text); good < text.size()) {
    return DataLoss(std::string("a normalizer's ") + what + " is not UTF-8 at byte " + std::to_string(good));
  }
  return Status::Ok();
}

template <class Change>
class RuleOf : public NormalizerRule {
 public:
  explicit RuleOf(Change change) : change_(std::move(change)) {}
  Status Apply(std::string_view in, std::string& out) const override { return change_(in, out); }

 private:
  Change change_;
};

using Rule = std::unique_ptr<NormalizerRule>;

template <class Change>
Rule MakeRule(Change change) {
  return std::make_unique<RuleOf<Change>>(std::move(change));
}

Result<Rule> MakeReplace(NormalizerStep step) {
  VIVACE_RETURN_IF_ERROR(CheckText("pattern", step.pattern));
  VIVACE_RETURN_IF_ERROR(CheckText("content", step.content));
  if (step.pattern.empty()) return DataLoss("a normalizer of type Replace has an empty pattern");
  if (!step.pattern_is_regex) return MakeRule(ReplaceStep{std::move(step.pattern), std::move(step.content)});
  VIVACE_ASSIGN_OR_RETURN(Regex regex, Regex::Compile(step.pattern));
  return MakeRule(ReplaceRegexStep{std::move(regex), std::move(step.content)});
}

Result<Rule> MakePrepend(NormalizerStep step) {
  VIVACE_RETURN_IF_ERROR(CheckText("content", step.content));
  return MakeRule([content = std::move(step.content)](std::string_view in, std::string& out) {
    if (!in.empty()) out.append(content).append(in);
    return Status::Ok();
  });
}

Result<Rule> Make(NormalizerStep step) {
  switch (step.kind) {
    case NormalizerKind::kNfc:
      return MakeRule(FormStep{UnicodeNormalizer(UnicodeForm::kNfc)});
    case NormalizerKind::kNfd:
      return MakeRule(FormStep{UnicodeNormalizer(UnicodeForm::kNfd)});
    case NormalizerKind::kNfkc:
      return MakeRule(FormStep{UnicodeNormalizer(UnicodeForm::kNfkc)});
    case NormalizerKind::kNfkd:
      return MakeRule(FormStep{UnicodeNormalizer(UnicodeForm::kNfkd)});
    case NormalizerKind::kLowercase:
      return MakeRule(Lowercase);
    case NormalizerKind::kStripAccents:
      return MakeRule([](std::string_view in, std::string& out) { return Filter(in, out, IsMark); });
    case NormalizerKind::kStrip:
      return MakeRule(StripStep{step.strip_left, step.strip_right});
    case NormalizerKind::kPrepend:
      return MakePrepend(std::move(step));
    case NormalizerKind::kReplace:
      return MakeReplace(std::move(step));
    case NormalizerKind::kPrecompiled: {
      VIVACE_ASSIGN_OR_RETURN(PrecompiledCharsmap charsmap, PrecompiledCharsmap::Create(step.charsmap));
      return MakeRule(PrecompiledStep(std::move(charsmap)));
    }
    case NormalizerKind::kBert:
      return MakeRule(BertStep(step));
    case NormalizerKind::kByteLevel:
      return MakeRule(ByteLevelStep());
    case NormalizerKind::kNmt:
      return MakeRule(ApplyNmt);
  }
  return Internal("a normalizer of an unknown kind");
}

}  // namespace

Normalizer::Normalizer() = default;
Normalizer::Normalizer(Normalizer&&) noexcept = default;
Normalizer& Normalizer::operator=(Normalizer&&) noexcept = default;
Normalizer::~Normalizer() = default;

Result<Normalizer> Normalizer::Create(std::vector<NormalizerStep> steps) {
  Normalizer normalizer;
  for (NormalizerStep& step : steps) {
    VIVACE_ASSIGN_OR_RETURN(Rule rule, Make(std::move(step)));
    normalizer.rules_.push_back(std::move(rule));
  }
  return normalizer;
}

Status Normalizer::Apply(std::string_view in, std::string& out) const {
  out.clear();
  if (rules_.empty()) {
    out.assign(in);
    return Status::Ok();
  }
  std::string before;
  for (const Rule& rule : rules_) {
    const bool first = &rule == &rules_.front();
    if (!first) {
      before.swap(out);
      out.clear();
    }
    VIVACE_RETURN_IF_ERROR(rule->Apply(first ? in : std::string_view(before), out));
    VIVACE_RETURN_IF_ERROR(CheckGrowth(in.size(), out.size()));
  }
  return Status::Ok();
}

}  // namespace vivace::tokenizer
