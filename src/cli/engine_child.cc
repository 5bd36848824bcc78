#include "cli/engine_child.h"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <sstream>
#include <vector>

#include "base/status_macros.h"
#include "cli/bench_requests.h"

namespace vivace::cli {
namespace {

constexpr double kStartTimeout_s = 900, kAnswerTimeout_s = 300;
constexpr int kShortPrompt = 1;  // tokens before an answer whose steps are timed
constexpr int kMostSequences = 1024;

SamplingParams Greedy() {
  SamplingParams sampling = BenchSampling();
  sampling.temperature = 0;
  return sampling;
}

Result<double> Decode(Engine& engine, int sequences, int steps) {
  // The last one is timed; those that may begin a step or two earlier go on until it has ended.
  std::vector<BenchRequest> requests;
  for (int i = 0; i < sequences; ++i) {
    const int more = i + 1 < sequences ? 2 : 0;
    requests.push_back(
        {RandomTokens(engine.model(), kShortPrompt, static_cast<std::uint64_t>(i)), steps + 1 + more});
  }
  VIVACE_ASSIGN_OR_RETURN(const BenchRun run, RunToEnd(engine, requests, Greedy(), 1, {}));
  const RequestTiming& last = run.timings.back();
  return sequences * steps / (last.last_token - last.first_token);
}

Result<double> Prefill(Engine& engine, int rows) {
  const BenchRequest request{RandomTokens(engine.model(), rows, 0), 1};
  VIVACE_ASSIGN_OR_RETURN(const BenchRun run, RunToEnd(engine, {&request, 1}, Greedy(), 1, {}));
  return rows / (run.timings[0].first_token - run.timings[0].queued);
}

/// VmHWM; 0 where the system does not say.
double MostMemory() {
  std::ifstream status("/proc/self/status");
  for (std::string line; std::getline(status, line);) {
    if (line.starts_with("VmHWM:")) return std::stod(line.substr(6)) * 1024;
  }
  return 0;
}

Result<double> Answer(Engine& engine, const std::string& question) {
  std::istringstream words(question);
  std::string what;
  int first = 0, second = 0;
  words >> what >> first >> second;
  const int longest = engine.model().max_model_len;
  if (what == "memory") return MostMemory();
  if (what == "prefill" && first > 0 && first < longest) return Prefill(engine, first);
  if (what == "decode" && first > 0 && first <= kMostSequences && second > 0 &&
      second + kShortPrompt + 3 <= longest) {
    return Decode(engine, first, second);
  }
  return InvalidArgument("cannot answer '" + question.substr(0, 64) + "' with " + std::to_string(longest) +
                         " tokens a request");
}

}  // namespace

Result<std::unique_ptr<EngineChild>> EngineChild::Start(const Invocation& invocation, std::string_view name,
                                                        std::span<const std::string> more) {
  std::vector<std::string> arguments = {"bench", std::string(name)};
  const auto& typed = invocation.arguments;
  const auto end_of_options = std::find(typed.begin(), typed.end(), "--");
  arguments.insert(arguments.end(), typed.begin(), end_of_options);
  arguments.insert(arguments.end(), more.begin(), more.end());
  arguments.emplace_back("--child");
  arguments.insert(arguments.end(), end_of_options, typed.end());
  VIVACE_ASSIGN_OR_RETURN(auto child, ChildProcess::Start(kThisProgram, arguments));
  VIVACE_ASSIGN_OR_RETURN(const std::string line, child->ReadLine(kStartTimeout_s));
  const double seconds = child->AgeSeconds();
  auto values = ParseReadyLine(line);
  if (values.empty()) return Internal("a child process said '" + line.substr(0, 64) + "' at its start");
  return std::unique_ptr<EngineChild>(new EngineChild(std::move(child), std::move(values), seconds));
}

Result<double> EngineChild::Ask(const std::string& question) {
  VIVACE_ASSIGN_OR_RETURN(const std::string line, child_->Ask(question, kAnswerTimeout_s));
  return std::strtod(line.c_str(), nullptr);
}

double EngineChild::Value(const std::string& name) const {
  const auto found = values_.find(name);
  return found == values_.end() ? 0 : found->second;
}

Status RunEngineChild(const Options& options) {
  Options quiet = options;
  VIVACE_RETURN_IF_ERROR(quiet.Set("enable-prefix-caching", "false", OptionOrigin::kPlatform));
  VIVACE_RETURN_IF_ERROR(quiet.Set("log-level", "error", OptionOrigin::kPlatform));
  VIVACE_ASSIGN_OR_RETURN(const auto engine, Engine::Create(quiet));
  std::puts(ReadyLine(*engine).c_str());
  std::fflush(stdout);
  return AnswerQuestions(*engine, std::cin, std::cout);
}

Result<ScratchFolder> ScratchFolder::Make() {
  std::string path = (std::filesystem::temp_directory_path() / "vivace-bench-XXXXXX").string();
  if (::mkdtemp(path.data()) == nullptr) return Unavailable("cannot make a folder '" + path + "'");
  return ScratchFolder(path);
}

ScratchFolder::~ScratchFolder() {
  std::error_code ignored;
  if (!path_.empty()) std::filesystem::remove_all(path_, ignored);
}

std::string ReadyLine(const Engine& engine) {
  const EngineStats stats = engine.stats();
  return fmt::format(
      "ready level={} load={} open={} compile={} artifact={} pack={} tune={} cache={} tokenizer={}",
      engine.model().level, stats.load_s, stats.open_s, stats.compile_s, stats.artifact_s, stats.pack_s,
      stats.tune_s, stats.cache_s, stats.tokenizer_s);
}

std::map<std::string, double> ParseReadyLine(const std::string& line) {
  std::map<std::string, double> values;
  std::istringstream words(line);
  std::string word;
  if (!(words >> word) || word != "ready") return values;
  while (words >> word) {
    const std::size_t equals = word.find('=');
    if (equals == std::string::npos) return {};
    values[word.substr(0, equals)] = std::strtod(word.c_str() + equals + 1, nullptr);
  }
  return values;
}

Status AnswerQuestions(Engine& engine, std::istream& questions, std::ostream& answers) {
  for (std::string question; std::getline(questions, question);) {
    VIVACE_ASSIGN_OR_RETURN(const double answer, Answer(engine, question));
    answers << fmt::format("{}", answer) << std::endl;
  }
  return Status::Ok();
}

}  // namespace vivace::cli
