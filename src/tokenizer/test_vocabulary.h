// A small vocabulary for tests: all bytes, the merges given, then special tokens. Owns its text; views stay
// valid while it lives.
#pragma once

#include <deque>
#include <string>
#include <string_view>
#include <vector>

#include "tokenizer/byte_alphabet.h"
#include "tokenizer/vocabulary.h"

namespace vivace::tokenizer {

class TestVocabulary {
 public:
  /// Byte tokens have the ids 0 .. 255; each merge "left right" then adds its join.
  explicit TestVocabulary(std::initializer_list<std::string_view> merges = {}) {
    for (int byte = 0; byte < 256; ++byte) AddToken(ByteCharacter(static_cast<unsigned char>(byte)));
    for (const std::string_view merge : merges) {
      merges_.push_back(Keep(merge));
      std::string join(merge);
      join.erase(join.find(' '), 1);
      AddToken(join);
    }
  }

  std::int32_t AddToken(std::string_view text, TokenType type = TokenType::kNormal) {
    tokens_.push_back(Keep(text));
    types_.push_back(static_cast<std::int64_t>(type));
    return static_cast<std::int32_t>(tokens_.size() - 1);
  }
  void AddMerge(std::string_view merge) { merges_.push_back(Keep(merge)); }
  std::vector<std::string_view>& tokens() { return tokens_; }
  std::vector<std::int64_t>& types() { return types_; }

  Vocabulary view() const {
    Vocabulary vocabulary;
    vocabulary.pre_tokenizer = "smollm";
    vocabulary.tokens = tokens_;
    vocabulary.token_types = types_;
    vocabulary.merges = merges_;
    return vocabulary;
  }

 private:
  std::string_view Keep(std::string_view text) { return texts_.emplace_back(text); }

  std::deque<std::string> texts_;
  std::vector<std::string_view> tokens_, merges_;
  std::vector<std::int64_t> types_;
};

}  // namespace vivace::tokenizer
