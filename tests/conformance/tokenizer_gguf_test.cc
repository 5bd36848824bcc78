// Vocabularies in GGUF's spelling. "llama" against sentencepiece itself: ids and texts of 2 MB, by hash
// (gen_sentencepiece.py). "t5" and "bert" against the tokenizer.json that holds the same trained tokens.
#include <gtest/gtest.h>

#include <cmath>
#include <deque>
#include <fstream>
#include <sstream>
#include <string>
#include <vector>

#include "corpus.h"
#include "tokenizer/tokenizer.h"
#include "tokenizer/tokenizer_json.h"

namespace vivace::conformance {
namespace {

using tokenizer::Tokenizer;
using tokenizer::TokenType;

constexpr std::uint64_t kSeed = 4711;  // of the generators
constexpr std::size_t kTextBytes = std::size_t{2} << 20, kBlock = 16;
constexpr std::string_view kSpace = "\xE2\x96\x81";
const std::string kGoldens = VIVACE_SOURCE_DIR "/tests/goldens/";

std::string ReadFile(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  std::ostringstream text;
  text << file.rdbuf();
  return text.str();
}

std::vector<std::string> Chunks(std::size_t bytes) {
  std::vector<std::string> chunks;
  Corpus corpus(kGoldens + "tokenizer_corpus.txt", kSeed);
  for (std::size_t made = 0; !corpus.empty() && made < bytes;) {
    chunks.push_back(corpus.NextChunk());
    made += chunks.back().size();
  }
  return chunks;
}

std::vector<std::int32_t> Encode(const Tokenizer& tokenizer, std::string_view text) {
  auto ids = tokenizer.Encode(text, true);
  EXPECT_TRUE(ids.ok()) << ids.status().message();
  return ids.ok() ? std::move(ids).value() : std::vector<std::int32_t>();
}

/// A Vocabulary and what it refers to.
struct Gguf {
  std::deque<std::string> texts;
  std::vector<std::string_view> tokens;
  std::vector<float> scores;
  std::vector<std::int64_t> types;
  tokenizer::Vocabulary vocabulary;

  void Add(std::string text, float score, TokenType type) {
    tokens.push_back(texts.emplace_back(std::move(text)));
    scores.push_back(score);
    types.push_back(static_cast<std::int64_t>(type));
  }
  Result<Tokenizer> Make(std::string_view model) {
    vocabulary.model = model;
    vocabulary.tokens = tokens;
    vocabulary.scores = scores;
    vocabulary.token_types = types;
    return Tokenizer::Create(vocabulary);
  }
};

TEST(GgufLlama, TwoMegabytesEqualSentencepiece) {
  Gguf gguf;
  std::istringstream pieces(ReadFile(kGoldens + "tokenizers/sentencepiece.pieces"));
  for (std::string line; std::getline(pieces, line);) {
    const std::size_t type = line.rfind('\t'), score = line.rfind('\t', type - 1);
    gguf.Add(line.substr(0, score), std::stof(line.substr(score + 1)),
             static_cast<TokenType>(std::stoi(line.substr(type + 1))));
  }
  gguf.vocabulary.unknown_id = 0;
  gguf.vocabulary.bos_id = 1;
  gguf.vocabulary.eos_id = 2;
  const auto made = gguf.Make("llama");
  ASSERT_TRUE(made.ok()) << made.status().message();
  const std::vector<std::string> chunks = Chunks(kTextBytes);
  std::istringstream file(ReadFile(kGoldens + "tokenizers/sentencepiece.txt"));
  std::size_t chunk = 0, total = 0;
  for (std::string line; std::getline(file, line);) {
    if (line.starts_with("#")) continue;
    std::size_t golden_bytes = 0, bytes = 0;
    std::uint64_t ids_hash = 0, text_hash = 0;
    std::istringstream(line) >> golden_bytes >> std::hex >> ids_hash >> text_hash;
    std::string all_ids, all_texts;
    for (const std::size_t end = std::min(chunk + kBlock, chunks.size()); chunk < end; ++chunk) {
      std::string text = chunks[chunk];
      std::erase(text, '\0');
      const std::vector<std::int32_t> ids = Encode(*made, text);
      all_ids.append(reinterpret_cast<const char*>(ids.data()), ids.size() * sizeof(ids[0]));
      all_texts.append(made->Decode(ids, false)).push_back('\0');
      bytes += text.size();
    }
    ASSERT_EQ(bytes, golden_bytes) << "the text itself differs from the generator's";
    EXPECT_EQ(HashBytes(all_ids), ids_hash) << "ids up to chunk " << chunk;
    EXPECT_EQ(HashBytes(all_texts), text_hash) << "text up to chunk " << chunk;
    total += bytes;
  }
  EXPECT_EQ(chunk, chunks.size());
  EXPECT_GT(total, kTextBytes - (kTextBytes >> 8));
}

/// A trained tokenizer.json, read into its parts.
struct Trained {
  explicit Trained(const std::string& kind)
      : json(ReadFile(kGoldens + "tokenizers/" + kind + ".json")), reader(json, "tokenizer.json") {
    tokenizer::TokenizerFiles files;
    files.tokenizer_json = json;
    const Status status = ReadTokenizerFiles(files, reader, spec);
    EXPECT_TRUE(status.ok()) << status.message();
  }
  TokenType TypeOf(std::size_t id) const {
    for (const tokenizer::AddedToken& token : spec.added) {
      if (token.special && static_cast<std::size_t>(token.id) == id) return TokenType::kControl;
    }
    return TokenType::kNormal;
  }
  std::string json;
  tokenizer::JsonReader reader;
  tokenizer::TokenizerSpec spec;
};

std::string Quoted(std::string_view text) {
  std::string quoted = "\"";
  for (const char c : text) {
    if (c == '"' || c == '\\') quoted += '\\';
    if (static_cast<unsigned char>(c) >= 0x20) {
      quoted += c;
    } else {
      char escape[8];
      std::snprintf(escape, sizeof(escape), "\\u%04X", static_cast<unsigned>(c));
      quoted += escape;
    }
  }
  return quoted + '"';
}

/// GGUF's scores are floats, which decide near-ties otherwise. Both sides get multiples of 1/64, which are
/// exact in either, so that true ties are many and broken alike.
TEST(GgufT5, EqualsItsTokenizerJson) {
  Trained trained("unigram_t5");
  Gguf gguf;
  std::string vocab = "[";
  for (std::size_t id = 0; id < trained.spec.model.tokens.size(); ++id) {
    const double score = std::round(trained.spec.model.scores[id] * 64) / 64;
    const std::string_view token = trained.spec.model.tokens[id];
    gguf.Add(std::string(token), static_cast<float>(score), trained.TypeOf(id));
    vocab += (id == 0 ? "[" : ",[") + Quoted(token) + "," + std::to_string(score) + "]";
  }
  const std::size_t begin = trained.json.find("\"vocab\":") + 8, end = trained.json.find("]]", begin) + 2;
  ASSERT_LT(end, trained.json.size());
  tokenizer::TokenizerFiles files;
  files.tokenizer_json = trained.json.substr(0, begin) + vocab + "]" + trained.json.substr(end);
  const auto json = Tokenizer::FromJson(files);
  ASSERT_TRUE(json.ok()) << json.status().message();
  gguf.vocabulary.unknown_id = trained.spec.model.unknown_id;
  gguf.vocabulary.eos_id = 1;
  gguf.vocabulary.remove_extra_whitespaces = true;
  gguf.vocabulary.precompiled_charsmap = trained.spec.normalizer.at(0).charsmap;
  const auto made = gguf.Make("t5");
  ASSERT_TRUE(made.ok()) << made.status().message();
  for (const std::string& chunk : Chunks(kTextBytes)) {
    const std::vector<std::int32_t> ids = Encode(*made, chunk);
    ASSERT_EQ(ids, Encode(*json, chunk));
    ASSERT_EQ(made->Decode(ids, false), json->Decode(ids, false));
  }
}

TEST(GgufBert, EqualsItsTokenizerJson) {
  Trained trained("wordpiece_uncased");
  Gguf gguf;
  for (std::size_t id = 0; id < trained.spec.model.tokens.size(); ++id) {
    std::string token(trained.spec.model.tokens[id]);
    if (token.starts_with("##")) {
      token.erase(0, 2);
    } else if (!(token.starts_with('[') && token.ends_with(']'))) {
      token.insert(0, kSpace);
    }
    gguf.Add(std::move(token), 0, trained.TypeOf(id));
  }
  tokenizer::TokenizerFiles files;
  files.tokenizer_json = trained.json;
  const auto json = Tokenizer::FromJson(files);
  ASSERT_TRUE(json.ok()) << json.status().message();
  gguf.vocabulary.unknown_id = trained.spec.model.unknown_id;
  gguf.vocabulary.bos_id = 2;
  gguf.vocabulary.separator_id = 3;
  const auto made = gguf.Make("bert");
  ASSERT_TRUE(made.ok()) << made.status().message();
  for (const std::string& chunk : Chunks(kTextBytes)) ASSERT_EQ(Encode(*made, chunk), Encode(*json, chunk));
  const std::vector<std::int32_t> ids = Encode(*made, "Hello world");
  EXPECT_EQ(made->Decode(ids, false), "hello world");
}

}  // namespace
}  // namespace vivace::conformance
