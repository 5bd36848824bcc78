#include "tokenizer/unigram.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <string>

#include "base/status_macros.h"
#include "tokenizer/byte_fallback.h"
#include "tokenizer/characters.h"
#include "tokenizer/piece_trie.h"

namespace vivace::tokenizer {
namespace {

constexpr double kUnknownPenalty = 10.0;  // below the worst score, as in SentencePiece
constexpr std::size_t kShortWord = 192;   // bytes up to which the table lives on the stack

/// The best way to the end of a part of the word.
struct Best {
  double score;
  std::int32_t id;
  std::uint32_t begin;  // of its last piece; kUnreached before any way leads here
};
constexpr std::uint32_t kUnreached = ~std::uint32_t{0};

class Unigram : public TokenModel {
 public:
  struct Parts {
    PieceTrie trie;
    FlatTable<double> scores;  // [size]
    double unk_score = 0;
    std::int32_t unk_id = PieceTrie::kNone;
    bool fuse_unk = true, byte_fallback = false;
    std::array<std::int32_t, 256> byte_tokens;  // -1: none

    template <class Image, class Self>
    static void Fields(Image& image, Self& self) {
      PieceTrie::Fields(image, self.trie);
      image.Field(self.scores);
      image.Field(self.unk_score);
      image.Field(self.unk_id);
      image.Field(self.fuse_unk);
      image.Field(self.byte_fallback);
      image.Field(self.byte_tokens);
    }
  };
  explicit Unigram(Parts parts) : parts_(std::move(parts)) {}

  Status Encode(std::string_view word, std::vector<std::int32_t>& out) const override {
    if (word.empty()) return Status::Ok();
    if (word.size() <= kShortWord) {
      Best table[kShortWord + 1];
      return EncodeWith(word, table, out);
    }
    if (word.size() >= kUnreached) return ResourceExhausted("a word of 4 GiB; send a shorter text");
    std::vector<Best> table(word.size() + 1);
    return EncodeWith(word, table.data(), out);
  }

  void SaveImage(ImageWriter& image) const override { Parts::Fields(image, parts_); }

 private:
  Status EncodeWith(std::string_view word, Best* table, std::vector<std::int32_t>& out) const {
    for (std::size_t i = 1; i <= word.size(); ++i) table[i].begin = kUnreached;
    table[0] = {0, 0, 0};
    for (std::size_t at = 0; at < word.size();) {
      const std::size_t next = at + CharacterBytes(word[at]);
      if (!OfferPieces(word, at, next, table))
        Offer(table[next], table[at].score + parts_.unk_score, parts_.unk_id, at);
      at = next;
    }
    return Collect(word, table, out);
  }

  static void Offer(Best& best, double score, std::int32_t id, std::size_t begin) {
    if (best.begin == kUnreached || score > best.score) best = {score, id, static_cast<std::uint32_t>(begin)};
  }

  /// Every piece that begins at `at`; true when one of them is the character [at, next) alone.
  bool OfferPieces(std::string_view word, std::size_t at, std::size_t next, Best* table) const {
    bool single = false;
    PieceTrie::Walk walk;
    for (std::size_t end = at;
         end < word.size() && parts_.trie.Step(walk, static_cast<unsigned char>(word[end]));) {
      ++end;
      const std::int32_t id = parts_.trie.id(walk);
      const auto index = static_cast<std::size_t>(static_cast<std::uint32_t>(id));
      if (index >= parts_.scores.size()) continue;  // none
      Offer(table[end], parts_.scores[index] + table[at].score, id, at);
      single |= end == next;
    }
    return single;
  }

  /// From the end to the beginning along the best way; then turns the tokens around.
  Status Collect(std::string_view word, const Best* table, std::vector<std::int32_t>& out) const {
    const std::size_t first = out.size();
    for (std::size_t end = word.size(); end > 0;) {
      std::size_t begin = table[end].begin;
      const std::int32_t id = table[end].id;
      if (id != parts_.unk_id) {
        out.push_back(id);
      } else {
        while (parts_.fuse_unk && begin > 0 && table[begin].id == parts_.unk_id) begin = table[begin].begin;
        if (Status status = AppendUnknown(word.substr(begin, end - begin), out); !status.ok()) return status;
      }
      end = begin;
    }
    std::reverse(out.begin() + static_cast<std::ptrdiff_t>(first), out.end());
    return Status::Ok();
  }

  /// A stretch of unknown text: what the vocabulary has for exactly it, its bytes, or the unknown token.
  Status AppendUnknown(std::string_view text, std::vector<std::int32_t>& out) const {
    PieceTrie::Walk walk;
    const bool whole = std::all_of(text.begin(), text.end(), [&](char c) {
      return parts_.trie.Step(walk, static_cast<unsigned char>(c));
    });
    const std::int32_t known = parts_.trie.id(walk);
    if (whole && static_cast<std::size_t>(static_cast<std::uint32_t>(known)) < parts_.scores.size()) {
      out.push_back(known);
      return Status::Ok();
    }
    if (AppendBytesReversed(text, out)) return Status::Ok();
    if (parts_.unk_id < 0) {
      return InvalidArgument("the text \"" + std::string(text) +
                             "\" has no token, and the vocabulary names no unknown token");
    }
    out.push_back(parts_.unk_id);
    return Status::Ok();
  }

  /// False, and nothing appended, unless every byte has a token.
  bool AppendBytesReversed(std::string_view text, std::vector<std::int32_t>& out) const {
    if (!parts_.byte_fallback) return false;
    const std::size_t first = out.size();
    for (std::size_t i = text.size(); i > 0; --i) {
      const std::int32_t id = parts_.byte_tokens[static_cast<unsigned char>(text[i - 1])];
      if (id < 0) {
        out.resize(first);
        return false;
      }
      out.push_back(id);
    }
    return true;
  }

  Parts parts_;
};

Status CheckVocabulary(const UnigramVocabulary& vocabulary) {
  const std::size_t size = vocabulary.tokens.size();
  if (size == 0) return DataLoss("the vocabulary has no tokens");
  if (vocabulary.scores.size() != size) {
    return DataLoss("the vocabulary has " + std::to_string(size) + " tokens but " +
                    std::to_string(vocabulary.scores.size()) + " scores");
  }
  for (std::size_t id = 0; id < size; ++id) {
    if (!std::isfinite(vocabulary.scores[id])) {
      return DataLoss("the score of token " + std::to_string(id) + " is no finite number");
    }
  }
  if (vocabulary.unk_id && (*vocabulary.unk_id < 0 || static_cast<std::size_t>(*vocabulary.unk_id) >= size)) {
    return DataLoss("the unknown token is " + std::to_string(*vocabulary.unk_id) +
                    ", but the vocabulary has ids 0 to " + std::to_string(size - 1));
  }
  return Status::Ok();
}

}  // namespace

Result<std::unique_ptr<TokenModel>> MakeUnigram(const UnigramVocabulary& vocabulary) {
  if (Status status = CheckVocabulary(vocabulary); !status.ok()) return status;
  std::vector<bool> control(vocabulary.tokens.size(), false);
  for (const std::int32_t id : vocabulary.control_ids) {
    if (id >= 0 && static_cast<std::size_t>(id) < control.size())
      control[static_cast<std::size_t>(id)] = true;
  }
  Unigram::Parts parts;
  parts.byte_tokens.fill(PieceTrie::kNone);
  std::vector<PieceTrie::Piece> pieces;
  pieces.reserve(control.size());
  for (std::size_t i = 0; i < control.size(); ++i) {
    const auto id = static_cast<std::int32_t>(i);
    if (const auto byte = ParseByteToken(vocabulary.tokens[i])) parts.byte_tokens[*byte] = id;
    if (!control[i]) pieces.push_back({vocabulary.tokens[i], id});
  }
  VIVACE_ASSIGN_OR_RETURN(parts.trie, PieceTrie::Create(std::move(pieces)));
  parts.scores = FlatTable<double>(std::vector<double>(vocabulary.scores.begin(), vocabulary.scores.end()));
  parts.unk_score = *std::min_element(parts.scores.begin(), parts.scores.end()) - kUnknownPenalty;
  parts.unk_id = vocabulary.unk_id.value_or(PieceTrie::kNone);
  parts.fuse_unk = vocabulary.fuse_unk;
  parts.byte_fallback = vocabulary.byte_fallback;
  return std::unique_ptr<TokenModel>(std::make_unique<Unigram>(std::move(parts)));
}

Result<std::unique_ptr<TokenModel>> LoadUnigram(ImageReader& image, std::size_t tokens) {
  Unigram::Parts parts;
  Unigram::Parts::Fields(image, parts);
  VIVACE_RETURN_IF_ERROR(image.status());
  VIVACE_RETURN_IF_ERROR(parts.trie.CheckImage());
  if (parts.scores.size() > tokens) return DataLoss("more scores are there than tokens");
  VIVACE_RETURN_IF_ERROR(CheckImageIds(parts.byte_tokens, PieceTrie::kNone, tokens));
  VIVACE_RETURN_IF_ERROR(CheckImageIds({&parts.unk_id, 1}, PieceTrie::kNone, tokens));
  return std::unique_ptr<TokenModel>(std::make_unique<Unigram>(std::move(parts)));
}

}  // namespace vivace::tokenizer
