// The text side of a model: its tokenizer, its end tokens and its chat templates. Immutable after Create; all
// members from any thread. A GGUF file that it was made from must outlive it.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "engine/chat_renderer.h"
#include "engine/text_source.h"
#include "tokenizer/tokenizer.h"
#include "vivace/request.h"
#include "vivace/status.h"

namespace vivace::engine {

class ModelText {
 public:
  /// `name` is what errors call the model.
  ModelText(TextSource source, std::string name);
  static Result<std::unique_ptr<ModelText>> Create(const checkpoint::Checkpoint& checkpoint);

  const tokenizer::Tokenizer& tokenizer() const { return tokenizer_; }
  /// Tokens that end an answer.
  std::span<const std::int32_t> end_tokens() const { return end_tokens_; }

  // As in vivace::Engine.
  Result<std::vector<std::int32_t>> Tokenize(std::string_view text, bool add_bos, bool parse_special) const;
  Result<std::vector<std::int32_t>> RenderChat(const ChatPrompt& prompt) const;
  Result<std::vector<std::vector<std::int32_t>>> EncodeBadWords(const std::vector<std::string>& words) const;

 private:
  ChatRenderer chat_;
  tokenizer::Tokenizer tokenizer_;
  std::vector<std::int32_t> end_tokens_;
};

}  // namespace vivace::engine
