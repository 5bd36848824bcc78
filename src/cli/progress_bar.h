// A bar on the terminal that says how far a benchmark is and how long it will still take. Thread safety: one
// thread.
#pragma once

#include <chrono>
#include <cstdint>
#include <cstdio>
#include <string>
#include <string_view>

namespace vivace::cli {

class ProgressBar {
 public:
  /// Draws on `file` (not owned); null: draws nothing.
  ProgressBar(std::FILE* file, std::string_view title, std::int64_t total);
  ~ProgressBar();  // leaves the bar as it is and ends its line
  ProgressBar(const ProgressBar&) = delete;
  ProgressBar& operator=(const ProgressBar&) = delete;

  void Advance(std::int64_t count = 1);

 private:
  void Draw(double seconds);

  std::FILE* file_;
  const std::string title_;
  const std::int64_t total_;
  std::int64_t done_ = 0;
  const std::chrono::steady_clock::time_point start_ = std::chrono::steady_clock::now();
  double drawn_s_ = 0;  // when it was drawn last
};

/// "Warmup:  40%|████      | 4/10 [00:02<00:03,  1.85it/s]"
std::string ProgressLine(std::string_view title, std::int64_t done, std::int64_t total, double seconds);

/// The standard error stream when it is a terminal and `disabled` is false; null otherwise.
std::FILE* ProgressFile(bool disabled);

}  // namespace vivace::cli
