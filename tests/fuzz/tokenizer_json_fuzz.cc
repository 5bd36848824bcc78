// tokenizer.json, a zero byte, tokenizer_config.json, a zero byte, and a text. A file that loads must encode
// any text with ids of its own, spell no control token in untrusted text, and decode alike at once and in a
// stream.
#include <string>
#include <vector>

#include "expect.h"
#include "tokenizer/streaming.h"
#include "tokenizer/tokenizer.h"

namespace {

using vivace::fuzz::Expect;
using namespace vivace::tokenizer;

std::string_view TakePart(std::string_view& input) {
  const std::string_view part = input.substr(0, input.find('\0'));
  input.remove_prefix(std::min(input.size(), part.size() + 1));
  return part;
}

void CheckText(const Tokenizer& tokenizer, std::string_view text, bool parse_special) {
  const auto ids = tokenizer.Encode(text, parse_special);
  if (!ids.ok()) {  // a hostile expression, or unknown text in a vocabulary without a token for it
    Expect(!ids.status().message().empty(), "a refusal says why");
    return;
  }
  for (const std::int32_t id : *ids) {
    Expect(id >= 0 && id < tokenizer.size(), "ids are in the vocabulary");
    Expect(parse_special || !tokenizer.is_special(id) || id == tokenizer.unknown_id(),
           "a text cannot spell a control token");
  }
  std::string streamed;
  StreamingDecoder decoder(tokenizer, true);
  for (const std::int32_t id : *ids) decoder.Push(id, streamed);
  decoder.Flush(streamed);
  Expect(streamed == tokenizer.Decode(*ids, true), "streaming gives the same text");
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  std::string_view input(reinterpret_cast<const char*>(data), size);
  TokenizerFiles files;
  files.tokenizer_json = TakePart(input);
  files.tokenizer_config = TakePart(input);
  const auto tokenizer = Tokenizer::FromJson(files);
  if (!tokenizer.ok()) {
    Expect(!tokenizer.status().message().empty(), "a refusal says why");
    return 0;
  }
  for (const std::string_view text : {input, std::string_view(" a b<s>\xFF 12\n\n  c'll ")}) {
    CheckText(*tokenizer, text, false);
    CheckText(*tokenizer, text, true);
  }
  std::vector<std::int32_t> ids = {-1, 0, tokenizer->size() - 1, tokenizer->size()};
  tokenizer->AddSpecialTokens(ids);
  static_cast<void>(tokenizer->Decode(ids, false));
  return 0;
}
