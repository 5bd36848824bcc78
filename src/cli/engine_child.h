// A child process that loads an engine and answers questions about its speed, one line each: both sides of
// it. `bench levels` and `bench startup` measure by it, since only a fresh process shows what a start costs.
#pragma once

#include <iosfwd>
#include <map>
#include <memory>
#include <span>
#include <string>
#include <utility>

#include "cli/child_process.h"
#include "cli/command_line.h"
#include "cli/level_pairs.h"
#include "vivace/engine.h"

namespace vivace::cli {

/// The parent's side. Thread safety: one thread.
class EngineChild : public LevelSource {
 public:
  /// The command line of this process again with --child and `more` options, which win over those that were
  /// typed. `name` is the benchmark's. Returns when the engine is ready.
  static Result<std::unique_ptr<EngineChild>> Start(const Invocation& invocation, std::string_view name,
                                                    std::span<const std::string> more);

  Result<double> Ask(const std::string& question) override;
  /// From exec to the ready line.
  double start_s() const { return start_s_; }
  /// From exec until now.
  double age_s() const { return child_->AgeSeconds(); }
  /// A value of the ready line: "level", or a phase of the start in seconds; 0 when it has none of that name.
  double Value(const std::string& name) const;

 private:
  EngineChild(std::unique_ptr<ChildProcess> child, std::map<std::string, double> values, double start_s)
      : child_(std::move(child)), values_(std::move(values)), start_s_(start_s) {}

  std::unique_ptr<ChildProcess> child_;
  std::map<std::string, double> values_;
  double start_s_;
};

/// The child's side: loads the engine without prefix caching and with no log below errors, unless the options
/// say so, says that it is ready and answers the standard input until it ends.
Status RunEngineChild(const Options& options);

/// "ready level=2 load=0.05 open=.. compile=.. artifact=.. pack=.. tune=.. cache=.. tokenizer=..": what the
/// start took, in seconds.
std::string ReadyLine(const Engine& engine);
/// The pairs of a ready line; nothing when it is none.
std::map<std::string, double> ParseReadyLine(const std::string& line);

/// Answers until the questions end:
///   prefill ROWS            tokens/s of a prompt of so many tokens
///   decode SEQUENCES STEPS  tokens/s of so many answers that run together, of STEPS tokens each after the
///                           first
///   memory                  bytes that the process held at most
/// kInvalidArgument names a question that is none.
Status AnswerQuestions(Engine& engine, std::istream& questions, std::ostream& answers);

/// A folder for caches of children; goes with what is in it.
class ScratchFolder {
 public:
  static Result<ScratchFolder> Make();
  ~ScratchFolder();
  ScratchFolder(ScratchFolder&& other) noexcept : path_(std::exchange(other.path_, "")) {}
  ScratchFolder& operator=(ScratchFolder&&) = delete;
  const std::string& path() const { return path_; }

 private:
  explicit ScratchFolder(std::string path) : path_(std::move(path)) {}
  std::string path_;
};

}  // namespace vivace::cli
