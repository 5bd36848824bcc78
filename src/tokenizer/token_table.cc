#include "tokenizer/token_table.h"

#include <algorithm>
#include <bit>
#include <cstring>
#include <string>

namespace vivace::tokenizer {
namespace {

constexpr std::size_t kMaxProbes = 512;  // a file made to collide is refused instead of loading for hours

std::uint64_t Mix(std::uint64_t state, std::uint64_t word) {
  const unsigned __int128 product = static_cast<unsigned __int128>(state ^ word) * 0xD6E8FEB86659FD93u;
  return static_cast<std::uint64_t>(product) ^ static_cast<std::uint64_t>(product >> 64);
}

/// 64 bits of hash; the high bits pick the slot, the low ones are the tag.
std::uint64_t HashText(std::string_view text) {
  std::uint64_t state = 0x9E3779B97F4A7C15u ^ text.size();
  const char* at = text.data();
  std::size_t left = text.size();
  for (; left >= 8; left -= 8, at += 8) {
    std::uint64_t word;
    std::memcpy(&word, at, 8);
    state = Mix(state, word);
  }
  if (left == 0) return Mix(state, 0);
  std::uint64_t word = 0;
  if (left >= 4) {
    std::uint32_t first, last;
    std::memcpy(&first, at, 4);
    std::memcpy(&last, at + left - 4, 4);
    word = first | std::uint64_t{last} << 32;
  } else {
    word = static_cast<unsigned char>(at[0]) | std::uint64_t{static_cast<unsigned char>(at[left / 2])} << 8 |
           std::uint64_t{static_cast<unsigned char>(at[left - 1])} << 16;
  }
  return Mix(state, word);
}

}  // namespace

Result<TokenTable> TokenTable::Create(std::span<const std::string_view> tokens) {
  if (tokens.empty()) return DataLoss("the vocabulary has no tokens");
  if (tokens.size() > kMaxTokens) {
    return Unsupported("the vocabulary has " + std::to_string(tokens.size()) + " tokens; at most " +
                       std::to_string(kMaxTokens) + " are supported");
  }
  TokenTable table;
  table.tokens_.assign(tokens.begin(), tokens.end());
  const std::size_t capacity = std::bit_ceil(tokens.size() + (tokens.size() + 2) / 3 + 1);
  table.slots_.assign(capacity, Slot{0, -1});
  table.shift_ = 64 - std::countr_zero(capacity);
  std::uint64_t hashes[kBatch];
  for (std::size_t id = 0; id < tokens.size(); ++id) {
    if (id % kBatch == 0) {  // the table is larger than the caches: fetch the places of the next ones at once
      for (std::size_t i = 0; i < std::min(kBatch, tokens.size() - id); ++i) {
        hashes[i] = HashText(tokens[id + i]);
        __builtin_prefetch(&table.slots_[hashes[i] >> table.shift_], 1);
      }
    }
    if (tokens[id].data() == nullptr) continue;
    const std::uint64_t hash = hashes[id % kBatch];
    const auto tag = static_cast<std::uint32_t>(hash);
    std::size_t at = hash >> table.shift_;
    for (std::size_t probes = 0; table.slots_[at].id >= 0; at = (at + 1) & (capacity - 1)) {
      const Slot slot = table.slots_[at];
      if (slot.tag == tag && table.text(slot.id) == tokens[id]) {
        return DataLoss("the vocabulary has the token \"" + std::string(tokens[id]) + "\" twice: ids " +
                        std::to_string(slot.id) + " and " + std::to_string(id));
      }
      if (++probes > kMaxProbes)
        return DataLoss("the vocabulary's tokens collide beyond reason near id " + std::to_string(id));
    }
    table.slots_[at] = {tag, static_cast<std::int32_t>(id)};
  }
  return table;
}

void TokenTable::AddText(std::int32_t id, std::string_view text) {
  const auto index = static_cast<std::size_t>(id);
  if (index >= tokens_.size()) tokens_.resize(index + 1);
  tokens_[index] = text;
}

std::optional<std::int32_t> TokenTable::Find(std::string_view text) const {
  return Find(text, HashText(text));
}

std::optional<std::int32_t> TokenTable::Find(std::string_view text, std::uint64_t hash) const {
  const auto tag = static_cast<std::uint32_t>(hash);
  for (std::size_t at = hash >> shift_;; at = (at + 1) & (slots_.size() - 1)) {
    const Slot slot = slots_[at];
    if (slot.id < 0) return std::nullopt;
    if (slot.tag == tag && this->text(slot.id) == text) return slot.id;
  }
}

void TokenTable::FindBatch(std::span<const std::string_view> texts, std::int32_t* ids) const {
  std::uint64_t hashes[kBatch];
  for (std::size_t i = 0; i < texts.size(); ++i) {
    hashes[i] = HashText(texts[i]);
    __builtin_prefetch(&slots_[hashes[i] >> shift_]);
  }
  for (std::size_t i = 0; i < texts.size(); ++i) {
    const Slot slot = slots_[hashes[i] >> shift_];
    ids[i] = slot.id;
    if (slot.id >= 0) __builtin_prefetch(&tokens_[static_cast<std::size_t>(slot.id)]);
  }
  for (std::size_t i = 0; i < texts.size(); ++i) {
    if (ids[i] >= 0) __builtin_prefetch(text(ids[i]).data());
  }
  for (std::size_t i = 0; i < texts.size(); ++i) ids[i] = Find(texts[i], hashes[i]).value_or(-1);
}

}  // namespace vivace::tokenizer
