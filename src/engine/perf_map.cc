#include "engine/perf_map.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

namespace vivace::engine {

std::string PerfMapPath() {
  return fmt::format("/tmp/perf-{}.map", getpid());
}

Status AppendPerfMap(std::string_view lines) {
  const std::string path = PerfMapPath();
  const auto fail = [&path] {
    return Unsupported(fmt::format("cannot write '{}' for --perf-map: {}", path, std::strerror(errno)));
  };
  const int file = open(path.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_NOFOLLOW | O_CLOEXEC, 0644);
  if (file < 0) return fail();
  while (!lines.empty()) {
    const ssize_t written = write(file, lines.data(), lines.size());
    if (written < 0 && errno == EINTR) continue;
    if (written <= 0) {
      const Status status = fail();
      close(file);
      return status;
    }
    lines.remove_prefix(static_cast<std::size_t>(written));
  }
  close(file);
  return Status::Ok();
}

}  // namespace vivace::engine
