#include "cli/tune_text.h"

#include <gtest/gtest.h>

namespace vivace::cli {
namespace {

TEST(TuneText, SaysWhatRunsAndWhatItGained) {
  TuningSummary summary{
      .file = "/cache/tuning/1.txt", .host = "some cpu", .line = "2 shapes measured", .seconds = 1.25};
  summary.shapes.push_back({.label = "qkv",
                            .weights = "q4_1",
                            .activations = "u8g32",
                            .n = 960,
                            .k = 576,
                            .first_rows = 1,
                            .last_rows = 1,
                            .threads = 2,
                            .plan = "1 rows direct, 4 units a task",
                            .default_plan = "1 rows direct, 1 units a task",
                            .is_default = false,
                            .rounds = 4,
                            .default_us = 110,
                            .chosen_us = 100});
  summary.shapes.push_back({.label = "down",
                            .weights = "q4_1",
                            .activations = "u8g32",
                            .n = 576,
                            .k = 1536,
                            .first_rows = 17,
                            .last_rows = 512,
                            .threads = 2,
                            .plan = "tiles by rule",
                            .default_plan = "tiles by rule"});
  const std::string text = TuneText(summary);
  EXPECT_NE(text.find("        1 qkv               576 x 960    q4_1       u8g32        110.0      100.0  "
                      "1.100  1 rows direct, 4 "
                      "units a task (default: 1 rows direct, 1 units a task)\n"),
            std::string::npos)
      << text;
  EXPECT_NE(text.find("   17-512 down             1536 x 576    q4_1       u8g32            -          -     "
                      " -  tiles by rule\n"),
            std::string::npos)
      << text;
  EXPECT_NE(text.find("\n1.2 seconds: 2 shapes measured\nresults: /cache/tuning/1.txt\nmachines: some cpu\n"),
            std::string::npos)
      << text;
}

}  // namespace
}  // namespace vivace::cli
