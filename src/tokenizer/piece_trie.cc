#include "tokenizer/piece_trie.h"

#include <emmintrin.h>

#include <algorithm>
#include <array>
#include <bit>
#include <cstring>
#include <memory>
#include <span>
#include <string>
#include <utility>

namespace vivace::tokenizer {
namespace {

constexpr std::uint32_t kBlock = 16;  // labels compared at once

constexpr std::size_t kKeyBytes = 7;     // of text in a key
constexpr std::size_t kGoesOn = 8;       // count of a key whose text is longer than it shows
constexpr std::size_t kRadixSort = 512;  // pieces from which counting beats comparing

struct SortedPiece {
  std::uint64_t key;
  std::uint32_t index;  // of the pieces
  std::int32_t id;
};

/// Bytes [depth, depth + 7) of the text, zeros behind its end, then how many bytes there are, at most 8.
/// Numbers sort as the texts do, and equal ones that do not go on are the same text.
std::uint64_t KeyAt(std::string_view piece, std::size_t depth) {
  const char* text = piece.data() + depth;
  const std::size_t left = piece.size() - depth;
  const auto byte = [text](std::size_t i) {
    return std::uint64_t{static_cast<unsigned char>(text[i])} << (56 - 8 * i);
  };
  std::uint64_t key = 0;
  if (left >= sizeof(key)) {
    std::memcpy(&key, text, sizeof(key));
    return (__builtin_bswap64(key) & ~std::uint64_t{0xFF}) | kGoesOn;
  }
  if (left >= 4) {  // two halves that overlap
    std::uint32_t first, last;
    std::memcpy(&first, text, 4);
    std::memcpy(&last, text + left - 4, 4);
    key = std::uint64_t{__builtin_bswap32(first)} << 32 | std::uint64_t{__builtin_bswap32(last)}
                                                              << (8 * (8 - left));
  } else if (left > 0) {
    key = byte(0) | byte(left / 2) | byte(left - 1);
  }
  return key | left;
}

std::uint8_t LabelAt(const SortedPiece& piece, std::size_t depth) {
  return static_cast<std::uint8_t>(piece.key >> (56 - 8 * (depth % kKeyBytes)));
}

/// True when the text is no longer than `depth`.
bool EndsAt(const SortedPiece& piece, std::size_t depth) {
  return (piece.key & 0xFF) == depth % kKeyBytes;
}

/// Sorts by key, equal ones as they came.
void RadixSort(std::span<SortedPiece> pieces, SortedPiece* other) {
  constexpr int kDigitBits = 11;
  constexpr std::size_t kDigits = std::size_t{1} << kDigitBits;
  SortedPiece *from = pieces.data(), *to = other;
  std::array<std::uint32_t, kDigits> begins;
  for (int shift = 0; shift < 64; shift += kDigitBits) {
    const auto digit = [shift](std::uint64_t key) { return (key >> shift) & (kDigits - 1); };
    begins.fill(0);
    for (std::size_t i = 0; i < pieces.size(); ++i) ++begins[digit(from[i].key)];
    if (begins[digit(from[0].key)] == pieces.size()) continue;
    std::uint32_t begin = 0;
    for (std::uint32_t& count : begins) begin += std::exchange(count, begin);
    for (std::size_t i = 0; i < pieces.size(); ++i) to[begins[digit(from[i].key)]++] = from[i];
    std::swap(from, to);
  }
  if (from != pieces.data()) std::copy(from, from + pieces.size(), pieces.data());
}

/// Pieces that share the text of a node, which is yet to get its children.
struct Open {
  std::uint32_t begin, end;  // of the pieces
  std::uint32_t node;
};

/// Sorts the pieces of each range by the next part of their texts. `other` is room for as many.
void SortByNextKey(std::span<const Open> ranges, std::size_t depth, std::span<const PieceTrie::Piece> pieces,
                   std::span<SortedPiece> sorted, SortedPiece* other) {
  constexpr std::size_t kAhead = 16;  // texts lie anywhere in memory: fetched before they are needed
  for (const auto [begin, end, node] : ranges) {
    for (std::size_t i = begin; i < end; ++i) {
      if (i + 2 * kAhead < sorted.size()) {
        __builtin_prefetch(&pieces[sorted[i + 2 * kAhead].index]);
        __builtin_prefetch(pieces[sorted[i + kAhead].index].text.data() + depth);
      }
      sorted[i].key = KeyAt(pieces[sorted[i].index].text, depth);
    }
    const std::span<SortedPiece> range = sorted.subspan(begin, end - begin);
    if (range.size() >= kRadixSort) {
      RadixSort(range, other);
    } else if (range.size() > 1) {
      std::sort(range.begin(), range.end(), [](const SortedPiece& a, const SortedPiece& b) {
        return a.key != b.key ? a.key < b.key : a.index < b.index;
      });
    }
  }
}

Status Check(std::span<const PieceTrie::Piece> pieces) {
  std::size_t bytes = 0;
  for (const auto& [text, id] : pieces) {
    bytes += text.size();
    if (text.size() <= PieceTrie::kMaxPieceBytes) continue;
    return Unsupported("token " + std::to_string(id) + " has " + std::to_string(text.size()) +
                       " bytes; a piece of this kind of vocabulary has at most " +
                       std::to_string(PieceTrie::kMaxPieceBytes));
  }
  if (bytes >= UINT32_MAX)
    return Unsupported("the vocabulary has " + std::to_string(bytes) + " bytes of text");
  return Status::Ok();
}

}  // namespace

Result<PieceTrie> PieceTrie::Create(std::vector<Piece> pieces) {
  if (Status status = Check(pieces); !status.ok()) return status;
  std::vector<SortedPiece> sorted;
  sorted.reserve(pieces.size());
  for (std::uint32_t i = 0; i < pieces.size(); ++i) {
    if (!pieces[i].text.empty()) sorted.push_back({0, i, pieces[i].id});
  }
  const auto other = std::make_unique_for_overwrite<SortedPiece[]>(sorted.size());
  std::vector<Node> nodes;
  std::vector<std::uint8_t> labels, tails;
  std::vector<Open> level, next;
  nodes.reserve(sorted.size() * 2 + 1);
  labels.reserve(sorted.size() * 2 + 1 + kBlock);
  nodes.push_back({0, 0, kNone});
  labels.push_back(0);
  level.push_back({0, static_cast<std::uint32_t>(sorted.size()), 0});
  for (std::size_t depth = 0; !level.empty(); ++depth) {
    if (depth % kKeyBytes == 0) SortByNextKey(level, depth, pieces, sorted, other.get());
    next.clear();
    for (auto [at, end, index] : level) {
      Node node = {static_cast<std::uint32_t>(nodes.size()), 0, kNone};
      for (; at < end && EndsAt(sorted[at], depth); ++at) node.id = sorted[at].id;
      while (at < end) {
        const std::uint8_t label = LabelAt(sorted[at], depth);
        const std::uint32_t begin = at;
        while (at < end && LabelAt(sorted[at], depth) == label) ++at;
        const auto child = static_cast<std::uint32_t>(nodes.size());
        labels.push_back(label);
        if (at - begin > 1) {
          nodes.push_back({0, 0, kNone});
          next.push_back({begin, at, child});
          continue;
        }
        const std::string_view tail = pieces[sorted[begin].index].text.substr(depth + 1);
        nodes.push_back({static_cast<std::uint32_t>(tails.size()),
                         tail.empty() ? 0 : kTail + static_cast<std::uint32_t>(tail.size()),
                         sorted[begin].id});
        tails.insert(tails.end(), tail.begin(), tail.end());
      }
      node.labels = static_cast<std::uint32_t>(nodes.size()) - node.first;
      nodes[index] = node;
    }
    level.swap(next);
  }
  labels.resize(labels.size() + kBlock);
  PieceTrie trie;
  trie.nodes_ = FlatTable<Node>(std::move(nodes));
  trie.labels_ = FlatTable<std::uint8_t>(std::move(labels));
  trie.tails_ = FlatTable<std::uint8_t>(std::move(tails));
  return trie;
}

Status PieceTrie::CheckImage() const {
  if (nodes_.size() > 0 && labels_.size() == nodes_.size() + kBlock) return Status::Ok();
  return DataLoss("a trie has " + std::to_string(nodes_.size()) + " nodes and " +
                  std::to_string(labels_.size()) + " labels");
}

bool PieceTrie::StepAmong(std::uint32_t& node, unsigned char byte) const {
  const Node& from = nodes_[node];
  if (from.labels == 0 || from.first >= nodes_.size() || from.labels > nodes_.size() - from.first)
    return false;
  const std::uint8_t* labels = labels_.data() + from.first;
  const std::uint8_t lowest = labels[0];
  if (byte < lowest || byte > labels[from.labels - 1]) return false;
  if (static_cast<std::uint32_t>(labels[from.labels - 1] - lowest) + 1 == from.labels) {  // no gaps
    node = from.first + (byte - lowest);
    return true;
  }
  const __m128i wanted = _mm_set1_epi8(static_cast<char>(byte));
  for (std::uint32_t at = 0; at < from.labels; at += kBlock) {
    const __m128i block = _mm_loadu_si128(reinterpret_cast<const __m128i*>(labels + at));
    auto mask = static_cast<unsigned>(_mm_movemask_epi8(_mm_cmpeq_epi8(block, wanted)));
    if (from.labels - at < kBlock) mask &= (1u << (from.labels - at)) - 1;
    if (mask == 0) continue;
    node = from.first + at + static_cast<std::uint32_t>(std::countr_zero(mask));
    return true;
  }
  return false;
}

}  // namespace vivace::tokenizer
