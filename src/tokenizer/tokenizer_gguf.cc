// One function per model kind of GGUF ("gpt2", "llama", "t5", "bert"): what its vocabulary implies, as the
// steps that tokenizer.json would spell out.
#include "tokenizer/tokenizer_gguf.h"

#include <string>

#include "base/status_macros.h"
#include "tokenizer/pre_tokenizer_rows.h"

namespace vivace::tokenizer {
namespace {

const std::string kMetaspace = "\xE2\x96\x81";  // U+2581

/// What a kind does where the file does not say.
struct Defaults {
  bool add_bos = false, add_eos = false;
};

Status CheckSize(const Vocabulary& vocabulary, std::size_t size, const char* what) {
  if (size == vocabulary.tokens.size()) return Status::Ok();
  return DataLoss("the vocabulary has " + std::to_string(vocabulary.tokens.size()) + " tokens but " +
                  std::to_string(size) + " " + what);
}

Result<Defaults> ReadGpt2(const Vocabulary& vocabulary, TokenizerSpec& spec) {
  VIVACE_ASSIGN_OR_RETURN(const PreTokenizerRow* row, FindPreTokenizerRow(vocabulary.pre_tokenizer));
  spec.model.kind = ModelKind::kByteLevelBpe;
  spec.model.ignore_merges = row->ignore_merges;
  VIVACE_ASSIGN_OR_RETURN(spec.model.merges, SplitMerges(vocabulary.merges));
  if (row->nfc) spec.normalizer.push_back({.kind = NormalizerKind::kNfc});
  spec.pre_tokenizer = PartsOf(*row);
  spec.decoder.push_back({.kind = DecoderKind::kByteLevel});
  return Defaults{.add_bos = row->add_bos};
}

/// A space becomes U+2581; one comes before each stretch of text.
void EscapeSpaces(bool prefix, TokenizerSpec& spec) {
  if (prefix) spec.normalizer.push_back({.kind = NormalizerKind::kPrepend, .content = kMetaspace});
  spec.normalizer.push_back({.kind = NormalizerKind::kReplace, .pattern = " ", .content = kMetaspace});
  spec.decoder.push_back({.kind = DecoderKind::kReplace, .pattern = kMetaspace, .content = " "});
  spec.decoder.push_back({.kind = DecoderKind::kByteFallback});
  spec.decoder.push_back({.kind = DecoderKind::kFuse});
  if (prefix) spec.decoder.push_back({.kind = DecoderKind::kStrip, .content = " ", .start = 1});
}

Result<Defaults> ReadLlama(const Vocabulary& vocabulary, TokenizerSpec& spec) {
  VIVACE_RETURN_IF_ERROR(CheckSize(vocabulary, vocabulary.scores.size(), "scores"));
  spec.model.kind = ModelKind::kSentencePieceBpe;
  spec.model.float_scores = vocabulary.scores;
  spec.model.token_types = vocabulary.token_types;
  EscapeSpaces(vocabulary.add_space_prefix.value_or(true), spec);
  return Defaults{.add_bos = true};
}

Result<Defaults> ReadT5(const Vocabulary& vocabulary, TokenizerSpec& spec) {
  VIVACE_RETURN_IF_ERROR(CheckSize(vocabulary, vocabulary.scores.size(), "scores"));
  spec.model.kind = ModelKind::kUnigram;
  spec.model.fuse_unknown = true;
  spec.model.scores.assign(vocabulary.scores.begin(), vocabulary.scores.end());
  if (!vocabulary.precompiled_charsmap.empty()) {
    spec.normalizer.push_back(
        {.kind = NormalizerKind::kPrecompiled, .charsmap = std::string(vocabulary.precompiled_charsmap)});
  }
  if (vocabulary.remove_extra_whitespaces) {
    // As T5's tokenizer.json: white space goes at the end only, a space in front is that of the first word.
    spec.normalizer.push_back({.kind = NormalizerKind::kStrip, .strip_left = false});
    spec.normalizer.push_back(
        {.kind = NormalizerKind::kReplace, .pattern = " {2,}", .pattern_is_regex = true, .content = " "});
  }
  const bool prefix = vocabulary.add_space_prefix.value_or(true);
  spec.pre_tokenizer.emplace_back(
      PreTokenizerStep{.kind = PreTokenizerKind::kMetaspace,
                       .prepend_scheme = prefix ? PrependScheme::kAlways : PrependScheme::kNever});
  spec.decoder.push_back({.kind = DecoderKind::kMetaspace, .content = kMetaspace, .flag = prefix});
  return Defaults{.add_eos = true};
}

/// GGUF writes a piece that begins a word with U+2581 before it, and one that goes on with nothing.
Result<Defaults> ReadBert(const Vocabulary& vocabulary, TokenizerSpec& spec) {
  if (!vocabulary.unknown_id)
    return DataLoss("there is no tokenizer.ggml.unknown_token_id, which \"bert\" needs");
  spec.model.kind = ModelKind::kWordPiece;
  spec.model.word_prefix = kMetaspace;
  spec.normalizer.push_back({.kind = NormalizerKind::kBert});
  spec.pre_tokenizer.emplace_back(PreTokenizerStep{.kind = PreTokenizerKind::kBert});
  spec.decoder.push_back({.kind = DecoderKind::kMetaspace, .content = kMetaspace});
  return Defaults{.add_bos = true, .add_eos = true};
}

Status CheckId(const char* name, std::optional<std::int32_t> id, std::size_t size) {
  if (!id || (*id >= 0 && static_cast<std::size_t>(*id) < size)) return Status::Ok();
  return DataLoss("tokenizer.ggml." + std::string(name) + " is " + std::to_string(*id) +
                  ", but the vocabulary has ids 0 to " + std::to_string(size - 1));
}

Status CheckIds(const Vocabulary& vocabulary) {
  const std::size_t size = vocabulary.tokens.size();
  VIVACE_RETURN_IF_ERROR(CheckId("bos_token_id", vocabulary.bos_id, size));
  VIVACE_RETURN_IF_ERROR(CheckId("eos_token_id", vocabulary.eos_id, size));
  VIVACE_RETURN_IF_ERROR(CheckId("eot_token_id", vocabulary.eot_id, size));
  VIVACE_RETURN_IF_ERROR(CheckId("unknown_token_id", vocabulary.unknown_id, size));
  VIVACE_RETURN_IF_ERROR(CheckId("seperator_token_id", vocabulary.separator_id, size));
  return CheckId("padding_token_id", vocabulary.pad_id, size);
}

/// Control and user-defined tokens.
Status CollectAdded(const Vocabulary& vocabulary, std::vector<AddedToken>& added) {
  constexpr auto kFirst = static_cast<std::int64_t>(TokenType::kNormal);
  constexpr auto kLast = static_cast<std::int64_t>(TokenType::kByte);
  if (!vocabulary.token_types.empty()) {
    VIVACE_RETURN_IF_ERROR(CheckSize(vocabulary, vocabulary.token_types.size(), "token types"));
  }
  for (std::size_t id = 0; id < vocabulary.token_types.size(); ++id) {
    const std::int64_t type = vocabulary.token_types[id];
    if (type == kFirst) continue;
    if (type < kFirst || type > kLast) {
      return DataLoss("token " + std::to_string(id) + " has the type " + std::to_string(type) +
                      "; types are 1 to 6");
    }
    const bool control = type == static_cast<std::int64_t>(TokenType::kControl);
    if (!control && type != static_cast<std::int64_t>(TokenType::kUserDefined)) continue;
    added.push_back({.text = vocabulary.tokens[id], .id = static_cast<std::int32_t>(id), .special = control});
  }
  return Status::Ok();
}

Status PlaceAround(const Vocabulary& vocabulary, const Defaults& defaults, TokenizerSpec& spec) {
  const bool add_bos = vocabulary.add_bos.value_or(defaults.add_bos && vocabulary.bos_id);
  const std::optional<std::int32_t> end =
      vocabulary.model == "bert" && vocabulary.separator_id ? vocabulary.separator_id : vocabulary.eos_id;
  const bool add_eos = vocabulary.add_eos.value_or(defaults.add_eos && end);
  if (add_bos && !vocabulary.bos_id) {
    return DataLoss("tokenizer.ggml.add_bos_token is true, but there is no tokenizer.ggml.bos_token_id");
  }
  if (add_eos && !end) {
    return DataLoss("tokenizer.ggml.add_eos_token is true, but there is no tokenizer.ggml.eos_token_id");
  }
  if (add_bos) spec.prefix.push_back(*vocabulary.bos_id);
  if (add_eos) spec.suffix.push_back(*end);
  return Status::Ok();
}

}  // namespace

Status ReadVocabulary(const Vocabulary& vocabulary, TokenizerSpec& spec) {
  static constexpr struct {
    std::string_view model;
    Result<Defaults> (*read)(const Vocabulary&, TokenizerSpec&);
  } kModels[] = {{"gpt2", ReadGpt2}, {"llama", ReadLlama}, {"t5", ReadT5}, {"bert", ReadBert}};
  const auto* row = std::begin(kModels);
  while (row != std::end(kModels) && row->model != vocabulary.model) ++row;
  if (row == std::end(kModels)) {
    return Unsupported("tokenizer model \"" + std::string(vocabulary.model) +
                       "\" is not known; known are: gpt2, llama, t5, bert");
  }
  if (vocabulary.tokens.empty()) return DataLoss("the vocabulary has no tokens");
  spec.model.tokens = vocabulary.tokens;
  spec.model.unknown_id = vocabulary.unknown_id;
  VIVACE_RETURN_IF_ERROR(CheckIds(vocabulary));
  VIVACE_ASSIGN_OR_RETURN(const Defaults defaults, row->read(vocabulary, spec));
  VIVACE_RETURN_IF_ERROR(CollectAdded(vocabulary, spec.added));
  spec.bos_id = vocabulary.bos_id;
  spec.eos_id = vocabulary.eos_id;
  spec.unknown_id = vocabulary.unknown_id;
  spec.pad_id = vocabulary.pad_id;
  if (vocabulary.eos_id) spec.end_ids.push_back(*vocabulary.eos_id);
  if (vocabulary.eot_id && vocabulary.eot_id != vocabulary.eos_id) spec.end_ids.push_back(*vocabulary.eot_id);
  return PlaceAround(vocabulary, defaults, spec);
}

}  // namespace vivace::tokenizer
