// The chat templates of a model, parsed once, and how a conversation becomes pieces of text by one of them.
// Immutable after construction; all members from any thread.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "chat/template.h"
#include "engine/text_source.h"
#include "vivace/request.h"
#include "vivace/status.h"

namespace vivace::engine {

class ChatRenderer {
 public:
  /// `model` is what errors call the model. A template that cannot be read is no error here: Render reports
  /// it.
  ChatRenderer(const TextSource& source, std::string model);

  /// The conversation as text whose origin is known. Without a template in the prompt the model's own is
  /// taken: "tool_use" where there are tools and such a one, else "default". Errors (kInvalidArgument): no
  /// template, a template or JSON text that cannot be read, or what the template itself raises.
  Result<std::vector<chat::Piece>> Render(const ChatPrompt& prompt) const;

 private:
  Result<const chat::Template*> Choose(const ChatPrompt& prompt) const;

  std::string model_;
  std::vector<std::pair<std::string, Result<chat::Template>>> templates_;  // by name
  std::optional<std::string> bos_, eos_;
  std::vector<std::pair<std::string, std::string>> special_tokens_;
};

}  // namespace vivace::engine
