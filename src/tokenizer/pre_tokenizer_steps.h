// Pre-tokenizer steps by character class, beside the regular expressions of pre_tokenizer.h: those of
// tokenizer.json that are no expression. Thread safety: functions without state. Ownership: none.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "tokenizer/special_tokens.h"
#include "vivace/status.h"

namespace vivace::tokenizer {

enum class PreTokenizerKind {
  kMetaspace,           // spaces become `replacement`; rewrites the text
  kMetaspaceRuns,       // cuts before each run of `replacement`; see TokenModel::CutsAtMetaspace
  kBert,                // white space away, each punctuation character a piece
  kWhitespace,          // runs of word characters and runs of others; white space away
  kWhitespaceSplit,     // runs without white space
  kPunctuation,         // cut at punctuation, by `behavior`
  kDigits,              // cut at numbers: each one alone, or runs with kContiguous behaviour
  kCharDelimiterSplit,  // cut at `delimiter`, which goes away
  kUnicodeScripts,      // refused by CheckStep
};

/// What happens to the characters that a split finds.
enum class SplitBehavior { kRemoved, kIsolated, kMergedWithPrevious, kMergedWithNext, kContiguous };

enum class PrependScheme { kAlways, kFirst, kNever };

struct PreTokenizerStep {
  PreTokenizerKind kind{};
  std::string replacement = "\xE2\x96\x81";               // kMetaspace*, one character: U+2581
  PrependScheme prepend_scheme = PrependScheme::kAlways;  // kMetaspace
  bool split = true;                                      // kMetaspace
  SplitBehavior behavior = SplitBehavior::kIsolated;      // kPunctuation, kDigits
  std::string delimiter{};                                // kCharDelimiterSplit, one character
};

/// Errors: kDataLoss for a replacement or delimiter that is not one character.
Status CheckStep(const PreTokenizerStep& step);

/// True when the step makes a new text instead of cutting the old one (kMetaspace).
bool Rewrites(const PreTokenizerStep& step);

/// Cuts one piece of text, well-formed UTF-8. `first`: it begins where the whole input began (for
/// PrependScheme::kFirst). Appends to `pieces` ranges that are not empty, in order. Of a step that Rewrites:
/// the new text is appended to `rewritten` and the ranges are of `rewritten`; of any other: the ranges are of
/// `text`, plus `offset`.
void ApplyStep(const PreTokenizerStep& step, std::string_view text, std::size_t offset, bool first,
               std::string& rewritten, std::vector<ByteRange>& pieces);

/// The cutting rule that the kinds share, for other finders of matches: appends the pieces of [begin, end) of
/// a text by `behavior`. `matches` are in order and do not overlap.
void SplitByMatches(std::size_t begin, std::size_t end, const std::vector<ByteRange>& matches,
                    SplitBehavior behavior, std::vector<ByteRange>& pieces);

}  // namespace vivace::tokenizer
