#include "base/json_text.h"

#include <gtest/gtest.h>

#include <bit>
#include <charconv>
#include <limits>

namespace vivace::base {
namespace {

std::string Quoted(std::string_view text) {
  std::string out;
  AppendJsonString(text, out);
  return out;
}

TEST(JsonText, EscapesWhatJsonCannotHold) {
  EXPECT_EQ(Quoted("a\"b\\c\n\t\r\x01\x7F"), R"("a\"b\\c\n\t\r\u0001\u007f")");
}

TEST(JsonText, KeepsCharactersAndReplacesBrokenOnes) {
  EXPECT_EQ(Quoted("h\xC3\xA9\xF0\x9F\x98\x80"), "\"h\xC3\xA9\xF0\x9F\x98\x80\"");
  EXPECT_EQ(Quoted("\xC3"), "\"\xEF\xBF\xBD\"");                  // cut off
  EXPECT_EQ(Quoted("\xC0\xAF"), "\"\xEF\xBF\xBD\xEF\xBF\xBD\"");  // overlong
  EXPECT_EQ(Utf8Length("\xED\xA0\x80"), 0u);                      // surrogate
  EXPECT_EQ(Utf8Length("\xF4\x90\x80\x80"), 0u);                  // above U+10FFFF
}

TEST(JsonText, FloatsReadBackToTheSameBits) {
  for (std::uint32_t i = 0; i < 20000; ++i) {
    const auto value = std::bit_cast<float>(i * 214013u + 2531011u * (i % 97));
    if (!(value > -std::numeric_limits<float>::max() && value < std::numeric_limits<float>::max())) continue;
    std::string text;
    AppendJsonNumber(value, text);
    float back = 0;
    std::from_chars(text.data(), text.data() + text.size(), back);
    ASSERT_EQ(std::bit_cast<std::uint32_t>(back), std::bit_cast<std::uint32_t>(value)) << text;
  }
}

TEST(JsonText, NumbersThatJsonLacks) {
  std::string out;
  AppendJsonNumber(-std::numeric_limits<float>::infinity(), out);
  out += ' ';
  AppendJsonNumber(std::numeric_limits<double>::quiet_NaN(), out);
  EXPECT_EQ(out, "-9999 null");
}

}  // namespace
}  // namespace vivace::base
