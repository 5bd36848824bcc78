// What an image has of the steps of normalisers, pre-tokenizers and decoders: one list of fields for writing
// and for reading (see image_bytes.h). The steps that are read are checked where they are made ready, as
// those of any file. Thread safety: functions without state.
#pragma once

#include "tokenizer/decoder.h"
#include "tokenizer/image_bytes.h"
#include "tokenizer/normalizer.h"
#include "tokenizer/pre_tokenizer.h"

namespace vivace::tokenizer {

/// `Step` is NormalizerStep, const where an image is written.
template <class Image, class Step>
void NormalizerFields(Image& image, Step& step) {
  image.Choice(step.kind, NormalizerKind::kNmt);
  image.Field(step.pattern);
  image.Field(step.pattern_is_regex);
  image.Field(step.content);
  image.Field(step.strip_left);
  image.Field(step.strip_right);
  image.Field(step.clean_text);
  image.Field(step.space_out_cjk);
  image.Field(step.lowercase);
  image.Field(step.strip_accents);
  image.Field(step.charsmap);
}

/// `Step` is DecoderStep.
template <class Image, class Step>
void DecoderFields(Image& image, Step& step) {
  image.Choice(step.kind, DecoderKind::kJoinWithSpaces);
  image.Field(step.pattern);
  image.Field(step.pattern_is_regex);
  image.Field(step.content);
  image.Field(step.start);
  image.Field(step.stop);
  image.Field(step.flag);
}

/// The alternatives of PreTokenizerPart; one that is new goes to the end and has fields below.
enum class PartKind { kStep, kExpression, kByteLevel, kByteAlphabet };

/// The fields of the alternative that the part holds.
template <class Image, class Part>
void PartFields(Image& image, Part& part) {
  if (auto* step = std::get_if<PreTokenizerStep>(&part)) {
    image.Choice(step->kind, PreTokenizerKind::kUnicodeScripts);
    image.Field(step->replacement);
    image.Choice(step->prepend_scheme, PrependScheme::kNever);
    image.Field(step->split);
    image.Choice(step->behavior, SplitBehavior::kContiguous);
    image.Field(step->delimiter);
  } else if (auto* split = std::get_if<ExpressionSplit>(&part)) {
    image.Field(split->pattern);
    image.Field(split->is_regex);
    image.Field(split->invert);
    image.Choice(split->behavior, SplitBehavior::kContiguous);
  } else if (auto* bytes = std::get_if<ByteLevelSplit>(&part)) {
    image.Field(bytes->add_prefix_space);
    image.Field(bytes->use_regex);
  }
}

inline void PreTokenizerFields(ImageWriter& image, const PreTokenizerPart& part) {
  image.Choice(static_cast<PartKind>(part.index()), PartKind::kByteAlphabet);
  PartFields(image, part);
}

inline void PreTokenizerFields(ImageReader& image, PreTokenizerPart& part) {
  PartKind kind{};
  image.Choice(kind, PartKind::kByteAlphabet);
  if (kind == PartKind::kStep) part = PreTokenizerStep{};
  if (kind == PartKind::kExpression) part = ExpressionSplit{};
  if (kind == PartKind::kByteLevel) part = ByteLevelSplit{};
  if (kind == PartKind::kByteAlphabet) part = MapToByteAlphabet{};
  PartFields(image, part);
}

}  // namespace vivace::tokenizer
