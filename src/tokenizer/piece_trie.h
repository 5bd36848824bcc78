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
  static constexpr std::uint32_t kRoot = 0;

  struct Piece {
    std::string_view text;
    std::int32_t id;
  };

  /// Empty pieces are left out; of equal ones the last counts. Errors: kUnsupported, naming the id, for a
  /// piece of more than kMaxPieceBytes: it would make each character of a text cost as much.
  static Result<PieceTrie> Create(std::vector<Piece> pieces);

  /// The node behind `byte`; false when no piece goes on so.
  bool Step(std::uint32_t& node, unsigned char byte) const {
    const Node& from = nodes_[node];
    if (from.labels == 1) {
      if (from.first >= nodes_.size() || labels_[from.first] != byte) return false;
      node = from.first;
      return true;
    }
    return StepAmong(node, byte);
  }
  /// The piece that ends here, or kNone. Of an image: any number.
  std::int32_t id(std::uint32_t node) const { return nodes_[node].id; }

  /// What an image has of a trie; a reader calls CheckImage afterwards.
  template <class Image, class Self>
  static void Fields(Image& image, Self& self) {
    image.Field(self.nodes_);
    image.Field(self.labels_);
  }
  Status CheckImage() const;

 private:
  struct Node {
    std::uint32_t first;   // its children are first, first + 1, ...; in order of labels
    std::uint32_t labels;  // how many children
    std::int32_t id;
  };
  bool StepAmong(std::uint32_t& node, unsigned char byte) const;

  FlatTable<Node> nodes_;
  FlatTable<std::uint8_t> labels_;  // [nodes], of the arc that leads to the node; padded for 16-byte loads
};

}  // namespace vivace::tokenizer
