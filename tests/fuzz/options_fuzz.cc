// Any bytes as a config file and, a line an argument, as a command line: options within their rows, or an
// error that names what is wrong.
#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "cli/command_line.h"
#include "cli/config.h"
#include "expect.h"

namespace {

using vivace::fuzz::Expect;

// A file in memory, by a path.
class FileOf {
 public:
  explicit FileOf(std::string_view text) : file_(::memfd_create("config", MFD_CLOEXEC)) {
    Expect(file_ >= 0 && ::write(file_, text.data(), text.size()) == static_cast<ssize_t>(text.size()),
           "there is room for the input");
  }
  FileOf(const FileOf&) = delete;
  FileOf& operator=(const FileOf&) = delete;
  ~FileOf() { ::close(file_); }
  std::string path() const { return "/proc/self/fd/" + std::to_string(file_); }

 private:
  const int file_;
};

void CheckOptions(const vivace::Options& options) {
  const std::int64_t port = options.Integer("port");
  Expect(port >= 0 && port <= 65535, "a number is within its range");
  const double memory = options.Number("gpu-memory-utilization");
  Expect(memory > 0 && memory <= 1, "a fraction is within its range");
}

void ReadConfigFile(std::string_view text) {
  const FileOf file(text);
  vivace::Options options;
  const auto status = options.SetFromConfigFile(file.path());
  Expect(status.ok() || status.message().starts_with("config file '"), "a refusal names the file");
  CheckOptions(options);
}

void ReadCommandLine(std::string_view text) {
  std::vector<std::string> arguments;
  while (!text.empty()) {
    const std::size_t end = std::min(text.find('\n'), text.size());
    arguments.emplace_back(text.substr(0, end));
    text.remove_prefix(std::min(end + 1, text.size()));
  }
  const auto diff = vivace::cli::ReadConfigDiff(arguments);
  Expect(diff.ok() || !diff.status().message().empty(), "a refusal says why");
  const auto invocation = vivace::cli::ParseCommandLine(arguments);
  if (!invocation.ok()) {
    Expect(!invocation.status().message().empty(), "a refusal says why");
    return;
  }
  CheckOptions(invocation->options);
  if (!invocation->help) return;
  const auto help = vivace::cli::HelpText(invocation->command, invocation->help_topic);
  Expect(help.ok() ? !help->empty() : !help.status().message().empty(), "there is help, or a reason");
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  ReadConfigFile(text);
  ReadCommandLine(text);
  return 0;
}
