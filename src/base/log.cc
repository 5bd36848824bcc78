#include "base/log.h"

#include <spdlog/logger.h>
#include <spdlog/sinks/stdout_sinks.h>

namespace vivace::base {
namespace {

spdlog::level::level_enum ToSpdlog(LogLevel level) {
  switch (level) {
    case LogLevel::kDebug:
      return spdlog::level::debug;
    case LogLevel::kInfo:
      return spdlog::level::info;
    case LogLevel::kWarning:
      return spdlog::level::warn;
    case LogLevel::kError:
      return spdlog::level::err;
    case LogLevel::kOff:
      break;
  }
  return spdlog::level::off;
}

}  // namespace

std::optional<LogLevel> LogLevelFromName(std::string_view name) {
  if (name == "debug") return LogLevel::kDebug;
  if (name == "info") return LogLevel::kInfo;
  if (name == "warning") return LogLevel::kWarning;
  if (name == "error") return LogLevel::kError;
  if (name == "off") return LogLevel::kOff;
  return std::nullopt;
}

Log::Log(LogLevel level) {
  if (level == LogLevel::kOff) return;
  logger_ = std::make_shared<spdlog::logger>("vivace", std::make_shared<spdlog::sinks::stderr_sink_mt>());
  logger_->set_pattern("%H:%M:%S.%e %L %v");
  logger_->set_level(ToSpdlog(level));
}

void Log::Debug(std::string_view line) const {
  if (logger_) logger_->debug(line);
}

void Log::Info(std::string_view line) const {
  if (logger_) logger_->info(line);
}

void Log::Warning(std::string_view line) const {
  if (logger_) logger_->warn(line);
}

void Log::Error(std::string_view line) const {
  if (logger_) logger_->error(line);
}

}  // namespace vivace::base
