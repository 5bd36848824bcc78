#include "engine/model_text.h"

#include <fmt/format.h>

#include "base/status_macros.h"

namespace vivace::engine {

ModelText::ModelText(TextSource source, std::string name)
    : chat_(source, std::move(name)),
      tokenizer_(std::move(source.tokenizer)),
      end_tokens_(std::move(source.end_tokens)) {}

Result<std::unique_ptr<ModelText>> ModelText::Create(const checkpoint::Checkpoint& checkpoint,
                                                     std::span<const std::byte> image) {
  VIVACE_ASSIGN_OR_RETURN(TextSource source, ReadText(checkpoint));
  auto text = std::make_unique<ModelText>(std::move(source), checkpoint.name());
  if (!image.empty()) text->image_error_ = "tokenizer images are not read";
  return text;
}

std::string ModelText::Image() const {
  return {};
}

Result<std::vector<std::int32_t>> ModelText::Tokenize(std::string_view text, bool add_bos,
                                                      bool parse_special) const {
  VIVACE_ASSIGN_OR_RETURN(std::vector<std::int32_t> ids, tokenizer_.Encode(text, parse_special));
  if (add_bos) tokenizer_.AddSpecialTokens(ids);
  return ids;
}

Result<std::vector<std::int32_t>> ModelText::RenderChat(const ChatPrompt& prompt) const {
  VIVACE_ASSIGN_OR_RETURN(const std::vector<chat::Piece> rendered, chat_.Render(prompt));
  std::vector<tokenizer::TextPiece> pieces;
  pieces.reserve(rendered.size());
  for (const chat::Piece& piece : rendered) pieces.push_back({piece.text, piece.from_template});
  return tokenizer_.EncodePieces(pieces);
}

// As vLLM: after a space a word often is another token, and both forms are meant. The form with a space
// counts where it begins with another token and is as long.
Result<std::vector<std::vector<std::int32_t>>> ModelText::EncodeBadWords(
    const std::vector<std::string>& words) const {
  std::vector<std::vector<std::int32_t>> sequences;
  for (std::size_t i = 0; i < words.size(); ++i) {
    std::string_view word = words[i];
    word.remove_prefix(std::min(word.find_first_not_of(" \t\n\r"), word.size()));
    if (word.empty()) return InvalidArgument(fmt::format("bad_words[{}] is empty; leave it out", i));
    VIVACE_ASSIGN_OR_RETURN(std::vector<std::int32_t> plain, tokenizer_.Encode(word, false));
    VIVACE_ASSIGN_OR_RETURN(std::vector<std::int32_t> spaced,
                            tokenizer_.Encode(" " + std::string(word), false));
    if (plain.empty()) {
      return InvalidArgument(fmt::format("bad_words[{}] is no token of this model: leave it out", i));
    }
    const bool differs = spaced.size() == plain.size() && spaced.front() != plain.front();
    sequences.push_back(std::move(plain));
    if (differs) sequences.push_back(std::move(spaced));
  }
  return sequences;
}

}  // namespace vivace::engine
