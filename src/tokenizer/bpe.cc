#include "tokenizer/bpe.h"

#include <algorithm>
#include <functional>
#include <limits>

#include "tokenizer/byte_alphabet.h"

namespace vivace::tokenizer {
namespace {

constexpr std::size_t kShortWord = 32;  // tokens up to which looking at every pair beats a heap

// Symbols are counted in 32 bits; longer words are cut here. No text of a request comes near.
constexpr std::size_t kLongestWord = std::size_t{1} << 30;

}  // namespace

void BpeEncoder::Encode(std::string_view word, std::vector<std::int32_t>& out) {
  for (; word.size() > kLongestWord; word.remove_prefix(kLongestWord))
    Encode(word.substr(0, kLongestWord), out);
  if (tables_ != nullptr && AppendWhole(word, out)) return;
  const std::size_t begin = out.size();
  for (const char c : word) {
    const std::int32_t id = byte_tokens_[static_cast<unsigned char>(c)];
    if (id >= 0) out.push_back(id);
  }
  MergeTokens(out, begin);
}

void BpeEncoder::MergeTokens(std::vector<std::int32_t>& out, std::size_t begin) {
  const std::size_t count = out.size() - begin;
  if (count < 2) return;
  if (count <= kShortWord) {
    EncodeShort(out, begin);
  } else {
    EncodeLong(out, begin);
  }
}

bool BpeEncoder::AppendWhole(std::string_view word, std::vector<std::int32_t>& out) {
  mapped_.clear();
  AppendByteCharacters(word, mapped_);
  const auto id = tables_->tokens.Find(mapped_);
  if (!id || std::binary_search(tables_->control_ids.begin(), tables_->control_ids.end(), *id)) return false;
  out.push_back(*id);
  return true;
}

void BpeEncoder::EncodeShort(std::vector<std::int32_t>& out, std::size_t begin) {
  std::int32_t* ids = out.data() + begin;
  std::size_t count = out.size() - begin;
  std::uint32_t ranks[kShortWord];  // ranks[i]: of the pair (i, i + 1)
  for (std::size_t i = 0; i + 1 < count; ++i) ranks[i] = merges_.Rank(ids[i], ids[i + 1]);
  while (count > 1) {
    std::size_t best = 0;
    for (std::size_t i = 1; i + 1 < count; ++i) {
      if (ranks[i] < ranks[best]) best = i;
    }
    if (ranks[best] == MergeTable::kNone) break;
    ids[best] = merges_.Joined(ranks[best]);
    --count;
    for (std::size_t i = best + 1; i < count; ++i) {
      ids[i] = ids[i + 1];
      ranks[i - 1] = ranks[i];
    }
    if (best > 0) ranks[best - 1] = merges_.Rank(ids[best - 1], ids[best]);
    if (best + 1 < count) ranks[best] = merges_.Rank(ids[best], ids[best + 1]);
  }
  out.resize(begin + count);
}

/// Puts the pair that begins at `at` on the heap when it can merge.
void BpeEncoder::Offer(std::int32_t at) {
  const Symbol& symbol = symbols_[static_cast<std::size_t>(at)];
  if (symbol.right < 0) return;
  const std::uint32_t rank = merges_.Rank(symbol.id, symbols_[static_cast<std::size_t>(symbol.right)].id);
  if (rank == MergeTable::kNone) return;
  heap_.push_back({rank, at});
  std::push_heap(heap_.begin(), heap_.end(), std::greater<>());
}

void BpeEncoder::EncodeLong(std::vector<std::int32_t>& out, std::size_t begin) {
  const auto count = static_cast<std::int32_t>(out.size() - begin);
  symbols_.clear();
  heap_.clear();
  for (std::int32_t i = 0; i < count; ++i) {
    symbols_.push_back({out[begin + static_cast<std::size_t>(i)], i - 1, i + 1 < count ? i + 1 : -1});
  }
  for (std::int32_t i = 0; i < count; ++i) Offer(i);
  while (!heap_.empty()) {
    std::pop_heap(heap_.begin(), heap_.end(), std::greater<>());
    const Merge merge = heap_.back();
    heap_.pop_back();
    Symbol& symbol = symbols_[static_cast<std::size_t>(merge.at)];
    if (symbol.id < 0 || symbol.right < 0) continue;
    Symbol& next = symbols_[static_cast<std::size_t>(symbol.right)];
    if (merges_.Rank(symbol.id, next.id) != merge.rank) continue;  // one of the two has changed since
    symbol.id = merges_.Joined(merge.rank);
    next.id = -1;
    symbol.right = next.right;
    if (next.right >= 0) symbols_[static_cast<std::size_t>(next.right)].left = merge.at;
    if (symbol.left >= 0) Offer(symbol.left);
    Offer(merge.at);
  }
  out.resize(begin);
  for (std::int32_t i = 0; i >= 0; i = symbols_[static_cast<std::size_t>(i)].right) {
    out.push_back(symbols_[static_cast<std::size_t>(i)].id);
  }
}

}  // namespace vivace::tokenizer
