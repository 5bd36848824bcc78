#include "tokenizer/piece_trie.h"

#include <emmintrin.h>

#include <algorithm>
#include <bit>
#include <string>

namespace vivace::tokenizer {
namespace {

constexpr std::uint32_t kBlock = 16;  // labels compared at once

/// The first bytes as a number that sorts as the text does.
std::uint64_t Prefix(std::string_view text) {
  std::uint64_t prefix = 0;
  for (std::size_t i = 0; i < sizeof(prefix); ++i) {
    prefix = prefix << 8 | (i < text.size() ? static_cast<unsigned char>(text[i]) : 0u);
  }
  return prefix;
}

struct SortedPiece {
  std::uint64_t prefix;
  std::string_view text;
  std::int32_t id;
};

/// Sorted by text, equal ones as they came. Most pieces differ within eight bytes, so that few texts are
/// touched.
std::vector<SortedPiece> Sort(const std::vector<PieceTrie::Piece>& pieces) {
  std::vector<SortedPiece> sorted;
  sorted.reserve(pieces.size());
  for (const PieceTrie::Piece& piece : pieces) {
    if (!piece.text.empty()) sorted.push_back({Prefix(piece.text), piece.text, piece.id});
  }
  std::sort(sorted.begin(), sorted.end(), [](const SortedPiece& a, const SortedPiece& b) {
    if (a.prefix != b.prefix) return a.prefix < b.prefix;
    if (const int order = a.text.compare(b.text); order != 0) return order < 0;
    return a.id < b.id;
  });
  return sorted;
}

/// Pieces that share the text of a node, which is yet to get its children.
struct Open {
  std::uint32_t begin, end;  // of the sorted pieces
};

}  // namespace

Result<PieceTrie> PieceTrie::Create(std::vector<Piece> pieces) {
  std::size_t bytes = 0;
  for (const Piece& piece : pieces) {
    bytes += piece.text.size();
    if (piece.text.size() <= kMaxPieceBytes) continue;
    return Unsupported("token " + std::to_string(piece.id) + " has " + std::to_string(piece.text.size()) +
                       " bytes; a piece of this kind of vocabulary has at most " +
                       std::to_string(kMaxPieceBytes));
  }
  if (bytes >= UINT32_MAX)
    return Unsupported("the vocabulary has " + std::to_string(bytes) + " bytes of text");
  const std::vector<SortedPiece> sorted = Sort(pieces);
  PieceTrie trie;
  std::vector<Open> level, next;
  trie.nodes_.reserve(sorted.size() * 3 + 1);
  trie.labels_.reserve(sorted.size() * 3 + 1 + kBlock);
  trie.nodes_.push_back({0, 0, kNone});
  trie.labels_.push_back(0);
  level.push_back({0, static_cast<std::uint32_t>(sorted.size())});
  // Nodes of one level lie one after the other, and so do their children: node i of the level is level[i].
  std::uint32_t first_of_level = 0;
  for (std::size_t depth = 0; !level.empty(); ++depth) {
    next.clear();
    const auto first_of_next = static_cast<std::uint32_t>(trie.nodes_.size());
    for (std::size_t i = 0; i < level.size(); ++i) {
      auto [at, end] = level[i];
      const std::size_t node = first_of_level + i;
      for (; at < end && sorted[at].text.size() == depth; ++at) trie.nodes_[node].id = sorted[at].id;
      trie.nodes_[node].first = static_cast<std::uint32_t>(trie.nodes_.size());
      while (at < end) {
        const char label = sorted[at].text[depth];
        const std::uint32_t begin = at;
        while (at < end && sorted[at].text[depth] == label) ++at;
        trie.nodes_.push_back({0, 0, kNone});
        trie.labels_.push_back(static_cast<std::uint8_t>(label));
        next.push_back({begin, at});
      }
      trie.nodes_[node].labels = static_cast<std::uint32_t>(trie.nodes_.size()) - trie.nodes_[node].first;
    }
    first_of_level = first_of_next;
    level.swap(next);
  }
  trie.labels_.resize(trie.labels_.size() + kBlock);
  return trie;
}

bool PieceTrie::StepAmong(std::uint32_t& node, unsigned char byte) const {
  const Node& from = nodes_[node];
  if (from.labels == 0) return false;
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
