// The promise of every text form: parsing ends in a value or in a Status that says why; what can be verified
// prints, and what is printed parses back to the same text.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

#include "expect.h"

namespace vivace::fuzz {

/// The three functions are those of one folder, as values.
template <class Parse, class Verify, class Print>
void CheckTextForm(const std::uint8_t* data, std::size_t size, Parse parse, Verify verify, Print print) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  const auto parsed = parse(text);
  if (!parsed.ok()) {
    Expect(!parsed.status().message().empty(), "a refusal says why");
    return;
  }
  if (const auto verified = verify(*parsed); !verified.ok()) {
    Expect(!verified.message().empty(), "the verifier says what is wrong");
    return;
  }
  const auto printed = print(*parsed);
  const auto again = parse(printed);
  Expect(again.ok(), "what is printed parses");
  Expect(verify(*again).ok(), "what is printed verifies");
  Expect(print(*again) == printed, "printing what was printed gives the same text");
}

}  // namespace vivace::fuzz
