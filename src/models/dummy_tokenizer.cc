#include "models/dummy_tokenizer.h"

#include <fmt/format.h>

#include <algorithm>
#include <iterator>
#include <vector>

namespace vivace::models {
namespace {

// The byte-level alphabet of GPT-2: printable Latin-1 bytes stand for themselves, the others for the code
// points from 256 on.
int ByteCodePoint(int byte) {
  const auto printable = [](int b) { return (b >= 33 && b <= 126) || (b >= 161 && b <= 255 && b != 173); };
  if (printable(byte)) return byte;
  int code = 256;
  for (int b = 0; b < byte; ++b) code += printable(b) ? 0 : 1;
  return code;
}

// A word of letters for a number, after the letter that stands for a space; no two are alike.
std::string Word(int number) {
  std::string word;
  for (int rest = number; rest > 0 || word.empty(); rest /= 26) {
    word += static_cast<char>('a' + rest % 26);
  }
  return "\\u0120" + word + (word.size() == 1 ? "a" : "");
}

}  // namespace

void AddDummyTokenizer(const ModelConfig& config, checkpoint::FolderTexts& texts) {
  const int bos = config.begin_tokens.empty() ? -1 : config.begin_tokens[0];
  const int eos = config.end_tokens.empty() ? -1 : config.end_tokens[0];
  std::string vocabulary;
  int byte = 0;
  for (int id = 0; id < config.vocabulary; ++id) {
    if (id == bos || id == eos) continue;
    if (!vocabulary.empty()) vocabulary += ',';
    if (byte < 256) {
      fmt::format_to(std::back_inserter(vocabulary), "\"\\u{:04x}\":{}", ByteCodePoint(byte++), id);
    } else {
      fmt::format_to(std::back_inserter(vocabulary), "\"{}\":{}", Word(id), id);
    }
  }
  std::string added;
  const auto add = [&added](int id, std::string_view text) {
    if (id < 0) return;
    added += fmt::format(
        R"({}{{"id":{},"content":"{}","single_word":false,"lstrip":false,"rstrip":false,"normalized":false,)"
        R"("special":true}})",
        added.empty() ? "" : ",", id, text);
  };
  add(bos, "<bos>");
  if (eos != bos) add(eos, "<eos>");
  texts.tokenizer = fmt::format(
      R"({{"version":"1.0","added_tokens":[{}],"normalizer":null,"pre_tokenizer":{{"type":"ByteLevel",)"
      R"("add_prefix_space":false,"trim_offsets":true,"use_regex":true}},"post_processor":null,)"
      R"("decoder":{{"type":"ByteLevel","add_prefix_space":true,"trim_offsets":true,"use_regex":true}},)"
      R"("model":{{"type":"BPE","vocab":{{{}}},"merges":[]}}}})",
      added, vocabulary);
  texts.tokenizer_config = "{\"add_bos_token\":false";
  if (bos >= 0) texts.tokenizer_config += ",\"bos_token\":\"<bos>\"";
  if (eos >= 0)
    texts.tokenizer_config += eos == bos ? ",\"eos_token\":\"<bos>\"" : ",\"eos_token\":\"<eos>\"";
  texts.tokenizer_config += "}";
  texts.special_tokens_map.clear();
  if (!texts.chat_template.empty()) return;
  texts.chat_template =
      "{% for message in messages %}{{ message.role }}: {{ message.content }}\n{% endfor %}"
      "{% if add_generation_prompt %}assistant:{% endif %}";
}

}  // namespace vivace::models
