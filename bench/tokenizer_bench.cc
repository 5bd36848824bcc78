// Speed of a tokenizer, for tokenizer_bench.py and by hand. usage: tokenizer_bench [MODEL TEXT [ids]] with
// MODEL a tokenizer.json or a GGUF file; prints "load_ms MS encode_s S decode_s S ids N", the best of five
// rounds, or the ids. Without arguments: loads made-up vocabularies of 49,152 and 262,144 tokens of each kind
// from their files and from their images, and a megabyte of one letter.
#include <algorithm>
#include <chrono>
#include <cstdio>
#include <fstream>
#include <optional>
#include <span>
#include <sstream>
#include <string>
#include <utility>
#include <vector>

#include "checkpoint/gguf_file.h"
#include "tokenizer/byte_alphabet.h"
#include "tokenizer/tokenizer.h"

namespace {

using vivace::Result;
using vivace::tokenizer::Tokenizer;
using vivace::tokenizer::Vocabulary;
using Clock = std::chrono::steady_clock;

constexpr int kRounds = 5;

double Since(Clock::time_point start) {
  return std::chrono::duration<double>(Clock::now() - start).count();
}

std::string ReadFile(const char* path) {
  std::ifstream file(path, std::ios::binary);
  std::ostringstream text;
  text << file.rdbuf();
  return text.str();
}

[[noreturn]] void Stop(const std::string& why) {
  std::fprintf(stderr, "tokenizer_bench: %s\n", why.c_str());
  std::exit(1);
}

template <class T>
T Need(Result<T> result) {
  if (!result.ok()) Stop(result.status().message());
  return std::move(result).value();
}

/// Best seconds of kRounds calls.
template <class Work>
double Best(Work&& work) {
  double best = 1e9;
  for (int round = 0; round < kRounds; ++round) {
    const auto start = Clock::now();
    work();
    best = std::min(best, Since(start));
  }
  return best;
}

/// A vocabulary of words over a few letters, each made of two before it: what training would make, without
/// it.
struct MadeUp {
  explicit MadeUp(std::size_t size) {
    for (int byte = 0; byte < 256; ++byte)
      texts.push_back(vivace::tokenizer::ByteCharacter(static_cast<unsigned char>(byte)));
    for (std::size_t i = 0; texts.size() < size; ++i) {
      const std::string& left = texts['a' + i % 26];
      const std::string& right = texts[i < 26 ? 'b' + i : 256 + (i - 26) / 26];
      const std::string join = left + right;
      merges.push_back(left + " " + right);
      texts.push_back(join);
    }
  }
  std::vector<std::string> texts, merges;
};

std::string Quote(const std::string& text) {
  std::string out = "\"";
  for (const char c : text) {
    if (c == '"' || c == '\\') out.push_back('\\');
    out.push_back(c);
  }
  return out + "\"";
}

/// {"text": id, ...}
std::string VocabularyObject(const std::vector<std::string>& texts) {
  std::string json = "{";
  for (std::size_t id = 0; id < texts.size(); ++id)
    json += (id == 0 ? "\n        " : ",\n        ") + Quote(texts[id]) + ": " + std::to_string(id);
  return json + "}";
}

std::string MergeList(const MadeUp& made) {
  std::string json = "[";
  for (std::size_t i = 0; i < made.merges.size(); ++i) {
    const std::size_t space = made.merges[i].find(' ');
    json += (i == 0 ? "\n        [\n          " : ",\n        [\n          ") +
            Quote(made.merges[i].substr(0, space)) + ",\n          " +
            Quote(made.merges[i].substr(space + 1)) + "\n        ]";
  }
  return json + "]";
}

std::string ByteLevelJson(const MadeUp& made) {
  return R"({"added_tokens":[],"normalizer":null,"pre_tokenizer":{"type":"ByteLevel","add_prefix_space":false},)"
         R"("post_processor":null,"decoder":{"type":"ByteLevel"},"model":{"type":"BPE","vocab":)" +
         VocabularyObject(made.texts) + ",\"merges\":" + MergeList(made) + "}}";
}

/// As Gemma's: thousands of added tokens, among them the first of the vocabulary.
std::string CharacterJson(const MadeUp& made) {
  constexpr std::size_t kAdded = 6000;
  std::string added;
  for (std::size_t i = 0; i < kAdded; ++i) {
    added += (i == 0 ? "{\"id\":" : ",{\"id\":") + std::to_string(made.texts.size() + i) +
             ",\"content\":\"<unused" + std::to_string(i) +
             R"(>","single_word":false,"lstrip":false,"rstrip":false,"normalized":false,"special":true})";
  }
  return R"({"added_tokens":[)" + added +
         R"(],"normalizer":{"type":"Replace","pattern":{"String":" "},"content":"\u2581"},"pre_tokenizer":null,)"
         R"("post_processor":null,"decoder":{"type":"Fuse"},"model":{"type":"BPE","fuse_unk":true,)"
         R"("byte_fallback":true,"vocab":)" +
         VocabularyObject(made.texts) + ",\"merges\":" + MergeList(made) + "}}";
}

std::string WordPieceJson(const MadeUp& made) {
  std::vector<std::string> texts = made.texts;
  texts[0] = "[UNK]";
  for (std::size_t i = 1; i < texts.size(); i += 2) texts[i] = "##" + texts[i];
  return R"({"added_tokens":[],"normalizer":{"type":"BertNormalizer","clean_text":true,)"
         R"("handle_chinese_chars":true,"strip_accents":null,"lowercase":true},"pre_tokenizer":)"
         R"({"type":"BertPreTokenizer"},"post_processor":null,"decoder":{"type":"WordPiece","prefix":"##",)"
         R"("cleanup":true},"model":{"type":"WordPiece","unk_token":"[UNK]","continuing_subword_prefix":"##",)"
         R"("max_input_chars_per_word":100,"vocab":)" +
         VocabularyObject(texts) + "}}";
}

/// Pieces of 7 to 35 bytes that share beginnings, as those of a vocabulary of many languages do.
std::string UnigramJson(std::size_t size) {
  std::string json =
      R"({"added_tokens":[],"normalizer":null,"pre_tokenizer":{"type":"Metaspace","replacement":"\u2581",)"
      R"("prepend_scheme":"always","split":true},"post_processor":null,"decoder":{"type":"Metaspace",)"
      R"("replacement":"\u2581","prepend_scheme":"always","split":true},"model":{"type":"Unigram",)"
      R"("unk_id":0,"vocab":[["<unk>",0.0])";
  std::uint64_t state = 1;
  for (std::size_t i = 1; i < size; ++i) {
    std::string text = i % 3 == 0 ? "" : "\u2581";
    for (std::size_t rest = i; rest > 0; rest /= 20) text += static_cast<char>('a' + rest % 20);
    text.push_back('z');  // ends the number, so that no two are alike
    state = state * 6364136223846793005u + 1442695040888963407u;
    for (std::size_t more = (state >> 33) % 28; more > 0; --more) {
      state = state * 6364136223846793005u + 1442695040888963407u;
      text += static_cast<char>('a' + (state >> 33) % 26);
    }
    json += ",\n        [" + Quote(text) + "," + std::to_string(-5.0 - static_cast<double>(i) / 1e4) + "]";
  }
  return json + "]}}";
}

/// Building, and the way through an image.
template <class Make>
void TimeImage(const char* what, std::size_t size, Make&& make) {
  const double build = Best([&] { make(); });
  const Tokenizer built = make();
  std::string image;
  const double save = Best([&] { image = built.SaveImage(); });
  const auto bytes = std::as_bytes(std::span(image));
  const double load = Best([&] { Need(Tokenizer::FromImage(bytes)); });
  const Tokenizer loaded = Need(Tokenizer::FromImage(bytes));
  const auto start = Clock::now();
  Need(loaded.Encode("Hello world abc, caf\u00e9", true));
  std::printf(
      "%-24s %7zu tokens: build %6.1f ms; image of %5.1f MB: save %5.1f ms, load %6.3f ms, "
      "first text %5.3f ms\n",
      what, size, build * 1e3, static_cast<double>(image.size()) / 1e6, save * 1e3, load * 1e3,
      Since(start) * 1e3);
}

void TimeLoading(std::size_t size) {
  const MadeUp made(size);
  const std::vector<std::string_view> tokens(made.texts.begin(), made.texts.end());
  const std::vector<std::string_view> merges(made.merges.begin(), made.merges.end());
  Vocabulary vocabulary;
  vocabulary.pre_tokenizer = "gpt-2";
  vocabulary.tokens = tokens;
  vocabulary.merges = merges;
  TimeImage("GGUF byte-level", size, [&] { return Need(Tokenizer::Create(vocabulary)); });
  vocabulary.model = "llama";
  const std::vector<float> scores(tokens.size(), -1.0f);
  vocabulary.scores = scores;
  TimeImage("GGUF SentencePiece", size, [&] { return Need(Tokenizer::Create(vocabulary)); });
  const std::pair<const char*, std::string> files[] = {{"JSON byte-level", ByteLevelJson(made)},
                                                       {"JSON WordPiece", WordPieceJson(made)},
                                                       {"JSON character BPE", CharacterJson(made)},
                                                       {"JSON unigram", UnigramJson(size)}};
  for (const auto& [what, json] : files) {
    const vivace::tokenizer::TokenizerFiles texts{json, {}, {}};
    TimeImage(what, size, [&] { return Need(Tokenizer::FromJson(texts)); });
  }
}

void TimeLongWords() {
  const MadeUp made(49152);
  const Tokenizer tokenizer = Need(Tokenizer::FromJson({ByteLevelJson(made), {}, {}}));
  for (const std::size_t length : {std::size_t{1} << 18, std::size_t{1} << 20}) {
    const std::string text(length, 'a');
    std::printf("%zu times one letter: %.1f ms\n", length,
                Best([&] { Need(tokenizer.Encode(text, false)); }) * 1e3);
  }
}

struct Model {
  std::optional<vivace::checkpoint::GgufFile> gguf;  // keeps the texts
  vivace::tokenizer::TokenizerFiles json;
  std::vector<std::int64_t> types;

  explicit Model(const std::string& path) {
    if (path.ends_with(".json")) {
      json.tokenizer_json = ReadFile(path.c_str());
    } else {
      gguf.emplace(Need(vivace::checkpoint::GgufFile::Open(path)));
      types = Need(gguf->Integers("tokenizer.ggml.token_type"));
    }
  }
  Tokenizer Make() const {
    if (!gguf) return Need(Tokenizer::FromJson(json));
    Vocabulary vocabulary;
    vocabulary.model = Need(gguf->String("tokenizer.ggml.model"));
    vocabulary.pre_tokenizer = Need(gguf->String("tokenizer.ggml.pre"));
    vocabulary.tokens = Need(gguf->Strings("tokenizer.ggml.tokens"));
    vocabulary.merges = Need(gguf->Strings("tokenizer.ggml.merges"));
    vocabulary.token_types = types;
    return Need(Tokenizer::Create(vocabulary));
  }
};

}  // namespace

int main(int argc, char** argv) {
  if (argc < 3) {
    TimeLoading(49152);
    TimeLoading(262144);
    TimeLongWords();
    return 0;
  }
  const Model model(argv[1]);
  const std::string text = ReadFile(argv[2]);
  const double load = Best([&] { model.Make(); });
  const Tokenizer tokenizer = model.Make();
  std::vector<std::int32_t> ids;
  const double encode = Best([&] { ids = Need(tokenizer.Encode(text, true)); });
  if (argc > 3) {
    for (const std::int32_t id : ids) std::printf("%d\n", id);
    return 0;
  }
  const double decode = Best([&] { static_cast<void>(tokenizer.Decode(ids, false)); });
  std::printf("load_ms %.3f encode_s %.6f decode_s %.6f ids %zu\n", load * 1e3, encode, decode, ids.size());
}
