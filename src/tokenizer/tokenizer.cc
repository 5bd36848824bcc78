// Puts the parts together: checks a vocabulary, and takes a text through special tokens, pre-tokenizer, word
// cache and BPE. Thread safety: Impl is immutable after Create; what a call needs lives in its EncodeCall.
// Ownership: see tokenizer.h.
#include "tokenizer/tokenizer.h"

#include <utility>

#include "base/status_macros.h"
#include "tokenizer/bpe.h"
#include "tokenizer/byte_alphabet.h"
#include "tokenizer/merge_table.h"
#include "tokenizer/pre_tokenizer.h"
#include "tokenizer/special_tokens.h"
#include "tokenizer/streaming.h"
#include "tokenizer/token_table.h"
#include "tokenizer/utf8.h"
#include "tokenizer/word_cache.h"

namespace vivace::tokenizer {

struct Tokenizer::Impl {
  TokenTable tokens;
  MergeTable merges;
  PreTokenizer pre_tokenizer;
  ByteTokens byte_tokens;
  SpecialTokens special_tokens;
  std::vector<bool> is_control;  // [size]
  std::optional<std::int32_t> bos_id, eos_id, unknown_id, pad_id;
  std::vector<std::int32_t> end_ids;
  std::vector<std::int32_t> prefix, suffix;  // what the model expects around a text

  Result<std::vector<std::int32_t>> Encode(std::string_view text, std::span<const ByteRange> trusted) const;
};

namespace {

/// One call of Encode: its output and scratch memory.
class EncodeCall {
 public:
  EncodeCall(const PreTokenizer& pre_tokenizer, const ByteTokens& byte_tokens, const MergeTable& merges,
             std::size_t text_bytes)
      : pre_tokenizer_(pre_tokenizer), bpe_(byte_tokens, merges), cache_(text_bytes) {
    ids.reserve(text_bytes / 3 + 4);
  }

  /// Appends the tokens of a text without special tokens. Bytes that are not UTF-8 are words of their own.
  Status Append(std::string_view text) {
    while (!text.empty()) {
      const std::size_t whole = WellFormedPrefix(text);
      VIVACE_RETURN_IF_ERROR(AppendWords(text.substr(0, whole)));
      text.remove_prefix(whole);
      if (text.empty()) break;
      const std::size_t broken = FirstCharacter(text).length;
      bpe_.Encode(text.substr(0, broken), ids);
      text.remove_prefix(broken);
    }
    return Status::Ok();
  }

  std::vector<std::int32_t> ids;

 private:
  Status AppendWords(std::string_view text) {
    VIVACE_RETURN_IF_ERROR(pre_tokenizer_.Split(text, ends_));
    std::size_t begin = 0;
    for (const std::size_t end : ends_) {
      const std::string_view word = text.substr(begin, end - begin);
      if (!cache_.AppendKnown(word, ids)) {
        const std::size_t first = ids.size();
        bpe_.Encode(word, ids);
        cache_.Remember(word, first, ids.size());
      }
      begin = end;
    }
    return Status::Ok();
  }

  const PreTokenizer& pre_tokenizer_;
  BpeEncoder bpe_;
  WordCache cache_;
  std::vector<std::size_t> ends_;
};

Status CheckId(const char* name, std::optional<std::int32_t> id, std::size_t size) {
  if (!id || (*id >= 0 && static_cast<std::size_t>(*id) < size)) return Status::Ok();
  return DataLoss(std::string(name) + " is " + std::to_string(*id) + ", but the vocabulary has ids 0 to " +
                  std::to_string(size - 1));
}

/// The token of each byte. Control bytes and bytes above ASCII may be missing (SmolLM2 lacks a few); text is
/// never lost in silence for want of a printable character.
Result<ByteTokens> FindByteTokens(const TokenTable& tokens) {
  ByteTokens byte_tokens;
  for (unsigned byte = 0; byte < 256; ++byte) {
    const std::string character = ByteCharacter(static_cast<unsigned char>(byte));
    const auto id = tokens.Find(character);
    if (!id && ((byte >= 0x20 && byte < 0x7F) || byte == '\n')) {
      return DataLoss("the vocabulary has no token for byte " + std::to_string(byte) + " (written \"" +
                      character + "\"), so text could not be encoded");
    }
    byte_tokens[byte] = id.value_or(-1);
  }
  return byte_tokens;
}

bool IsTokenType(std::int64_t type) {
  return type >= static_cast<std::int64_t>(TokenType::kNormal) &&
         type <= static_cast<std::int64_t>(TokenType::kByte);
}

/// Control and user-defined tokens; sets is_control [size].
Result<SpecialTokens> CollectSpecialTokens(const Vocabulary& vocabulary, std::vector<bool>& is_control) {
  if (!vocabulary.token_types.empty() && vocabulary.token_types.size() != vocabulary.tokens.size()) {
    return DataLoss("the vocabulary has " + std::to_string(vocabulary.tokens.size()) + " tokens but " +
                    std::to_string(vocabulary.token_types.size()) + " token types");
  }
  is_control.assign(vocabulary.tokens.size(), false);
  std::vector<SpecialToken> special;
  for (std::size_t id = 0; id < vocabulary.token_types.size(); ++id) {
    const std::int64_t type = vocabulary.token_types[id];
    if (type == static_cast<std::int64_t>(TokenType::kNormal)) continue;
    if (!IsTokenType(type)) {
      return DataLoss("token " + std::to_string(id) + " has the type " + std::to_string(type) +
                      "; types are 1 to 6");
    }
    const bool control = type == static_cast<std::int64_t>(TokenType::kControl);
    if (!control && type != static_cast<std::int64_t>(TokenType::kUserDefined)) continue;
    is_control[id] = control;
    const std::string_view text = vocabulary.tokens[id];
    if (!text.empty()) special.push_back({text, static_cast<std::int32_t>(id), control});
  }
  return SpecialTokens(std::move(special));
}

}  // namespace

Result<std::vector<std::int32_t>> Tokenizer::Impl::Encode(std::string_view text,
                                                          std::span<const ByteRange> trusted) const {
  EncodeCall call(pre_tokenizer, byte_tokens, merges, text.size());
  std::size_t at = 0;
  while (at < text.size()) {
    const auto match = special_tokens.Find(text, at, trusted);
    VIVACE_RETURN_IF_ERROR(call.Append(text.substr(at, (match ? match->begin : text.size()) - at)));
    if (!match) break;
    call.ids.push_back(match->id);
    at = match->end;
  }
  return std::move(call.ids);
}

Tokenizer::Tokenizer(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
Tokenizer::Tokenizer(Tokenizer&&) noexcept = default;
Tokenizer& Tokenizer::operator=(Tokenizer&&) noexcept = default;
Tokenizer::~Tokenizer() = default;

Result<Tokenizer> Tokenizer::Create(const Vocabulary& vocabulary) {
  if (vocabulary.model != "gpt2") {
    return Unsupported("tokenizer model \"" + std::string(vocabulary.model) +
                       "\" is not known; known is: gpt2");
  }
  VIVACE_ASSIGN_OR_RETURN(const PreTokenizerRow* row, PreTokenizer::FindRow(vocabulary.pre_tokenizer));
  VIVACE_ASSIGN_OR_RETURN(PreTokenizer pre_tokenizer, PreTokenizer::Create(*row));
  VIVACE_ASSIGN_OR_RETURN(TokenTable tokens, TokenTable::Create(vocabulary.tokens));
  VIVACE_RETURN_IF_ERROR(CheckId("tokenizer.ggml.bos_token_id", vocabulary.bos_id, tokens.size()));
  VIVACE_RETURN_IF_ERROR(CheckId("tokenizer.ggml.eos_token_id", vocabulary.eos_id, tokens.size()));
  const bool add_bos = vocabulary.add_bos.value_or(false), add_eos = vocabulary.add_eos.value_or(false);
  if (add_bos && !vocabulary.bos_id) {
    return DataLoss("tokenizer.ggml.add_bos_token is true, but there is no tokenizer.ggml.bos_token_id");
  }
  if (add_eos && !vocabulary.eos_id) {
    return DataLoss("tokenizer.ggml.add_eos_token is true, but there is no tokenizer.ggml.eos_token_id");
  }
  VIVACE_ASSIGN_OR_RETURN(const ByteTokens byte_tokens, FindByteTokens(tokens));
  VIVACE_ASSIGN_OR_RETURN(MergeTable merges, MergeTable::Create(vocabulary.merges, tokens));
  std::vector<bool> is_control;
  VIVACE_ASSIGN_OR_RETURN(SpecialTokens special_tokens, CollectSpecialTokens(vocabulary, is_control));
  auto impl = std::make_unique<Impl>(Impl{std::move(tokens),
                                          std::move(merges),
                                          std::move(pre_tokenizer),
                                          byte_tokens,
                                          std::move(special_tokens),
                                          std::move(is_control),
                                          vocabulary.bos_id,
                                          vocabulary.eos_id,
                                          vocabulary.unknown_id,
                                          vocabulary.pad_id,
                                          {},
                                          {},
                                          {}});
  if (vocabulary.eos_id) impl->end_ids.push_back(*vocabulary.eos_id);
  if (vocabulary.eot_id && vocabulary.eot_id != vocabulary.eos_id)
    impl->end_ids.push_back(*vocabulary.eot_id);
  if (add_bos) impl->prefix.push_back(*vocabulary.bos_id);
  if (add_eos) impl->suffix.push_back(*vocabulary.eos_id);
  return Tokenizer(std::move(impl));
}

Result<Tokenizer> Tokenizer::FromJson(const TokenizerFiles& files) {
  if (files.tokenizer_json.empty()) return NotFound("tokenizer.json is missing or empty");
  return Unsupported("tokenizer.json is not read by this build; use a GGUF file");
}

Result<std::vector<std::int32_t>> Tokenizer::Encode(std::string_view text, bool parse_special) const {
  const ByteRange all = {0, text.size()};
  return impl_->Encode(text, {&all, parse_special ? std::size_t{1} : std::size_t{0}});
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
  return impl_->Encode(text, trusted);
}

void Tokenizer::AppendTokenText(std::int32_t id, std::string& out) const {
  if (id >= 0 && id < size()) AppendTokenBytes(impl_->tokens.text(id), out);
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
  return static_cast<std::int32_t>(impl_->tokens.size());
}
bool Tokenizer::is_special(std::int32_t id) const {
  return id >= 0 && id < size() && impl_->is_control[static_cast<std::size_t>(id)];
}
std::optional<std::int32_t> Tokenizer::FindToken(std::string_view text) const {
  return impl_->tokens.Find(text);
}
std::optional<std::int32_t> Tokenizer::bos_id() const {
  return impl_->bos_id;
}
std::optional<std::int32_t> Tokenizer::eos_id() const {
  return impl_->eos_id;
}
std::optional<std::int32_t> Tokenizer::unknown_id() const {
  return impl_->unknown_id;
}
std::optional<std::int32_t> Tokenizer::pad_id() const {
  return impl_->pad_id;
}
std::span<const std::int32_t> Tokenizer::end_ids() const {
  return impl_->end_ids;
}
bool Tokenizer::add_bos() const {
  return impl_->bos_id && !impl_->prefix.empty() && impl_->prefix.front() == *impl_->bos_id;
}
bool Tokenizer::add_eos() const {
  return impl_->eos_id && !impl_->suffix.empty() && impl_->suffix.back() == *impl_->eos_id;
}
void Tokenizer::AddSpecialTokens(std::vector<std::int32_t>& ids) const {
  ids.insert(ids.begin(), impl_->prefix.begin(), impl_->prefix.end());
  ids.insert(ids.end(), impl_->suffix.begin(), impl_->suffix.end());
}

}  // namespace vivace::tokenizer
