#include "tokenizer/wordpiece.h"

#include "tokenizer/characters.h"
#include "tokenizer/piece_trie.h"

namespace vivace::tokenizer {
namespace {

class WordPiece : public TokenModel {
 public:
  WordPiece(PieceTrie begins, PieceTrie continues, const WordPieceVocabulary& vocabulary)
      : begins_(std::move(begins)),
        continues_(std::move(continues)),
        unk_id_(vocabulary.unk_id),
        max_characters_(vocabulary.max_input_chars_per_word) {}

  Status Encode(std::string_view word, std::vector<std::int32_t>& out) const override {
    const std::size_t first = out.size();
    bool good = !IsTooLong(word);
    for (std::size_t at = 0; good && at < word.size();) {
      std::int32_t id = PieceTrie::kNone;
      at += LongestPiece(at == 0 ? begins_ : continues_, word.substr(at), id);
      good = id >= 0;
      if (good) out.push_back(id);
    }
    if (!good) {
      out.resize(first);
      out.push_back(unk_id_);
    }
    return Status::Ok();
  }

 private:
  bool IsTooLong(std::string_view word) const {
    if (word.size() <= max_characters_) return false;
    std::size_t characters = 0;
    for (std::size_t at = 0; at < word.size(); at += CharacterBytes(word[at])) ++characters;
    return characters > max_characters_;
  }

  static std::size_t LongestPiece(const PieceTrie& trie, std::string_view text, std::int32_t& id) {
    std::size_t length = 0;
    std::uint32_t node = PieceTrie::kRoot;
    for (std::size_t end = 0; end < text.size() && trie.Step(node, static_cast<unsigned char>(text[end]));) {
      ++end;
      if (trie.id(node) < 0) continue;
      id = trie.id(node);
      length = end;
    }
    return length;
  }

  PieceTrie begins_;     // of a word
  PieceTrie continues_;  // without the prefix
  std::int32_t unk_id_;
  std::size_t max_characters_;
};

}  // namespace

Result<std::unique_ptr<TokenModel>> MakeWordPiece(const WordPieceVocabulary& vocabulary) {
  const std::size_t size = vocabulary.tokens.size();
  if (vocabulary.unk_id < 0 || static_cast<std::size_t>(vocabulary.unk_id) >= size) {
    return DataLoss("the unknown token is " + std::to_string(vocabulary.unk_id) +
                    ", but the vocabulary has " + std::to_string(size) + " tokens");
  }
  std::vector<bool> control(size, false);
  for (const std::int32_t id : vocabulary.control_ids) {
    if (id >= 0 && static_cast<std::size_t>(id) < size) control[static_cast<std::size_t>(id)] = true;
  }
  const bool gguf = !vocabulary.word_prefix.empty();
  const std::string& mark = gguf ? vocabulary.word_prefix : vocabulary.continuing_subword_prefix;
  std::vector<PieceTrie::Piece> begins, continues;
  for (std::size_t i = 0; i < size; ++i) {
    if (control[i]) continue;
    const PieceTrie::Piece piece = {vocabulary.tokens[i], static_cast<std::int32_t>(i)};
    const bool marked = piece.text.starts_with(mark);
    const PieceTrie::Piece rest = {piece.text.substr(marked ? mark.size() : 0), piece.id};
    if (gguf) {
      (marked ? begins : continues).push_back(rest);
    } else {
      begins.push_back(piece);
      if (marked) continues.push_back(rest);
    }
  }
  auto begin_trie = PieceTrie::Create(std::move(begins));
  if (!begin_trie.ok()) return begin_trie.status();
  auto continue_trie = PieceTrie::Create(std::move(continues));
  if (!continue_trie.ok()) return continue_trie.status();
  return std::unique_ptr<TokenModel>(std::make_unique<WordPiece>(
      std::move(begin_trie).value(), std::move(continue_trie).value(), vocabulary));
}

}  // namespace vivace::tokenizer
