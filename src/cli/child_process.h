// This program again as a child that answers questions: one line in, one line out. Thread safety: one thread.
// Ownership: ends the child when it goes.
#pragma once

#include <sys/types.h>

#include <chrono>
#include <memory>
#include <span>
#include <string>
#include <string_view>

#include "vivace/status.h"

namespace vivace::cli {

/// The path by which a process starts its own program anew, even when the file has been replaced since.
inline constexpr const char* kThisProgram = "/proc/self/exe";

class ChildProcess {
 public:
  /// Starts `program` with pipes for its standard input and output; the error stream stays ours. kUnavailable
  /// when the system refuses.
  static Result<std::unique_ptr<ChildProcess>> Start(const std::string& program,
                                                     std::span<const std::string> arguments);
  /// Closes its standard input, by which it knows that it is to end, and kills it when it does not.
  ~ChildProcess();
  ChildProcess(const ChildProcess&) = delete;
  ChildProcess& operator=(const ChildProcess&) = delete;

  /// Its next line. kUnavailable: it ended or said nothing for `timeout_s`.
  Result<std::string> ReadLine(double timeout_s);
  /// Writes one line to it and reads one.
  Result<std::string> Ask(std::string_view question, double timeout_s);
  /// Since it was started.
  double AgeSeconds() const;

 private:
  using Clock = std::chrono::steady_clock;
  ChildProcess(pid_t pid, int to_child, int from_child, Clock::time_point started)
      : pid_(pid), to_child_(to_child), from_child_(from_child), started_(started) {}

  const pid_t pid_;
  const int to_child_, from_child_;
  const Clock::time_point started_;
  std::string received_;
};

}  // namespace vivace::cli
