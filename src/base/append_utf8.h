// A code point as UTF-8 (RFC 3629). A free function.
#pragma once

#include <cstdint>
#include <string>

namespace vivace::base {

/// Appends 1 to 4 bytes. `code` is at most 0x10FFFF; surrogates are written as they are, so callers replace
/// them before.
inline void AppendUtf8(std::uint32_t code, std::string& out) {
  const auto tail = [&out, code](int shift) {
    out.push_back(static_cast<char>(0x80 | (code >> shift & 0x3F)));
  };
  if (code < 0x80) {
    out.push_back(static_cast<char>(code));
  } else if (code < 0x800) {
    out.push_back(static_cast<char>(0xC0 | code >> 6));
    tail(0);
  } else if (code < 0x10000) {
    out.push_back(static_cast<char>(0xE0 | code >> 12));
    tail(6);
    tail(0);
  } else {
    out.push_back(static_cast<char>(0xF0 | code >> 18));
    tail(12);
    tail(6);
    tail(0);
  }
}

}  // namespace vivace::base
