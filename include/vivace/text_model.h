// The text side of a model alone: tokenizer and chat template, without its weights. For programs that only
// count or show tokens.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "vivace/request.h"
#include "vivace/status.h"

namespace vivace {

/// Immutable after Open; all members from any thread.
class TextModel {
 public:
  /// A GGUF file (one that holds only a vocabulary will do), a folder with tokenizer.json, or a
  /// tokenizer.json.
  static Result<std::unique_ptr<TextModel>> Open(const std::string& path);
  ~TextModel();

  int vocabulary() const;  // tokens
  /// As Engine::Tokenize.
  Result<std::vector<std::int32_t>> Tokenize(std::string_view text, bool add_bos, bool parse_special) const;
  /// Valid UTF-8; control tokens are left out with skip_special. kInvalidArgument: an id outside the
  /// vocabulary.
  Result<std::string> Detokenize(const std::vector<std::int32_t>& tokens, bool skip_special) const;
  /// As Engine::RenderChat.
  Result<std::vector<std::int32_t>> RenderChat(const ChatPrompt& prompt) const;

 private:
  struct Impl;
  explicit TextModel(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace vivace
