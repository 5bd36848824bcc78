// vivace::TextModel: finds the files of a path and puts a ModelText on them.
#include "vivace/text_model.h"

#include <fmt/format.h>

#include <memory>
#include <utility>

#include "base/out_of_memory.h"
#include "base/status_macros.h"
#include "checkpoint/checkpoint.h"
#include "engine/model_text.h"

namespace vivace {

struct TextModel::Impl {
  std::unique_ptr<checkpoint::Checkpoint> file;  // before text, which points into it
  std::unique_ptr<engine::ModelText> text;
};

TextModel::TextModel(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
TextModel::~TextModel() = default;

Result<std::unique_ptr<TextModel>> TextModel::Open(const std::string& path) try {
  auto impl = std::make_unique<Impl>();
  VIVACE_ASSIGN_OR_RETURN(impl->file, checkpoint::Checkpoint::Open(path, checkpoint::Contents::kTexts));
  VIVACE_ASSIGN_OR_RETURN(impl->text, engine::ModelText::Create(*impl->file));
  return std::unique_ptr<TextModel>(new TextModel(std::move(impl)));
} catch (...) {
  return base::CaughtExhaustion("the tokenizer was built");
}

int TextModel::vocabulary() const {
  return impl_->text->tokenizer().size();
}

Result<std::vector<std::int32_t>> TextModel::Tokenize(std::string_view text, bool add_bos,
                                                      bool parse_special) const try {
  return impl_->text->Tokenize(text, add_bos, parse_special);
} catch (...) {
  return base::CaughtExhaustion("a text was tokenized");
}

Result<std::string> TextModel::Detokenize(const std::vector<std::int32_t>& tokens, bool skip_special) const
    try {
  const int size = vocabulary();
  for (const std::int32_t token : tokens) {
    if (token < 0 || token >= size) {
      return InvalidArgument(fmt::format("token {}: ids of this model are 0 to {}", token, size - 1));
    }
  }
  return impl_->text->tokenizer().Decode(tokens, skip_special);
} catch (...) {
  return base::CaughtExhaustion("tokens became text");
}

Result<std::vector<std::int32_t>> TextModel::RenderChat(const ChatPrompt& prompt) const try {
  return impl_->text->RenderChat(prompt);
} catch (...) {
  return base::CaughtExhaustion("the chat template was rendered");
}

}  // namespace vivace
