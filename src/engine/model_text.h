// The text side of a model: its tokenizer, its end tokens and its chat template. Immutable after Create; all
// members from any thread. The checkpoint must outlive it.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "chat/template.h"
#include "checkpoint/checkpoint.h"
#include "tokenizer/tokenizer.h"
#include "vivace/request.h"
#include "vivace/status.h"

namespace vivace::engine {

class ModelText {
 public:
  /// A template that cannot be read is no error here: RenderChat reports it.
  static Result<std::unique_ptr<ModelText>> Create(const checkpoint::Checkpoint& checkpoint);

  const tokenizer::Tokenizer& tokenizer() const { return tokenizer_; }
  /// Tokens that end an answer.
  std::span<const std::int32_t> end_tokens() const { return end_tokens_; }
  Result<std::vector<std::int32_t>> Tokenize(std::string_view text, bool add_bos, bool parse_special) const;
  Result<std::vector<std::int32_t>> RenderChat(const ChatPrompt& prompt) const;

 private:
  explicit ModelText(tokenizer::Tokenizer tokenizer) : tokenizer_(std::move(tokenizer)) {}
  Status ReadChat(const checkpoint::GgufFile& file);

  tokenizer::Tokenizer tokenizer_;
  std::vector<std::int32_t> end_tokens_;
  std::optional<chat::Template> template_;
  Status template_status_;  // why there is no template_
};

}  // namespace vivace::engine
