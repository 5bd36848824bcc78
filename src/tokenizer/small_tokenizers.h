// A tokenizer of each kind that is as small as it can be and has every sort of table. For tests and fuzz
// targets only.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "tokenizer/test_vocabulary.h"
#include "tokenizer/tokenizer.h"

namespace vivace::tokenizer {

inline constexpr const char* kSmallTokenizers[] = {"gpt2", "llama", "t5", "bert", "character"};

/// A small GGUF vocabulary of each kind, with every sort of token and every table that the kind has.
inline Result<Tokenizer> MakeSmallGguf(std::string_view model) {
  if (model == "gpt2") {
    TestVocabulary words({"h e", "l l", "he ll", "hell o", "\u0120 w", "a a", "aa aa"});
    words.AddToken("<s>", TokenType::kControl);
    words.AddToken("<pad>", TokenType::kUserDefined);
    Vocabulary vocabulary = words.view();
    vocabulary.pre_tokenizer = "qwen2";  // with NFC before it
    vocabulary.bos_id = 263;
    return Tokenizer::Create(vocabulary);
  }
  std::vector<std::string_view> tokens = {"<unk>", "<s>", "</s>", "\u2581he", "\u2581h", "\u2581", "h",
                                          "e",     "llo", "l",    "o",        "<pad>",   "a",      "aa"};
  std::vector<std::int64_t> types(tokens.size(), 1);
  types[0] = 2;
  types[1] = types[2] = 3;
  types[11] = 4;
  types[13] = 5;
  std::vector<float> scores;
  for (std::size_t i = 0; i < tokens.size(); ++i) scores.push_back(-static_cast<float>(i));
  Vocabulary vocabulary;
  vocabulary.model = model;
  vocabulary.tokens = tokens;
  vocabulary.token_types = types;
  vocabulary.scores = scores;
  vocabulary.unknown_id = 0;
  vocabulary.bos_id = 1;
  vocabulary.eos_id = 2;
  vocabulary.remove_extra_whitespaces = true;
  return Tokenizer::Create(vocabulary);
}

/// The one kind that GGUF does not have.
inline Result<Tokenizer> MakeSmallCharacterBpe() {
  TokenizerFiles files;
  files.tokenizer_json =
      R"({"added_tokens":[{"id":9,"content":"<s>","special":true,"normalized":true,"lstrip":true}],)"
      R"("normalizer":{"type":"Lowercase"},"pre_tokenizer":{"type":"Split","pattern":{"Regex":"[0-9]|x+"},)"
      R"("behavior":"Isolated","invert":false},"post_processor":null,"decoder":{"type":"Fuse"},)"
      R"("model":{"type":"BPE","unk_token":"?","fuse_unk":true,"byte_fallback":true,"vocab":{"?":0,"h":1,)"
      R"("e":2,"l":3,"o":4,"he":5,"ll":6,"<0x41>":7,"a":8},"merges":["h e","l l"]}})";
  return Tokenizer::FromJson(files);
}

/// One of kSmallTokenizers.
inline Result<Tokenizer> MakeSmallTokenizer(std::string_view kind) {
  return kind == "character" ? MakeSmallCharacterBpe() : MakeSmallGguf(kind);
}

}  // namespace vivace::tokenizer
