// Normalisers: rewrite a text before it is cut into words. The steps are those of Hugging Face
// tokenizer.json, data that a reader fills in. Unicode data: utf8proc 2.8 (Unicode 15.0). Thread safety:
// Apply may be called from any thread. Ownership: owns its steps and tables.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "vivace/status.h"

namespace vivace::tokenizer {

enum class NormalizerKind {
  kNfc,
  kNfd,
  kNfkc,
  kNfkd,
  kLowercase,     // each character on its own: no final sigma, no locale
  kStripAccents,  // removes combining marks (categories M*); put kNfd before it
  kStrip,         // white space at the ends
  kPrepend,       // puts `content` before a text that is not empty
  kReplace,       // every `pattern` becomes `content`
  kPrecompiled,   // SentencePiece's rules, see precompiled_charsmap.h
  kBert,          // clean, space out CJK, strip accents, lowercase, each by its flag
  kByteLevel,     // every byte becomes its character of byte_alphabet.h
  kNmt,           // control characters away, odd white space to a space
};

struct NormalizerStep {
  NormalizerKind kind{};
  std::string pattern{};                         // kReplace
  bool pattern_is_regex = false;                 // kReplace: PCRE2 syntax
  std::string content{};                         // kReplace, kPrepend
  bool strip_left = true, strip_right = true;    // kStrip
  bool clean_text = true, space_out_cjk = true;  // kBert ("handle_chinese_chars")
  bool lowercase = true;                         // kBert
  std::optional<bool> strip_accents{};           // kBert; as `lowercase` when absent
  std::string charsmap{};                        // kPrecompiled: the bytes, not base64 (see DecodeBase64)
};

class NormalizerRule;  // one step, made ready

class Normalizer {
 public:
  /// No steps: the text stays as it is.
  Normalizer();
  /// A nested "Sequence" is the list of its parts. Errors: kUnsupported for a pattern that does not compile,
  /// kDataLoss for a charsmap that contradicts itself or a text that is not UTF-8.
  static Result<Normalizer> Create(std::vector<NormalizerStep> steps);

  Normalizer(Normalizer&&) noexcept;
  Normalizer& operator=(Normalizer&&) noexcept;
  ~Normalizer();

  bool empty() const { return rules_.empty(); }

  /// Sets `out` to the normalised text. `in` must be well-formed UTF-8 (a caller replaces broken bytes by
  /// U+FFFD before) and must not be a view of `out`; so is the result. Errors: kResourceExhausted when a
  /// pattern passes its match limits.
  Status Apply(std::string_view in, std::string& out) const;

 private:
  std::vector<std::unique_ptr<NormalizerRule>> rules_;
};

}  // namespace vivace::tokenizer
