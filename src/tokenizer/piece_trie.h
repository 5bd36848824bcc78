// The pieces of a vocabulary as a trie in flat arrays: which pieces does a text begin with. Made once per
// load from sorted pieces, level by level, without recursion, or used in place from an image, which is not
// trusted: every step checks where it goes. Thread safety: walks may run in any thread. Ownership: owns its
// arrays, or views the image.
#pragma once

#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

#include "tokenizer/flat_table.h"
#include "vivace/status.h"

namespace vivace::tokenizer {

class PieceTrie {
 public:
  static constexpr std::size_t kMaxPieceBytes = 1024;
  static constexpr std::int32_t kNone = -1;

  struct Piece {
    std::string_view text;
    std::int32_t id;
  };

  /// Empty pieces are left out; of equal ones the last counts. Errors: kUnsupported, naming the id, for a
  /// piece of more than kMaxPieceBytes: it would make each character of a text cost as much.
  static Result<PieceTrie> Create(std::vector<Piece> pieces);

  /// Where a walk through the trie is.
  struct Walk {
    std::uint32_t node = 0;  // the root
    std::uint32_t used = 0;  // bytes of the node's tail that were walked
  };
  /// Goes on behind `byte`; false when no piece goes on so.
  bool Step(Walk& walk, unsigned char byte) const {
    const Node& from = nodes_[walk.node];
    if (from.labels >= kTail) return StepInTail(walk, from, byte);
    walk.used = 0;
    if (from.labels != 1) return StepAmong(walk.node, byte);
    if (from.first >= nodes_.size() || labels_[from.first] != byte) return false;
    walk.node = from.first;
    return true;
  }
  /// The piece that ends here, or kNone. Of an image: any number.
  std::int32_t id(const Walk& walk) const {
    const Node& node = nodes_[walk.node];
    return node.labels < kTail || walk.used == node.labels - kTail ? node.id : kNone;
  }

  /// What an image has of a trie; a reader calls CheckImage afterwards.
  template <class Image, class Self>
  static void Fields(Image& image, Self& self) {
    image.Field(self.nodes_);
    image.Field(self.labels_);
    image.Field(self.tails_);
  }
  Status CheckImage() const;

 private:
  /// A node has children, or the rest of the one piece that goes on from it: its tail. Most pieces end in
  /// one, which saves a node a byte.
  struct Node {
    std::uint32_t first;   // its children are first, first + 1, ..., in order of labels; or a place in tails_
    std::uint32_t labels;  // how many children; or kTail and the length of the tail
    std::int32_t id;       // of the piece that ends here; or behind the tail
  };
  static constexpr std::uint32_t kTail = std::uint32_t{1} << 31;

  bool StepInTail(Walk& walk, const Node& from, unsigned char byte) const {
    const std::size_t at = std::size_t{from.first} + walk.used;
    if (walk.used >= from.labels - kTail || at >= tails_.size() || tails_[at] != byte) return false;
    ++walk.used;
    return true;
  }
  bool StepAmong(std::uint32_t& node, unsigned char byte) const;

  FlatTable<Node> nodes_;
  FlatTable<std::uint8_t> labels_;  // [nodes], of the arc that leads to the node; padded for 16-byte loads
  FlatTable<std::uint8_t> tails_;
};

}  // namespace vivace::tokenizer
