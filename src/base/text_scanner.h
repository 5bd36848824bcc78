// Reads the line-oriented text forms of the intermediate representations: words, numbers and punctuation
// within one line, errors with the line number. Also the folding of numbered names, by which a list of layers
// is printed once. A scanner serves one thread and does not own the text.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "vivace/status.h"

namespace vivace::base {

class TextScanner {
 public:
  explicit TextScanner(std::string_view text) : rest_(text) {}

  /// Moves to the next line that is not blank; false at the end of the text.
  bool NextLine();
  /// True when nothing is left of the line but spaces.
  bool LineDone();
  /// Takes the literal when the line goes on with it. A literal of letters must be a whole word.
  bool Accept(std::string_view literal);
  bool Peek(std::string_view literal);

  Status Expect(std::string_view literal);
  Status ExpectLineDone();
  /// Letters, digits and any of _ . - : # + /, at least one; stops before "->".
  Result<std::string_view> Word();
  Result<std::int64_t> Integer(std::int64_t minimum, std::int64_t maximum);
  Result<float> Number();

  /// kInvalidArgument: "line 12: <message>, at '<what is left of the line>'".
  Status Error(std::string_view message) const;

 private:
  void SkipSpaces();

  std::string_view rest_;  // lines not yet reached
  std::string_view line_;  // what is left of the current line
  int line_number_ = 0;
};

/// The shortest text that reads back to the same float.
std::string ShortFloat(float value);

/// "blk.7.x" with index 7 becomes "blk.#.x", "blk.8.x" becomes "blk.#+1.x": numbers between dots only.
std::string FoldNumber(std::string_view text, int index);
std::string UnfoldNumber(std::string_view text, int index);

}  // namespace vivace::base
