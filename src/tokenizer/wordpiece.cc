// Longest match by looking up ever shorter parts of the word in the vocabulary's own table, so that loading
// builds nothing. A mask of the lengths that pieces with the same first two bytes have leaves out most
// look-ups. Thread safety and ownership: see the header.
#include "tokenizer/wordpiece.h"

#include <algorithm>
#include <array>
#include <cstring>

#include "base/status_macros.h"
#include "tokenizer/characters.h"

namespace vivace::tokenizer {
namespace {

constexpr std::size_t kMaxPieceBytes = 1024;
constexpr std::size_t kShortWord = 256;  // bytes of word and mark up to which the spelling is on the stack
constexpr std::int32_t kNone = -1;

/// Which lengths the pieces have that begin with the same two bytes, or with two that share a slot. Length 1
/// always counts as there.
class PieceLengths {
 public:
  PieceLengths() { masks_.fill(std::uint64_t{1}); }

  /// `piece` is not empty.
  void Add(std::string_view piece) {
    masks_[SlotOf(piece)] |= Bit(piece.size());
    longest_ = std::max(longest_, piece.size());
  }
  /// The longest length up to `length` that a beginning of `text` may have as a piece; 0: none.
  std::size_t AtMost(std::string_view text, std::size_t length) const {
    length = std::min({length, text.size(), longest_});
    if (length == 0) return 0;
    const std::uint64_t mask = masks_[SlotOf(text)];
    while (length > 1 && (mask & Bit(length)) == 0) --length;
    return length;
  }

  template <class Image, class Self>
  static void Fields(Image& image, Self& self) {
    image.Field(self.masks_);
    image.Field(self.longest_);
  }

 private:
  static constexpr std::size_t kSlots = 1024, kLongBit = 63;

  static std::size_t SlotOf(std::string_view text) {
    const auto first = static_cast<unsigned char>(text[0]);
    const auto second = text.size() > 1 ? static_cast<unsigned char>(text[1]) : 0u;
    return (first * 37u + second * 5u) % kSlots;
  }
  static std::uint64_t Bit(std::size_t length) { return std::uint64_t{1} << std::min(length - 1, kLongBit); }

  std::array<std::uint64_t, kSlots> masks_;
  std::size_t longest_ = 0;
};

class WordPiece : public TokenModel {
 public:
  struct Parts {
    bool gguf = false;  // its spelling: see WordPieceVocabulary::word_prefix
    std::string mark;   // of pieces that continue a word; of GGUF's, that begin one
    std::vector<std::int32_t> control_ids;
    PieceLengths begins, continues;  // without the mark
    std::int32_t unk_id = 0;
    std::size_t max_characters = 0;

    template <class Image, class Self>
    static void Fields(Image& image, Self& self) {
      image.Field(self.gguf);
      image.Field(self.mark);
      image.Field(self.control_ids);
      PieceLengths::Fields(image, self.begins);
      PieceLengths::Fields(image, self.continues);
      image.Field(self.unk_id);
      image.Field(self.max_characters);
    }
  };

  WordPiece(Parts parts, const TokenTable& tokens)
      : tokens_(tokens), parts_(std::move(parts)), control_(tokens.size(), false) {
    for (const std::int32_t id : parts_.control_ids) {
      if (id >= 0 && static_cast<std::size_t>(id) < control_.size())
        control_[static_cast<std::size_t>(id)] = true;
    }
  }

  Status CollectLengths() {
    for (std::size_t i = 0; i < tokens_.size(); ++i) {
      const std::string_view piece = tokens_.text(static_cast<std::int32_t>(i));
      if (control_[i] || piece.empty()) continue;
      if (piece.size() > kMaxPieceBytes) {
        return Unsupported("token " + std::to_string(i) + " has " + std::to_string(piece.size()) +
                           " bytes; a piece of this kind of vocabulary has at most " +
                           std::to_string(kMaxPieceBytes));
      }
      const bool marked = piece.starts_with(parts_.mark);
      if (!parts_.gguf) parts_.begins.Add(piece);
      if (parts_.gguf && !marked) parts_.continues.Add(piece);
      if (marked && piece.size() > parts_.mark.size())
        (parts_.gguf ? parts_.begins : parts_.continues).Add(piece.substr(parts_.mark.size()));
    }
    return Status::Ok();
  }

  Status Encode(std::string_view word, std::vector<std::int32_t>& out) const override {
    if (IsTooLong(word)) {
      out.push_back(parts_.unk_id);
      return Status::Ok();
    }
    const std::size_t bytes = parts_.mark.size() + word.size();
    if (bytes <= kShortWord) {
      char spelling[kShortWord];
      Cut(word, spelling, out);
    } else {
      std::string spelling(bytes, '\0');
      Cut(word, spelling.data(), out);
    }
    return Status::Ok();
  }

  void SaveImage(ImageWriter& image) const override { Parts::Fields(image, parts_); }

 private:
  bool IsTooLong(std::string_view word) const {
    if (word.size() <= parts_.max_characters) return false;
    std::size_t characters = 0;
    for (std::size_t at = 0; at < word.size(); at += CharacterBytes(word[at])) ++characters;
    return characters > parts_.max_characters;
  }

  /// `spelling` has room for mark and word. The word stands behind the room of one mark; before each piece
  /// that has a mark in the vocabulary the mark takes the place of bytes that are cut already.
  void Cut(std::string_view word, char* spelling, std::vector<std::int32_t>& out) const {
    const std::size_t first = out.size(), mark = parts_.mark.size();
    if (!word.empty()) std::memcpy(spelling + mark, word.data(), word.size());
    for (std::size_t at = 0; at < word.size();) {
      const bool begin = at == 0, marked = begin == parts_.gguf;
      std::string_view rest = word.substr(at);
      // GGUF's pieces with a mark are for the beginning only.
      if (parts_.gguf && !begin && rest.starts_with(parts_.mark)) rest = rest.substr(0, mark - 1);
      if (marked && mark > 0) std::memcpy(spelling + at, parts_.mark.data(), mark);
      const std::string_view spelled = {spelling + at + (marked ? 0 : mark),
                                        rest.size() + (marked ? mark : 0)};
      std::int32_t id = kNone;
      const std::size_t length = Longest(begin ? parts_.begins : parts_.continues, rest, spelled, id);
      if (id < 0) {
        out.resize(first);
        out.push_back(parts_.unk_id);
        return;
      }
      out.push_back(id);
      at += length;
    }
  }

  /// The length of the longest piece that `rest` begins with; `spelled` is `rest` as the vocabulary writes
  /// it.
  std::size_t Longest(const PieceLengths& lengths, std::string_view rest, std::string_view spelled,
                      std::int32_t& id) const {
    for (std::size_t length = lengths.AtMost(rest, rest.size()); length > 0;
         length = lengths.AtMost(rest, length - 1)) {
      const auto found = tokens_.Find(spelled.substr(0, spelled.size() - (rest.size() - length)));
      if (!found || IsControl(*found)) continue;
      id = *found;
      return length;
    }
    return 0;
  }

  /// Added tokens come after the model's and are not found.
  bool IsControl(std::int32_t id) const {
    return static_cast<std::size_t>(id) >= control_.size() || control_[static_cast<std::size_t>(id)];
  }

  const TokenTable& tokens_;
  Parts parts_;
  std::vector<bool> control_;  // [size]
};

}  // namespace

Result<std::unique_ptr<TokenModel>> MakeWordPiece(const WordPieceVocabulary& vocabulary) {
  const std::size_t size = vocabulary.tokens->size();
  if (vocabulary.unk_id < 0 || static_cast<std::size_t>(vocabulary.unk_id) >= size) {
    return DataLoss("the unknown token is " + std::to_string(vocabulary.unk_id) +
                    ", but the vocabulary has " + std::to_string(size) + " tokens");
  }
  WordPiece::Parts parts;
  parts.gguf = !vocabulary.word_prefix.empty();
  parts.mark = parts.gguf ? vocabulary.word_prefix : vocabulary.continuing_subword_prefix;
  parts.control_ids = vocabulary.control_ids;
  parts.unk_id = vocabulary.unk_id;
  parts.max_characters = vocabulary.max_input_chars_per_word;
  auto model = std::make_unique<WordPiece>(std::move(parts), *vocabulary.tokens);
  if (Status status = model->CollectLengths(); !status.ok()) return status;
  return std::unique_ptr<TokenModel>(std::move(model));
}

Result<std::unique_ptr<TokenModel>> LoadWordPiece(ImageReader& image, const TokenTable& tokens) {
  WordPiece::Parts parts;
  WordPiece::Parts::Fields(image, parts);
  VIVACE_RETURN_IF_ERROR(image.status());
  VIVACE_RETURN_IF_ERROR(CheckImageIds({&parts.unk_id, 1}, 0, tokens.size()));
  return std::unique_ptr<TokenModel>(std::make_unique<WordPiece>(std::move(parts), tokens));
}

}  // namespace vivace::tokenizer
