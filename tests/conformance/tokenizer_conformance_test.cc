// The default model's tokenizer against Hugging Face tokenizers: ids of 1 MB of mixed text, exactly. Goldens
// and their generator: tests/goldens/tokenizer_smollm2.txt, gen_tokenizer_goldens.py. Needs the model:
// VIVACE_TEST_MODEL or .cache/models.
#include <gtest/gtest.h>

#include <fstream>
#include <sstream>
#include <string>
#include <vector>

#include "checkpoint/gguf_file.h"
#include "corpus.h"
#include "scored_model.h"
#include "tokenizer/tokenizer.h"

namespace vivace::conformance {
namespace {

constexpr std::uint64_t kSeed = 20251122;

std::string Goldens(const std::string& name) {
  return VIVACE_SOURCE_DIR "/tests/goldens/" + name;
}

struct GoldenLine {
  std::size_t bytes = 0, ids = 0;
  std::uint64_t text_hash = 0, ids_hash = 0;
};

std::vector<GoldenLine> ReadGoldenLines() {
  std::vector<GoldenLine> lines;
  std::ifstream file(Goldens("tokenizer_smollm2.txt"));
  for (std::string line; std::getline(file, line);) {
    if (line.starts_with("#")) continue;
    GoldenLine golden;
    std::istringstream(line) >> golden.bytes >> std::hex >> golden.text_hash >> std::dec >> golden.ids >>
        std::hex >> golden.ids_hash;
    lines.push_back(golden);
  }
  return lines;
}

class TokenizerConformance : public testing::Test {
 protected:
  void SetUp() override {
    auto file = checkpoint::GgufFile::Open(ModelPath());
    ASSERT_TRUE(file.ok()) << file.status().message() << " (./dev test fetches it)";
    file_.emplace(std::move(file).value());
    const auto types = file_->Integers("tokenizer.ggml.token_type");
    ASSERT_TRUE(types.ok()) << types.status().message();
    tokenizer::Vocabulary vocabulary;
    vocabulary.pre_tokenizer = file_->String("tokenizer.ggml.pre").value();
    vocabulary.tokens = file_->Strings("tokenizer.ggml.tokens").value();
    vocabulary.merges = file_->Strings("tokenizer.ggml.merges").value();
    vocabulary.token_types = types.value();
    auto made = tokenizer::Tokenizer::Create(vocabulary);
    ASSERT_TRUE(made.ok()) << made.status().message();
    tokenizer_.emplace(std::move(made).value());
  }

  std::vector<std::int32_t> Encode(std::string_view text) {
    auto ids = tokenizer_->Encode(text, true);
    EXPECT_TRUE(ids.ok()) << ids.status().message();
    return std::move(ids).value();
  }

  void Expect(const GoldenLine& golden, std::string_view text) {
    ASSERT_EQ(text.size(), golden.bytes);
    ASSERT_EQ(HashBytes(text), golden.text_hash) << "the text itself differs from the generator's";
    const std::vector<std::int32_t> ids = Encode(text);
    EXPECT_EQ(ids.size(), golden.ids);
    EXPECT_EQ(HashBytes({reinterpret_cast<const char*>(ids.data()), ids.size() * sizeof(ids[0])}),
              golden.ids_hash);
  }

  std::optional<checkpoint::GgufFile> file_;
  std::optional<tokenizer::Tokenizer> tokenizer_;
};

TEST_F(TokenizerConformance, OneMegabyteOfMixedTextHasTheSameIds) {
  const std::vector<GoldenLine> golden = ReadGoldenLines();
  ASSERT_GT(golden.size(), 200u);
  Corpus corpus(Goldens("tokenizer_corpus.txt"), kSeed);
  ASSERT_FALSE(corpus.empty());
  std::string text;
  for (std::size_t i = 0; i + 1 < golden.size(); ++i) {
    const std::string chunk = corpus.NextChunk();
    SCOPED_TRACE("chunk " + std::to_string(i) + " at byte " + std::to_string(text.size()));
    Expect(golden[i], chunk);
    text += chunk;
  }
  ASSERT_GE(text.size(), std::size_t{1} << 20);
  Expect(golden.back(), text);
}

TEST_F(TokenizerConformance, DecodingGivesTheTextBack) {
  // Only bytes that the vocabulary lacks are lost; this model has no token for six control characters.
  const std::string lost = "\x04\x06\x13\x14\x16\x1D";
  Corpus corpus(Goldens("tokenizer_corpus.txt"), kSeed + 1);
  ASSERT_FALSE(corpus.empty());
  for (int i = 0; i < 32; ++i) {
    std::string text = corpus.NextChunk();
    const std::string decoded = tokenizer_->Decode(Encode(text), false);
    std::erase_if(text, [&lost](char c) { return lost.find(c) != std::string::npos; });
    ASSERT_EQ(decoded, text);
  }
}

TEST_F(TokenizerConformance, PiecesOfPlainTextAreEncodedAsTheWhole) {
  Corpus corpus(Goldens("tokenizer_corpus.txt"), kSeed + 2);
  ASSERT_FALSE(corpus.empty());
  for (int i = 0; i < 8; ++i) {
    const std::string text = corpus.NextChunk();
    std::vector<tokenizer::TextPiece> pieces;
    for (std::size_t at = 0, step = 1; at < text.size(); at += step, step = step % 13 + 1) {
      pieces.push_back({std::string_view(text).substr(at, step), false});
    }
    const auto joined = tokenizer_->EncodePieces(pieces);
    ASSERT_TRUE(joined.ok());
    EXPECT_EQ(joined.value(), tokenizer_->Encode(text, false).value());
  }
}

}  // namespace
}  // namespace vivace::conformance
