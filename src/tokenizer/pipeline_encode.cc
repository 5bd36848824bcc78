// One call of Encode. Added tokens cut the text into segments; a segment is normalised, cut again at tokens
// that count in normalised text, and goes word by word through the model.
#include <utility>

#include "base/status_macros.h"
#include "tokenizer/pipeline.h"
#include "tokenizer/utf8.h"
#include "tokenizer/word_cache.h"

namespace vivace::tokenizer {

/// Output and scratch memory of one call.
class Pipeline::Call {
 public:
  /// `trusted`: control tokens count in the normalised text too.
  Call(const Pipeline& pipeline, std::size_t text_bytes, bool trusted)
      : pipeline_(pipeline), trusted_(trusted), bpe_(pipeline.tables_), cache_(text_bytes) {
    ids.reserve(text_bytes / 3 + 4);
  }

  /// Appends the tokens of a segment without raw tokens; `first`: the text begins with it. Bytes that are not
  /// UTF-8 are words of their own where bytes are tokens, and one U+FFFD a broken character elsewhere.
  Status Append(std::string_view segment, bool first) {
    const std::size_t whole = WellFormedPrefix(segment);
    if (whole == segment.size()) return AppendWellFormed(segment, first, true);
    if (pipeline_.model_ != nullptr) {
      Replace(segment);
      return AppendWellFormed(replaced_, first, false);
    }
    while (!segment.empty()) {
      const std::size_t length = WellFormedPrefix(segment);
      VIVACE_RETURN_IF_ERROR(AppendWellFormed(segment.substr(0, length), first, true));
      segment.remove_prefix(length);
      if (segment.empty()) break;
      const std::size_t broken = FirstCharacter(segment).length;
      bpe_.Encode(segment.substr(0, broken), ids);
      segment.remove_prefix(broken);
      first = false;
    }
    return Status::Ok();
  }

  std::vector<std::int32_t> ids;

 private:
  void Replace(std::string_view segment) {
    replaced_.clear();
    while (!segment.empty()) {
      const std::size_t length = WellFormedPrefix(segment);
      replaced_.append(segment.substr(0, length));
      segment.remove_prefix(length);
      if (segment.empty()) break;
      replaced_.append("\uFFFD");
      segment.remove_prefix(FirstCharacter(segment).length);
    }
  }

  /// `stays`: the text outlives the call's cache.
  Status AppendWellFormed(std::string_view text, bool first, bool stays) {
    if (text.empty()) return Status::Ok();
    if (pipeline_.normalizer_.empty()) return AppendWords(text, first, stays);
    VIVACE_RETURN_IF_ERROR(pipeline_.normalizer_.Apply(text, normalized_));
    const ByteRange all = {0, normalized_.size()};
    const std::span<const ByteRange> trusted(&all, trusted_ ? 1 : 0);
    std::size_t at = 0;
    while (at < normalized_.size()) {
      const auto match = pipeline_.normalized_tokens_.Find(normalized_, at, trusted);
      const std::size_t end = match ? match->begin : normalized_.size();
      VIVACE_RETURN_IF_ERROR(
          AppendWords(std::string_view(normalized_).substr(at, end - at), first && at == 0, false));
      if (!match) break;
      ids.push_back(match->id);
      at = match->end;
    }
    return Status::Ok();
  }

  Status AppendWords(std::string_view text, bool first, bool stays) {
    VIVACE_RETURN_IF_ERROR(pipeline_.pre_tokenizer_.Split(text, first, words_));
    stays = stays && !words_.rewritten;
    for (const ByteRange& range : words_.words) {
      const std::string_view word = words_.text.substr(range.begin, range.end - range.begin);
      if (cache_.AppendKnown(word, ids)) continue;
      const std::size_t begin = ids.size();
      if (pipeline_.model_ != nullptr) {
        VIVACE_RETURN_IF_ERROR(pipeline_.model_->Encode(word, ids));
      } else {
        bpe_.Encode(word, ids);
      }
      cache_.Remember(word, begin, ids.size(), stays);
    }
    return Status::Ok();
  }

  const Pipeline& pipeline_;
  const bool trusted_;
  BpeEncoder bpe_;
  WordCache cache_;
  WordList words_;
  std::string replaced_, normalized_;
};

Result<std::vector<std::int32_t>> Pipeline::Encode(std::string_view text,
                                                   std::span<const ByteRange> trusted) const {
  const bool all = trusted.size() == 1 && trusted[0].begin == 0 && trusted[0].end == text.size();
  // Positions in the text are lost when it is normalised, so a text that is trusted in part has its control
  // tokens found before.
  const SpecialTokens& tokens = all || trusted.empty() ? raw_tokens_ : raw_mixed_tokens_;
  Call call(*this, text.size(), all);
  std::size_t at = 0;
  while (at < text.size()) {
    const auto match = tokens.Find(text, at, trusted);
    VIVACE_RETURN_IF_ERROR(call.Append(text.substr(at, (match ? match->begin : text.size()) - at), at == 0));
    if (!match) break;
    call.ids.push_back(match->id);
    at = match->end;
  }
  return std::move(call.ids);
}

}  // namespace vivace::tokenizer
