// Upper, lower and title case as Python has them, with the conditions of Unicode (SpecialCasing.txt) that do
// not depend on a language. Origins are kept. Thread safety: pure functions.
#pragma once

#include "chat/text.h"

namespace vivace::chat {

enum class Case {
  kUpper,
  kLower,
  kTitle,       // str.title: a letter after something that has no case is large
  kCapitalize,  // str.capitalize: the first character is large
  kWords,       // the filter title: a character after white space or one of -({[< is large
};

Text ChangeCase(const Text& text, Case style);

}  // namespace vivace::chat
