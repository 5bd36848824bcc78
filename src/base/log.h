// Log: one line an event, to stderr, behind spdlog. A value that is handed to whoever logs; there is no
// global logger. Thread safety: all const members from any thread. Ownership: copies share one sink.
#pragma once

#include <memory>
#include <optional>
#include <string_view>

namespace spdlog {
class logger;
}

namespace vivace::base {

enum class LogLevel { kDebug, kInfo, kWarning, kError, kOff };

/// "debug", "info", "warning", "error", "off".
std::optional<LogLevel> LogLevelFromName(std::string_view name);

class Log {
 public:
  /// Lines below `level` are dropped.
  explicit Log(LogLevel level = LogLevel::kOff);

  void Debug(std::string_view line) const;
  void Info(std::string_view line) const;
  void Warning(std::string_view line) const;
  void Error(std::string_view line) const;

 private:
  std::shared_ptr<spdlog::logger> logger_;  // null: off. Shared between copies, so that lines do not mix
};

}  // namespace vivace::base
