#include "tokenizer/merge_table.h"

#include <algorithm>
#include <bit>
#include <optional>
#include <string>

namespace vivace::tokenizer {
namespace {

constexpr std::size_t kMaxProbes = 512;  // as in the token table

bool IsJoin(std::string_view token, std::string_view left, std::string_view right) {
  return token.size() == left.size() + right.size() && token.substr(0, left.size()) == left &&
         token.substr(left.size()) == right;
}

Status BadMerge(std::size_t rank, const std::string& merge, const char* why) {
  constexpr std::size_t kShown = 80;
  return DataLoss("merge " + std::to_string(rank) + " (\"" + merge.substr(0, kShown) +
                  (merge.size() > kShown ? "..." : "") + "\") " + why);
}
Status BadMerge(std::size_t rank, const MergeWords& merge, const char* why) {
  return BadMerge(rank, std::string(merge.left) + " " + std::string(merge.right), why);
}

/// The token left + right. Vocabularies list joins in the order of the merges, so `guess` is nearly always
/// right.
std::optional<std::int32_t> FindJoin(const TokenTable& tokens, std::string_view left, std::string_view right,
                                     std::int32_t guess, std::string& buffer) {
  if (static_cast<std::size_t>(guess) < tokens.size() && IsJoin(tokens.text(guess), left, right))
    return guess;
  buffer.assign(left).append(right);
  return tokens.Find(buffer);
}

}  // namespace

bool MergeTable::Insert(std::span<std::uint64_t> slots, std::uint64_t key, std::uint32_t rank) const {
  std::size_t at = Slot(key);
  for (std::size_t probes = 0; slots[at] != kEmpty; at = (at + 1) & (slots.size() - 1)) {
    if (slots[at] >> kRankBits == key) return true;  // listed twice: the first one counts
    if (++probes > kMaxProbes) return false;
  }
  slots[at] = key << kRankBits | rank;
  return true;
}

Status MergeTable::CheckImage(std::size_t tokens) {
  const std::size_t capacity = slots_.size();
  if (capacity < 2 || !std::has_single_bit(capacity))
    return DataLoss("a merge table's slots are no power of two");
  if (std::find(slots_.begin(), slots_.end(), kEmpty) == slots_.end())  // where the search for a pair ends
    return DataLoss("a merge table has no empty slot");
  if (joined_.size() > kMaxMerges) return DataLoss("a merge table has too many merges");
  for (const std::int32_t id : joined_) {
    if (static_cast<std::size_t>(static_cast<std::uint32_t>(id)) >= tokens)
      return DataLoss("a merge makes a token that is not in the vocabulary");
  }
  shift_ = 64 - std::countr_zero(capacity);
  return Status::Ok();
}

Result<std::vector<MergeWords>> SplitMerges(std::span<const std::string_view> merges) {
  std::vector<MergeWords> words;
  words.reserve(merges.size());
  for (const std::string_view merge : merges) {
    const std::size_t space = merge.find(' ', 1);
    if (space == std::string_view::npos || space + 1 == merge.size() ||
        merge.find(' ', space + 1) != merge.npos) {
      return BadMerge(words.size(), std::string(merge), "is not two tokens with a space between");
    }
    words.push_back({merge.substr(0, space), merge.substr(space + 1)});
  }
  return words;
}

Result<MergeTable> MergeTable::Create(std::span<const MergeWords> merges, const TokenTable& tokens,
                                      std::span<const std::int32_t> control_ids,
                                      std::string_view continuing_prefix) {
  if (merges.size() > kMaxMerges) {
    return Unsupported("the vocabulary has " + std::to_string(merges.size()) + " merges; at most " +
                       std::to_string(kMaxMerges) + " are supported");
  }
  MergeTable table;
  const std::size_t capacity = std::bit_ceil(std::max<std::size_t>(16, merges.size() * 2));
  std::vector<std::uint64_t> slots(capacity, kEmpty);
  std::vector<std::int32_t> joins(merges.size());
  table.shift_ = 64 - std::countr_zero(capacity);
  std::vector<bool> is_control(tokens.size());
  for (const std::int32_t id : control_ids) is_control[static_cast<std::size_t>(id)] = true;
  constexpr std::size_t kBatch = TokenTable::kBatch / 2;
  std::int32_t guess = 0;
  std::string buffer;
  for (std::size_t begin = 0; begin < merges.size(); begin += kBatch) {
    const std::span<const MergeWords> batch = merges.subspan(begin, std::min(kBatch, merges.size() - begin));
    std::string_view texts[2 * kBatch];
    std::int32_t ids[2 * kBatch];
    for (std::size_t i = 0; i < batch.size(); ++i) {
      texts[2 * i] = batch[i].left;
      texts[2 * i + 1] = batch[i].right;
    }
    tokens.FindBatch({texts, 2 * batch.size()}, ids);
    for (std::size_t i = 0; i < batch.size(); ++i) {
      if (ids[2 * i] >= 0 && ids[2 * i + 1] >= 0)
        __builtin_prefetch(&slots[table.Slot(Key(ids[2 * i], ids[2 * i + 1]))], 1);
    }
    for (std::size_t i = 0; i < batch.size(); ++i) {
      const std::size_t rank = begin + i;
      const MergeWords& merge = batch[i];
      if (ids[2 * i] < 0 || ids[2 * i + 1] < 0) {
        return BadMerge(rank, merge, "names a part that is not in the vocabulary");
      }
      std::string_view tail = merge.right;
      if (tail.starts_with(continuing_prefix)) tail.remove_prefix(continuing_prefix.size());
      const auto joined = FindJoin(tokens, merge.left, tail, guess, buffer);
      if (!joined) return BadMerge(rank, merge, "makes a token that is not in the vocabulary");
      joins[rank] = *joined;
      guess = *joined + 1;
      if (is_control[static_cast<std::size_t>(*joined)]) continue;
      if (!table.Insert(slots, Key(ids[2 * i], ids[2 * i + 1]), static_cast<std::uint32_t>(rank))) {
        return BadMerge(rank, merge, "collides with too many others");
      }
    }
  }
  table.slots_ = FlatTable<std::uint64_t>(std::move(slots));
  table.joined_ = FlatTable<std::int32_t>(std::move(joins));
  return table;
}

}  // namespace vivace::tokenizer
