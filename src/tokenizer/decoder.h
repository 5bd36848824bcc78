// Decoders: the texts of tokens, as the vocabulary writes them, to text. The steps are those of Hugging Face
// tokenizer.json; a DecodeStream takes one token after the other and joins to what decoding all at once
// gives. Thread safety: a Decoder may be shared, a DecodeStream is of one thread. Ownership: a stream refers
// to its Decoder.
#pragma once

#include <cstddef>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "vivace/status.h"

namespace vivace::tokenizer {

enum class DecoderKind {
  kByteLevel,     // characters of byte_alphabet.h to bytes
  kByteFallback,  // <0xNN> to bytes; a run of them that is not UTF-8 is one U+FFFD a byte
  kFuse,          // all tokens so far become one
  kStrip,         // up to `start` and `stop` times `content` off the ends of each token
  kMetaspace,     // `content` to a space; nothing in the first token when `flag`
  kWordPiece,  // a space before each token but the first, unless it begins with `pattern`; `flag`: clean-up.
               // With `content`, GGUF's spelling: only where a token begins with that mark
  kReplace,    // every `pattern` in a token becomes `content`
  kBpe,        // `pattern`, the end-of-word suffix, to a space; to nothing in the last token
  kJoinWithSpaces,  // what Hugging Face tokenizers does without a decoder
};

struct DecoderStep {
  DecoderKind kind{};
  std::string pattern{};            // kReplace, kWordPiece (prefix), kBpe (suffix)
  bool pattern_is_regex = false;    // kReplace; a token that passes the match limits stays as it is
  std::string content{};            // kReplace, kWordPiece, kStrip and kMetaspace (one character)
  std::size_t start = 0, stop = 0;  // kStrip
  bool flag = true;                 // kMetaspace: the prepend scheme is not "never"; kWordPiece: cleanup
};

class DecoderStage;  // one step of one stream
struct DecoderRule;  // one step, made ready

class Decoder {
 public:
  /// Errors: kUnsupported for a pattern that does not compile, kDataLoss for a content that is not one
  /// character.
  static Result<Decoder> Create(std::vector<DecoderStep> steps);

  Decoder(Decoder&&) noexcept;
  Decoder& operator=(Decoder&&) noexcept;
  ~Decoder();

  /// Appends the raw bytes of one token in the middle of a text; may be part of a UTF-8 character.
  void AppendTokenBytes(std::string_view token, std::string& out) const;

 private:
  friend class DecodeStream;
  Decoder();
  std::vector<std::unique_ptr<DecoderRule>> rules_;
};

/// One answer in the making. What is appended is whole UTF-8 characters; joined, it equals decoding all
/// tokens at once. Holds back only what a later token may still change: an unfinished character or run of
/// byte tokens, spaces that a Strip may take from the end, the last token before a kBpe step; all of the text
/// only after a Fuse that is followed by a step on whole tokens.
class DecodeStream {
 public:
  /// The decoder must outlive the stream.
  explicit DecodeStream(const Decoder& decoder);
  ~DecodeStream();
  DecodeStream(DecodeStream&&) noexcept;
  DecodeStream& operator=(DecodeStream&&) noexcept;

  void Push(std::string_view token, std::string& out);
  /// End of the answer.
  void Flush(std::string& out);

 private:
  std::vector<std::unique_ptr<DecoderStage>>
      stages_;  // the first one writes the text, the last one takes tokens
};

}  // namespace vivace::tokenizer
