// The road of a text: added tokens, normaliser, pre-tokenizer, model; and back through the decoder.
// Thread safety: immutable after Create; what a call needs lives in the call. Ownership: owns its tables;
// token texts as TokenizerSpec says.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string_view>
#include <vector>

#include "tokenizer/bpe.h"
#include "tokenizer/decoder.h"
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
  explicit Pipeline(Parts parts);

  Status AddTokens(TokenizerSpec& spec);
  Status CheckIds() const;
  /// Puts the model into a pipeline whose tables are in their final place.
  Status MakeModel(const TokenizerSpec& spec);

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
  TextArena texts_;
};

}  // namespace vivace::tokenizer
