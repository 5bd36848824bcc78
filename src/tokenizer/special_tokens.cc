#include "tokenizer/special_tokens.h"

#include <algorithm>
#include <utility>

#include "tokenizer/characters.h"
#include "tokenizer/utf8.h"

namespace vivace::tokenizer {
namespace {

/// The character at text[at], which may be broken; its end in `end`.
char32_t CharacterAt(std::string_view text, std::size_t at, std::size_t& end) {
  const Utf8Character character = FirstCharacter(text.substr(at));
  end = at + character.length;
  return character.kind == Utf8Kind::kWhole ? NextCharacter(text, at) : U'\uFFFD';
}

/// Where the character before `end` begins; the text before `end` must not be empty.
std::size_t LastCharacterBegin(std::string_view text, std::size_t end) {
  std::size_t at = end - 1;
  while (at > 0 && end - at < 4 && (static_cast<unsigned char>(text[at]) & 0xC0) == 0x80) --at;
  return at;
}

std::size_t SkipSpacesBack(std::string_view text, std::size_t from, std::size_t at) {
  while (at > from) {
    std::size_t end = 0;
    const std::size_t begin = LastCharacterBegin(text, at);
    if (begin < from || !IsWhiteSpace(CharacterAt(text, begin, end)) || end != at) break;
    at = begin;
  }
  return at;
}

std::size_t SkipSpaces(std::string_view text, std::size_t at) {
  for (std::size_t end = at; at < text.size() && IsWhiteSpace(CharacterAt(text, at, end)); at = end) {
  }
  return at;
}

bool TouchesWord(std::string_view text, std::size_t begin, std::size_t end) {
  std::size_t unused = 0;
  if (begin > 0 && IsWordCharacter(CharacterAt(text, LastCharacterBegin(text, begin), unused))) return true;
  return end < text.size() && IsWordCharacter(CharacterAt(text, end, unused));
}

}  // namespace

SpecialTokens::SpecialTokens(std::vector<SpecialToken> tokens) : tokens_(std::move(tokens)) {
  const auto before = [](const auto& a, const auto& b) { return a.text < b.text; };
  if (!std::is_sorted(tokens_.begin(), tokens_.end(), before))  // those of an image are
    std::stable_sort(tokens_.begin(), tokens_.end(), before);
  for (const SpecialToken& token : tokens_) begins_token_[static_cast<unsigned char>(token.text[0])] = true;
}

/// Narrows the sorted tokens byte by byte to those that begin with text[at, ...), and keeps the longest that
/// is whole.
const SpecialToken* SpecialTokens::LongestAt(std::string_view text, std::size_t at,
                                             std::size_t trusted_end) const {
  const SpecialToken* best = nullptr;
  auto low = tokens_.begin(), high = tokens_.end();
  for (std::size_t length = 0; at + length < text.size(); ++length) {
    const auto byte = static_cast<unsigned char>(text[at + length]);
    const auto byte_of = [length](const SpecialToken& token) {  // -1: the token ends here
      return token.text.size() > length ? static_cast<unsigned char>(token.text[length]) : -1;
    };
    low = std::partition_point(low, high, [&](const SpecialToken& token) { return byte_of(token) < byte; });
    high = std::partition_point(low, high, [&](const SpecialToken& token) { return byte_of(token) == byte; });
    if (low == high) break;
    if (high - low == 1) {  // the usual case: one token may still match, whole or not at all
      const std::size_t end = at + low->text.size();
      const bool matches =
          text.substr(at, low->text.size()) == low->text && (!low->control || end <= trusted_end);
      return matches ? &*low : best;
    }
    const bool whole = low->text.size() == length + 1;
    if (whole && (!low->control || at + length + 1 <= trusted_end)) best = &*low;
  }
  return best;
}

std::optional<SpecialTokens::Match> SpecialTokens::Find(std::string_view text, std::size_t from,
                                                        std::span<const ByteRange> trusted) const {
  if (tokens_.empty()) return std::nullopt;
  auto range = std::partition_point(trusted.begin(), trusted.end(),
                                    [from](const ByteRange& r) { return r.end <= from; });
  for (std::size_t at = from; at < text.size(); ++at) {
    if (!begins_token_[static_cast<unsigned char>(text[at])]) continue;
    while (range != trusted.end() && range->end <= at) ++range;
    const bool inside = range != trusted.end() && range->begin <= at;
    const SpecialToken* token = LongestAt(text, at, inside ? range->end : at);
    if (token == nullptr) continue;
    const std::size_t end = at + token->text.size();
    if (token->single_word && TouchesWord(text, at, end)) {
      at = end - 1;  // what it covers is text
      continue;
    }
    return Match{token->lstrip ? SkipSpacesBack(text, from, at) : at,
                 token->rstrip ? SkipSpaces(text, end) : end, token->id};
  }
  return std::nullopt;
}

}  // namespace vivace::tokenizer
