#include "tokenizer/unigram.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <string>

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
  Unigram(PieceTrie trie, const UnigramVocabulary& vocabulary)
      : trie_(std::move(trie)),
        scores_(vocabulary.scores.begin(), vocabulary.scores.end()),
        unk_id_(vocabulary.unk_id.value_or(PieceTrie::kNone)),
        fuse_unk_(vocabulary.fuse_unk) {
    unk_score_ = *std::min_element(scores_.begin(), scores_.end()) - kUnknownPenalty;
    byte_tokens_.fill(PieceTrie::kNone);
  }
  void set_byte_tokens(const std::array<std::int32_t, 256>& ids) {
    byte_tokens_ = ids;
    byte_fallback_ = true;
  }

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

 private:
  Status EncodeWith(std::string_view word, Best* table, std::vector<std::int32_t>& out) const {
    for (std::size_t i = 1; i <= word.size(); ++i) table[i].begin = kUnreached;
    table[0] = {0, 0, 0};
    for (std::size_t at = 0; at < word.size();) {
      const std::size_t next = at + CharacterBytes(word[at]);
      if (!OfferPieces(word, at, next, table)) Offer(table[next], table[at].score + unk_score_, unk_id_, at);
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
    std::uint32_t node = PieceTrie::kRoot;
    for (std::size_t end = at;
         end < word.size() && trie_.Step(node, static_cast<unsigned char>(word[end]));) {
      ++end;
      const std::int32_t id = trie_.id(node);
      if (id < 0) continue;
      Offer(table[end], scores_[static_cast<std::size_t>(id)] + table[at].score, id, at);
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
      if (id != unk_id_) {
        out.push_back(id);
      } else {
        while (fuse_unk_ && begin > 0 && table[begin].id == unk_id_) begin = table[begin].begin;
        if (Status status = AppendUnknown(word.substr(begin, end - begin), out); !status.ok()) return status;
      }
      end = begin;
    }
    std::reverse(out.begin() + static_cast<std::ptrdiff_t>(first), out.end());
    return Status::Ok();
  }

  /// A stretch of unknown text: what the vocabulary has for exactly it, its bytes, or the unknown token.
  Status AppendUnknown(std::string_view text, std::vector<std::int32_t>& out) const {
    std::uint32_t node = PieceTrie::kRoot;
    const bool whole = std::all_of(text.begin(), text.end(),
                                   [&](char c) { return trie_.Step(node, static_cast<unsigned char>(c)); });
    if (whole && trie_.id(node) >= 0) {
      out.push_back(trie_.id(node));
      return Status::Ok();
    }
    if (AppendBytesReversed(text, out)) return Status::Ok();
    if (unk_id_ < 0) {
      return InvalidArgument("the text \"" + std::string(text) +
                             "\" has no token, and the vocabulary names no unknown token");
    }
    out.push_back(unk_id_);
    return Status::Ok();
  }

  /// False, and nothing appended, unless every byte has a token.
  bool AppendBytesReversed(std::string_view text, std::vector<std::int32_t>& out) const {
    if (!byte_fallback_) return false;
    const std::size_t first = out.size();
    for (std::size_t i = text.size(); i > 0; --i) {
      const std::int32_t id = byte_tokens_[static_cast<unsigned char>(text[i - 1])];
      if (id < 0) {
        out.resize(first);
        return false;
      }
      out.push_back(id);
    }
    return true;
  }

  PieceTrie trie_;
  std::vector<double> scores_;  // [size]
  double unk_score_;
  std::int32_t unk_id_;
  bool fuse_unk_;
  bool byte_fallback_ = false;
  std::array<std::int32_t, 256> byte_tokens_;
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
  std::array<std::int32_t, 256> byte_tokens;
  byte_tokens.fill(PieceTrie::kNone);
  std::vector<PieceTrie::Piece> pieces;
  pieces.reserve(control.size());
  for (std::size_t i = 0; i < control.size(); ++i) {
    const auto id = static_cast<std::int32_t>(i);
    if (const auto byte = ParseByteToken(vocabulary.tokens[i])) byte_tokens[*byte] = id;
    if (!control[i]) pieces.push_back({vocabulary.tokens[i], id});
  }
  auto trie = PieceTrie::Create(std::move(pieces));
  if (!trie.ok()) return trie.status();
  auto model = std::make_unique<Unigram>(std::move(trie).value(), vocabulary);
  if (vocabulary.byte_fallback) model->set_byte_tokens(byte_tokens);
  return std::unique_ptr<TokenModel>(std::move(model));
}

}  // namespace vivace::tokenizer
