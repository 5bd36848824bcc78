#include "cli/child_process.h"

#include <fcntl.h>
#include <poll.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <csignal>
#include <cstring>
#include <thread>
#include <utility>
#include <vector>

namespace vivace::cli {
namespace {

constexpr int kPatience_ms = 10000;  // for a child to end by itself

Status CannotStart(const std::string& program, int error) {
  return Unavailable("cannot start '" + program + "': " + std::strerror(error));
}

/// Read end and write end, both closed in children.
struct Pipe {
  int read_end = -1, write_end = -1;
  bool Open() {
    int ends[2];
    if (::pipe2(ends, O_CLOEXEC) != 0) return false;
    read_end = ends[0], write_end = ends[1];
    return true;
  }
};

}  // namespace

Result<std::unique_ptr<ChildProcess>> ChildProcess::Start(const std::string& program,
                                                          std::span<const std::string> arguments) {
  Pipe in, out;
  if (!in.Open()) return CannotStart(program, errno);
  if (!out.Open()) {
    const int error = errno;
    ::close(in.read_end), ::close(in.write_end);
    return CannotStart(program, error);
  }
  std::vector<std::string> texts = {program};
  texts.insert(texts.end(), arguments.begin(), arguments.end());
  std::vector<char*> pointers;
  for (std::string& text : texts) pointers.push_back(text.data());
  pointers.push_back(nullptr);

  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_adddup2(&actions, in.read_end, STDIN_FILENO);
  posix_spawn_file_actions_adddup2(&actions, out.write_end, STDOUT_FILENO);
  pid_t pid = 0;
  const auto started = Clock::now();
  const int error = ::posix_spawn(&pid, program.c_str(), &actions, nullptr, pointers.data(), environ);
  posix_spawn_file_actions_destroy(&actions);
  ::close(in.read_end), ::close(out.write_end);
  if (error != 0) {
    ::close(in.write_end), ::close(out.read_end);
    return CannotStart(program, error);
  }
  return std::unique_ptr<ChildProcess>(new ChildProcess(pid, in.write_end, out.read_end, started));
}

ChildProcess::~ChildProcess() {
  ::close(to_child_);
  ::close(from_child_);
  for (int waited_ms = 0; ::waitpid(pid_, nullptr, WNOHANG) == 0; ++waited_ms) {
    if (waited_ms == kPatience_ms) ::kill(pid_, SIGKILL);
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
  }
}

Result<std::string> ChildProcess::ReadLine(double timeout_s) {
  const auto deadline = Clock::now() + std::chrono::duration<double>(timeout_s);
  while (received_.find('\n') == std::string::npos) {
    const std::chrono::duration<double, std::milli> left = deadline - Clock::now();
    pollfd wait{.fd = from_child_, .events = POLLIN, .revents = 0};
    const int ready = left.count() > 0 ? ::poll(&wait, 1, static_cast<int>(left.count()) + 1) : 0;
    if (ready < 0 && errno == EINTR) continue;
    if (ready == 0) return Unavailable("a child process said nothing for too long");
    std::array<char, 4096> buffer;
    const ssize_t bytes = ::read(from_child_, buffer.data(), buffer.size());
    if (bytes < 0 && errno == EINTR) continue;
    if (bytes <= 0) return Unavailable("a child process ended before it was done: its error stands above");
    received_.append(buffer.data(), static_cast<std::size_t>(bytes));
  }
  const std::size_t end = received_.find('\n');
  std::string line = received_.substr(0, end);
  received_.erase(0, end + 1);
  return line;
}

Result<std::string> ChildProcess::Ask(std::string_view question, double timeout_s) {
  const std::string line = std::string(question) + "\n";
  for (std::size_t sent = 0; sent < line.size();) {
    const ssize_t bytes = ::write(to_child_, line.data() + sent, line.size() - sent);
    if (bytes < 0 && errno == EINTR) continue;
    if (bytes <= 0) return Unavailable("a child process takes no more questions: its error stands above");
    sent += static_cast<std::size_t>(bytes);
  }
  return ReadLine(timeout_s);
}

double ChildProcess::AgeSeconds() const {
  return std::chrono::duration<double>(Clock::now() - started_).count();
}

}  // namespace vivace::cli
