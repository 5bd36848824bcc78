// A byte that picks a small tokenizer, and changes of its image: two bytes for a place and one for what is
// xored there; or the byte 255 and an image. An image that is taken must encode any text with ids of its own,
// decode any ids, and give an image that is taken again.
#include <cstring>
#include <string>
#include <vector>

#include "expect.h"
#include "tokenizer/small_tokenizers.h"
#include "tokenizer/tokenizer.h"

namespace {

using vivace::fuzz::Expect;
using namespace vivace::tokenizer;

/// The images of the small tokenizers, made once.
const std::vector<std::string>& Images() {
  static const std::vector<std::string> kImages = [] {
    std::vector<std::string> images;
    for (const char* kind : kSmallTokenizers) images.push_back(MakeSmallTokenizer(kind).value().SaveImage());
    return images;
  }();
  return kImages;
}

std::string Changed(std::string_view input) {
  const auto choice = static_cast<unsigned char>(input[0]);
  input.remove_prefix(1);
  if (choice == 255) return std::string(input);
  std::string image = Images()[choice % Images().size()];
  for (; input.size() >= 3; input.remove_prefix(3)) {
    std::uint16_t at = 0;
    std::memcpy(&at, input.data(), sizeof(at));
    image[at % image.size()] = static_cast<char>(image[at % image.size()] ^ input[2]);
  }
  return image;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  const std::string image = Changed({reinterpret_cast<const char*>(data), size});
  std::vector<std::uint64_t> aligned(image.size() / 8 + 1);  // exactly as long: the sanitizer sees its end
  char* bytes = reinterpret_cast<char*>(aligned.data()) + (aligned.size() * 8 - image.size()) / 8 * 8;
  std::memcpy(bytes, image.data(), image.size());
  const auto tokenizer = Tokenizer::FromImage(std::as_bytes(std::span(bytes, image.size())));
  if (!tokenizer.ok()) {
    Expect(!tokenizer.status().message().empty(), "a refusal says why");
    return 0;
  }
  for (const std::string_view text : {std::string_view(" a b<s>\xFF 12\n\n  c'll hello he <pad>"),
                                      std::string_view("\u2581heaaXx9\u00e9")}) {
    for (const bool special : {false, true}) {
      const auto ids = tokenizer->Encode(text, special);
      if (!ids.ok()) continue;
      for (const std::int32_t id : *ids)
        Expect(id >= 0 && id < tokenizer->size(), "ids are in the vocabulary");
      static_cast<void>(tokenizer->Decode(*ids, special));
    }
  }
  std::vector<std::int32_t> ids = {-1, 0, tokenizer->size() - 1, tokenizer->size()};
  tokenizer->AddSpecialTokens(ids);
  static_cast<void>(tokenizer->Decode(ids, false));
  for (const std::int32_t id : ids) static_cast<void>(tokenizer->FindToken(tokenizer->TokenEntry(id)));
  const std::string again = tokenizer->SaveImage();
  Expect(Tokenizer::FromImage(std::as_bytes(std::span(again))).ok(), "an image of an image is taken");
  return 0;
}
