// A pipeline as an image, and back. Tables are used where they lie; what is small (steps, added tokens, ids)
// is made anew. Whatever an image says, ids that come out are below size() and every search ends: tables are
// checked where they are looked at, the rest here.
#include <algorithm>
#include <utility>

#include "base/status_macros.h"
#include "tokenizer/character_bpe.h"
#include "tokenizer/image_bytes.h"
#include "tokenizer/pipeline.h"
#include "tokenizer/sentencepiece_bpe.h"
#include "tokenizer/step_fields.h"
#include "tokenizer/unigram.h"
#include "tokenizer/wordpiece.h"

namespace vivace::tokenizer {
namespace {

constexpr ImageKind kKind = {"VIVTOKEN", kTokenizerImageVersion, "a tokenizer image"};

/// An added token of a list, its text among the list's characters.
struct SpecialEntry {
  std::uint32_t begin, length;
  std::int32_t id;
  std::uint32_t flags;
};
constexpr std::uint32_t kControl = 1, kLeftStrip = 2, kRightStrip = 4, kSingleWord = 8, kAllFlags = 15;

void SaveSpecial(const SpecialTokens& tokens, ImageWriter& image) {
  std::vector<SpecialEntry> entries;
  std::vector<char> texts;
  for (const SpecialToken& token : tokens.tokens()) {
    entries.push_back({static_cast<std::uint32_t>(texts.size()),
                       static_cast<std::uint32_t>(token.text.size()), token.id,
                       (token.control ? kControl : 0) | (token.lstrip ? kLeftStrip : 0) |
                           (token.rstrip ? kRightStrip : 0) | (token.single_word ? kSingleWord : 0)});
    texts.insert(texts.end(), token.text.begin(), token.text.end());
  }
  image.Field(entries);
  image.Field(texts);
}

Result<SpecialTokens> LoadSpecial(ImageReader& image, std::size_t size) {
  FlatTable<SpecialEntry> entries;
  FlatTable<char> texts;
  image.Field(entries);
  image.Field(texts);
  std::vector<SpecialToken> tokens;
  tokens.reserve(entries.size());
  for (const SpecialEntry& entry : entries) {
    if (entry.length == 0 || entry.length > SpecialTokens::kLongest || entry.length > texts.size() ||
        entry.begin > texts.size() - entry.length || entry.flags > kAllFlags) {
      return DataLoss("an added token is not as it must be");
    }
    VIVACE_RETURN_IF_ERROR(CheckImageIds({&entry.id, 1}, 0, size));
    tokens.push_back({{texts.data() + entry.begin, entry.length},
                      entry.id,
                      (entry.flags & kControl) != 0,
                      (entry.flags & kLeftStrip) != 0,
                      (entry.flags & kRightStrip) != 0,
                      (entry.flags & kSingleWord) != 0});
  }
  return SpecialTokens(std::move(tokens));
}

/// The tables that a kind of model has.
template <class Image, class Tables>
void TableFields(Image& image, ModelKind kind, Tables& tables) {
  TokenTable::Fields(image, tables.tokens);
  if (HasMerges(kind)) MergeTable::Fields(image, tables.merges);
  if (kind == ModelKind::kByteLevelBpe) image.Field(tables.byte_tokens);
  image.Field(tables.ignore_merges);
  image.Field(tables.control_ids);
}

Result<BpeTables> LoadTables(ImageReader& image, ModelKind kind) {
  BpeTables tables;
  TableFields(image, kind, tables);
  VIVACE_RETURN_IF_ERROR(image.status());
  VIVACE_RETURN_IF_ERROR(tables.tokens.CheckImage());
  const std::size_t size = tables.tokens.size();
  if (HasMerges(kind)) VIVACE_RETURN_IF_ERROR(tables.merges.CheckImage(size));
  if (kind == ModelKind::kByteLevelBpe) VIVACE_RETURN_IF_ERROR(CheckImageIds(tables.byte_tokens, -1, size));
  VIVACE_RETURN_IF_ERROR(CheckImageIds(tables.control_ids, 0, size));
  return tables;
}

template <class Image, class Steps>
void StepFields(Image& image, Steps& steps) {
  image.List(steps.normalizer, [](auto& to, auto& step) { NormalizerFields(to, step); });
  image.List(steps.pre_tokenizer, [](auto& to, auto& part) { PreTokenizerFields(to, part); });
  image.List(steps.decoder, [](auto& to, auto& step) { DecoderFields(to, step); });
}

}  // namespace

template <class Image, class Self>
void Pipeline::IdFields(Image& image, Self& self) {
  image.Field(self.prefix_);
  image.Field(self.suffix_);
  image.Field(self.end_ids_);
  image.Field(self.bos_id_);
  image.Field(self.eos_id_);
  image.Field(self.unknown_id_);
  image.Field(self.pad_id_);
}

std::string Pipeline::SaveImage() const {
  ImageWriter image(kKind);
  image.Choice(kind_, ModelKind::kWordPiece);
  TableFields(image, kind_, tables_);
  StepFields(image, steps_);
  if (model_ != nullptr) model_->SaveImage(image);
  for (const SpecialTokens* tokens : {&raw_tokens_, &raw_mixed_tokens_, &normalized_tokens_})
    SaveSpecial(*tokens, image);
  std::vector<std::int32_t> added, control;
  for (const auto& [text, id] : added_) added.push_back(id);
  for (std::size_t id = 0; id < is_control_.size(); ++id) {
    if (is_control_[id]) control.push_back(static_cast<std::int32_t>(id));
  }
  image.Field(added);
  image.Field(control);
  IdFields(image, *this);
  return std::move(image).Finish();
}

Status Pipeline::LoadModel(ImageReader& image) {
  switch (kind_) {
    case ModelKind::kByteLevelBpe:
      return Status::Ok();
    case ModelKind::kCharacterBpe: {
      VIVACE_ASSIGN_OR_RETURN(model_, LoadCharacterBpe(image, tables_.tokens, tables_.merges));
      return Status::Ok();
    }
    case ModelKind::kSentencePieceBpe: {
      VIVACE_ASSIGN_OR_RETURN(model_, LoadSentencePieceBpe(image, tables_.tokens));
      return Status::Ok();
    }
    case ModelKind::kUnigram: {
      VIVACE_ASSIGN_OR_RETURN(model_, LoadUnigram(image, tables_.tokens.size()));
      return Status::Ok();
    }
    case ModelKind::kWordPiece: {
      VIVACE_ASSIGN_OR_RETURN(model_, LoadWordPiece(image, tables_.tokens));
      return Status::Ok();
    }
  }
  return Internal("unknown kind of tokenizer model");
}

Status Pipeline::LoadAdded(ImageReader& image) {
  const std::size_t size = tables_.tokens.size();
  for (SpecialTokens* tokens : {&raw_tokens_, &raw_mixed_tokens_, &normalized_tokens_}) {
    VIVACE_ASSIGN_OR_RETURN(*tokens, LoadSpecial(image, size));
  }
  std::vector<std::int32_t> added, control;
  image.Field(added);
  image.Field(control);
  VIVACE_RETURN_IF_ERROR(CheckImageIds(added, 0, size));
  VIVACE_RETURN_IF_ERROR(CheckImageIds(control, 0, size));
  for (const std::int32_t id : added) added_.emplace_back(tables_.tokens.text(id), id);
  is_control_.assign(size, false);
  for (const std::int32_t id : control) is_control_[static_cast<std::size_t>(id)] = true;
  IdFields(image, *this);
  for (const auto& id : {bos_id_, eos_id_, unknown_id_, pad_id_}) {
    if (id) VIVACE_RETURN_IF_ERROR(CheckImageIds({&*id, 1}, 0, size));
  }
  return CheckIds();
}

Result<std::unique_ptr<Pipeline>> Pipeline::FromImage(std::span<const std::byte> bytes) {
  ImageReader image(kKind, bytes);
  ModelKind kind{};
  image.Choice(kind, ModelKind::kWordPiece);
  VIVACE_ASSIGN_OR_RETURN(BpeTables tables, LoadTables(image, kind));
  Steps steps;
  StepFields(image, steps);
  VIVACE_RETURN_IF_ERROR(image.status());
  VIVACE_ASSIGN_OR_RETURN(Normalizer normalizer, Normalizer::Create(steps.normalizer));
  VIVACE_ASSIGN_OR_RETURN(PreTokenizer pre_tokenizer, PreTokenizer::Create(steps.pre_tokenizer));
  VIVACE_ASSIGN_OR_RETURN(Decoder decoder, Decoder::Create(steps.decoder));
  Parts parts{std::move(tables), std::move(normalizer), std::move(pre_tokenizer), std::move(decoder)};
  std::unique_ptr<Pipeline> result(new Pipeline(std::move(parts)));
  result->kind_ = kind;
  result->steps_ = std::move(steps);
  VIVACE_RETURN_IF_ERROR(result->LoadModel(image));
  VIVACE_RETURN_IF_ERROR(result->LoadAdded(image));
  VIVACE_RETURN_IF_ERROR(image.Finish());
  return result;
}

}  // namespace vivace::tokenizer
