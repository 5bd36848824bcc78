// The merges of a BPE: a pair of token ids to its rank and to the id of the joined token. Flat table, made
// once per load or used in place from an image. Thread safety: reading from any thread. Ownership: owns its
// table, or views the image.
#pragma once

#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

#include "tokenizer/flat_table.h"
#include "tokenizer/token_table.h"
#include "vivace/status.h"

namespace vivace::tokenizer {

struct MergeWords {
  std::string_view left, right;
};

/// "left right" cut at its space. Errors: kDataLoss for a text that is not two words, with its rank.
Result<std::vector<MergeWords>> SplitMerges(std::span<const std::string_view> merges);

class MergeTable {
 public:
  static constexpr std::uint32_t kNone = ~std::uint32_t{0};
  static constexpr std::size_t kMaxMerges = (std::size_t{1} << 22) - 1;

  /// The join leaves out `continuing_prefix` at the beginning of the right part. A merge whose join is one of
  /// `control_ids` never happens: text cannot spell a control token. Errors: kDataLoss for a merge whose
  /// parts or join are no tokens. Of a pair that is listed twice the better rank counts.
  static Result<MergeTable> Create(std::span<const MergeWords> merges, const TokenTable& tokens,
                                   std::span<const std::int32_t> control_ids = {},
                                   std::string_view continuing_prefix = {});

  /// The rank of the merge of two tokens, 0 the best; kNone when they do not merge.
  std::uint32_t Rank(std::int32_t left, std::int32_t right) const {
    const std::uint64_t key = Key(left, right);
    for (std::size_t at = Slot(key);; at = (at + 1) & (slots_.size() - 1)) {
      const std::uint64_t slot = slots_[at];
      if (slot >> kRankBits == key) {
        const std::uint32_t rank = static_cast<std::uint32_t>(slot) & kRankMask;
        return rank < joined_.size() ? rank : kNone;  // an image is not trusted
      }
      if (slot == kEmpty) return kNone;
    }
  }
  /// The token that the merge of this rank makes.
  std::int32_t Joined(std::uint32_t rank) const { return joined_[rank]; }

  /// What an image has of a table; a reader calls CheckImage afterwards. Errors: kDataLoss.
  template <class Image, class Self>
  static void Fields(Image& image, Self& self) {
    image.Field(self.slots_);
    image.Field(self.joined_);
  }
  Status CheckImage(std::size_t tokens);

 private:
  // A slot is left (21 bits), right (21 bits), rank (22 bits): the whole entry in one word.
  static constexpr int kIdBits = 21, kRankBits = 22;
  static constexpr std::uint32_t kRankMask = (1u << kRankBits) - 1;
  static constexpr std::uint64_t kEmpty = ~std::uint64_t{0};

  static std::uint64_t Key(std::int32_t left, std::int32_t right) {
    return static_cast<std::uint64_t>(left) << kIdBits | static_cast<std::uint64_t>(right);
  }
  std::size_t Slot(std::uint64_t key) const { return (key * 0x9E3779B97F4A7C15u) >> shift_; }
  /// False when the table is hopelessly clustered.
  bool Insert(std::span<std::uint64_t> slots, std::uint64_t key, std::uint32_t rank) const;

  FlatTable<std::uint64_t> slots_;  // a power of two, at most half full
  FlatTable<std::int32_t> joined_;  // [merges]
  int shift_ = 0;
};

}  // namespace vivace::tokenizer
