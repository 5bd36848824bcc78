// Which id has a token's text: one flat table with open addressing over views of the mapped file, made once
// per load. Thread safety: Find may be called from any thread. Ownership: keeps views, not text.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string_view>
#include <vector>

#include "vivace/status.h"

namespace vivace::tokenizer {

class TokenTable {
 public:
  /// A view without data is an id without a text, which Find never gives. Errors: kUnsupported for more than
  /// kMaxTokens, kDataLoss for none or for a text that appears twice.
  static Result<TokenTable> Create(std::span<const std::string_view> tokens);

  static constexpr std::size_t kMaxTokens = (std::size_t{1} << 21) - 1;

  std::optional<std::int32_t> Find(std::string_view text) const;
  /// Find for many texts at once, up to kBatch, several times as fast where the table is larger than the
  /// caches: ids[i] is that of texts[i], -1 for none.
  static constexpr std::size_t kBatch = 32;
  void FindBatch(std::span<const std::string_view> texts, std::int32_t* ids) const;
  std::string_view text(std::int32_t id) const { return tokens_[static_cast<std::size_t>(id)]; }
  std::span<const std::string_view> texts() const { return tokens_; }
  /// Gives an id a text that Find does not know: of an added token. New ids up to `id` have no text.
  void AddText(std::int32_t id, std::string_view text);
  std::size_t size() const { return tokens_.size(); }

 private:
  struct Slot {
    std::uint32_t tag;  // low half of the hash
    std::int32_t id;    // -1: empty
  };

  std::optional<std::int32_t> Find(std::string_view text, std::uint64_t hash) const;

  std::vector<std::string_view> tokens_;
  std::vector<Slot> slots_;  // a power of two, at most three quarters full
  int shift_ = 0;            // hash >> shift_ is the first slot to look at
};

}  // namespace vivace::tokenizer
