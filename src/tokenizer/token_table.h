// Which id has a token's text: one flat table with open addressing, made once per load or used in place from
// an image. Thread safety: Find may be called from any thread. Ownership: owns its text, or views the image.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string_view>
#include <utility>

#include "tokenizer/flat_table.h"
#include "vivace/status.h"

namespace vivace::tokenizer {

class TokenTable {
 public:
  /// A view without data is an id without a text, which Find never gives. Errors: kUnsupported for more than
  /// kMaxTokens or 4 GiB of text, kDataLoss for none or for a text that appears twice.
  static Result<TokenTable> Create(std::span<const std::string_view> tokens);

  static constexpr std::size_t kMaxTokens = (std::size_t{1} << 21) - 1;

  std::optional<std::int32_t> Find(std::string_view text) const;
  /// Find for many texts at once, up to kBatch, several times as fast where the table is larger than the
  /// caches: ids[i] is that of texts[i], -1 for none.
  static constexpr std::size_t kBatch = 32;
  void FindBatch(std::span<const std::string_view> texts, std::int32_t* ids) const;
  /// Without data for an id that has no text or does not exist. Valid until AddTexts.
  std::string_view text(std::int32_t id) const {
    const auto index = static_cast<std::size_t>(static_cast<std::uint32_t>(id));
    if (index >= ranges_.size()) return {};
    const TextRange range = ranges_[index];
    // An image is not trusted; this is also the look for kNoText.
    if (range.length > bytes_.size() || range.begin > bytes_.size() - range.length) return {};
    return {bytes_.data() + range.begin, range.length};
  }
  struct NewText {
    std::int32_t id;
    std::string_view text;
  };
  /// Gives ids texts that Find does not know: those of added tokens. Ids between that are new have no text.
  /// Errors: as Create. Not for a table of an image.
  Status AddTexts(std::span<const NewText> texts);
  std::size_t size() const { return ranges_.size(); }

  /// What an image has of a table; a reader calls CheckImage afterwards.
  template <class Image, class Self>
  static void Fields(Image& image, Self& self) {
    image.Field(self.ranges_);
    image.Field(self.bytes_);
    image.Field(self.slots_);
  }
  Status CheckImage();

 private:
  struct TextRange {
    std::uint32_t begin, length;  // in bytes_
  };
  static constexpr std::uint32_t kNoText = ~std::uint32_t{0};  // length of an id without a text
  struct Slot {
    std::uint32_t tag;  // low half of the hash
    std::int32_t id;    // -1: empty
  };

  std::optional<std::int32_t> Find(std::string_view text, std::uint64_t hash) const;
  Status Insert(std::span<Slot> slots, std::size_t id, std::uint64_t hash) const;

  FlatTable<TextRange> ranges_;  // [size]
  FlatTable<char> bytes_;        // of all texts
  FlatTable<Slot> slots_;        // a power of two, at most three quarters full
  int shift_ = 0;                // hash >> shift_ is the first slot to look at
};

}  // namespace vivace::tokenizer
