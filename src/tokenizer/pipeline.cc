#include "tokenizer/pipeline.h"

#include <algorithm>
#include <string>
#include <utility>

#include "base/status_macros.h"
#include "tokenizer/byte_alphabet.h"
#include "tokenizer/character_bpe.h"
#include "tokenizer/sentencepiece_bpe.h"
#include "tokenizer/unigram.h"
#include "tokenizer/wordpiece.h"

namespace vivace::tokenizer {
namespace {

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

/// Ids of control tokens that the model's vocabulary has too, sorted.
std::vector<std::int32_t> ControlIds(const TokenizerSpec& spec) {
  std::vector<std::int32_t> ids;
  for (const AddedToken& token : spec.added) {
    if (token.special && static_cast<std::size_t>(token.id) < spec.model.tokens.size())
      ids.push_back(token.id);
  }
  std::sort(ids.begin(), ids.end());
  return ids;
}

/// What one entry calls a control token is one in each: a token may be listed more than once.
void KeepControl(std::vector<AddedToken>& added) {
  std::vector<std::int32_t> ids;
  for (const AddedToken& token : added) {
    if (token.special) ids.push_back(token.id);
  }
  std::sort(ids.begin(), ids.end());
  for (AddedToken& token : added) token.special = std::binary_search(ids.begin(), ids.end(), token.id);
}

/// The ids of added tokens are those of the model where it has the same text, as in Hugging Face tokenizers.
Status ResolveAdded(const TokenTable& tokens, std::vector<AddedToken>& added) {
  std::erase_if(added, [](const AddedToken& token) { return token.text.empty(); });  // could never be found
  for (AddedToken& token : added) {
    if (token.text.size() > SpecialTokens::kLongest) {
      return Unsupported("added token \"" + std::string(token.text.substr(0, 40)) + "...\" has " +
                         std::to_string(token.text.size()) + " bytes; at most " +
                         std::to_string(SpecialTokens::kLongest) + " are supported");
    }
    if (const auto known = tokens.Find(token.text)) {
      token.id = *known;
    } else if (static_cast<std::size_t>(token.id) < tokens.size() &&
               tokens.text(token.id).data() != nullptr) {
      return DataLoss("added token \"" + std::string(token.text) + "\" has the id " +
                      std::to_string(token.id) + ", which is that of \"" +
                      std::string(tokens.text(token.id)) + "\"");
    }
  }
  KeepControl(added);
  return Status::Ok();
}

SpecialToken AsSpecial(const AddedToken& token, std::string_view text) {
  return {text, token.id, token.special, token.lstrip, token.rstrip, token.single_word};
}

}  // namespace

Pipeline::Pipeline(Parts parts)
    : tables_(std::move(parts.tables)),
      normalizer_(std::move(parts.normalizer)),
      pre_tokenizer_(std::move(parts.pre_tokenizer)),
      decoder_(std::move(parts.decoder)) {}

Result<std::unique_ptr<Pipeline>> Pipeline::Create(TokenizerSpec spec) {
  BpeTables tables;
  VIVACE_ASSIGN_OR_RETURN(tables.tokens, TokenTable::Create(spec.model.tokens));
  VIVACE_RETURN_IF_ERROR(ResolveAdded(tables.tokens, spec.added));
  tables.control_ids = ControlIds(spec);
  spec.model.control_ids = tables.control_ids;
  tables.ignore_merges = spec.model.ignore_merges;
  if (spec.model.kind == ModelKind::kByteLevelBpe) {
    VIVACE_ASSIGN_OR_RETURN(tables.byte_tokens, FindByteTokens(tables.tokens));
  }
  if (HasMerges(spec.model.kind)) {
    VIVACE_ASSIGN_OR_RETURN(tables.merges,
                            MergeTable::Create(spec.model.merges, tables.tokens, tables.control_ids,
                                               spec.model.continuing_prefix));
  }
  Steps steps = {std::move(spec.normalizer), std::move(spec.pre_tokenizer), std::move(spec.decoder)};
  VIVACE_ASSIGN_OR_RETURN(Normalizer normalizer, Normalizer::Create(steps.normalizer));
  VIVACE_ASSIGN_OR_RETURN(Decoder decoder, Decoder::Create(steps.decoder));
  VIVACE_ASSIGN_OR_RETURN(PreTokenizer placeholder, PreTokenizer::Create({}));
  Parts parts{std::move(tables), std::move(normalizer), std::move(placeholder), std::move(decoder)};
  std::unique_ptr<Pipeline> result(new Pipeline(std::move(parts)));
  result->kind_ = spec.model.kind;
  VIVACE_RETURN_IF_ERROR(result->MakeModel(spec));
  if (result->model_ && result->model_->CutsAtMetaspace()) {
    steps.pre_tokenizer.emplace_back(PreTokenizerStep{.kind = PreTokenizerKind::kMetaspaceRuns});
  }
  VIVACE_ASSIGN_OR_RETURN(result->pre_tokenizer_, PreTokenizer::Create(steps.pre_tokenizer));
  result->steps_ = std::move(steps);
  VIVACE_RETURN_IF_ERROR(result->AddTexts(spec.added));
  VIVACE_RETURN_IF_ERROR(result->AddTokens(spec.added));
  result->prefix_ = std::move(spec.prefix);
  result->suffix_ = std::move(spec.suffix);
  result->end_ids_ = std::move(spec.end_ids);
  result->bos_id_ = spec.bos_id;
  result->eos_id_ = spec.eos_id;
  result->unknown_id_ = spec.unknown_id;
  result->pad_id_ = spec.pad_id;
  VIVACE_RETURN_IF_ERROR(result->CheckIds());
  return result;
}

Status Pipeline::MakeModel(const TokenizerSpec& spec) {
  const ModelSpec& model = spec.model;
  switch (model.kind) {
    case ModelKind::kByteLevelBpe:
      return Status::Ok();
    case ModelKind::kCharacterBpe: {
      VIVACE_ASSIGN_OR_RETURN(model_, MakeCharacterBpe(tables_.tokens, tables_.merges,
                                                       {.unk_id = model.unknown_id,
                                                        .fuse_unk = model.fuse_unknown,
                                                        .byte_fallback = model.byte_fallback,
                                                        .ignore_merges = model.ignore_merges,
                                                        .continuing_subword_prefix = model.continuing_prefix,
                                                        .end_of_word_suffix = model.word_suffix,
                                                        .control_ids = model.control_ids}));
      return Status::Ok();
    }
    case ModelKind::kSentencePieceBpe: {
      VIVACE_ASSIGN_OR_RETURN(model_, MakeSentencePieceBpe({&tables_.tokens, model.float_scores,
                                                            model.token_types, model.unknown_id}));
      return Status::Ok();
    }
    case ModelKind::kUnigram: {
      VIVACE_ASSIGN_OR_RETURN(model_,
                              MakeUnigram({model.tokens, model.scores, model.unknown_id, model.byte_fallback,
                                           model.fuse_unknown, model.control_ids}));
      return Status::Ok();
    }
    case ModelKind::kWordPiece: {
      if (!model.unknown_id) return DataLoss("the WordPiece model has no unknown token");
      VIVACE_ASSIGN_OR_RETURN(model_,
                              MakeWordPiece({.tokens = &tables_.tokens,
                                             .unk_id = *model.unknown_id,
                                             .continuing_subword_prefix = model.continuing_prefix,
                                             .word_prefix = model.word_prefix,
                                             .max_input_chars_per_word = model.max_characters_per_word,
                                             .control_ids = model.control_ids}));
      return Status::Ok();
    }
  }
  return Internal("unknown kind of tokenizer model");
}

Status Pipeline::AddTexts(const std::vector<AddedToken>& added) {
  std::vector<TokenTable::NewText> texts;
  const auto same_id = [](std::string_view first, std::string_view second, std::int32_t id) {
    return DataLoss("added tokens \"" + std::string(first) + "\" and \"" + std::string(second) +
                    "\" have the same id " + std::to_string(id));
  };
  for (const AddedToken& token : added) {
    const std::string_view known = tables_.tokens.text(token.id);
    if (known.data() == nullptr) {
      texts.push_back({token.id, token.text});
    } else if (known != token.text) {
      return same_id(known, token.text, token.id);
    }
  }
  std::stable_sort(texts.begin(), texts.end(), [](const auto& a, const auto& b) { return a.id < b.id; });
  for (std::size_t i = 1; i < texts.size(); ++i) {
    if (texts[i].id == texts[i - 1].id && texts[i].text != texts[i - 1].text)
      return same_id(texts[i - 1].text, texts[i].text, texts[i].id);
  }
  return tables_.tokens.AddTexts(texts);
}

Status Pipeline::AddTokens(const std::vector<AddedToken>& added) {
  std::vector<SpecialToken> raw, mixed, normalized;
  is_control_.assign(tables_.tokens.size(), false);
  for (const AddedToken& token : added) {
    const std::string_view own = tables_.tokens.text(token.id);  // the same text, kept
    added_.emplace_back(own, token.id);
    if (token.special) is_control_[static_cast<std::size_t>(token.id)] = true;
    const bool after = token.normalized && !normalizer_.empty();
    if (!after) raw.push_back(AsSpecial(token, own));
    if (!after || token.special) mixed.push_back(AsSpecial(token, own));
    if (!after) continue;
    std::string text;
    VIVACE_RETURN_IF_ERROR(normalizer_.Apply(token.text, text));
    if (text.size() > SpecialTokens::kLongest) {
      return Unsupported("added token \"" + std::string(token.text) + "\" has " +
                         std::to_string(text.size()) + " bytes when normalised; at most " +
                         std::to_string(SpecialTokens::kLongest) + " are supported");
    }
    if (!text.empty()) normalized.push_back(AsSpecial(token, texts_.Keep(text)));
  }
  std::sort(added_.begin(), added_.end());
  raw_tokens_ = SpecialTokens(std::move(raw));
  raw_mixed_tokens_ = SpecialTokens(std::move(mixed));
  normalized_tokens_ = SpecialTokens(std::move(normalized));
  return Status::Ok();
}

Status Pipeline::CheckIds() const {
  for (const auto* ids : {&prefix_, &suffix_, &end_ids_}) {
    for (const std::int32_t id : *ids) {
      if (id < 0 || id >= size()) {
        return DataLoss("a token around the text has the id " + std::to_string(id) +
                        ", but the vocabulary has ids 0 to " + std::to_string(size() - 1));
      }
    }
  }
  return Status::Ok();
}

std::string_view Pipeline::TokenEntry(std::int32_t id) const {
  return id >= 0 && id < size() ? tables_.tokens.text(id) : std::string_view();
}

bool Pipeline::IsControl(std::int32_t id) const {
  return id >= 0 && id < size() && is_control_[static_cast<std::size_t>(id)];
}

std::optional<std::int32_t> Pipeline::Find(std::string_view text) const {
  const auto at =
      std::lower_bound(added_.begin(), added_.end(), text,
                       [](const auto& pair, std::string_view wanted) { return pair.first < wanted; });
  if (at != added_.end() && at->first == text) return at->second;
  return tables_.tokens.Find(text);
}

}  // namespace vivace::tokenizer
