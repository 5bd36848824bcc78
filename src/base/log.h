// Log: one line an event, to stderr, as text in vLLM's form or as JSON. A value that is handed to whoever
// logs; there is no global logger. Control characters, line ends included, are escaped in every message, so
// an event is one line whatever a user's text holds. Thread safety: all const members from any thread.
// Ownership: copies share one sink.
#pragma once

#include <chrono>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

namespace spdlog {
class logger;
}

namespace vivace::base {

enum class LogLevel { kDebug, kInfo, kWarning, kError, kOff };

/// "debug", "info", "warning", "error", "off" and "critical", which nothing here is.
std::optional<LogLevel> LogLevelFromName(std::string_view name);

struct LogConfig {
  LogLevel level = LogLevel::kOff;  // lines below it are dropped
  bool json = false;
};

class Log {
 public:
  /// Where a line was logged: by default the caller's own place (std::source_location, which clang 14 lacks).
  struct Place {
    const char* file;
    unsigned line;
  };

  explicit Log(LogConfig config = {});

  void Debug(std::string_view text, const Place& place = {__builtin_FILE(), __builtin_LINE()}) const;
  void Info(std::string_view text, const Place& place = {__builtin_FILE(), __builtin_LINE()}) const;
  void Warning(std::string_view text, const Place& place = {__builtin_FILE(), __builtin_LINE()}) const;
  void Error(std::string_view text, const Place& place = {__builtin_FILE(), __builtin_LINE()}) const;
  bool Logs(LogLevel level) const { return logger_ != nullptr && level >= config_.level; }

 private:
  void Write(LogLevel level, std::string_view text, const Place& place) const;

  LogConfig config_;
  std::shared_ptr<spdlog::logger> logger_;  // null: off. Shared between copies, so that lines do not mix
};

/// What a line says.
struct LogEvent {
  LogLevel level = LogLevel::kInfo;
  std::chrono::system_clock::time_point time;
  std::string_view file;  // path; the line shows its last part
  unsigned line = 0;
  std::string_view text;
};

/// "INFO 12-10 15:42:47 [file.cc:123] text", the time local.
std::string LogTextLine(const LogEvent& event);
/// {"time":"2026-12-10T15:42:47.123Z","level":"INFO","file":"file.cc","line":123,"message":"text"}
std::string LogJsonLine(const LogEvent& event);
/// Text with control characters (and bytes that are no UTF-8) as \n, \t, \x1b, ...; a text of more than
/// max_bytes is cut there, and says how much is missing.
std::string EscapeForLog(std::string_view text, std::size_t max_bytes = std::string_view::npos);

}  // namespace vivace::base
