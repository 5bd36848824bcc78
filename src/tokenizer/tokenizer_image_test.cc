// Tokenizers from images: equal to the built ones, and safe whatever the bytes are.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cstring>
#include <deque>
#include <filesystem>
#include <fstream>
#include <functional>
#include <sstream>

#include "tokenizer/image_bytes.h"
#include "tokenizer/small_tokenizers.h"
#include "tokenizer/tokenizer.h"

namespace vivace::tokenizer {
namespace {

using testing::HasSubstr;
using Ids = std::vector<std::int32_t>;

constexpr std::string_view kTexts[] = {
    "",
    "Hello, world! hello  hellhe w",
    "a<s>b</s> [CLS] <|im_end|><unk>  <pad>",
    "caf\xC3\xA9 na\xC3\xAFve \xE4\xBD\xA0\xE5\xA5\xBD \xF0\x9F\x98\x80\xF0\x9F\x98\x80 12345 3.14",
    "def f(x):\n\treturn x + 1\r\n\n   'll 're DON'T",
    "broken \xFF\xE2\x82 bytes\xC3",
    "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
    "<0x41>\xE2\x96\x81he \xE2\x96\x81"};

/// An image on the boundary that a reader needs.
class ImageBytes {
 public:
  explicit ImageBytes(std::string_view image) : words_((image.size() + 7) / 8), size_(image.size()) {
    if (!image.empty()) std::memcpy(words_.data(), image.data(), image.size());
  }
  std::span<const std::byte> view() const { return std::as_bytes(std::span(words_)).first(size_); }

 private:
  std::vector<std::uint64_t> words_;
  std::size_t size_;
};

std::string ReadFile(const std::filesystem::path& path) {
  std::ifstream file(path, std::ios::binary);
  std::ostringstream text;
  text << file.rdbuf();
  return text.str();
}

/// All that a tokenizer answers about some texts and all ids, to compare.
std::string Answers(const Tokenizer& tokenizer) {
  std::ostringstream out;
  const auto list = [&out](std::span<const std::int32_t> ids) {
    for (const std::int32_t id : ids) out << id << ' ';
    out << '\n';
  };
  for (const std::string_view text : kTexts) {
    for (const bool special : {false, true}) {
      auto ids = tokenizer.Encode(text, special);
      if (!ids.ok()) {
        out << ids.status().message() << '\n';
        continue;
      }
      out << tokenizer.Decode(*ids, special) << '\n';
      tokenizer.AddSpecialTokens(*ids);
      list(*ids);
    }
    const TextPiece pieces[] = {{"<s>", true}, {text, false}, {"</s>[SEP]", true}};
    const auto ids = tokenizer.EncodePieces(pieces);
    list(ids.ok() ? *ids : Ids{-1});
  }
  for (std::int32_t id = 0; id < tokenizer.size(); ++id) {
    out << tokenizer.TokenEntry(id) << tokenizer.is_special(id)
        << tokenizer.FindToken(tokenizer.TokenEntry(id)).value_or(-1) << '\n';
  }
  for (const auto& id : {tokenizer.bos_id(), tokenizer.eos_id(), tokenizer.unknown_id(), tokenizer.pad_id()})
    out << id.value_or(-1) << ' ';
  list(tokenizer.end_ids());
  out << tokenizer.size() << tokenizer.add_bos() << tokenizer.add_eos();
  return out.str();
}

void ExpectSameFromImage(const Tokenizer& built) {
  const std::string image = built.SaveImage();
  const ImageBytes bytes(image);
  const auto loaded = Tokenizer::FromImage(bytes.view());
  ASSERT_TRUE(loaded.ok()) << loaded.status().message();
  EXPECT_EQ(Answers(*loaded), Answers(built));
  EXPECT_EQ(loaded->SaveImage(), image) << "an image of the image is the same";
}

std::vector<std::string> JsonKinds() {
  std::vector<std::string> kinds;
  for (const auto& entry :
       std::filesystem::directory_iterator(VIVACE_SOURCE_DIR "/tests/goldens/tokenizers")) {
    if (entry.path().extension() == ".json") kinds.push_back(entry.path().stem().string());
  }
  std::sort(kinds.begin(), kinds.end());
  return kinds;
}

class TokenizerImageOfJson : public testing::TestWithParam<std::string> {};

TEST_P(TokenizerImageOfJson, AnswersAsTheBuiltOne) {
  TokenizerFiles files;
  files.tokenizer_json =
      ReadFile(std::string(VIVACE_SOURCE_DIR "/tests/goldens/tokenizers/") + GetParam() + ".json");
  auto built = Tokenizer::FromJson(files);
  ASSERT_TRUE(built.ok()) << built.status().message();
  ExpectSameFromImage(*built);
}

INSTANTIATE_TEST_SUITE_P(Kinds, TokenizerImageOfJson, testing::ValuesIn(JsonKinds()),
                         [](const auto& kind) { return kind.param; });

class TokenizerImage : public testing::TestWithParam<const char*> {
 protected:
  void SetUp() override {
    auto built = MakeSmallTokenizer(GetParam());
    ASSERT_TRUE(built.ok()) << built.status().message();
    built_.emplace(std::move(built).value());
    image_ = built_->SaveImage();
  }

  /// A changed image is refused with a reason, or makes a tokenizer whose answers stay inside its size.
  void ExpectSafe(std::string_view changed) {
    const ImageBytes bytes(changed);
    const auto made = Tokenizer::FromImage(bytes.view());
    if (!made.ok()) {
      ++refused_;
      EXPECT_FALSE(made.status().message().empty());
      return;
    }
    ++used_;
    for (const std::string_view text : kTexts) {
      const auto ids = made->Encode(text, true);
      if (!ids.ok()) continue;
      for (const std::int32_t id : *ids) ASSERT_TRUE(id >= 0 && id < made->size());
      static_cast<void>(made->Decode(*ids, true));
    }
    for (const std::int32_t id : {-1, 0, 5, made->size() - 1, made->size()}) {
      static_cast<void>(made->TokenText(id));
      static_cast<void>(made->FindToken(made->TokenEntry(id)));
    }
  }

  std::optional<Tokenizer> built_;
  std::string image_;
  int refused_ = 0, used_ = 0;
};

TEST_P(TokenizerImage, AnswersAsTheBuiltOne) {
  ExpectSameFromImage(*built_);
}

TEST_P(TokenizerImage, EveryByteChangedIsRefusedOrSafe) {
  // Tables have hundreds of equal entries: a step that meets every byte of an entry and every field.
  const std::size_t fields = image_.size() - std::min<std::size_t>(image_.size(), 2048);
  std::string changed = image_;
  for (std::size_t at = 0; at < image_.size(); at += at < 256 || at >= fields ? 1 : 13) {
    for (const char flip : {'\x01', '\x80', '\xFF'}) {
      changed[at] = static_cast<char>(image_[at] ^ flip);
      ExpectSafe(changed);
    }
    changed[at] = image_[at];
  }
  EXPECT_GT(refused_, 100);
  EXPECT_GT(used_, 100);
}

TEST_P(TokenizerImage, ACutImageIsRefused) {
  for (std::size_t size = 0; size < image_.size(); size += size < 256 ? 1 : 37) {
    const ImageBytes bytes(std::string_view(image_).substr(0, size));
    EXPECT_FALSE(Tokenizer::FromImage(bytes.view()).ok()) << size;
    if (size < 64) continue;
    std::string changed = image_.substr(0, size);  // the same with a header that agrees
    std::memcpy(changed.data() + 16, &size, sizeof(size));
    ExpectSafe(changed);
  }
}

TEST_P(TokenizerImage, WordsOfManyValuesAreRefusedOrSafe) {
  std::string changed = image_;
  for (std::size_t at = 64; at + 4 <= image_.size(); at += 4 * (1 + image_.size() / 8192)) {
    for (const std::uint32_t value : {0u, 1u, 0x7FFFFFFFu, 0x80000000u, 0xFFFFFFFFu}) {
      std::memcpy(changed.data() + at, &value, sizeof(value));
      ExpectSafe(changed);
    }
    std::memcpy(changed.data() + at, image_.data() + at, 4);
  }
}

INSTANTIATE_TEST_SUITE_P(Kinds, TokenizerImage, testing::ValuesIn(kSmallTokenizers),
                         [](const auto& kind) { return std::string(kind.param); });

TEST(TokenizerImageHeader, SaysWhatIsWrong) {
  std::string image = MakeSmallTokenizer("t5").value().SaveImage();
  const auto why = [](std::string_view bytes) {
    const ImageBytes aligned(bytes);
    return Tokenizer::FromImage(aligned.view()).status().message();
  };
  EXPECT_EQ(why(image), "");
  EXPECT_THAT(why(""), HasSubstr("not a tokenizer image: it is shorter than a header"));
  EXPECT_THAT(why(image.substr(0, 100)), HasSubstr("it has 100 bytes, and its header says"));
  EXPECT_THAT(why("GGUF" + image), HasSubstr("begins as another kind of file"));
  image[8] = 77;
  EXPECT_THAT(why(image), HasSubstr("it has version 77, and this program reads version"));
  image[8] = static_cast<char>(kTokenizerImageVersion);
  const ImageBytes moved("x" + image);
  EXPECT_THAT(Tokenizer::FromImage(moved.view().subspan(1)).status().message(),
              HasSubstr("does not lie on a boundary of 8 bytes"));
}

TEST(TokenizerImageHeader, ATokenizerNeedsNothingButItsImage) {
  const ImageBytes bytes(MakeSmallTokenizer("gpt2").value().SaveImage());
  auto first = Tokenizer::FromImage(bytes.view());
  ASSERT_TRUE(first.ok());
  const Tokenizer moved = std::move(first).value();
  EXPECT_EQ(moved.Encode("hello", false).value(), (Ids{259}));
}

}  // namespace
}  // namespace vivace::tokenizer
