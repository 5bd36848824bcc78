#include "tokenizer/token_table.h"

#include <algorithm>
#include <bit>
#include <cstring>
#include <string>
#include <vector>

#include "base/status_macros.h"

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

/// Bytes of all texts. kNoText must not be a length, nor a place behind the last byte overflow.
Result<std::size_t> CountBytes(std::span<const std::string_view> tokens) {
  std::size_t bytes = 1;  // never empty, so that an empty text has data
  for (const std::string_view token : tokens) bytes += token.size();
  if (bytes < UINT32_MAX) return bytes;
  return Unsupported("the vocabulary has " + std::to_string(bytes) + " bytes of text; at most " +
                     std::to_string(UINT32_MAX) + " are supported");
}

Status TooManyTokens(std::size_t size) {
  return Unsupported("the vocabulary has " + std::to_string(size) + " tokens; at most " +
                     std::to_string(TokenTable::kMaxTokens) + " are supported");
}

}  // namespace

Result<TokenTable> TokenTable::Create(std::span<const std::string_view> tokens) {
  if (tokens.empty()) return DataLoss("the vocabulary has no tokens");
  if (tokens.size() > kMaxTokens) return TooManyTokens(tokens.size());
  VIVACE_ASSIGN_OR_RETURN(const std::size_t text_bytes, CountBytes(tokens));
  const std::size_t capacity = std::bit_ceil(tokens.size() + (tokens.size() + 2) / 3 + 1);
  TokenTable table;
  table.shift_ = 64 - std::countr_zero(capacity);
  std::vector<TextRange> ranges(tokens.size(), TextRange{0, kNoText});
  std::vector<char> bytes(text_bytes);
  std::vector<Slot> slots(capacity, Slot{0, -1});
  std::uint64_t hashes[kBatch];
  std::uint32_t used = 0;
  // Tables that know their sizes; texts are written before they are looked at.
  table.ranges_ = FlatTable<TextRange>(std::span<const TextRange>(ranges));
  table.bytes_ = FlatTable<char>(std::span<const char>(bytes));
  for (std::size_t first = 0; first < tokens.size(); first += kBatch) {
    const auto batch = tokens.subspan(first, std::min(kBatch, tokens.size() - first));
    // The table is larger than the caches: the places of the next ones are fetched at once.
    for (std::size_t i = 0; i < batch.size(); ++i) {
      hashes[i] = HashText(batch[i]);
      __builtin_prefetch(&slots[hashes[i] >> table.shift_], 1);
    }
    for (std::size_t i = 0; i < batch.size(); ++i) {
      if (batch[i].data() == nullptr) continue;
      const auto length = static_cast<std::uint32_t>(batch[i].size());
      ranges[first + i] = {used, length};
      if (length > 0) std::memcpy(bytes.data() + used, batch[i].data(), length);
      used += length;
      VIVACE_RETURN_IF_ERROR(table.Insert(slots, first + i, hashes[i]));
    }
  }
  table.ranges_ = FlatTable<TextRange>(std::move(ranges));
  table.bytes_ = FlatTable<char>(std::move(bytes));
  table.slots_ = FlatTable<Slot>(std::move(slots));
  return table;
}

Status TokenTable::Insert(std::span<Slot> slots, std::size_t id, std::uint64_t hash) const {
  const auto tag = static_cast<std::uint32_t>(hash);
  const auto token = static_cast<std::int32_t>(id);
  std::size_t at = hash >> shift_;
  for (std::size_t probes = 0; slots[at].id >= 0; at = (at + 1) & (slots.size() - 1)) {
    const Slot slot = slots[at];
    if (slot.tag == tag && text(slot.id) == text(token)) {
      return DataLoss("the vocabulary has the token \"" + std::string(text(token)) + "\" twice: ids " +
                      std::to_string(slot.id) + " and " + std::to_string(id));
    }
    if (++probes > kMaxProbes)
      return DataLoss("the vocabulary's tokens collide beyond reason near id " + std::to_string(id));
  }
  slots[at] = {tag, token};
  return Status::Ok();
}

Status TokenTable::AddTexts(std::span<const NewText> texts) {
  std::size_t size = ranges_.size(), bytes = bytes_.size();
  for (const NewText& text : texts) {
    size = std::max(size, static_cast<std::size_t>(text.id) + 1);
    bytes += text.text.size();
  }
  if (size > kMaxTokens) return TooManyTokens(size);
  if (bytes >= UINT32_MAX) {
    return Unsupported("the vocabulary and its added tokens have " + std::to_string(bytes) +
                       " bytes of text; at most " + std::to_string(UINT32_MAX) + " are supported");
  }
  bytes_.Edit([&](std::vector<char>& all) {
    all.reserve(bytes);
    ranges_.Edit([&](std::vector<TextRange>& ranges) {
      ranges.resize(size, TextRange{0, kNoText});
      for (const NewText& text : texts) {
        ranges[static_cast<std::size_t>(text.id)] = {static_cast<std::uint32_t>(all.size()),
                                                     static_cast<std::uint32_t>(text.text.size())};
        all.insert(all.end(), text.text.begin(), text.text.end());
      }
    });
  });
  return Status::Ok();
}

Status TokenTable::CheckImage() {
  const std::size_t capacity = slots_.size();
  if (size() == 0 || size() > kMaxTokens) return DataLoss("a token table has no tokens, or too many");
  if (bytes_.size() >= UINT32_MAX) return DataLoss("a token table has too much text");
  if (capacity < 2 || !std::has_single_bit(capacity))
    return DataLoss("a token table's slots are no power of two");
  // The search for a text ends at an empty slot.
  if (std::none_of(slots_.begin(), slots_.end(), [](const Slot& slot) { return slot.id < 0; }))
    return DataLoss("a token table has no empty slot");
  shift_ = 64 - std::countr_zero(capacity);
  return Status::Ok();
}

std::optional<std::int32_t> TokenTable::Find(std::string_view text) const {
  return Find(text, HashText(text));
}

std::optional<std::int32_t> TokenTable::Find(std::string_view text, std::uint64_t hash) const {
  const auto tag = static_cast<std::uint32_t>(hash);
  for (std::size_t at = hash >> shift_;; at = (at + 1) & (slots_.size() - 1)) {
    const Slot slot = slots_[at];
    if (slot.id < 0) return std::nullopt;
    if (slot.tag != tag) continue;
    const std::string_view known = this->text(slot.id);
    if (known == text && known.data() != nullptr) return slot.id;
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
    if (slot.id >= 0) __builtin_prefetch(ranges_.data() + slot.id);
  }
  for (std::size_t i = 0; i < texts.size(); ++i) {
    if (ids[i] >= 0) __builtin_prefetch(text(ids[i]).data());
  }
  for (std::size_t i = 0; i < texts.size(); ++i) ids[i] = Find(texts[i], hashes[i]).value_or(-1);
}

}  // namespace vivace::tokenizer
