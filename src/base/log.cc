#include "base/log.h"

#include <fmt/format.h>
#include <spdlog/logger.h>
#include <spdlog/sinks/stdout_sinks.h>

#include <ctime>

#include "base/json_text.h"

namespace vivace::base {
namespace {

std::string_view LevelName(LogLevel level) {
  switch (level) {
    case LogLevel::kDebug:
      return "DEBUG";
    case LogLevel::kInfo:
      return "INFO";
    case LogLevel::kWarning:
      return "WARNING";
    case LogLevel::kError:
      return "ERROR";
    case LogLevel::kOff:
      break;
  }
  return "OFF";
}

std::string_view LastPart(std::string_view path) {
  return path.substr(path.rfind('/') + 1);
}

std::string FormatTime(const char* format, const std::tm& time) {
  char buffer[64];
  return std::string(buffer, std::strftime(buffer, sizeof(buffer), format, &time));
}

/// Bytes of the printable character that a text begins with; 0 for a control character or a byte that is no
/// UTF-8.
std::size_t PrintableLength(std::string_view text) {
  const std::size_t length = Utf8Length(text);
  const auto first = static_cast<unsigned char>(text[0]);
  if (length == 1 && (first < 0x20 || first == 0x7F)) return 0;
  if (length == 2 && first == 0xC2 && static_cast<unsigned char>(text[1]) < 0xA0) return 0;
  return length;
}

std::string EscapedByte(char c) {
  if (c == '\n') return "\\n";
  if (c == '\r') return "\\r";
  if (c == '\t') return "\\t";
  return fmt::format("\\x{:02x}", static_cast<unsigned char>(c));
}

}  // namespace

std::optional<LogLevel> LogLevelFromName(std::string_view name) {
  if (name == "debug") return LogLevel::kDebug;
  if (name == "info") return LogLevel::kInfo;
  if (name == "warning") return LogLevel::kWarning;
  if (name == "error") return LogLevel::kError;
  if (name == "off" || name == "critical") return LogLevel::kOff;
  return std::nullopt;
}

std::string EscapeForLog(std::string_view text, std::size_t max_bytes) {
  std::string out;
  std::size_t at = 0;
  while (at < text.size()) {
    const std::size_t length = PrintableLength(text.substr(at));
    if (at + std::max<std::size_t>(length, 1) > max_bytes) break;
    if (length == 0) {
      out += EscapedByte(text[at++]);
    } else {
      out.append(text.substr(at, length));
      at += length;
    }
  }
  if (at < text.size()) out += fmt::format("... ({} more bytes)", text.size() - at);
  return out;
}

std::string LogTextLine(const LogEvent& event) {
  const std::time_t seconds = std::chrono::system_clock::to_time_t(event.time);
  std::tm local{};
  ::localtime_r(&seconds, &local);
  return fmt::format("{} {} [{}:{}] {}", LevelName(event.level), FormatTime("%m-%d %H:%M:%S", local),
                     LastPart(event.file), event.line, EscapeForLog(event.text));
}

std::string LogJsonLine(const LogEvent& event) {
  const auto since = event.time.time_since_epoch();
  const auto millis = std::chrono::duration_cast<std::chrono::milliseconds>(since).count();
  const auto seconds = static_cast<std::time_t>(millis / 1000);
  std::tm utc{};
  ::gmtime_r(&seconds, &utc);
  std::string out = fmt::format(R"({{"time":"{}.{:03}Z","level":"{}","file":"{}","line":{},"message":)",
                                FormatTime("%Y-%m-%dT%H:%M:%S", utc), millis % 1000, LevelName(event.level),
                                LastPart(event.file), event.line);
  AppendJsonString(event.text, out);
  return out + "}";
}

Log::Log(LogConfig config) : config_(config) {
  if (config.level == LogLevel::kOff) return;
  logger_ = std::make_shared<spdlog::logger>("vivace", std::make_shared<spdlog::sinks::stderr_sink_mt>());
  logger_->set_pattern("%v");
  logger_->set_level(spdlog::level::info);
}

void Log::Write(LogLevel level, std::string_view text, const Place& place) const {
  if (!Logs(level)) return;
  const LogEvent event{level, std::chrono::system_clock::now(), place.file, place.line, text};
  logger_->info(std::string_view(config_.json ? LogJsonLine(event) : LogTextLine(event)));
}

void Log::Debug(std::string_view text, const Place& place) const {
  Write(LogLevel::kDebug, text, place);
}

void Log::Info(std::string_view text, const Place& place) const {
  Write(LogLevel::kInfo, text, place);
}

void Log::Warning(std::string_view text, const Place& place) const {
  Write(LogLevel::kWarning, text, place);
}

void Log::Error(std::string_view text, const Place& place) const {
  Write(LogLevel::kError, text, place);
}

}  // namespace vivace::base
