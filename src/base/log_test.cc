#include "base/log.h"

#include <gtest/gtest.h>

#include <ctime>

namespace vivace::base {
namespace {

TEST(Log, WritesLinesOfItsLevelAndAboveToStderr) {
  testing::internal::CaptureStderr();
  const Log log({LogLevel::kWarning});
  log.Debug("a");
  log.Info("quiet line");
  log.Warning("warned {} of braces");
  log.Error("failed line");
  const std::string text = testing::internal::GetCapturedStderr();
  EXPECT_EQ(text.find("quiet line"), std::string::npos);
  EXPECT_EQ(text.rfind("WARNING ", 0), 0u);
  EXPECT_NE(text.find(" [log_test.cc:15] warned {} of braces\n"), std::string::npos) << text;
  EXPECT_NE(text.find("ERROR "), std::string::npos);
  EXPECT_NE(text.find("] failed line\n"), std::string::npos);
}

TEST(Log, OffWritesNothing) {
  testing::internal::CaptureStderr();
  const Log log;
  log.Error("nobody reads this");
  Log({*LogLevelFromName("critical")}).Error("nor this");
  EXPECT_EQ(testing::internal::GetCapturedStderr(), "");
}

TEST(Log, KnowsItsLevelNames) {
  EXPECT_EQ(LogLevelFromName("info"), LogLevel::kInfo);
  EXPECT_EQ(LogLevelFromName("off"), LogLevel::kOff);
  EXPECT_EQ(LogLevelFromName("loud"), std::nullopt);
}

LogEvent SomeEvent(std::string_view text) {
  std::tm local{};
  local.tm_year = 126;
  local.tm_mon = 11;
  local.tm_mday = 10;
  local.tm_hour = 15;
  local.tm_min = 42;
  local.tm_sec = 47;
  local.tm_isdst = -1;
  return {LogLevel::kInfo, std::chrono::system_clock::from_time_t(std::mktime(&local)), "a/b/file.cc", 123,
          text};
}

TEST(Log, ATextLineHasTheFormOfVllm) {
  EXPECT_EQ(LogTextLine(SomeEvent("hello")), "INFO 12-10 15:42:47 [file.cc:123] hello");
}

TEST(Log, AJsonLineIsOneObjectInUniversalTime) {
  LogEvent event = SomeEvent("say \"hi\"\n");
  event.time = std::chrono::system_clock::from_time_t(1'000'000'000) + std::chrono::milliseconds(7);
  EXPECT_EQ(LogJsonLine(event),
            R"({"time":"2001-09-09T01:46:40.007Z","level":"INFO","file":"file.cc","line":123,)"
            R"("message":"say \"hi\"\n"})");
}

TEST(Log, ControlCharactersOfAUserCannotForgeALineOrColourATerminal) {
  EXPECT_EQ(EscapeForLog("a\nINFO b\r\t\x1b[31m\x7f"), "a\\nINFO b\\r\\t\\x1b[31m\\x7f");
  EXPECT_EQ(EscapeForLog("\xC2\x9B"
                         "1m"),
            "\\xc2\\x9b1m")
      << "the one-character form of ESC [";
  EXPECT_EQ(EscapeForLog("gr\xC3\xBC\xC3\x9F \xE2\x82\xAC \xF0\x9F\x98\x80"),
            "gr\xC3\xBC\xC3\x9F \xE2\x82\xAC \xF0\x9F\x98\x80");
  EXPECT_EQ(EscapeForLog("\xFF\xC3"), "\\xff\\xc3");
  EXPECT_EQ(EscapeForLog("\xED\xA0\x80"), "\\xed\\xa0\\x80") << "a surrogate";
  EXPECT_EQ(LogTextLine(SomeEvent("x\ny")), "INFO 12-10 15:42:47 [file.cc:123] x\\ny");
}

TEST(Log, ALongTextIsCutBetweenCharactersAndSaysSo) {
  EXPECT_EQ(EscapeForLog("abcdef", 4), "abcd... (2 more bytes)");
  EXPECT_EQ(EscapeForLog("abc\xC3\xBC", 4), "abc... (2 more bytes)");
  EXPECT_EQ(EscapeForLog("abcd", 4), "abcd");
  EXPECT_EQ(EscapeForLog("abc", 0), "... (3 more bytes)");
}

}  // namespace
}  // namespace vivace::base
