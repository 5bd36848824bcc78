#include "tokenizer/special_tokens.h"

#include <algorithm>
#include <utility>

namespace vivace::tokenizer {

SpecialTokens::SpecialTokens(std::vector<SpecialToken> tokens) : tokens_(std::move(tokens)) {
  std::sort(tokens_.begin(), tokens_.end(), [](const auto& a, const auto& b) { return a.text < b.text; });
  for (const SpecialToken& token : tokens_) begins_token_[static_cast<unsigned char>(token.text[0])] = true;
}

/// Narrows the sorted tokens byte by byte to those that begin with text[at, ...), and keeps the longest that
/// is whole.
std::optional<SpecialTokens::Match> SpecialTokens::LongestAt(std::string_view text, std::size_t at,
                                                             std::size_t trusted_end) const {
  std::optional<Match> best;
  auto low = tokens_.begin(), high = tokens_.end();
  for (std::size_t length = 0; at + length < text.size(); ++length) {
    const auto byte = static_cast<unsigned char>(text[at + length]);
    const auto byte_of = [length](const SpecialToken& token) {  // -1: the token ends here
      return token.text.size() > length ? static_cast<unsigned char>(token.text[length]) : -1;
    };
    low = std::partition_point(low, high, [&](const SpecialToken& token) { return byte_of(token) < byte; });
    high = std::partition_point(low, high, [&](const SpecialToken& token) { return byte_of(token) == byte; });
    if (low == high) break;
    const std::size_t end = at + length + 1;
    const bool whole = low->text.size() == length + 1;
    if (whole && (!low->control || end <= trusted_end)) best = Match{at, end, low->id};
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
    if (auto match = LongestAt(text, at, inside ? range->end : at)) return match;
  }
  return std::nullopt;
}

}  // namespace vivace::tokenizer
