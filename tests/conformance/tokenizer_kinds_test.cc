// Tokenizers of every kind against Hugging Face tokenizers: ids and decoded text of 2 MB of mixed text, by
// hash. tests/goldens/tokenizers holds a tokenizer.json and the hashes per kind; gen_tokenizers.py makes
// both.
#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <string>
#include <vector>

#include "corpus.h"
#include "tokenizer/streaming.h"
#include "tokenizer/tokenizer.h"

namespace vivace::conformance {
namespace {

constexpr std::uint64_t kSeed = 4711;
constexpr std::size_t kTextBytes = std::size_t{2} << 20, kBlock = 16;
const std::string kGoldens = VIVACE_SOURCE_DIR "/tests/goldens/";

std::string ReadFile(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  std::ostringstream text;
  text << file.rdbuf();
  return text.str();
}

/// The chunks of the text, made once.
const std::vector<std::string>& Chunks() {
  static const std::vector<std::string> kChunks = [] {
    std::vector<std::string> chunks;
    Corpus corpus(kGoldens + "tokenizer_corpus.txt", kSeed);
    for (std::size_t made = 0; !corpus.empty() && made < kTextBytes;) {
      chunks.push_back(corpus.NextChunk());
      made += chunks.back().size();
    }
    return chunks;
  }();
  return kChunks;
}

struct GoldenBlock {
  std::size_t bytes = 0;
  std::uint64_t ids_hash = 0, text_hash = 0;
};

std::vector<GoldenBlock> ReadBlocks(const std::string& kind) {
  std::vector<GoldenBlock> blocks;
  std::istringstream file(ReadFile(kGoldens + "tokenizers/" + kind + ".txt"));
  for (std::string line; std::getline(file, line);) {
    if (line.starts_with("#")) continue;
    GoldenBlock block;
    std::istringstream(line) >> block.bytes >> std::hex >> block.ids_hash >> block.text_hash;
    blocks.push_back(block);
  }
  return blocks;
}

std::vector<std::string> Kinds() {
  std::vector<std::string> kinds;
  for (const auto& entry : std::filesystem::directory_iterator(kGoldens + "tokenizers")) {
    if (entry.path().extension() == ".json") kinds.push_back(entry.path().stem().string());
  }
  std::sort(kinds.begin(), kinds.end());
  return kinds;
}

/// Through an image: what a start with a compile cache answers with.
class TokenizerKind : public testing::TestWithParam<std::string> {
 protected:
  void SetUp() override {
    tokenizer::TokenizerFiles files;
    files.tokenizer_json = ReadFile(kGoldens + "tokenizers/" + GetParam() + ".json");
    auto made = tokenizer::Tokenizer::FromJson(files);
    ASSERT_TRUE(made.ok()) << made.status().message();
    built_.emplace(std::move(made).value());
    image_ = built_->SaveImage();
    auto loaded = tokenizer::Tokenizer::FromImage(std::as_bytes(std::span(image_)));
    ASSERT_TRUE(loaded.ok()) << loaded.status().message();
    tokenizer_.emplace(std::move(loaded).value());
  }

  std::vector<std::int32_t> Encode(std::string_view text) {
    auto ids = tokenizer_->Encode(text, true);
    EXPECT_TRUE(ids.ok()) << ids.status().message();
    return ids.ok() ? std::move(ids).value() : std::vector<std::int32_t>();
  }

  std::string image_;  // long, so on a boundary of the allocator
  std::optional<tokenizer::Tokenizer> built_, tokenizer_;
};

TEST_P(TokenizerKind, TwoMegabytesHaveTheSameIdsAndTexts) {
  const std::vector<GoldenBlock> blocks = ReadBlocks(GetParam());
  const std::vector<std::string>& chunks = Chunks();
  ASSERT_EQ(blocks.size(), (chunks.size() + kBlock - 1) / kBlock);
  std::size_t total = 0;
  for (std::size_t i = 0; i < blocks.size(); ++i) {
    std::string ids_bytes, texts;
    std::size_t bytes = 0;
    for (std::size_t c = i * kBlock; c < std::min(chunks.size(), (i + 1) * kBlock); ++c) {
      const std::vector<std::int32_t> ids = Encode(chunks[c]);
      EXPECT_EQ(built_->Encode(chunks[c], true).value(), ids) << "the built tokenizer differs in chunk " << c;
      ids_bytes.append(reinterpret_cast<const char*>(ids.data()), ids.size() * sizeof(ids[0]));
      texts += tokenizer_->Decode(ids, false);
      texts.push_back('\0');
      bytes += chunks[c].size();
    }
    ASSERT_EQ(bytes, blocks[i].bytes) << "the text itself differs from the generator's";
    EXPECT_EQ(HashBytes(ids_bytes), blocks[i].ids_hash) << "ids of block " << i;
    EXPECT_EQ(HashBytes(texts), blocks[i].text_hash) << "decoded text of block " << i;
    total += bytes;
  }
  EXPECT_GE(total, kTextBytes);
}

/// A broken character is one U+FFFD, as Python's errors="replace" has it, except where bytes are tokens.
TEST_P(TokenizerKind, BrokenBytesAreReplacementCharactersOrBytes) {
  const std::pair<std::string_view, std::string_view> parts[] = {{"a b", "a b"},
                                                                 {"\xFF", "\uFFFD"},
                                                                 {"\xE2\x82", "\uFFFD"},
                                                                 {"\xF0\x9F\x9A", "\uFFFD"},
                                                                 {" \xC3 ", " \uFFFD "},
                                                                 {"\xED\xA0\x80", "\uFFFD\uFFFD\uFFFD"},
                                                                 {"z", "z"}};
  std::string broken, replaced;
  for (std::size_t i = 0; i < 200; ++i) {
    const auto& [bytes, characters] = parts[(i * 7 + i / 3) % std::size(parts)];
    broken += bytes;
    replaced += characters;
  }
  if (!GetParam().starts_with("bpe_")) {
    EXPECT_EQ(Encode(broken), Encode(replaced));
  }
  const std::vector<std::int32_t> ids = Encode(broken);
  EXPECT_FALSE(ids.empty());
  for (const std::int32_t id : ids) EXPECT_TRUE(id >= 0 && id < tokenizer_->size());
}

TEST_P(TokenizerKind, StreamingEqualsDecoding) {
  for (std::size_t c = 0; c < 8; ++c) {
    const std::vector<std::int32_t> ids = Encode(Chunks()[c]);
    std::string streamed;
    tokenizer::StreamingDecoder decoder(*tokenizer_, true);
    for (const std::int32_t id : ids) decoder.Push(id, streamed);
    decoder.Flush(streamed);
    EXPECT_EQ(streamed, tokenizer_->Decode(ids, true));
  }
}

TEST_P(TokenizerKind, UntrustedTextNeverSpellsAControlToken) {
  for (std::int32_t id = 0; id < tokenizer_->size(); ++id) {
    if (!tokenizer_->is_special(id)) continue;
    const std::string text(tokenizer_->TokenEntry(id));
    for (const std::string& around : {text, "a" + text + "b", " " + text + " ", text + text}) {
      const auto ids = tokenizer_->Encode(around, false);
      ASSERT_TRUE(ids.ok()) << ids.status().message();
      for (const std::int32_t made : *ids)
        EXPECT_FALSE(tokenizer_->is_special(made) && made != tokenizer_->unknown_id()) << around;
      const tokenizer::TextPiece pieces[] = {{"x", true}, {around, false}, {text, true}};
      const auto mixed = tokenizer_->EncodePieces(pieces);
      ASSERT_TRUE(mixed.ok()) << mixed.status().message();
      EXPECT_EQ(std::count(mixed->begin(), mixed->end(), id), 1) << around;
    }
  }
}

INSTANTIATE_TEST_SUITE_P(Kinds, TokenizerKind, testing::ValuesIn(Kinds()),
                         [](const auto& kind) { return kind.param; });

}  // namespace
}  // namespace vivace::conformance
