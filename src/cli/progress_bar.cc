#include "cli/progress_bar.h"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>

namespace vivace::cli {
namespace {

constexpr double kBetweenDrawings_s = 0.1;
constexpr int kCells = 10;

std::string Clock(double seconds) {
  const auto whole = static_cast<std::int64_t>(seconds);
  if (whole >= 3600) return fmt::format("{}:{:02}:{:02}", whole / 3600, whole / 60 % 60, whole % 60);
  return fmt::format("{:02}:{:02}", whole / 60, whole % 60);
}

/// Full blocks, one block of eighths, spaces.
std::string Cells(double share) {
  constexpr std::string_view kEighths[] = {" ", "▏", "▎", "▍", "▌", "▋", "▊", "▉"};
  const int eighths = static_cast<int>(share * kCells * 8);
  std::string out;
  for (int cell = 0; cell < kCells; ++cell) {
    const int part = std::clamp(eighths - cell * 8, 0, 8);
    out += part == 8 ? std::string_view("█") : kEighths[part];
  }
  return out;
}

}  // namespace

std::string ProgressLine(std::string_view title, std::int64_t done, std::int64_t total, double seconds) {
  const double share = total > 0 ? static_cast<double>(done) / static_cast<double>(total) : 1;
  const double rate = seconds > 0 ? static_cast<double>(done) / seconds : 0;
  const std::string left = rate > 0 ? Clock(static_cast<double>(total - done) / rate) : "?";
  const std::string speed = rate <= 0  ? "?it/s"
                            : rate < 1 ? fmt::format("{:5.2f}s/it", 1 / rate)
                                       : fmt::format("{:5.2f}it/s", rate);
  return fmt::format("{}: {:3}%|{}| {}/{} [{}<{}, {}]", title, static_cast<int>(share * 100), Cells(share),
                     done, total, Clock(seconds), left, speed);
}

std::FILE* ProgressFile(bool disabled) {
  return disabled || ::isatty(STDERR_FILENO) == 0 ? nullptr : stderr;
}

ProgressBar::ProgressBar(std::FILE* file, std::string_view title, std::int64_t total)
    : file_(file), title_(title), total_(total) {
  if (file_ != nullptr) Draw(0);
}

ProgressBar::~ProgressBar() {
  if (file_ != nullptr) std::fputs("\n", file_);
}

void ProgressBar::Advance(std::int64_t count) {
  done_ += count;
  if (file_ == nullptr) return;
  const double seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - start_).count();
  if (done_ >= total_ || seconds - drawn_s_ >= kBetweenDrawings_s) Draw(seconds);
}

void ProgressBar::Draw(double seconds) {
  drawn_s_ = seconds;
  std::fprintf(file_, "\r%s", ProgressLine(title_, done_, total_, seconds).c_str());
  std::fflush(file_);
}

}  // namespace vivace::cli
