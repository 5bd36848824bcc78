// Text to token ids and back, for the kinds of tokenizer that GGUF files and tokenizer.json describe.
// Thread safety: all const members may be called from any thread. Ownership: owns what it needs; one made
// from an image views it, and the image must outlive it.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "tokenizer/vocabulary.h"
#include "vivace/status.h"

namespace vivace::tokenizer {

/// A stretch of text for EncodePieces. Control tokens are found only where parse_special holds.
struct TextPiece {
  std::string_view text;
  bool parse_special = false;
};

class Decoder;
class Pipeline;

class Tokenizer {
 public:
  /// Errors name the token, merge or name at fault: kUnsupported for a model or pre-tokenizer that is not
  /// known, kDataLoss for a vocabulary that contradicts itself.
  static Result<Tokenizer> Create(const Vocabulary& vocabulary);
  /// From tokenizer.json and its companions; the Tokenizer owns what it needs of the texts. Errors name the
  /// file, and the field, token or merge at fault; an unknown type of any part is kUnsupported, by its name.
  static Result<Tokenizer> FromJson(const TokenizerFiles& files);

  /// All of the tokenizer as bytes that do not depend on where they lie: FromImage makes an equal one of them
  /// without building any table. The same tokenizer gives the same bytes.
  std::string SaveImage() const;
  /// From what SaveImage gave, on a boundary of 8 bytes; used in place. Errors: kDataLoss for bytes that are
  /// no image of this version or contradict themselves. Wrong bytes that are not noticed give wrong tokens,
  /// but ids below size() and no access outside the image.
  static Result<Tokenizer> FromImage(std::span<const std::byte> image);

  Tokenizer(Tokenizer&&) noexcept;
  Tokenizer& operator=(Tokenizer&&) noexcept;
  ~Tokenizer();

  /// Ids of the text; any bytes are allowed. No BOS is added: see bos_id and add_bos. Control tokens spelled
  /// in the text become ids only with parse_special; user-defined tokens always do. Bytes for which the
  /// vocabulary has no token are dropped, as Hugging Face tokenizers does.
  Result<std::vector<std::int32_t>> Encode(std::string_view text, bool parse_special) const;
  /// The same ids as Encode of the joined text, but a control token counts only where it lies wholly inside
  /// consecutive pieces with parse_special: so a template's control tokens work and a user's text cannot
  /// spell one.
  Result<std::vector<std::int32_t>> EncodePieces(std::span<const TextPiece> pieces) const;

  /// The raw bytes of one token; may be part of a UTF-8 character. Empty for an id outside [0, size()).
  std::string TokenText(std::int32_t id) const;
  /// Appends the same bytes to out.
  void AppendTokenText(std::int32_t id, std::string& out) const;
  /// The text of the ids as valid UTF-8: bytes that are no character become U+FFFD. Control tokens are left
  /// out with skip_special.
  std::string Decode(std::span<const std::int32_t> ids, bool skip_special) const;

  /// The token as the vocabulary writes it; empty for an id without one.
  std::string_view TokenEntry(std::int32_t id) const;
  /// Turns entries into text; lives as long as the tokenizer.
  const Decoder& decoder() const;

  /// The number of ids: the highest one and 1.
  std::int32_t size() const;
  /// True for control tokens; false for ids outside [0, size()).
  bool is_special(std::int32_t id) const;
  /// The id whose vocabulary text is exactly `text` (special tokens are written as they read), if any.
  std::optional<std::int32_t> FindToken(std::string_view text) const;
  std::optional<std::int32_t> bos_id() const;
  std::optional<std::int32_t> eos_id() const;
  std::optional<std::int32_t> unknown_id() const;
  std::optional<std::int32_t> pad_id() const;
  /// What ends an answer: EOS and, where the vocabulary names one, the end of a turn. Each once.
  std::span<const std::int32_t> end_ids() const;
  /// True when a prompt begins with bos_id() / ends with eos_id() by the vocabulary's own rule.
  bool add_bos() const;
  bool add_eos() const;
  /// Puts the ids that the model expects around a text before and after `ids`: BOS, EOS, [CLS] and [SEP], or
  /// whatever the post-processor of tokenizer.json names.
  void AddSpecialTokens(std::vector<std::int32_t>& ids) const;

 private:
  explicit Tokenizer(std::unique_ptr<Pipeline> pipeline);
  std::unique_ptr<Pipeline> pipeline_;
};

}  // namespace vivace::tokenizer
