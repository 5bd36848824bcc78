// Byte-pair encoding of one word: adjacent tokens merge, best rank first and leftmost of equals, until none
// can. Thread safety: one BpeEncoder per call; the tables it refers to are shared. Ownership: refers to the
// tables.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "tokenizer/merge_table.h"
#include "tokenizer/token_table.h"

namespace vivace::tokenizer {

/// The token of each byte, or -1 where the vocabulary has none.
using ByteTokens = std::array<std::int32_t, 256>;

/// The tables of a byte-level BPE. `tokens` is in the byte-level alphabet.
struct BpeTables {
  TokenTable tokens;
  MergeTable merges;
  ByteTokens byte_tokens{};
  bool ignore_merges = false;             // a word that is a token is that token
  std::vector<std::int32_t> control_ids;  // sorted; never made from text
};

class BpeEncoder {
 public:
  explicit BpeEncoder(const BpeTables& tables)
      : tables_(tables.ignore_merges ? &tables : nullptr),
        byte_tokens_(tables.byte_tokens),
        merges_(tables.merges) {}
  BpeEncoder(const ByteTokens& byte_tokens, const MergeTable& merges)
      : tables_(nullptr), byte_tokens_(byte_tokens), merges_(merges) {}

  /// Appends the tokens of the word. O(n log n) in its length.
  void Encode(std::string_view word, std::vector<std::int32_t>& out);
  /// Merges the tokens out[begin, ...) as far as they go. O(n log n) in their number.
  void MergeTokens(std::vector<std::int32_t>& out, std::size_t begin);

 private:
  /// A token of the word in the making; a merge keeps the left one and unlinks the right one.
  struct Symbol {
    std::int32_t id;  // -1: merged into its left neighbour
    std::int32_t left, right;
  };
  /// A merge that was possible when it was found: of symbols[at] and the one after it.
  struct Merge {
    std::uint32_t rank;
    std::int32_t at;
    bool operator>(const Merge& other) const {
      return rank != other.rank ? rank > other.rank : at > other.at;
    }
  };

  void EncodeShort(std::vector<std::int32_t>& out, std::size_t begin);
  void EncodeLong(std::vector<std::int32_t>& out, std::size_t begin);
  void Offer(std::int32_t at);

  /// True when the whole word is a token, which is appended.
  bool AppendWhole(std::string_view word, std::vector<std::int32_t>& out);

  const BpeTables* tables_;  // none: words that are tokens are nothing special
  const ByteTokens& byte_tokens_;
  const MergeTable& merges_;
  std::vector<Symbol> symbols_;
  std::vector<Merge> heap_;
  std::string mapped_;
};

}  // namespace vivace::tokenizer
