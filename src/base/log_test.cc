#include "base/log.h"

#include <gtest/gtest.h>

namespace vivace::base {
namespace {

TEST(Log, WritesLinesOfItsLevelAndAboveToStderr) {
  testing::internal::CaptureStderr();
  const Log log(LogLevel::kWarning);
  log.Debug("a");
  log.Info("quiet line");
  log.Warning("warned {} of braces");
  log.Error("failed line");
  const std::string text = testing::internal::GetCapturedStderr();
  EXPECT_EQ(text.find("quiet line"), std::string::npos);
  EXPECT_NE(text.find(" W warned {} of braces\n"), std::string::npos);
  EXPECT_NE(text.find(" E failed line\n"), std::string::npos);
}

TEST(Log, OffWritesNothing) {
  testing::internal::CaptureStderr();
  const Log log;
  log.Error("nobody reads this");
  EXPECT_EQ(testing::internal::GetCapturedStderr(), "");
}

TEST(Log, KnowsItsLevelNames) {
  EXPECT_EQ(LogLevelFromName("info"), LogLevel::kInfo);
  EXPECT_EQ(LogLevelFromName("off"), LogLevel::kOff);
  EXPECT_EQ(LogLevelFromName("loud"), std::nullopt);
}

}  // namespace
}  // namespace vivace::base
