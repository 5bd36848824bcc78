// Cuts text into words before BPE, by rules that are data: a row per name in tokenizer.ggml.pre.
// Thread safety: Split may be called from any thread. Ownership: owns its compiled expressions.
#pragma once

#include <cstddef>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "vivace/status.h"

namespace vivace::tokenizer {

/// One way to cut. Every piece of the stage before is cut on its own: each match of the expression is a
/// piece, and so is each stretch between matches. PCRE2 syntax, Unicode classes.
struct PreTokenizerStage {
  std::string_view expression;
};

struct PreTokenizerRow {
  std::string_view name;                      // as in tokenizer.ggml.pre
  std::span<const PreTokenizerStage> stages;  // the definition
  std::string_view
      single_expression;  // one expression equal to all stages together; empty when there is none
};

/// All known pre-tokenizers.
std::span<const PreTokenizerRow> PreTokenizers();

class PreTokenizer {
 public:
  /// The row of that name; kUnsupported, with the known names, when there is none.
  static Result<const PreTokenizerRow*> FindRow(std::string_view name);
  /// Uses the row's single expression where it has one; its stages with by_stages.
  static Result<PreTokenizer> Create(const PreTokenizerRow& row, bool by_stages = false);

  PreTokenizer(PreTokenizer&&) noexcept;
  PreTokenizer& operator=(PreTokenizer&&) noexcept;
  ~PreTokenizer();

  /// Sets `ends` to where each piece of `text` ends; the pieces cover the text. The text must be well-formed
  /// UTF-8. kResourceExhausted when an expression passes its match limits.
  Status Split(std::string_view text, std::vector<std::size_t>& ends) const;

 private:
  class Expression;
  explicit PreTokenizer(std::vector<Expression> stages);
  std::vector<Expression> stages_;
};

}  // namespace vivace::tokenizer
