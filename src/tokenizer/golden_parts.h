// Reads tests/goldens/tokenizer_parts.txt; its generator, gen_tokenizer_parts.py, says what a line is. For
// tests only.
#pragma once

#include <fstream>
#include <string>
#include <string_view>
#include <vector>

namespace vivace::tokenizer {

/// The fields of one line without the first two, which select it.
using GoldenLine = std::vector<std::string>;

inline std::string UnescapeGolden(std::string_view field) {
  std::string text;
  for (std::size_t i = 0; i < field.size(); ++i) {
    const bool escaped = field[i] == '\\' && i + 1 < field.size();
    if (escaped) ++i;
    const char c = field[i];
    text.push_back(!escaped ? c : c == 't' ? '\t' : c == 'n' ? '\n' : c == 'r' ? '\r' : c);
  }
  return text;
}

/// The lines of that kind and name, in order.
inline std::vector<GoldenLine> GoldenLines(std::string_view kind, std::string_view name) {
  std::vector<GoldenLine> lines;
  std::ifstream file(VIVACE_SOURCE_DIR "/tests/goldens/tokenizer_parts.txt");
  const std::string start = std::string(kind) + "\t" + std::string(name) + "\t";
  for (std::string line; std::getline(file, line);) {
    if (!line.starts_with(start)) continue;
    GoldenLine fields;
    for (std::size_t at = start.size(); at <= line.size();) {
      const std::size_t end = std::min(line.find('\t', at), line.size());
      fields.push_back(UnescapeGolden(std::string_view(line).substr(at, end - at)));
      at = end + 1;
    }
    lines.push_back(std::move(fields));
  }
  return lines;
}

/// The charsmap of the "precompiled" normalizer, in base64.
inline std::string GoldenCharsmap() {
  std::ifstream file(VIVACE_SOURCE_DIR "/tests/goldens/tokenizer_parts.txt");
  std::string line;
  std::getline(file, line);
  return line.starts_with("C\t") ? line.substr(2) : "";
}

}  // namespace vivace::tokenizer
