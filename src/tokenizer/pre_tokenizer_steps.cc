#include "tokenizer/pre_tokenizer_steps.h"

#include "tokenizer/characters.h"

namespace vivace::tokenizer {
namespace {

void Push(std::size_t begin, std::size_t end, std::vector<ByteRange>& pieces) {
  if (begin < end) pieces.push_back({begin, end});
}

/// Turns matches, given in order, into pieces by the behaviour.
class MatchSplitter {
 public:
  MatchSplitter(std::size_t begin, SplitBehavior behavior, std::vector<ByteRange>& pieces)
      : done_(begin), behavior_(behavior), pieces_(pieces) {}

  void Add(std::size_t begin, std::size_t end) {
    const bool touches = begin == done_;
    switch (behavior_) {
      case SplitBehavior::kRemoved:
        Push(done_, begin, pieces_);
        break;
      case SplitBehavior::kIsolated:
        Push(done_, begin, pieces_);
        Push(begin, end, pieces_);
        break;
      case SplitBehavior::kContiguous:
        if (touches && after_match_) {
          pieces_.back().end = end;
        } else {
          Push(done_, begin, pieces_);
          Push(begin, end, pieces_);
        }
        break;
      case SplitBehavior::kMergedWithPrevious:
        Push(done_, end, pieces_);
        break;
      case SplitBehavior::kMergedWithNext:
        PushAfterMatch(begin);
        match_begin_ = begin;
        break;
    }
    after_match_ = true;
    done_ = end;
  }

  void Finish(std::size_t end) {
    if (behavior_ == SplitBehavior::kMergedWithNext) {
      PushAfterMatch(end);
    } else {
      Push(done_, end, pieces_);
    }
  }

 private:
  /// The text between two matches goes with the match before it.
  void PushAfterMatch(std::size_t end) { Push(after_match_ ? match_begin_ : done_, end, pieces_); }

  std::size_t done_;  // where the last match ends
  std::size_t match_begin_ = 0;
  bool after_match_ = false;
  SplitBehavior behavior_;
  std::vector<ByteRange>& pieces_;
};

/// Every character for which `is_match` holds is a match.
template <class IsMatch>
void SplitByCharacter(std::string_view text, std::size_t offset, SplitBehavior behavior,
                      const IsMatch& is_match, std::vector<ByteRange>& pieces) {
  MatchSplitter splitter(offset, behavior, pieces);
  for (std::size_t at = 0; at < text.size();) {
    const std::size_t begin = at;
    if (is_match(NextCharacter(text, at))) splitter.Add(offset + begin, offset + at);
  }
  splitter.Finish(offset + text.size());
}

/// Every occurrence of a literal is a match.
void SplitByLiteral(std::string_view text, std::size_t offset, SplitBehavior behavior,
                    std::string_view literal, std::vector<ByteRange>& pieces) {
  MatchSplitter splitter(offset, behavior, pieces);
  for (std::size_t at = 0; (at = text.find(literal, at)) != text.npos; at += literal.size()) {
    splitter.Add(offset + at, offset + at + literal.size());
  }
  splitter.Finish(offset + text.size());
}

/// Runs of characters of one class; class 0 is dropped, and a class in `alone` makes each character a piece.
template <class ClassOf>
void SplitByClass(std::string_view text, std::size_t offset, const ClassOf& class_of, int alone,
                  std::vector<ByteRange>& pieces) {
  std::size_t run = 0;
  int run_class = 0;
  for (std::size_t at = 0; at < text.size();) {
    const std::size_t begin = at;
    const int current = class_of(NextCharacter(text, at));
    if (current == run_class && current != alone) continue;
    if (run_class != 0) Push(offset + run, offset + begin, pieces);
    run = begin;
    run_class = current;
  }
  if (run_class != 0) Push(offset + run, offset + text.size(), pieces);
}

int BertClass(char32_t c) {
  if (IsWhiteSpace(c)) return 0;
  return IsPunctuation(c) ? 2 : 1;
}

int WhitespaceClass(char32_t c) {
  if (IsWhiteSpace(c)) return 0;
  return IsWordCharacter(c) ? 1 : 2;
}

void CutBeforeRuns(std::string_view text, std::size_t offset, std::string_view literal,
                   std::vector<ByteRange>& pieces) {
  std::size_t begin = 0, after = 0;
  for (std::size_t at = 0; (at = text.find(literal, at)) != text.npos; after = at += literal.size()) {
    if (at == after) continue;  // in a run, or the text begins with it
    Push(offset + begin, offset + at, pieces);
    begin = at;
  }
  Push(offset + begin, offset + text.size(), pieces);
}

void ApplyMetaspace(const PreTokenizerStep& step, std::string_view text, bool first, std::string& rewritten,
                    std::vector<ByteRange>& pieces) {
  const std::size_t base = rewritten.size();
  const bool wanted = step.prepend_scheme == PrependScheme::kAlways ||
                      (step.prepend_scheme == PrependScheme::kFirst && first);
  if (wanted && !text.starts_with(' ') && !text.starts_with(step.replacement)) rewritten += step.replacement;
  std::size_t copied = 0;
  for (std::size_t at; (at = text.find(' ', copied)) != text.npos; copied = at + 1) {
    rewritten.append(text.substr(copied, at - copied)).append(step.replacement);
  }
  rewritten.append(text.substr(copied));
  if (step.split) {
    SplitByLiteral(std::string_view(rewritten).substr(base), base, SplitBehavior::kMergedWithNext,
                   step.replacement, pieces);
  } else {
    Push(base, rewritten.size(), pieces);
  }
}

}  // namespace

Status CheckStep(const PreTokenizerStep& step) {
  if (step.kind == PreTokenizerKind::kUnicodeScripts) {
    return Unsupported("the pre-tokenizer \"UnicodeScripts\" is not supported");
  }
  const bool uses_replacement =
      step.kind == PreTokenizerKind::kMetaspace || step.kind == PreTokenizerKind::kMetaspaceRuns;
  if (uses_replacement && !IsOneCharacter(step.replacement)) {
    return DataLoss("a Metaspace's replacement \"" + step.replacement + "\" is not one character");
  }
  if (step.kind == PreTokenizerKind::kCharDelimiterSplit && !IsOneCharacter(step.delimiter)) {
    return DataLoss("a CharDelimiterSplit's delimiter \"" + step.delimiter + "\" is not one character");
  }
  return Status::Ok();
}

bool Rewrites(const PreTokenizerStep& step) {
  return step.kind == PreTokenizerKind::kMetaspace;
}

void ApplyStep(const PreTokenizerStep& step, std::string_view text, std::size_t offset, bool first,
               std::string& rewritten, std::vector<ByteRange>& pieces) {
  switch (step.kind) {
    case PreTokenizerKind::kMetaspace:
      return ApplyMetaspace(step, text, first, rewritten, pieces);
    case PreTokenizerKind::kMetaspaceRuns:
      return CutBeforeRuns(text, offset, step.replacement, pieces);
    case PreTokenizerKind::kBert:
      return SplitByClass(text, offset, BertClass, 2, pieces);
    case PreTokenizerKind::kWhitespace:
      return SplitByClass(text, offset, WhitespaceClass, -1, pieces);
    case PreTokenizerKind::kWhitespaceSplit:
      return SplitByCharacter(text, offset, SplitBehavior::kRemoved, IsWhiteSpace, pieces);
    case PreTokenizerKind::kPunctuation:
      return SplitByCharacter(text, offset, step.behavior, IsPunctuation, pieces);
    case PreTokenizerKind::kDigits:
      return SplitByCharacter(text, offset, step.behavior, IsNumeric, pieces);
    case PreTokenizerKind::kCharDelimiterSplit:
      return SplitByLiteral(text, offset, SplitBehavior::kRemoved, step.delimiter, pieces);
    case PreTokenizerKind::kUnicodeScripts:
      return Push(offset, offset + text.size(), pieces);  // CheckStep refuses it
  }
}

void SplitByMatches(std::size_t begin, std::size_t end, const std::vector<ByteRange>& matches,
                    SplitBehavior behavior, std::vector<ByteRange>& pieces) {
  MatchSplitter splitter(begin, behavior, pieces);
  for (const ByteRange& match : matches) splitter.Add(match.begin, match.end);
  splitter.Finish(end);
}

}  // namespace vivace::tokenizer
