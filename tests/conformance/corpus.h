// The mixed text of the tokenizer goldens, made again from tests/goldens/tokenizer_corpus.txt and a seed,
// byte for byte as gen_tokenizer_goldens.py makes it. One thread; owns its word lists.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace vivace::conformance {

class Corpus {
 public:
  Corpus(const std::string& word_list_path, std::uint64_t seed);

  bool empty() const { return categories_.empty(); }
  /// The next chunk: at least 4096 bytes.
  std::string NextChunk();

 private:
  struct Category {
    std::uint64_t weight;
    std::string separator;
    std::vector<std::string> items;
  };
  std::uint64_t Next(std::uint64_t bound);
  void AppendItem(std::string_view item, std::string& out);

  std::vector<Category> categories_;
  std::uint64_t total_weight_ = 0;
  std::uint64_t state_;
};

/// FNV-1a, 64 bits.
std::uint64_t HashBytes(std::string_view bytes);

}  // namespace vivace::conformance
