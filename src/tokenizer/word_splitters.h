// Hand-written forms of the expressions that most vocabularies cut words with: many times faster than the
// expression, and equal to it (word_splitters_test.cc compares the two). Unicode data: utf8proc.
// Thread safety: functions without state.
#pragma once

#include <string_view>
#include <vector>

#include "tokenizer/special_tokens.h"

namespace vivace::tokenizer {

/// Appends the words of text[begin, end), which cover it. The text must be well-formed UTF-8.
using WordSplitter = void (*)(std::string_view text, std::size_t begin, std::size_t end,
                              std::vector<ByteRange>& words);

/// The splitter that does what the pattern does; nullptr when there is none.
WordSplitter FindWordSplitter(std::string_view pattern);

/// The expression of GPT-2, as tokenizer.json writes none but means it.
std::string_view Gpt2Pattern();
/// Every number a word, then Gpt2Pattern: one expression for two steps.
std::string_view SingleDigitsGpt2Pattern();
/// Of Llama 3 and its kin, with runs of up to three digits; of Qwen 2, with single digits.
std::string_view Llama3Pattern();
std::string_view Qwen2Pattern();
/// Of o200k (GPT-4o) and of Tekken.
std::string_view O200kPattern();
std::string_view TekkenPattern();

}  // namespace vivace::tokenizer
