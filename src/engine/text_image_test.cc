// A model's text from its image: the same answers as from its files, and the files where the image is wrong.
#include <gtest/gtest.h>

#include <cstring>
#include <filesystem>
#include <fstream>
#include <sstream>

#include "checkpoint/checkpoint.h"
#include "engine/model_text.h"

namespace vivace::engine {
namespace {

using Ids = std::vector<std::int32_t>;

std::string GoldenTokenizer(const std::string& kind) {
  std::ifstream file(VIVACE_SOURCE_DIR "/tests/goldens/tokenizers/" + kind + ".json", std::ios::binary);
  std::ostringstream text;
  text << file.rdbuf();
  return text.str();
}

/// A folder in memory that has only texts.
std::unique_ptr<checkpoint::Checkpoint> Folder(const std::string& kind) {
  checkpoint::FolderTexts texts;
  texts.tokenizer = GoldenTokenizer(kind);
  texts.tokenizer_config =
      R"({"unk_token":"?","chat_template":[{"name":"default","template":"{{ messages[0].content }}{{ unk_token }}"},)"
      R"({"name":"tool_use","template":"tools {{ tools | length }}"}]})";
  texts.generation_config = R"({"eos_token_id":[2,3,2]})";
  return checkpoint::Checkpoint::FromTensors("folder", std::move(texts), {});
}

/// On the boundary that an image needs.
class Aligned {
 public:
  explicit Aligned(const std::string& bytes) : words_((bytes.size() + 7) / 8), size_(bytes.size()) {
    std::memcpy(words_.data(), bytes.data(), bytes.size());
  }
  std::span<const std::byte> view() const { return std::as_bytes(std::span(words_)).first(size_); }

 private:
  std::vector<std::uint64_t> words_;
  std::size_t size_;
};

std::unique_ptr<ModelText> Make(const checkpoint::Checkpoint& file, std::span<const std::byte> image = {}) {
  auto text = ModelText::Create(file, image);
  EXPECT_TRUE(text.ok()) << text.status().message();
  return std::move(text).value();
}

TEST(TextImage, AnswersAsTheFiles) {
  for (const std::string kind : {"bpe_llama3", "spm_gemma", "unigram_xlmr", "wordpiece_uncased"}) {
    const auto file = Folder(kind);
    const auto built = Make(*file);
    EXPECT_FALSE(built->from_image());
    const std::string image = built->Image();
    const Aligned bytes(image);
    const auto loaded = Make(*file, bytes.view());
    EXPECT_TRUE(loaded->from_image()) << loaded->image_error();
    EXPECT_EQ(loaded->Image(), image) << kind;
    const std::string_view sample = "Hello world, caf\xC3\xA9 12 <s> \xF0\x9F\x98\x80";
    EXPECT_EQ(loaded->Tokenize(sample, true, true).value(), built->Tokenize(sample, true, true).value());
    EXPECT_EQ(Ids(loaded->end_tokens().begin(), loaded->end_tokens().end()),
              Ids(built->end_tokens().begin(), built->end_tokens().end()));
    const ChatPrompt plain = {.messages = {{"user", "hi"}}};
    EXPECT_EQ(loaded->RenderChat(plain).value(), built->RenderChat(plain).value());
    const auto ids = loaded->RenderChat({.messages = {}, .tools_json = R"([{"type":"function"}])"});
    ASSERT_TRUE(ids.ok()) << ids.status().message();
    EXPECT_NE(loaded->tokenizer().Decode(*ids, true).find('1'), std::string::npos);
  }
}

TEST(TextImage, NothingIsReadFromTheFilesThen) {
  const Aligned bytes(Make(*Folder("bpe_gpt2"))->Image());
  const auto empty = checkpoint::Checkpoint::FromTensors("empty", {}, {});
  EXPECT_FALSE(ModelText::Create(*empty).ok());
  const auto text = Make(*empty, bytes.view());
  EXPECT_TRUE(text->from_image());
  EXPECT_TRUE(text->image_error().empty());
}

TEST(TextImage, AWrongImageIsNoErrorAndSaysWhy) {
  const auto file = Folder("bpe_gpt2");
  const auto built = Make(*file);
  const std::string image = built->Image();
  std::string other_version = image;
  other_version[8] = static_cast<char>(other_version[8] + 1);
  const std::string broken[] = {"short", image.substr(0, image.size() - 1), other_version,
                                std::string(image.size(), '\0'), image + "x"};
  for (const std::string& wrong : broken) {
    const Aligned bytes(wrong);
    const auto text = Make(*file, bytes.view());
    EXPECT_FALSE(text->from_image());
    EXPECT_NE(text->image_error().find("not an image of a model's text: "), std::string::npos)
        << text->image_error();
    EXPECT_EQ(text->Tokenize("Hello", false, false).value(), built->Tokenize("Hello", false, false).value());
  }
}

TEST(TextImage, EndTokensOutsideTheVocabularyAreRefused) {
  const auto file = Folder("wordpiece_cased");
  auto source = ReadText(*file);
  ASSERT_TRUE(source.ok());
  source->end_tokens.push_back(source->tokenizer.size());
  const Aligned bytes(ModelText(std::move(source).value(), "model").Image());
  const auto text = Make(*file, bytes.view());
  EXPECT_NE(text->image_error().find("is none of the"), std::string::npos) << text->image_error();
}

}  // namespace
}  // namespace vivace::engine
