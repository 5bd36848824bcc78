#include "engine/model_text.h"

#include <fmt/format.h>

#include "base/status_macros.h"

namespace vivace::engine {
namespace {

using tokenizer::ImageReader;
using tokenizer::ImageWriter;

constexpr tokenizer::ImageKind kKind = {"VIVMTEXT", static_cast<std::uint32_t>(ModelText::kImageVersion),
                                        "an image of a model's text"};

/// What the image has beside the tokenizer, which is an image of its own inside.
template <class Image, class Source>
void TextFields(Image& image, Source& source) {
  image.Field(source.end_tokens);
  image.List(source.templates, [](auto& to, auto& named) {
    to.Field(named.name);
    to.Field(named.source);
  });
  image.List(source.special_tokens, [](auto& to, auto& token) {
    to.Field(token.first);
    to.Field(token.second);
  });
}

/// The parts of a TextSource that have no tokenizer yet.
struct TextFacts {
  std::vector<std::int32_t> end_tokens;
  std::vector<NamedTemplate> templates;
  std::vector<std::pair<std::string, std::string>> special_tokens;
};

Result<TextSource> ReadImage(std::span<const std::byte> bytes) {
  ImageReader image(kKind, bytes);
  TextFacts facts;
  tokenizer::FlatTable<std::byte> tokens;
  TextFields(image, facts);
  image.Field(tokens);
  VIVACE_RETURN_IF_ERROR(image.Finish());
  VIVACE_ASSIGN_OR_RETURN(tokenizer::Tokenizer made, tokenizer::Tokenizer::FromImage(tokens.view()));
  VIVACE_RETURN_IF_ERROR(
      tokenizer::CheckImageIds(facts.end_tokens, 0, static_cast<std::size_t>(made.size())));
  return TextSource{std::move(made), std::move(facts.end_tokens), std::move(facts.templates),
                    std::move(facts.special_tokens)};
}

}  // namespace

ModelText::ModelText(TextSource source, std::string name)
    : chat_(source, std::move(name)), source_(std::move(source)) {}

Result<std::unique_ptr<ModelText>> ModelText::Create(const checkpoint::Checkpoint& checkpoint,
                                                     std::span<const std::byte> image) {
  std::string image_error;
  if (!image.empty()) {
    auto source = ReadImage(image);
    if (source.ok()) {
      auto text = std::make_unique<ModelText>(std::move(source).value(), checkpoint.name());
      text->from_image_ = true;
      return text;
    }
    image_error = source.status().message();
  }
  VIVACE_ASSIGN_OR_RETURN(TextSource source, ReadText(checkpoint));
  auto text = std::make_unique<ModelText>(std::move(source), checkpoint.name());
  text->image_error_ = std::move(image_error);
  return text;
}

std::string ModelText::Image() const {
  ImageWriter image(kKind);
  TextFields(image, source_);
  const std::string tokens = source_.tokenizer.SaveImage();
  image.Array(std::as_bytes(std::span(tokens)), tokens.size());
  return std::move(image).Finish();
}

Result<std::vector<std::int32_t>> ModelText::Tokenize(std::string_view text, bool add_bos,
                                                      bool parse_special) const {
  VIVACE_ASSIGN_OR_RETURN(std::vector<std::int32_t> ids, tokenizer().Encode(text, parse_special));
  if (add_bos) tokenizer().AddSpecialTokens(ids);
  return ids;
}

Result<std::vector<std::int32_t>> ModelText::RenderChat(const ChatPrompt& prompt) const {
  VIVACE_ASSIGN_OR_RETURN(const std::vector<chat::Piece> rendered, chat_.Render(prompt));
  std::vector<tokenizer::TextPiece> pieces;
  pieces.reserve(rendered.size());
  for (const chat::Piece& piece : rendered) pieces.push_back({piece.text, piece.from_template});
  return tokenizer().EncodePieces(pieces);
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
    VIVACE_ASSIGN_OR_RETURN(std::vector<std::int32_t> plain, tokenizer().Encode(word, false));
    VIVACE_ASSIGN_OR_RETURN(std::vector<std::int32_t> spaced,
                            tokenizer().Encode(" " + std::string(word), false));
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
