// What turns one word (a piece of normalised text that the pre-tokenizer cut out) into tokens.
#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

#include "vivace/status.h"

namespace vivace::tokenizer {

class ImageWriter;

/// Thread safety: Encode may be called from any thread at once.
class TokenModel {
 public:
  virtual ~TokenModel() = default;

  /// Appends the tokens of the word, which must be well-formed UTF-8. The tokens depend on the word alone, so
  /// that a caller may remember them.
  virtual Status Encode(std::string_view word, std::vector<std::int32_t>& out) const = 0;

  /// True when a long text may be cut before each run of U+2581 without a change to its tokens: no token
  /// reaches over such a place. The caller then puts PreTokenizerKind::kMetaspaceRuns last, and its words
  /// repeat.
  virtual bool CutsAtMetaspace() const { return false; }

  /// Adds what the model needs beside the tables that it refers to; its Load... function reads it.
  virtual void SaveImage(ImageWriter& image) const = 0;
};

}  // namespace vivace::tokenizer
