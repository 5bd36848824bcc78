// The normalizers, pre-tokenizer steps and decoders of tests/goldens/tokenizer_parts.txt by the names that
// its generator gives them. For tests only.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "tokenizer/decoder.h"
#include "tokenizer/metaspace.h"
#include "tokenizer/normalizer.h"
#include "tokenizer/pre_tokenizer_steps.h"

namespace vivace::tokenizer {

inline NormalizerStep PlainNormalizer(NormalizerKind kind) {
  NormalizerStep step;
  step.kind = kind;
  return step;
}

inline NormalizerStep ReplaceNormalizer(std::string pattern, std::string content, bool is_regex = false) {
  NormalizerStep step = PlainNormalizer(NormalizerKind::kReplace);
  step.pattern = std::move(pattern);
  step.content = std::move(content);
  step.pattern_is_regex = is_regex;
  return step;
}

inline NormalizerStep PrependNormalizer(std::string content) {
  NormalizerStep step = PlainNormalizer(NormalizerKind::kPrepend);
  step.content = std::move(content);
  return step;
}

inline NormalizerStep StripNormalizer(bool left, bool right) {
  NormalizerStep step = PlainNormalizer(NormalizerKind::kStrip);
  step.strip_left = left;
  step.strip_right = right;
  return step;
}

inline NormalizerStep PrecompiledNormalizer(std::string_view charsmap) {
  NormalizerStep step = PlainNormalizer(NormalizerKind::kPrecompiled);
  step.charsmap = charsmap;
  return step;
}

/// BERT's with all four flags.
inline NormalizerStep BertNormalizer(bool clean, bool cjk, bool accents, bool lowercase) {
  NormalizerStep step = PlainNormalizer(NormalizerKind::kBert);
  step.clean_text = clean;
  step.space_out_cjk = cjk;
  step.strip_accents = accents;
  step.lowercase = lowercase;
  return step;
}

/// Empty for a name that is not known.
inline std::vector<NormalizerStep> NormalizerByName(std::string_view name, std::string_view charsmap) {
  using enum NormalizerKind;
  const std::string space(kMetaspaceMark);
  if (name == "nfc") return {PlainNormalizer(kNfc)};
  if (name == "nfd") return {PlainNormalizer(kNfd)};
  if (name == "nfkc") return {PlainNormalizer(kNfkc)};
  if (name == "nfkd") return {PlainNormalizer(kNfkd)};
  if (name == "lowercase") return {PlainNormalizer(kLowercase)};
  if (name == "strip_accents") return {PlainNormalizer(kStripAccents)};
  if (name == "nfd_strip_accents") return {PlainNormalizer(kNfd), PlainNormalizer(kStripAccents)};
  if (name == "strip") return {StripNormalizer(true, true)};
  if (name == "strip_left") return {StripNormalizer(true, false)};
  if (name == "strip_right") return {StripNormalizer(false, true)};
  if (name == "byte_level") return {PlainNormalizer(kByteLevel)};
  if (name == "nmt") return {PlainNormalizer(kNmt)};
  if (name == "llama") return {PrependNormalizer(space), ReplaceNormalizer(" ", space)};
  if (name == "gemma") return {ReplaceNormalizer(" ", space)};
  if (name == "bert_uncased") return {BertNormalizer(true, true, true, true)};
  if (name == "bert_cased") return {BertNormalizer(true, true, false, false)};
  if (name == "bert_lowercase") return {BertNormalizer(false, false, false, true)};
  if (name == "precompiled") return {PrecompiledNormalizer(charsmap)};
  if (name == "t5") {
    return {PrecompiledNormalizer(charsmap), StripNormalizer(false, true),
            ReplaceNormalizer(" {2,}", space, true)};
  }
  return {};
}

/// Of kind kUnicodeScripts for a name that is not known.
inline PreTokenizerStep PreTokenizerByName(std::string_view name) {
  PreTokenizerStep step;
  step.kind = PreTokenizerKind::kUnicodeScripts;
  const auto plain = [&step](PreTokenizerKind kind) { step.kind = kind; };
  if (name.starts_with("metaspace")) {
    plain(PreTokenizerKind::kMetaspace);
    if (name == "metaspace_first") step.prepend_scheme = PrependScheme::kFirst;
    if (name == "metaspace_never") step.prepend_scheme = PrependScheme::kNever;
    step.split = name != "metaspace_whole";
  }
  if (name == "bert") plain(PreTokenizerKind::kBert);
  if (name == "whitespace") plain(PreTokenizerKind::kWhitespace);
  if (name == "whitespace_split") plain(PreTokenizerKind::kWhitespaceSplit);
  if (name.starts_with("punctuation")) plain(PreTokenizerKind::kPunctuation);
  if (name.starts_with("digits")) plain(PreTokenizerKind::kDigits);
  if (name == "dash") {
    plain(PreTokenizerKind::kCharDelimiterSplit);
    step.delimiter = "-";
  }
  if (name.ends_with("_removed")) step.behavior = SplitBehavior::kRemoved;
  if (name.ends_with("_previous")) step.behavior = SplitBehavior::kMergedWithPrevious;
  if (name.ends_with("_next")) step.behavior = SplitBehavior::kMergedWithNext;
  if (name.ends_with("_contiguous")) step.behavior = SplitBehavior::kContiguous;
  return step;
}

inline DecoderStep PlainDecoder(DecoderKind kind) {
  DecoderStep step;
  step.kind = kind;
  return step;
}

inline DecoderStep ReplaceDecoder(std::string pattern, std::string content, bool is_regex = false) {
  DecoderStep step = PlainDecoder(DecoderKind::kReplace);
  step.pattern = std::move(pattern);
  step.content = std::move(content);
  step.pattern_is_regex = is_regex;
  return step;
}

inline DecoderStep StripDecoder(std::string content, std::size_t start, std::size_t stop) {
  DecoderStep step = PlainDecoder(DecoderKind::kStrip);
  step.content = std::move(content);
  step.start = start;
  step.stop = stop;
  return step;
}

inline DecoderStep MetaspaceDecoder(bool prepends) {
  DecoderStep step = PlainDecoder(DecoderKind::kMetaspace);
  step.content = kMetaspaceMark;
  step.flag = prepends;
  return step;
}

inline DecoderStep WordPieceDecoder(bool cleanup, std::string mark = "") {
  DecoderStep step = PlainDecoder(DecoderKind::kWordPiece);
  step.pattern = "##";
  step.content = std::move(mark);
  step.flag = cleanup;
  return step;
}

/// Empty for a name that is not known.
inline std::vector<DecoderStep> DecoderByName(std::string_view name) {
  using enum DecoderKind;
  const DecoderStep spaces = ReplaceDecoder(std::string(kMetaspaceMark), " ");
  if (name == "byte_level") return {PlainDecoder(kByteLevel)};
  if (name == "byte_level_strip") return {PlainDecoder(kByteLevel), StripDecoder(" ", 2, 0)};
  if (name == "llama")
    return {spaces, PlainDecoder(kByteFallback), PlainDecoder(kFuse), StripDecoder(" ", 1, 0)};
  if (name == "gemma") return {spaces, PlainDecoder(kByteFallback), PlainDecoder(kFuse)};
  if (name == "fuse_strip") return {PlainDecoder(kFuse), StripDecoder("a", 2, 3)};
  if (name == "metaspace") return {MetaspaceDecoder(true)};
  if (name == "metaspace_never") return {MetaspaceDecoder(false)};
  if (name == "wordpiece") return {WordPieceDecoder(true)};
  if (name == "wordpiece_plain") return {WordPieceDecoder(false)};
  if (name == "replace_expression") return {ReplaceDecoder("[aeiou]+", "*", true)};
  if (name == "fuse_replace") return {PlainDecoder(kFuse), ReplaceDecoder("ab", "X")};
  if (name == "none") return {PlainDecoder(kJoinWithSpaces)};
  if (name == "bpe") {
    DecoderStep step = PlainDecoder(kBpe);
    step.pattern = "</w>";
    return {step};
  }
  return {};
}

}  // namespace vivace::tokenizer
