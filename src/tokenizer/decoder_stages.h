// The parts of a DecodeStream: each takes the tokens of the one before and gives its own to the next. A token
// comes in pieces, of which the last ends it, so that a fused text flows on before it ends. Inside of
// decoder.cc. Thread safety: one stream, one thread. Ownership: a stage refers to its rule and to the next
// stage.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "tokenizer/decoder.h"
#include "tokenizer/regex.h"

namespace vivace::tokenizer {

struct DecoderRule {
  DecoderStep step;
  std::optional<Regex> regex;  // kReplace with an expression
};

class DecoderStage {
 public:
  explicit DecoderStage(DecoderStage* next) : next_(next) {}
  virtual ~DecoderStage() = default;
  DecoderStage(const DecoderStage&) = delete;
  DecoderStage& operator=(const DecoderStage&) = delete;

  virtual void Take(std::string_view piece, bool ends_token) = 0;
  /// No token follows; the last one has ended.
  virtual void Finish() { next_->Finish(); }

 protected:
  DecoderStage* next_;
};

/// Whether an U+0020 stands before a word piece is one matter; this is the other: BERT's spaces before
/// punctuation and in contractions go away.
void CleanUpWordPiece(std::string& token);

/// Every literal `pattern` in the text becomes `content`, appended to out.
void ReplaceAll(std::string_view text, std::string_view pattern, std::string_view content, std::string& out);

/// What a rule of kReplace makes of a token, appended to out.
void ApplyReplace(const DecoderRule& rule, std::string_view token, std::string& out);

std::unique_ptr<DecoderStage> MakeDecoderStage(const DecoderRule& rule, DecoderStage* next);

}  // namespace vivace::tokenizer
