// The expressions are those of the models' own tokenizer.json files; names and pairs are those that
// llama.cpp's converter writes. Ranges of Chinese, Japanese and Korean are spelled as code points.
#include "tokenizer/pre_tokenizer_rows.h"

#include <string>

#include "tokenizer/word_splitters.h"

namespace vivace::tokenizer {
namespace {

const std::string_view kGpt2[] = {Gpt2Pattern()};
const std::string_view kSingleDigits[] = {"\\p{N}", Gpt2Pattern()};
const std::string_view kLlama3[] = {Llama3Pattern()};
const std::string_view kQwen2[] = {Qwen2Pattern()};
const std::string_view kO200k[] = {O200kPattern()};
const std::string_view kTekken[] = {TekkenPattern()};
const std::string_view kFalcon[] = {"[\\p{P}$+<=>^~|`]+", Gpt2Pattern(), "[0-9][0-9][0-9]"};
// U+4E00-U+9FA5, U+0800-U+4E00 and Hangul to U+D7FF, as DeepSeek's files have it.
constexpr std::string_view kDeepseekAsian = "[\\x{4E00}-\\x{9FA5}\\x{800}-\\x{4E00}\\x{AC00}-\\x{D7FF}]+";
// Letters with case; punctuation of ASCII, its full-width forms, and U+2018-U+201F, U+3000-U+3002.
const std::string_view kDeepseekLlm[] = {
    "[\\r\\n]",
    "\\s?[\\p{Lu}\\p{Ll}\\p{Lt}]+",
    "\\s?[!-/:-~\\x{FF01}-\\x{FF0F}\\x{FF1A}-\\x{FF5E}\\x{2018}-\\x{201F}\\x{3000}-\\x{3002}]+",
    "\\s+$",
    kDeepseekAsian,
    "\\p{N}+"};
const std::string_view kDeepseekCoder[] = {"[\\r\\n]", "\\s?\\p{L}+", "\\s?\\p{P}+", kDeepseekAsian,
                                           "\\p{N}"};
const std::string_view kDeepseekV3[] = {
    "\\p{N}{1,3}", "[\\x{4E00}-\\x{9FA5}\\x{3040}-\\x{309F}\\x{30A0}-\\x{30FF}]+",
    "[!-/:-@\\[-`{-~][A-Za-z]+|[^\\r\\n\\p{L}\\p{P}\\p{S}]?[\\p{L}\\p{M}]+"
    "| ?[\\p{P}\\p{S}]+[\\r\\n]*|\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+"};

const PreTokenizerRow kRows[] = {
    {.name = "gpt-2", .expressions = kGpt2},
    {.name = "smollm", .expressions = kSingleDigits, .single = SingleDigitsGpt2Pattern()},
    {.name = "starcoder", .expressions = kSingleDigits, .single = SingleDigitsGpt2Pattern()},
    {.name = "refact", .expressions = kSingleDigits, .single = SingleDigitsGpt2Pattern()},
    {.name = "command-r", .expressions = kSingleDigits, .single = SingleDigitsGpt2Pattern(), .nfc = true},
    {.name = "llama-bpe", .expressions = kLlama3, .ignore_merges = true, .add_bos = true},
    {.name = "llama3", .expressions = kLlama3, .ignore_merges = true, .add_bos = true},
    {.name = "qwen2", .expressions = kQwen2, .nfc = true},
    {.name = "deepseek-r1-qwen", .expressions = kQwen2, .nfc = true},
    {.name = "deepseek-llm", .expressions = kDeepseekLlm},
    {.name = "deepseek-coder", .expressions = kDeepseekCoder},
    {.name = "deepseek-v3", .expressions = kDeepseekV3},
    {.name = "falcon", .expressions = kFalcon},
    {.name = "gpt-4o", .expressions = kO200k, .ignore_merges = true},
    {.name = "tekken", .expressions = kTekken, .ignore_merges = true, .add_bos = true},
};

}  // namespace

std::span<const PreTokenizerRow> PreTokenizerRows() {
  return kRows;
}

Result<const PreTokenizerRow*> FindPreTokenizerRow(std::string_view name) {
  std::string known;
  for (const PreTokenizerRow& row : kRows) {
    if (row.name == name) return &row;
    known += (known.empty() ? "" : ", ") + std::string(row.name);
  }
  return Unsupported("pre-tokenizer \"" + std::string(name) + "\" is not known; known are: " + known);
}

std::vector<PreTokenizerPart> PartsOf(const PreTokenizerRow& row, bool by_stages) {
  std::vector<PreTokenizerPart> parts;
  if (!row.single.empty() && !by_stages) {
    parts.push_back(ExpressionSplit{.pattern = std::string(row.single)});
    return parts;
  }
  for (const std::string_view expression : row.expressions) {
    parts.push_back(ExpressionSplit{.pattern = std::string(expression)});
  }
  return parts;
}

}  // namespace vivace::tokenizer
