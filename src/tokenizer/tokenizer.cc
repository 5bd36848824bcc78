// The public face of a Pipeline. Thread safety and ownership: see tokenizer.h.
#include "tokenizer/tokenizer.h"

#include <utility>

#include "base/status_macros.h"
#include "tokenizer/pipeline.h"
#include "tokenizer/streaming.h"
#include "tokenizer/tokenizer_gguf.h"
#include "tokenizer/tokenizer_json.h"

namespace vivace::tokenizer {

Tokenizer::Tokenizer(std::unique_ptr<Pipeline> pipeline) : pipeline_(std::move(pipeline)) {}
Tokenizer::Tokenizer(Tokenizer&&) noexcept = default;
Tokenizer& Tokenizer::operator=(Tokenizer&&) noexcept = default;
Tokenizer::~Tokenizer() = default;

Result<Tokenizer> Tokenizer::Create(const Vocabulary& vocabulary) {
  TokenizerSpec spec;
  VIVACE_RETURN_IF_ERROR(ReadVocabulary(vocabulary, spec));
  VIVACE_ASSIGN_OR_RETURN(std::unique_ptr<Pipeline> pipeline, Pipeline::Create(std::move(spec)));
  return Tokenizer(std::move(pipeline));
}

Result<Tokenizer> Tokenizer::FromJson(const TokenizerFiles& files) {
  TokenizerSpec spec;
  JsonReader reader(files.tokenizer_json, "tokenizer.json");
  VIVACE_RETURN_IF_ERROR(ReadTokenizerFiles(files, reader, spec));
  auto pipeline = Pipeline::Create(std::move(spec));
  if (!pipeline.ok()) {
    return Status(pipeline.status().code(), "tokenizer.json: " + pipeline.status().message());
  }
  return Tokenizer(std::move(pipeline).value());
}

std::string Tokenizer::SaveImage() const {
  return pipeline_->SaveImage();
}

Result<Tokenizer> Tokenizer::FromImage(std::span<const std::byte> image) {
  VIVACE_ASSIGN_OR_RETURN(std::unique_ptr<Pipeline> pipeline, Pipeline::FromImage(image));
  return Tokenizer(std::move(pipeline));
}

Result<std::vector<std::int32_t>> Tokenizer::Encode(std::string_view text, bool parse_special) const {
  const ByteRange all = {0, text.size()};
  return pipeline_->Encode(text, {&all, parse_special ? std::size_t{1} : std::size_t{0}});
}

Result<std::vector<std::int32_t>> Tokenizer::EncodePieces(std::span<const TextPiece> pieces) const {
  std::string text;
  std::vector<ByteRange> trusted;
  for (const TextPiece& piece : pieces) {
    const std::size_t begin = text.size();
    text.append(piece.text);
    if (!piece.parse_special || piece.text.empty()) continue;
    if (!trusted.empty() && trusted.back().end == begin) {
      trusted.back().end = text.size();
    } else {
      trusted.push_back({begin, text.size()});
    }
  }
  return pipeline_->Encode(text, trusted);
}

void Tokenizer::AddSpecialTokens(std::vector<std::int32_t>& ids) const {
  ids.insert(ids.begin(), pipeline_->prefix().begin(), pipeline_->prefix().end());
  ids.insert(ids.end(), pipeline_->suffix().begin(), pipeline_->suffix().end());
}

void Tokenizer::AppendTokenText(std::int32_t id, std::string& out) const {
  pipeline_->decoder().AppendTokenBytes(pipeline_->TokenEntry(id), out);
}

std::string Tokenizer::TokenText(std::int32_t id) const {
  std::string text;
  AppendTokenText(id, text);
  return text;
}

std::string Tokenizer::Decode(std::span<const std::int32_t> ids, bool skip_special) const {
  std::string text;
  StreamingDecoder decoder(*this, skip_special);
  for (const std::int32_t id : ids) decoder.Push(id, text);
  decoder.Flush(text);
  return text;
}

std::int32_t Tokenizer::size() const {
  return pipeline_->size();
}
bool Tokenizer::is_special(std::int32_t id) const {
  return pipeline_->IsControl(id);
}
std::string_view Tokenizer::TokenEntry(std::int32_t id) const {
  return pipeline_->TokenEntry(id);
}
const Decoder& Tokenizer::decoder() const {
  return pipeline_->decoder();
}
std::optional<std::int32_t> Tokenizer::FindToken(std::string_view text) const {
  return pipeline_->Find(text);
}
std::optional<std::int32_t> Tokenizer::bos_id() const {
  return pipeline_->bos_id();
}
std::optional<std::int32_t> Tokenizer::eos_id() const {
  return pipeline_->eos_id();
}
std::optional<std::int32_t> Tokenizer::unknown_id() const {
  return pipeline_->unknown_id();
}
std::optional<std::int32_t> Tokenizer::pad_id() const {
  return pipeline_->pad_id();
}
std::span<const std::int32_t> Tokenizer::end_ids() const {
  return pipeline_->end_ids();
}
bool Tokenizer::add_bos() const {
  const auto& prefix = pipeline_->prefix();
  return bos_id() && !prefix.empty() && prefix.front() == *bos_id();
}
bool Tokenizer::add_eos() const {
  const auto& suffix = pipeline_->suffix();
  return eos_id() && !suffix.empty() && suffix.back() == *eos_id();
}

}  // namespace vivace::tokenizer
