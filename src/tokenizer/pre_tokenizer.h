// Cuts text into words before the model. The steps are data: those of tokenizer.json, or a row per name of
// GGUF's tokenizer.ggml.pre (pre_tokenizer_rows.h). Well-known expressions run as hand-written splitters
// (word_splitters.h). Thread safety: Split may be called from any thread. Ownership: owns its compiled steps.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "tokenizer/pre_tokenizer_steps.h"
#include "tokenizer/special_tokens.h"
#include "vivace/status.h"

namespace vivace::tokenizer {

/// "Split": what an expression or a literal finds, and what happens to it.
struct ExpressionSplit {
  std::string pattern{};
  bool is_regex = true;
  bool invert = false;  // the stretches between matches count as matches
  SplitBehavior behavior = SplitBehavior::kIsolated;
};

/// "ByteLevel". The change to the byte-level alphabet itself is a step only where a later one or the model
/// wants to see it: MapToByteAlphabet.
struct ByteLevelSplit {
  bool add_prefix_space = false;  // before each piece that does not begin with one
  bool use_regex = true;          // cut as GPT-2 does
};
struct MapToByteAlphabet {};

using PreTokenizerPart = std::variant<PreTokenizerStep, ExpressionSplit, ByteLevelSplit, MapToByteAlphabet>;

/// The words of one text, and the memory that a caller keeps from text to text.
struct WordList {
  std::string_view text;         // the input, or one of the buffers when a step rewrote it
  std::vector<ByteRange> words;  // of `text`, in order, none empty
  bool rewritten = false;        // `text` is a buffer, which the next Split overwrites
  std::string buffers[2];
  std::vector<ByteRange> scratch, matches;
};

class PreTokenizer {
 public:
  /// No parts: the text is one word. Errors: kUnsupported for an expression that does not compile, kDataLoss
  /// for a step that CheckStep refuses.
  static Result<PreTokenizer> Create(const std::vector<PreTokenizerPart>& parts);
  /// The same without hand-written splitters.
  static Result<PreTokenizer> CreateByExpressions(const std::vector<PreTokenizerPart>& parts);

  PreTokenizer(PreTokenizer&&) noexcept;
  PreTokenizer& operator=(PreTokenizer&&) noexcept;
  ~PreTokenizer();

  /// Sets list.text and list.words. The text must be well-formed UTF-8; `first`: it begins where the whole
  /// input does. kResourceExhausted when an expression passes its match limits.
  Status Split(std::string_view text, bool first, WordList& list) const;

 private:
  class Step;
  PreTokenizer();
  static Result<PreTokenizer> Make(const std::vector<PreTokenizerPart>& parts, bool by_hand);
  std::vector<std::unique_ptr<Step>> steps_;
};

}  // namespace vivace::tokenizer
