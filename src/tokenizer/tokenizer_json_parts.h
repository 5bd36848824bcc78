// For tests: a tokenizer.json in parts, each of which a test may replace.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "tokenizer/byte_alphabet.h"

namespace vivace::tokenizer {

inline std::string Quote(std::string_view text) {
  std::string out = "\"";
  for (const char c : text) {
    if (c == '"' || c == '\\') out.push_back('\\');
    out.push_back(c);
  }
  return out + "\"";
}

/// A tokenizer.json in parts, each of which a test may replace. Bytes have the ids 0 to 255; "he" 256, "ll"
/// 257, "hell" 258.
struct TokenizerJsonParts {
  std::string added = "[]";
  std::string normalizer = "null";
  std::string pre_tokenizer =
      R"({"type":"ByteLevel","add_prefix_space":false,"trim_offsets":true,"use_regex":true})";
  std::string post_processor = "null";
  std::string decoder = R"({"type":"ByteLevel"})";
  std::string more_vocab;
  std::string merges = R"(["h e", ["l", "l"]])";  // replaced below: a file has one form
  std::string more_model;
  std::string model;  // all of it, when not empty

  std::string Json() const {
    std::string vocab;
    for (int byte = 0; byte < 256; ++byte) {
      vocab += Quote(ByteCharacter(static_cast<unsigned char>(byte))) + ":" + std::to_string(byte) + ",";
    }
    vocab += R"("he":256,"ll":257,"hell":258)" + more_vocab;
    const std::string whole = R"({"type":"BPE","dropout":null,"unk_token":null)" + more_model +
                              R"(,"vocab":{)" + vocab + R"(},"merges":)" + merges + "}";
    return R"({"version":"1.0","truncation":null,"padding":null,"added_tokens":)" + added +
           R"(,"normalizer":)" + normalizer + R"(,"pre_tokenizer":)" + pre_tokenizer +
           R"(,"post_processor":)" + post_processor + R"(,"decoder":)" + decoder + R"(,"model":)" +
           (model.empty() ? whole : model) + "}";
  }
};

inline TokenizerJsonParts PlainTokenizerJson() {
  TokenizerJsonParts parts;
  parts.merges = R"(["h e","l l","he ll"])";
  return parts;
}

inline std::string Added(std::int32_t id, std::string_view content, std::string_view flags = "") {
  return R"({"id":)" + std::to_string(id) + R"(,"content":)" + Quote(content) + std::string(flags) + "}";
}

}  // namespace vivace::tokenizer
