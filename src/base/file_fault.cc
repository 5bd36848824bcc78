#include "base/file_fault.h"

#include <signal.h>
#include <unistd.h>

#include <string_view>

namespace vivace::base {
namespace {

// Only what may be called in a signal handler.
void OnBusError(int, siginfo_t*, void*) {
  constexpr std::string_view kLine =
      "vivace: error: a file that is in use became shorter or unreadable (SIGBUS): do not change a model "
      "while "
      "it is served; fetch it again and start anew\n";
  [[maybe_unused]] const auto written = ::write(STDERR_FILENO, kLine.data(), kLine.size());
  ::_exit(2);
}

}  // namespace

void ExitOnFileFault() {
  struct sigaction action {};
  action.sa_sigaction = OnBusError;
  action.sa_flags = SA_SIGINFO | SA_RESETHAND;
  ::sigaction(SIGBUS, &action, nullptr);
}

}  // namespace vivace::base
