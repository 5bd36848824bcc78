// The text side of a model: its tokenizer, its end tokens and its chat templates. Immutable after Create; all
// members from any thread. An image that it was made from must outlive it.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "engine/chat_renderer.h"
#include "engine/text_source.h"
#include "tokenizer/image_bytes.h"
#include "tokenizer/tokenizer.h"
#include "vivace/request.h"
#include "vivace/status.h"

namespace vivace::engine {

class ModelText {
 public:
  /// `name` is what errors call the model.
  ModelText(TextSource source, std::string name);
  /// `image`: what Image() gave for the same checkpoint, 8-byte aligned and used in place, so that nothing is
  /// built; it must outlive the result. An image that is empty, of another version or wrong is no error: the
  /// text is then read from the checkpoint, and image_error() says why.
  static Result<std::unique_ptr<ModelText>> Create(const checkpoint::Checkpoint& checkpoint,
                                                   std::span<const std::byte> image = {});

  /// Of the form that Image() writes. A reader of another version refuses it.
  static constexpr int kImageVersion = 1000 + static_cast<int>(tokenizer::kTokenizerImageVersion);
  /// All of this as bytes that do not depend on where they lie. The same text gives the same bytes.
  std::string Image() const;
  /// True when this was made from an image.
  bool from_image() const { return from_image_; }
  /// Why the image given to Create was not used; empty when it was, or when none was given.
  const std::string& image_error() const { return image_error_; }

  const tokenizer::Tokenizer& tokenizer() const { return source_.tokenizer; }
  /// Tokens that end an answer.
  std::span<const std::int32_t> end_tokens() const { return source_.end_tokens; }

  // As in vivace::Engine.
  Result<std::vector<std::int32_t>> Tokenize(std::string_view text, bool add_bos, bool parse_special) const;
  Result<std::vector<std::int32_t>> RenderChat(const ChatPrompt& prompt) const;
  Result<std::vector<std::vector<std::int32_t>>> EncodeBadWords(const std::vector<std::string>& words) const;

 private:
  ChatRenderer chat_;
  TextSource source_;
  bool from_image_ = false;
  std::string image_error_;
};

}  // namespace vivace::engine
