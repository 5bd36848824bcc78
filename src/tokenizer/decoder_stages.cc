#include "tokenizer/decoder_stages.h"

#include <algorithm>

#include "tokenizer/byte_alphabet.h"
#include "tokenizer/byte_fallback.h"
#include "tokenizer/utf8.h"
#include "tokenizer/utf8_assembler.h"

namespace vivace::tokenizer {
namespace {

constexpr std::string_view kReplacementCharacter = "\xEF\xBF\xBD";

/// A stage that wants tokens whole.
class TokenStage : public DecoderStage {
 public:
  using DecoderStage::DecoderStage;
  void Take(std::string_view piece, bool ends_token) final {
    if (!ends_token) {
      pending_ += piece;
    } else if (pending_.empty()) {
      TakeToken(piece);
    } else {
      pending_ += piece;
      TakeToken(pending_);
      pending_.clear();
    }
  }
  virtual void TakeToken(std::string_view token) = 0;

 private:
  std::string pending_;
};

class ByteLevelStage : public TokenStage {
 public:
  using TokenStage::TokenStage;
  void TakeToken(std::string_view token) override {
    bytes_.clear();
    text_.clear();
    AppendTokenBytes(token, bytes_);
    assembler_.Push(bytes_, text_);
    next_->Take(text_, false);
  }
  void Finish() override {
    text_.clear();
    assembler_.Flush(text_);
    next_->Take(text_, true);
    next_->Finish();
  }

 private:
  Utf8Assembler assembler_;
  std::string bytes_, text_;
};

/// Holds back a run of byte tokens: whether it is UTF-8 is known at its end only.
class ByteFallbackStage : public TokenStage {
 public:
  using TokenStage::TokenStage;
  void TakeToken(std::string_view token) override {
    if (const auto byte = ParseByteToken(token)) {
      run_.push_back(static_cast<char>(*byte));
      return;
    }
    EndRun();
    next_->Take(token, true);
  }
  void Finish() override {
    EndRun();
    next_->Finish();
  }

 private:
  void EndRun() {
    if (run_.empty()) return;
    if (WellFormedPrefix(run_) == run_.size()) {
      next_->Take(run_, true);
    } else {
      for (std::size_t i = 0; i < run_.size(); ++i) next_->Take(kReplacementCharacter, true);
    }
    run_.clear();
  }
  std::string run_;
};

class FuseStage : public DecoderStage {
 public:
  using DecoderStage::DecoderStage;
  void Take(std::string_view piece, bool /*ends_token*/) override { next_->Take(piece, false); }
  void Finish() override {
    next_->Take({}, true);
    next_->Finish();
  }
};

/// Takes up to `start` and `stop` times a character off the ends of a token.
class StripStage : public DecoderStage {
 public:
  StripStage(const DecoderStep& step, DecoderStage* next) : DecoderStage(next), step_(step) {}
  void Take(std::string_view piece, bool ends_token) override {
    const std::string_view strip = step_.content;
    while (at_start_ && stripped_ < step_.start && piece.starts_with(strip)) {
      piece.remove_prefix(strip.size());
      ++stripped_;
    }
    if (!piece.empty()) at_start_ = false;
    std::size_t trailing = 0;
    std::string_view body = piece;
    for (; body.ends_with(strip) && trailing < step_.stop; ++trailing) body.remove_suffix(strip.size());
    const std::size_t held = body.empty() ? held_ + trailing : trailing;
    const std::size_t keep = std::min(held, step_.stop);
    const std::size_t release = body.empty() ? held - keep : held_;
    for (std::size_t i = 0; i < release; ++i) next_->Take(strip, false);
    held_ = ends_token ? 0 : keep;
    next_->Take(body, ends_token);
    if (!ends_token) return;
    at_start_ = true;
    stripped_ = 0;
  }

 private:
  const DecoderStep& step_;
  bool at_start_ = true;
  std::size_t stripped_ = 0;  // at the start of this token
  std::size_t held_ = 0;      // characters that end the token so far and that its end would take off
};

class MetaspaceStage : public DecoderStage {
 public:
  MetaspaceStage(const DecoderStep& step, DecoderStage* next) : DecoderStage(next), step_(step) {}
  void Take(std::string_view piece, bool ends_token) override {
    text_.clear();
    ReplaceAll(piece, step_.content, first_ && step_.flag ? "" : " ", text_);
    if (ends_token) first_ = false;
    next_->Take(text_, ends_token);
  }

 private:
  const DecoderStep& step_;
  bool first_ = true;
  std::string text_;
};

class WordPieceStage : public TokenStage {
 public:
  WordPieceStage(const DecoderStep& step, DecoderStage* next) : TokenStage(next), step_(step) {}
  void TakeToken(std::string_view token) override {
    text_.clear();
    const std::string& mark = step_.content.empty() ? step_.pattern : step_.content;
    const bool marked = token.starts_with(mark);
    if (step_.content.empty()) {
      if (!first_ && !marked) text_ = " ";
      text_ += token.substr(!first_ && marked ? mark.size() : 0);
    } else {
      if (!first_ && marked) text_ = " ";
      text_ += token.substr(marked ? mark.size() : 0);
    }
    if (step_.flag) CleanUpWordPiece(text_);
    first_ = false;
    next_->Take(text_, true);
  }

 private:
  const DecoderStep& step_;
  bool first_ = true;
  std::string text_;
};

class ReplaceStage : public TokenStage {
 public:
  ReplaceStage(const DecoderRule& rule, DecoderStage* next) : TokenStage(next), rule_(rule) {}
  void TakeToken(std::string_view token) override {
    text_.clear();
    ApplyReplace(rule_, token, text_);
    next_->Take(text_, true);
  }

 private:
  const DecoderRule& rule_;
  std::string text_;
};

/// Holds back one token: the suffix of the last one is no space.
class BpeStage : public TokenStage {
 public:
  BpeStage(const DecoderStep& step, DecoderStage* next) : TokenStage(next), step_(step) {}
  void TakeToken(std::string_view token) override {
    if (held_) Release(" ");
    held_ = token;
  }
  void Finish() override {
    if (held_) Release("");
    next_->Finish();
  }

 private:
  void Release(std::string_view replacement) {
    text_.clear();
    ReplaceAll(*held_, step_.pattern, replacement, text_);
    next_->Take(text_, true);
  }
  const DecoderStep& step_;
  std::optional<std::string> held_;
  std::string text_;
};

class JoinStage : public DecoderStage {
 public:
  using DecoderStage::DecoderStage;
  void Take(std::string_view piece, bool ends_token) override {
    if (begins_ && !first_) next_->Take(" ", false);
    next_->Take(piece, false);
    first_ = false;
    begins_ = ends_token;
  }
  void Finish() override {
    next_->Take({}, true);
    next_->Finish();
  }

 private:
  bool first_ = true, begins_ = true;
};

}  // namespace

void ReplaceAll(std::string_view text, std::string_view pattern, std::string_view content, std::string& out) {
  std::size_t copied = 0;
  for (std::size_t at; !pattern.empty() && (at = text.find(pattern, copied)) != text.npos;
       copied = at + pattern.size()) {
    out.append(text.substr(copied, at - copied)).append(content);
  }
  out.append(text.substr(copied));
}

void ApplyReplace(const DecoderRule& rule, std::string_view token, std::string& out) {
  if (!rule.regex) return ReplaceAll(token, rule.step.pattern, rule.step.content, out);
  Regex::Matcher matcher(*rule.regex);
  std::size_t copied = 0;
  for (ByteRange match{}; copied < token.size(); copied = match.end) {
    const auto found = matcher.Find(token, copied, match);
    if (!found.ok() || !found.value()) break;
    out.append(token.substr(copied, match.begin - copied)).append(rule.step.content);
  }
  out.append(token.substr(copied));
}

void CleanUpWordPiece(std::string& token) {
  struct Change {
    std::string_view from, to;
  };
  // In this order, each over the whole token.
  static constexpr Change kChanges[] = {{" .", "."},   {" ?", "?"},     {" !", "!"},    {" ,", ","},
                                        {" ' ", "'"},  {" n't", "n't"}, {" 'm", "'m"},  {" do not", " don't"},
                                        {" 's", "'s"}, {" 've", "'ve"}, {" 're", "'re"}};
  for (const Change& change : kChanges) {
    if (token.find(change.from) == token.npos) continue;
    std::string changed;
    ReplaceAll(token, change.from, change.to, changed);
    token = std::move(changed);
  }
}

std::unique_ptr<DecoderStage> MakeDecoderStage(const DecoderRule& rule, DecoderStage* next) {
  switch (rule.step.kind) {
    case DecoderKind::kByteLevel:
      return std::make_unique<ByteLevelStage>(next);
    case DecoderKind::kByteFallback:
      return std::make_unique<ByteFallbackStage>(next);
    case DecoderKind::kFuse:
      return std::make_unique<FuseStage>(next);
    case DecoderKind::kStrip:
      return std::make_unique<StripStage>(rule.step, next);
    case DecoderKind::kMetaspace:
      return std::make_unique<MetaspaceStage>(rule.step, next);
    case DecoderKind::kWordPiece:
      return std::make_unique<WordPieceStage>(rule.step, next);
    case DecoderKind::kReplace:
      return std::make_unique<ReplaceStage>(rule, next);
    case DecoderKind::kBpe:
      return std::make_unique<BpeStage>(rule.step, next);
    case DecoderKind::kJoinWithSpaces:
      return std::make_unique<JoinStage>(next);
  }
  return nullptr;
}

}  // namespace vivace::tokenizer
