// A vocabulary, a zero byte, and a text. The vocabulary has every byte, and a line for each further token:
// "t", "c" or "u" (normal, control, user-defined) and its text, or "m", two parts and a space between: a
// merge and its join.
#include <numeric>
#include <string>
#include <vector>

#include "expect.h"
#include "tokenizer/streaming.h"
#include "tokenizer/test_vocabulary.h"
#include "tokenizer/tokenizer.h"

namespace {

using vivace::fuzz::Expect;
using namespace vivace::tokenizer;

void AddLine(TestVocabulary& vocabulary, std::string_view line) {
  const std::string_view text = line.substr(1);
  switch (line.front()) {
    case 'm':
      vocabulary.AddMerge(text);
      if (const std::size_t space = text.find(' '); space != std::string_view::npos) {
        vocabulary.AddToken(std::string(text.substr(0, space)) + std::string(text.substr(space + 1)));
      }
      break;
    case 'c':
      vocabulary.AddToken(text, TokenType::kControl);
      break;
    case 'u':
      vocabulary.AddToken(text, TokenType::kUserDefined);
      break;
    default:
      vocabulary.AddToken(text);
  }
}

bool IsAscii(std::string_view text) {
  for (const char c : text) {
    if (static_cast<unsigned char>(c) >= 0x80) return false;
  }
  return true;
}

void CheckText(const Tokenizer& tokenizer, std::string_view text, bool parse_special) {
  const auto ids = tokenizer.Encode(text, parse_special);
  Expect(ids.ok(), "any bytes can be encoded");
  std::string bytes;
  for (const std::int32_t id : *ids) {
    Expect(id >= 0 && id < tokenizer.size(), "ids are in the vocabulary");
    Expect(parse_special || !tokenizer.is_special(id), "a text cannot spell a control token");
    tokenizer.AppendTokenText(id, bytes);
  }
  // A user-defined token of letters above ASCII reads as the bytes of the alphabet, so the text may change
  // there.
  if (IsAscii(text)) Expect(bytes == text, "the ids spell the text");
  const TextPiece halves[] = {{text.substr(0, text.size() / 2), parse_special},
                              {text.substr(text.size() / 2), parse_special}};
  const auto joined = tokenizer.EncodePieces(halves);
  Expect(joined.ok() && *joined == *ids, "how a text of one kind is cut does not matter");
  std::string streamed;
  StreamingDecoder decoder(tokenizer, true);
  for (const std::int32_t id : *ids) decoder.Push(id, streamed);
  decoder.Flush(streamed);
  Expect(streamed == tokenizer.Decode(*ids, true), "streaming gives the same text");
  StopStringMatcher matcher({std::string(text.substr(text.size() / 2, 3)), "ab"});
  std::string shown;
  const auto stop = matcher.Push(streamed, shown);
  if (!stop) matcher.Flush(shown);
  Expect(stop ? streamed.starts_with(shown) : shown == streamed, "only a stop string takes text away");
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view input(reinterpret_cast<const char*>(data), size);
  const std::size_t end = input.find('\0');
  std::string_view lines = input.substr(0, end);
  const std::string_view text = end == std::string_view::npos ? "a b" : input.substr(end + 1);
  TestVocabulary vocabulary;
  while (!lines.empty()) {
    const std::string_view line = lines.substr(0, lines.find('\n'));
    lines.remove_prefix(std::min(lines.size(), line.size() + 1));
    if (!line.empty()) AddLine(vocabulary, line);
  }
  const auto tokenizer = Tokenizer::Create(vocabulary.view());
  if (!tokenizer.ok()) {
    Expect(!tokenizer.status().message().empty(), "a refusal says why");
    return 0;
  }
  CheckText(*tokenizer, text, false);
  CheckText(*tokenizer, text, true);
  std::vector<std::int32_t> all(static_cast<std::size_t>(tokenizer->size()));
  std::iota(all.begin(), all.end(), -2);  // and two that are in no vocabulary
  static_cast<void>(tokenizer->Decode(all, false));
  return 0;
}
