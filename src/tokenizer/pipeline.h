// The road of a text: added tokens, normaliser, pre-tokenizer, model; and back through the decoder.
// Thread safety: immutable after Create; what a call needs lives in the call. Ownership: owns its tables, or
// views the image that it was made from.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "tokenizer/bpe.h"
#include "tokenizer/decoder.h"
#include "tokenizer/image_bytes.h"
#include "tokenizer/normalizer.h"
#include "tokenizer/pre_tokenizer.h"
#include "tokenizer/special_tokens.h"
#include "tokenizer/token_model.h"
#include "tokenizer/tokenizer_spec.h"
#include "vivace/status.h"

namespace vivace::tokenizer {

class Pipeline {
 public:
  /// Errors: kDataLoss or kUnsupported, naming the token, merge or step.
  static Result<std::unique_ptr<Pipeline>> Create(TokenizerSpec spec);

  /// See Tokenizer.
  std::string SaveImage() const;
  static Result<std::unique_ptr<Pipeline>> FromImage(std::span<const std::byte> bytes);

  /// Ids of the text, any bytes. Control tokens count inside `trusted` (ranges in order, not touching).
  Result<std::vector<std::int32_t>> Encode(std::string_view text, std::span<const ByteRange> trusted) const;

  std::int32_t size() const { return static_cast<std::int32_t>(tables_.tokens.size()); }
  /// As the vocabulary writes it; empty for an id without a token.
  std::string_view TokenEntry(std::int32_t id) const;
  bool IsControl(std::int32_t id) const;
  std::optional<std::int32_t> Find(std::string_view text) const;
  const Decoder& decoder() const { return decoder_; }

  const std::vector<std::int32_t>& prefix() const { return prefix_; }
  const std::vector<std::int32_t>& suffix() const { return suffix_; }
  const std::vector<std::int32_t>& end_ids() const { return end_ids_; }
  std::optional<std::int32_t> bos_id() const { return bos_id_; }
  std::optional<std::int32_t> eos_id() const { return eos_id_; }
  std::optional<std::int32_t> unknown_id() const { return unknown_id_; }
  std::optional<std::int32_t> pad_id() const { return pad_id_; }

 private:
  class Call;
  struct Parts {
    BpeTables tables;
    Normalizer normalizer;
    PreTokenizer pre_tokenizer;
    Decoder decoder;
  };
  /// What the steps were made from, for SaveImage.
  struct Steps {
    std::vector<NormalizerStep> normalizer;
    std::vector<PreTokenizerPart> pre_tokenizer;
    std::vector<DecoderStep> decoder;
  };
  explicit Pipeline(Parts parts);

  Status AddTexts(const std::vector<AddedToken>& added);
  Status AddTokens(const std::vector<AddedToken>& added);
  Status CheckIds() const;
  /// Puts the model into a pipeline whose tables are in their final place.
  Status MakeModel(const TokenizerSpec& spec);
  /// The same from an image.
  Status LoadModel(ImageReader& image);
  Status LoadAdded(ImageReader& image);
  template <class Image, class Self>
  static void IdFields(Image& image, Self& self);

  ModelKind kind_ = ModelKind::kByteLevelBpe;
  Steps steps_;
  BpeTables tables_;                   // tokens: of the model, and the texts of added tokens
  std::unique_ptr<TokenModel> model_;  // none: byte-level BPE by tables_
  Normalizer normalizer_;
  PreTokenizer pre_tokenizer_;
  Decoder decoder_;
  SpecialTokens raw_tokens_;         // found before the normaliser
  SpecialTokens raw_mixed_tokens_;   // the same, and control tokens of normalized_tokens_ by their own text
  SpecialTokens normalized_tokens_;  // found after it; their texts are normalised
  std::vector<std::pair<std::string_view, std::int32_t>> added_;  // sorted by text
  std::vector<bool> is_control_;                                  // [size]
  std::vector<std::int32_t> prefix_, suffix_, end_ids_;
  std::optional<std::int32_t> bos_id_, eos_id_, unknown_id_, pad_id_;
  TextArena texts_;  // normalised texts of added tokens
};

}  // namespace vivace::tokenizer
