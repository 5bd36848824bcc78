#include "corpus.h"

#include <charconv>
#include <fstream>

#include "base/append_utf8.h"

namespace vivace::conformance {
namespace {

constexpr std::size_t kChunkBytes = 4096;

std::uint32_t ParseNumber(std::string_view text, int base) {
  std::uint32_t value = 0;
  std::from_chars(text.data(), text.data() + text.size(), value, base);
  return value;
}

std::string Unescape(std::string_view text) {
  std::string out;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] != '\\') {
      out.push_back(text[i]);
      continue;
    }
    const char kind = text[++i];
    if (kind == 'u') {
      const std::size_t end = text.find('}', i);
      base::AppendUtf8(ParseNumber(text.substr(i + 2, end - i - 2), 16), out);
      i = end;
    } else {
      out.push_back(kind == 'n' ? '\n' : kind == 't' ? '\t' : kind == 'r' ? '\r' : kind == 's' ? ' ' : kind);
    }
  }
  return out;
}

}  // namespace

Corpus::Corpus(const std::string& word_list_path, std::uint64_t seed) : state_(seed) {
  std::ifstream file(word_list_path, std::ios::binary);
  for (std::string line; std::getline(file, line);) {
    if (line.empty() || line.starts_with("# ")) continue;
    const std::size_t space = line.find(' ');
    if (line[0] == '[' && line.back() == ']' && space != std::string::npos) {
      const std::uint64_t weight = ParseNumber(std::string_view(line).substr(1, space - 1), 10);
      categories_.push_back({weight, Unescape(line.substr(space + 1, line.size() - space - 2)), {}});
      total_weight_ += weight;
    } else if (!categories_.empty()) {
      categories_.back().items.push_back(line);
    }
  }
}

std::uint64_t Corpus::Next(std::uint64_t bound) {
  state_ += 0x9E3779B97F4A7C15u;
  std::uint64_t z = state_;
  z = (z ^ z >> 30) * 0xBF58476D1CE4E5B9u;
  z = (z ^ z >> 27) * 0x94D049BB133111EBu;
  return (z ^ z >> 31) % bound;
}

void Corpus::AppendItem(std::string_view item, std::string& out) {
  const bool digits = item.starts_with("@digits ");
  if (!digits && !item.starts_with("@range ")) {
    out += Unescape(item);
    return;
  }
  const std::size_t first = item.find(' ') + 1, second = item.find(' ', first) + 1;
  const int base = digits ? 10 : 16;
  const std::uint32_t low = ParseNumber(item.substr(first, second - first - 1), base);
  const std::uint32_t high = ParseNumber(item.substr(second), base);
  const auto picked = low + static_cast<std::uint32_t>(Next(high - low + 1));
  if (!digits) {
    base::AppendUtf8(picked, out);
    return;
  }
  for (std::uint32_t i = 0; i < picked; ++i) out.push_back(static_cast<char>('0' + Next(10)));
}

std::string Corpus::NextChunk() {
  std::string chunk;
  while (chunk.size() < kChunkBytes) {
    std::uint64_t at = Next(total_weight_);
    auto category = categories_.begin();
    while (at >= category->weight) at -= (category++)->weight;
    const std::uint64_t count = 1 + Next(8);
    for (std::uint64_t i = 0; i < count; ++i) {
      AppendItem(category->items[Next(category->items.size())], chunk);
      chunk += category->separator;
    }
    if (Next(4) == 0) chunk.push_back('\n');
  }
  return chunk;
}

std::uint64_t HashBytes(std::string_view bytes) {
  std::uint64_t hash = 0xCBF29CE484222325u;
  for (const char byte : bytes) hash = (hash ^ static_cast<unsigned char>(byte)) * 0x100000001B3u;
  return hash;
}

}  // namespace vivace::conformance
