#include "tokenizer/word_cache.h"

#include <algorithm>
#include <bit>
#include <cstring>

namespace vivace::tokenizer {
namespace {

constexpr std::size_t kSmallestText = 2048;   // bytes
constexpr std::size_t kMaxEntries = 1 << 14;  // half a MiB
constexpr std::size_t kLongestWord = 64;      // bytes; longer ones hardly repeat
constexpr std::size_t kShortestWord = 2;      // bytes; one byte is one token
constexpr std::size_t kCopyBytes = 1 << 16;

}  // namespace

WordCache::WordCache(std::size_t text_bytes) {
  if (text_bytes >= kSmallestText) entries_.resize(std::min(kMaxEntries, std::bit_ceil(text_bytes / 16)));
}

std::size_t WordCache::SlotOf(std::string_view word) const {
  std::uint64_t hash = word.size();
  std::size_t i = 0;
  for (; i + 8 <= word.size(); i += 8) {
    std::uint64_t part;
    std::memcpy(&part, word.data() + i, 8);
    hash = (std::rotl(hash, 23) ^ part) * 0x9E3779B97F4A7C15u;
  }
  std::uint64_t part = 0;
  for (std::size_t byte = 0; i + byte < word.size(); ++byte) {
    part |= std::uint64_t{static_cast<unsigned char>(word[i + byte])} << (8 * byte);
  }
  hash = (std::rotl(hash, 23) ^ part) * 0x9E3779B97F4A7C15u;
  return (hash ^ hash >> 32) & (entries_.size() - 1);
}

bool WordCache::AppendKnown(std::string_view word, std::vector<std::int32_t>& ids) const {
  if (entries_.empty() || word.size() < kShortestWord || word.size() > kLongestWord) return false;
  const Entry& entry = entries_[SlotOf(word)];
  if (entry.word != word) return false;
  for (std::size_t i = 0; i < entry.count; ++i) {
    const std::int32_t id = ids[entry.first + i];
    ids.push_back(id);
  }
  return true;
}

std::string_view WordCache::Keep(std::string_view word) {
  if (word.size() > copies_left_) {
    copies_.push_back(std::make_unique<char[]>(kCopyBytes));
    copies_left_ = kCopyBytes;
  }
  char* to = copies_.back().get() + kCopyBytes - copies_left_;
  copies_left_ -= word.size();
  std::memcpy(to, word.data(), word.size());
  return {to, word.size()};
}

void WordCache::Remember(std::string_view word, std::size_t first, std::size_t last, bool stays) {
  if (entries_.empty() || word.size() < kShortestWord || word.size() > kLongestWord) return;
  entries_[SlotOf(word)] = {stays ? word : Keep(word), first, last - first};
}

}  // namespace vivace::tokenizer
