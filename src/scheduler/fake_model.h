// A model for tests whose every wrong cache read shows: K/V of a position is a hash of the position before
// it, read through the page table, and the token. Wrong sharing, a lost block or a skipped row changes every
// later token.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "scheduler/scheduler.h"
#include "tensor/kv_layout.h"

namespace vivace::scheduler {

inline std::uint64_t Mix(std::uint64_t a, std::uint64_t b) {
  std::uint64_t x = a * 0x9e3779b97f4a7c15u + b + 0x632be59bd9b4e019u;
  x = (x ^ (x >> 29)) * 0xbf58476d1ce4e5b9u;
  return x ^ (x >> 32);
}

class FakeModel {
 public:
  static constexpr int kBlockTokens = tensor::KvLayout::kBlockTokens;

  FakeModel(int blocks, int vocabulary)
      : cache_(static_cast<std::size_t>(blocks) * kBlockTokens, 0), vocabulary_(vocabulary) {}

  std::int32_t TokenAfter(std::uint64_t state) const {
    return static_cast<std::int32_t>(state % static_cast<unsigned>(vocabulary_));
  }

  /// Writes the rows' cache entries; `salt` stands for what must not be shared. Returns the state after the
  /// last row.
  std::uint64_t Run(const SequencePlan& entry, std::uint64_t salt) {
    std::uint64_t state = salt;
    if (entry.first_position > 0) state = At(entry, entry.first_position - 1);
    for (int i = 0; i < entry.rows; ++i) {
      state = Mix(state, static_cast<std::uint64_t>(entry.tokens[static_cast<std::size_t>(i)]));
      At(entry, entry.first_position + i) = state;
    }
    return state;
  }

  /// The cache holds exactly this prefix's states for every position before the rows.
  bool PrefixIsRight(const SequencePlan& entry, std::span<const std::int32_t> tokens, std::uint64_t salt) {
    std::uint64_t state = salt;
    for (int i = 0; i < entry.first_position; ++i) {
      state = Mix(state, static_cast<std::uint64_t>(tokens[static_cast<std::size_t>(i)]));
      if (At(entry, i) != state) return false;
    }
    return true;
  }

  // A value that is no number, as in a broken cache: whatever reads it becomes one.
  void Poison(const SequencePlan& entry, int position) { At(entry, position) = kNoNumber; }
  /// The entry reads one before its first row.
  bool ReadsPoison(const SequencePlan& entry) {
    for (int i = 0; i < entry.first_position; ++i) {
      if (At(entry, i) == kNoNumber) return true;
    }
    return false;
  }
  void Clean(kvcache::BlockId block) {
    const auto begin = cache_.begin() + std::ptrdiff_t{block.value} * kBlockTokens;
    std::fill(begin, begin + kBlockTokens, 0);
  }

  /// What a sequence alone would answer.
  std::vector<std::int32_t> Reference(std::span<const std::int32_t> prompt, int max_tokens,
                                      std::uint64_t salt) const {
    std::uint64_t state = salt;
    for (const std::int32_t token : prompt) state = Mix(state, static_cast<std::uint64_t>(token));
    std::vector<std::int32_t> answer;
    for (int i = 0; i < max_tokens; ++i) {
      answer.push_back(TokenAfter(state));
      state = Mix(state, static_cast<std::uint64_t>(answer.back()));
    }
    return answer;
  }

 private:
  static constexpr std::uint64_t kNoNumber = ~std::uint64_t{0};

  std::uint64_t& At(const SequencePlan& entry, int position) {
    const auto block = static_cast<std::size_t>(entry.block_values()[position / kBlockTokens]);
    return cache_[block * kBlockTokens + static_cast<std::size_t>(position % kBlockTokens)];
  }

  std::vector<std::uint64_t> cache_;
  int vocabulary_;
};

}  // namespace vivace::scheduler
