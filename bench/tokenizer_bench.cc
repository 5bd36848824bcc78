// Speed of a tokenizer, for tokenizer_bench.py and by hand. usage: tokenizer_bench [MODEL TEXT [ids]] with
// MODEL a tokenizer.json or a GGUF file; prints "load_ms MS encode_s S decode_s S ids N", the best of five
// rounds, or the ids. Without arguments: loads made-up vocabularies of 49,152 and 262,144 tokens, and a
// megabyte of one letter.
#include <algorithm>
#include <chrono>
#include <cstdio>
#include <fstream>
#include <optional>
#include <sstream>
#include <string>
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

std::string AsJson(const MadeUp& made) {
  const auto quote = [](const std::string& text) {
    std::string out = "\"";
    for (const char c : text) {
      if (c == '"' || c == '\\') out.push_back('\\');
      out.push_back(c);
    }
    return out + "\"";
  };
  std::string json =
      R"({"added_tokens":[],"normalizer":null,"pre_tokenizer":{"type":"ByteLevel","add_prefix_space":false},)"
      R"("post_processor":null,"decoder":{"type":"ByteLevel"},"model":{"type":"BPE","vocab":{)";
  for (std::size_t id = 0; id < made.texts.size(); ++id) {
    json += (id == 0 ? "\n        " : ",\n        ") + quote(made.texts[id]) + ": " + std::to_string(id);
  }
  json += "},\"merges\":[";
  for (std::size_t i = 0; i < made.merges.size(); ++i) {
    const std::size_t space = made.merges[i].find(' ');
    json += (i == 0 ? "\n        [\n          " : ",\n        [\n          ") +
            quote(made.merges[i].substr(0, space)) + ",\n          " +
            quote(made.merges[i].substr(space + 1)) + "\n        ]";
  }
  return json + "]}}";
}

void TimeLoading(std::size_t size) {
  const MadeUp made(size);
  const std::vector<std::string_view> tokens(made.texts.begin(), made.texts.end());
  const std::vector<std::string_view> merges(made.merges.begin(), made.merges.end());
  Vocabulary vocabulary;
  vocabulary.pre_tokenizer = "gpt-2";
  vocabulary.tokens = tokens;
  vocabulary.merges = merges;
  const double gguf = Best([&] { Need(Tokenizer::Create(vocabulary)); });
  const vivace::tokenizer::TokenizerFiles files{AsJson(made), {}, {}};
  const double json = Best([&] { Need(Tokenizer::FromJson(files)); });
  std::printf("%zu tokens: from GGUF %.1f ms, from tokenizer.json (%.1f MB) %.1f ms\n", size, gguf * 1e3,
              static_cast<double>(files.tokenizer_json.size()) / 1e6, json * 1e3);
}

void TimeLongWords() {
  const MadeUp made(49152);
  const Tokenizer tokenizer = Need(Tokenizer::FromJson({AsJson(made), {}, {}}));
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
