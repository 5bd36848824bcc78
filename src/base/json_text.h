// JSON text, written by appending: strings escaped, numbers as the shortest digits that read back to the same
// bits. Thread safety: free functions on the caller's string. Commas and brackets are the caller's.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace vivace::base {

/// `text` in quotes, escaped. Bytes that are no UTF-8 become U+FFFD, so that the result is always valid JSON.
void AppendJsonString(std::string_view text, std::string& out);
/// Shortest text that reads back to the same float. JSON has no infinity and no NaN: minus infinity
/// becomes -9999, plus infinity 9999, NaN null.
void AppendJsonNumber(float value, std::string& out);
void AppendJsonNumber(double value, std::string& out);
void AppendJsonInteger(std::int64_t value, std::string& out);

/// The number of bytes of the valid UTF-8 character at the start of `text`, or 0.
std::size_t Utf8Length(std::string_view text);

}  // namespace vivace::base
