#include "engine/model_text.h"

#include <fmt/format.h>

#include "base/status_macros.h"

namespace vivace::engine {
namespace {

Result<std::optional<std::int32_t>> OptionalToken(const checkpoint::GgufFile& file, std::string_view key,
                                                  std::size_t vocabulary) {
  if (!file.Has(key)) return std::optional<std::int32_t>();
  VIVACE_ASSIGN_OR_RETURN(const std::int64_t id,
                          file.Integer(key, 0, static_cast<std::int64_t>(vocabulary) - 1));
  return std::optional(static_cast<std::int32_t>(id));
}

// The result's views point into the file and into `types`.
Result<tokenizer::Vocabulary> ReadVocabulary(const checkpoint::GgufFile& file,
                                             std::vector<std::int64_t>& types) {
  tokenizer::Vocabulary vocabulary;
  VIVACE_ASSIGN_OR_RETURN(vocabulary.model, file.String("tokenizer.ggml.model"));
  VIVACE_ASSIGN_OR_RETURN(vocabulary.pre_tokenizer, file.StringOr("tokenizer.ggml.pre", ""));
  VIVACE_ASSIGN_OR_RETURN(vocabulary.tokens, file.Strings("tokenizer.ggml.tokens"));
  if (file.Has("tokenizer.ggml.token_type")) {
    VIVACE_ASSIGN_OR_RETURN(types, file.Integers("tokenizer.ggml.token_type"));
    vocabulary.token_types = types;
  }
  if (file.Has("tokenizer.ggml.merges")) {
    VIVACE_ASSIGN_OR_RETURN(vocabulary.merges, file.Strings("tokenizer.ggml.merges"));
  }
  const std::size_t size = vocabulary.tokens.size();
  VIVACE_ASSIGN_OR_RETURN(vocabulary.bos_id, OptionalToken(file, "tokenizer.ggml.bos_token_id", size));
  VIVACE_ASSIGN_OR_RETURN(vocabulary.eos_id, OptionalToken(file, "tokenizer.ggml.eos_token_id", size));
  VIVACE_ASSIGN_OR_RETURN(vocabulary.add_bos, file.BoolOr("tokenizer.ggml.add_bos_token", false));
  return vocabulary;
}

std::string TokenOrEmpty(const tokenizer::Tokenizer& tokenizer, std::optional<std::int32_t> id) {
  return id ? tokenizer.TokenText(*id) : std::string();
}

}  // namespace

Result<std::unique_ptr<ModelText>> ModelText::Create(const checkpoint::Checkpoint& checkpoint) {
  if (checkpoint.gguf() == nullptr)
    return Unsupported("'" + checkpoint.name() + "' has no GGUF metadata to read a tokenizer from");
  const checkpoint::GgufFile& file = *checkpoint.gguf();
  std::vector<std::int64_t> types;
  VIVACE_ASSIGN_OR_RETURN(const tokenizer::Vocabulary vocabulary, ReadVocabulary(file, types));
  VIVACE_ASSIGN_OR_RETURN(tokenizer::Tokenizer tokenizer, tokenizer::Tokenizer::Create(vocabulary));
  std::unique_ptr<ModelText> text(new ModelText(std::move(tokenizer)));
  if (vocabulary.eos_id) text->end_tokens_.push_back(*vocabulary.eos_id);
  VIVACE_ASSIGN_OR_RETURN(const auto end_of_turn,
                          OptionalToken(file, "tokenizer.ggml.eot_token_id", vocabulary.tokens.size()));
  if (end_of_turn && end_of_turn != vocabulary.eos_id) text->end_tokens_.push_back(*end_of_turn);
  VIVACE_RETURN_IF_ERROR(text->ReadChat(file));
  return text;
}

Status ModelText::ReadChat(const checkpoint::GgufFile& file) {
  constexpr std::string_view kKey = "tokenizer.chat_template";
  if (!file.Has(kKey)) {
    template_status_ =
        InvalidArgument(fmt::format("'{}' has no chat template: use the completions API", file.name()));
    return Status::Ok();
  }
  VIVACE_ASSIGN_OR_RETURN(const std::string_view source, file.String(kKey));
  auto parsed = chat::Template::Parse(source);
  if (parsed.ok()) {
    template_ = std::move(parsed).value();
  } else {
    template_status_ = parsed.status();
  }
  return Status::Ok();
}

Result<std::vector<std::int32_t>> ModelText::Tokenize(std::string_view text, bool add_bos,
                                                      bool parse_special) const {
  VIVACE_ASSIGN_OR_RETURN(std::vector<std::int32_t> ids, tokenizer_.Encode(text, parse_special));
  const auto bos = tokenizer_.bos_id();
  if (add_bos && tokenizer_.add_bos() && bos) ids.insert(ids.begin(), *bos);
  return ids;
}

Result<std::vector<std::int32_t>> ModelText::RenderChat(const ChatPrompt& prompt) const {
  if (!template_) return template_status_;
  std::vector<chat::Message> views;
  views.reserve(prompt.messages.size());
  for (const ChatMessage& message : prompt.messages) views.push_back({message.role, message.content});
  const chat::Value variables =
      chat::ChatVariables(views, prompt.add_generation_prompt, TokenOrEmpty(tokenizer_, tokenizer_.bos_id()),
                          TokenOrEmpty(tokenizer_, tokenizer_.eos_id()));
  VIVACE_ASSIGN_OR_RETURN(const std::vector<chat::Piece> rendered, template_->Render(variables));
  std::vector<tokenizer::TextPiece> pieces;
  pieces.reserve(rendered.size());
  for (const chat::Piece& piece : rendered) pieces.push_back({piece.text, piece.from_template});
  return tokenizer_.EncodePieces(pieces);
}

}  // namespace vivace::engine
