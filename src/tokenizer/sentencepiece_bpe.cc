// The word is cut into symbols, characters or user-defined pieces; then pairs join, best score first. Short
// words look at every pair, long ones keep a heap of pairs. Thread safety and ownership: see the header.
#include "tokenizer/sentencepiece_bpe.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <functional>
#include <string>
#include <unordered_map>
#include <utility>

#include "base/status_macros.h"
#include "tokenizer/byte_fallback.h"
#include "tokenizer/characters.h"
#include "tokenizer/metaspace.h"
#include "tokenizer/piece_trie.h"
#include "tokenizer/vocabulary.h"

namespace vivace::tokenizer {
namespace {

constexpr std::size_t kMaxPieceBytes = 4096;
constexpr std::size_t kShortWord = 32;  // symbols up to which looking at every pair beats a heap
constexpr std::uint32_t kNoSymbol = ~std::uint32_t{0};
constexpr std::int32_t kNoToken = -1;

/// A part of the word, word[begin, begin + length).
struct Symbol {
  std::uint32_t begin;
  std::uint32_t length;  // 0: joined to its left neighbour
  std::uint32_t left, right;
  std::int32_t id;
  bool frozen;  // a user-defined piece joins nothing
};

/// A join that was possible when it was found: of symbol `left` and the one after it, together `length`
/// bytes.
struct Join {
  float score;
  std::uint32_t left;
  std::uint32_t length;
  std::int32_t id;
  bool operator<(const Join& other) const {  // a heap's top: the best score, the leftmost of equals
    return score != other.score ? score < other.score : left > other.left;
  }
};

class SentencePieceBpe : public TokenModel {
 public:
  struct Parts {
    FlatTable<float> scores;        // [size]
    FlatTable<std::uint8_t> flags;  // [size] of the bits below
    PieceTrie user_defined;
    std::array<std::int32_t, 256> byte_tokens;
    std::array<std::int32_t, 128> ascii;  // the matchable token of each character, or -1
    std::int32_t unk_id = kNoToken;
    std::size_t longest = 0;  // bytes of the longest matchable piece
    bool has_unused = false, byte_fallback = false, cuts_at_metaspace = false;

    template <class Image, class Self>
    static void Fields(Image& image, Self& self) {
      image.Field(self.scores);
      image.Field(self.flags);
      PieceTrie::Fields(image, self.user_defined);
      image.Field(self.byte_tokens);
      image.Field(self.ascii);
      image.Field(self.unk_id);
      image.Field(self.longest);
      image.Field(self.has_unused);
      image.Field(self.byte_fallback);
      image.Field(self.cuts_at_metaspace);
    }
    std::int32_t FindMatchable(const TokenTable& tokens, std::string_view text) const {
      if (text.size() > longest) return kNoToken;
      const auto id = tokens.Find(text);
      return id && Has(*id, kMatchable) ? *id : kNoToken;
    }
    bool Has(std::int32_t id, std::uint8_t flag) const {
      const auto index = static_cast<std::size_t>(static_cast<std::uint32_t>(id));
      return index < flags.size() && (flags[index] & flag) != 0;
    }
  };
  static constexpr std::uint8_t kMatchable = 1;  // normal, user-defined and unused pieces
  static constexpr std::uint8_t kUnused = 2;     // join, and come apart at the end

  SentencePieceBpe(const TokenTable& tokens, Parts parts) : tokens_(tokens), parts_(std::move(parts)) {}

  Status Encode(std::string_view word, std::vector<std::int32_t>& out) const override {
    if (word.size() >= kNoSymbol) return ResourceExhausted("a word of 4 GiB; send a shorter text");
    if (word.size() <= kShortWord && !parts_.has_unused) {
      Symbol symbols[kShortWord];
      std::size_t count = 0;
      CutSymbols(word, [&](const Symbol& symbol) { symbols[count++] = symbol; });
      count = JoinShort(word, symbols, count);
      bool after_unknown = false;
      for (std::size_t i = 0; i < count; ++i) Append(word, symbols[i], after_unknown, out);
    } else {
      EncodeLong(word, out);
    }
    return Status::Ok();
  }

  bool CutsAtMetaspace() const override { return parts_.cuts_at_metaspace; }
  void SaveImage(ImageWriter& image) const override { Parts::Fields(image, parts_); }

 private:
  /// A join that came out as an unused piece: the bytes of its left part and the tokens of both.
  struct Pair {
    std::uint32_t left_length;
    std::int32_t left_id, right_id;
  };
  using UnusedPairs = std::unordered_map<std::string_view, Pair>;

  std::int32_t FindMatchable(std::string_view text) const { return parts_.FindMatchable(tokens_, text); }

  template <class Emit>
  void CutSymbols(std::string_view word, const Emit& emit) const {
    for (std::size_t at = 0; at < word.size();) {
      std::int32_t id = kNoToken;
      std::size_t length = LongestUserDefined(word.substr(at), id);
      const bool frozen = length > 0;
      if (!frozen) {
        length = CharacterBytes(word[at]);
        id = length == 1 ? parts_.ascii[static_cast<unsigned char>(word[at])]
                         : FindMatchable(word.substr(at, length));
      }
      emit({static_cast<std::uint32_t>(at), static_cast<std::uint32_t>(length), 0, 0, id, frozen});
      at += length;
    }
  }

  std::size_t LongestUserDefined(std::string_view text, std::int32_t& id) const {
    std::size_t length = 0;
    PieceTrie::Walk walk;
    for (std::size_t end = 0;
         end < text.size() && parts_.user_defined.Step(walk, static_cast<unsigned char>(text[end]));) {
      ++end;
      if (!parts_.Has(parts_.user_defined.id(walk), kMatchable)) continue;
      id = parts_.user_defined.id(walk);
      length = end;
    }
    return length;
  }

  /// The token that two neighbours make, or kNoToken.
  std::int32_t JoinOf(std::string_view word, const Symbol& left, const Symbol& right) const {
    if (left.frozen || right.frozen) return kNoToken;
    return FindMatchable(word.substr(left.begin, left.length + right.length));
  }

  float score(std::int32_t id) const { return parts_.scores[static_cast<std::size_t>(id)]; }

  /// Joins in place; returns how many symbols are left. joins[i] is of symbols i and i + 1.
  std::size_t JoinShort(std::string_view word, Symbol* symbols, std::size_t count) const {
    std::int32_t joins[kShortWord];
    for (std::size_t i = 0; i + 1 < count; ++i) joins[i] = JoinOf(word, symbols[i], symbols[i + 1]);
    while (count > 1) {
      std::size_t best = count;
      for (std::size_t i = 0; i + 1 < count; ++i) {
        if (joins[i] >= 0 && (best == count || score(joins[i]) > score(joins[best]))) best = i;
      }
      if (best == count) break;
      symbols[best].length += symbols[best + 1].length;
      symbols[best].id = joins[best];
      --count;
      for (std::size_t i = best + 1; i < count; ++i) {
        symbols[i] = symbols[i + 1];
        joins[i - 1] = joins[i];
      }
      if (best > 0) joins[best - 1] = JoinOf(word, symbols[best - 1], symbols[best]);
      if (best + 1 < count) joins[best] = JoinOf(word, symbols[best], symbols[best + 1]);
    }
    return count;
  }

  void EncodeLong(std::string_view word, std::vector<std::int32_t>& out) const {
    std::vector<Symbol> symbols;
    symbols.reserve(word.size());
    CutSymbols(word, [&](Symbol symbol) {
      const auto index = static_cast<std::uint32_t>(symbols.size());
      symbol.left = index == 0 ? kNoSymbol : index - 1;
      symbol.right = index + 1;
      symbols.push_back(symbol);
    });
    if (symbols.empty()) return;
    symbols.back().right = kNoSymbol;
    UnusedPairs unused;
    JoinLong(word, symbols, unused);
    bool after_unknown = false;
    for (std::uint32_t i = 0; i != kNoSymbol; i = symbols[i].right) {
      AppendParts(word, symbols[i], unused, after_unknown, out);
    }
  }

  void JoinLong(std::string_view word, std::vector<Symbol>& symbols, UnusedPairs& unused) const {
    std::vector<Join> heap;
    const auto find = [&](std::uint32_t left, Join& join) {
      const Symbol& symbol = symbols[left];
      if (symbol.right == kNoSymbol) return false;
      const Symbol& next = symbols[symbol.right];
      const std::int32_t id = JoinOf(word, symbol, next);
      if (id < 0) return false;
      join = {score(id), left, symbol.length + next.length, id};
      if (parts_.Has(id, kUnused)) {
        unused[word.substr(symbol.begin, join.length)] = {symbol.length, symbol.id, next.id};
      }
      return true;
    };
    Join join{};
    for (std::uint32_t i = 0; i < symbols.size(); ++i) {
      if (find(i, join)) heap.push_back(join);
    }
    std::make_heap(heap.begin(), heap.end());
    while (!heap.empty()) {
      std::pop_heap(heap.begin(), heap.end());
      const Join best = heap.back();
      heap.pop_back();
      Symbol& symbol = symbols[best.left];
      if (symbol.length == 0 || symbol.right == kNoSymbol) continue;
      Symbol& next = symbols[symbol.right];
      if (symbol.length + next.length != best.length) continue;  // one of the two has changed since
      symbol.length = best.length;
      symbol.id = best.id;
      next.length = 0;
      symbol.right = next.right;
      if (next.right != kNoSymbol) symbols[next.right].left = best.left;
      for (const std::uint32_t left : {symbol.left, best.left}) {
        if (left == kNoSymbol || !find(left, join)) continue;
        heap.push_back(join);
        std::push_heap(heap.begin(), heap.end());
      }
    }
  }

  /// Takes unused pieces apart again, as deep as they were made of others.
  void AppendParts(std::string_view word, const Symbol& whole, const UnusedPairs& unused, bool& after_unknown,
                   std::vector<std::int32_t>& out) const {
    if (whole.id < 0 || !parts_.Has(whole.id, kUnused)) {
      Append(word, whole, after_unknown, out);
      return;
    }
    std::vector<Symbol> open = {whole};
    while (!open.empty()) {
      const Symbol symbol = open.back();
      open.pop_back();
      const auto pair = symbol.id >= 0 && parts_.Has(symbol.id, kUnused)
                            ? unused.find(word.substr(symbol.begin, symbol.length))
                            : unused.end();
      if (pair == unused.end()) {
        Append(word, symbol, after_unknown, out);
        continue;
      }
      const auto [left, left_id, right_id] = pair->second;
      open.push_back({symbol.begin + left, symbol.length - left, 0, 0, right_id, false});
      open.push_back({symbol.begin, left, 0, 0, left_id, false});
    }
  }

  /// The symbol's token; else its bytes' tokens; else the unknown token, once for neighbours.
  void Append(std::string_view word, const Symbol& symbol, bool& after_unknown,
              std::vector<std::int32_t>& out) const {
    const bool unknown = symbol.id < 0 && !parts_.byte_fallback;
    if (symbol.id >= 0) {
      out.push_back(symbol.id);
    } else if (parts_.byte_fallback) {
      for (const char c : word.substr(symbol.begin, symbol.length)) {
        out.push_back(parts_.byte_tokens[static_cast<unsigned char>(c)]);
      }
    } else if (!after_unknown && parts_.unk_id >= 0) {
      out.push_back(parts_.unk_id);
    }
    after_unknown = unknown;
  }

  const TokenTable& tokens_;
  Parts parts_;
};

using Parts = SentencePieceBpe::Parts;

Status CheckSizes(const SentencePieceVocabulary& vocabulary) {
  const std::size_t size = vocabulary.tokens->size();
  if (vocabulary.scores.size() != size) {
    return DataLoss("the vocabulary has " + std::to_string(size) + " tokens but " +
                    std::to_string(vocabulary.scores.size()) + " scores");
  }
  if (!vocabulary.token_types.empty() && vocabulary.token_types.size() != size) {
    return DataLoss("the vocabulary has " + std::to_string(size) + " tokens but " +
                    std::to_string(vocabulary.token_types.size()) + " token types");
  }
  if (vocabulary.unk_id && (*vocabulary.unk_id < 0 || static_cast<std::size_t>(*vocabulary.unk_id) >= size)) {
    return DataLoss("the unknown token is " + std::to_string(*vocabulary.unk_id) +
                    ", but the vocabulary has ids 0 to " + std::to_string(size - 1));
  }
  return Status::Ok();
}

/// Sorts the tokens by what text can do with them.
Status CollectPieces(const SentencePieceVocabulary& vocabulary, Parts& parts) {
  const std::size_t size = vocabulary.tokens->size();
  std::vector<std::uint8_t> flags(size);
  parts.cuts_at_metaspace = true;
  std::vector<PieceTrie::Piece> user_defined;
  for (std::size_t i = 0; i < size; ++i) {
    const auto id = static_cast<std::int32_t>(i);
    const std::string_view text = vocabulary.tokens->text(id);
    const auto type = vocabulary.token_types.empty() ? TokenType::kNormal
                                                     : static_cast<TokenType>(vocabulary.token_types[i]);
    if (std::isnan(vocabulary.scores[i]))
      return DataLoss("the score of token " + std::to_string(i) + " is no number");
    const bool is_user_defined = type == TokenType::kUserDefined, is_unused = type == TokenType::kUnused;
    if ((type != TokenType::kNormal && !is_user_defined && !is_unused) || text.empty()) continue;
    if (text.size() > kMaxPieceBytes) {
      return Unsupported("token " + std::to_string(i) + " has " + std::to_string(text.size()) +
                         " bytes; a piece of a SentencePiece vocabulary has at most " +
                         std::to_string(kMaxPieceBytes));
    }
    flags[i] =
        is_unused ? SentencePieceBpe::kMatchable | SentencePieceBpe::kUnused : SentencePieceBpe::kMatchable;
    parts.has_unused |= is_unused;
    parts.longest = std::max(parts.longest, text.size());
    if (HasInnerMetaspace(text)) parts.cuts_at_metaspace = false;
    if (is_user_defined) user_defined.push_back({text, id});
  }
  parts.flags = FlatTable<std::uint8_t>(std::move(flags));
  VIVACE_ASSIGN_OR_RETURN(parts.user_defined, PieceTrie::Create(std::move(user_defined)));
  return Status::Ok();
}

}  // namespace

Result<std::unique_ptr<TokenModel>> MakeSentencePieceBpe(const SentencePieceVocabulary& vocabulary) {
  VIVACE_RETURN_IF_ERROR(CheckSizes(vocabulary));
  const TokenTable& tokens = *vocabulary.tokens;
  Parts parts;
  parts.scores = FlatTable<float>(std::vector<float>(vocabulary.scores.begin(), vocabulary.scores.end()));
  parts.unk_id = vocabulary.unk_id.value_or(kNoToken);
  VIVACE_RETURN_IF_ERROR(CollectPieces(vocabulary, parts));
  parts.byte_tokens = FindByteFallbackTokens(tokens);
  parts.byte_fallback =
      std::all_of(parts.byte_tokens.begin(), parts.byte_tokens.end(), [](auto id) { return id >= 0; });
  for (std::size_t c = 0; c < parts.ascii.size(); ++c) {
    const char text = static_cast<char>(c);
    parts.ascii[c] = parts.FindMatchable(tokens, {&text, 1});
  }
  const auto metaspace = tokens.Find(kMetaspaceMark);
  if (!metaspace || !parts.Has(*metaspace, SentencePieceBpe::kMatchable)) parts.cuts_at_metaspace = false;
  return std::unique_ptr<TokenModel>(std::make_unique<SentencePieceBpe>(tokens, std::move(parts)));
}

Result<std::unique_ptr<TokenModel>> LoadSentencePieceBpe(ImageReader& image, const TokenTable& tokens) {
  Parts parts;
  Parts::Fields(image, parts);
  VIVACE_RETURN_IF_ERROR(image.status());
  VIVACE_RETURN_IF_ERROR(parts.user_defined.CheckImage());
  if (parts.scores.size() != parts.flags.size() || parts.scores.size() > tokens.size())
    return DataLoss("scores, flags and tokens are not as many");
  VIVACE_RETURN_IF_ERROR(CheckImageIds(parts.byte_tokens, parts.byte_fallback ? 0 : kNoToken, tokens.size()));
  VIVACE_RETURN_IF_ERROR(CheckImageIds(parts.ascii, kNoToken, parts.flags.size()));
  VIVACE_RETURN_IF_ERROR(CheckImageIds({&parts.unk_id, 1}, kNoToken, tokens.size()));
  return std::unique_ptr<TokenModel>(std::make_unique<SentencePieceBpe>(tokens, std::move(parts)));
}

}  // namespace vivace::tokenizer
