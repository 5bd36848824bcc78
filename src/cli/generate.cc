// `vivace generate`: all prompts at once through the engine, results in the order of the prompts.
#include <unistd.h>

#include <condition_variable>
#include <cstdio>
#include <deque>
#include <fstream>
#include <iostream>
#include <iterator>
#include <mutex>
#include <utility>

#include "base/json_text.h"
#include "base/status_macros.h"
#include "cli/commands.h"
#include "cli/generation_json.h"
#include "cli/interrupt_watcher.h"
#include "vivace/engine.h"

namespace vivace::cli {
namespace {

/// The requests under way. The engine's thread adds outputs; the main thread submits and takes results.
class Batch {
 public:
  Batch(Engine& engine, std::vector<Generation> generations)
      : engine_(engine), generations_(std::move(generations)) {}

  /// Submits one; waits for room while the engine's queue is full.
  Status Submit(std::size_t index, int choice, const SamplingParams& sampling) {
    while (true) {
      std::unique_lock lock(mutex_);
      const std::size_t finished_before = finished_;
      Request request;
      request.prompt = generations_[index].prompt;
      request.sampling = sampling;
      request.choice_index = choice;
      lock.unlock();
      const auto id = engine_.Submit(std::move(request),
                                     [this, index](RequestOutput output) { Add(index, std::move(output)); });
      if (id.ok()) break;
      if (id.status().code() != StatusCode::kResourceExhausted || submitted_ == 0) return id.status();
      lock.lock();
      changed_.wait(lock, [&] { return finished_ > finished_before || finished_ == submitted_; });
    }
    ++submitted_;
    return Status::Ok();
  }

  /// The generation when it is complete; waits for it.
  Generation Take(std::size_t index) {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [&] { return generations_[index].finish_reason != FinishReason::kNone; });
    return std::move(generations_[index]);
  }

 private:
  void Add(std::size_t index, RequestOutput output) {
    const std::lock_guard lock(mutex_);
    Generation& generation = generations_[index];
    generation.Add(std::move(output));
    if (generation.finish_reason != FinishReason::kNone) {
      ++finished_;
      changed_.notify_all();
    }
  }

  Engine& engine_;
  std::size_t submitted_ = 0;  // main thread only
  std::mutex mutex_;
  std::condition_variable changed_;
  std::vector<Generation> generations_;  // guarded by mutex_
  std::size_t finished_ = 0;             // guarded by mutex_
};

Status AppendPromptsOf(const std::string& path, std::vector<Prompt>& prompts) {
  std::ifstream file;
  if (path != "-") {
    file.open(path);
    if (!file) return NotFound("cannot open --prompts-file '" + path + "'");
  }
  std::istream& source = path == "-" ? std::cin : file;
  for (std::string line; std::getline(source, line);) prompts.emplace_back(std::move(line));
  return Status::Ok();
}

Result<std::vector<Prompt>> AllPrompts(const Invocation& invocation) {
  std::vector<Prompt> prompts = invocation.prompts;
  for (const std::string& path : invocation.prompt_files) {
    VIVACE_RETURN_IF_ERROR(AppendPromptsOf(path, prompts));
  }
  if (prompts.empty() && ::isatty(STDIN_FILENO) == 0) {
    prompts.emplace_back(std::string(std::istreambuf_iterator<char>(std::cin), {}));
  }
  if (prompts.empty()) {
    return InvalidArgument(
        "no prompt: give one after the model, --prompt, --prompt-ids, --prompts-file, or text on the "
        "standard input");
  }
  return prompts;
}

/// "prompt 2: ..." when there are several.
Status Numbered(const Status& status, std::size_t index, std::size_t count) {
  if (count == 1) return status;
  return {status.code(), "prompt " + std::to_string(index + 1) + ": " + status.message()};
}

Result<std::vector<Generation>> TokenizeAll(const Engine& engine, const std::vector<Prompt>& prompts) {
  std::vector<Generation> generations(prompts.size());
  for (std::size_t i = 0; i < prompts.size(); ++i) {
    if (const auto* ids = std::get_if<std::vector<std::int32_t>>(&prompts[i])) {
      generations[i].prompt = *ids;
    } else {
      auto encoded = engine.Tokenize(std::get<std::string>(prompts[i]), true, true);
      if (!encoded.ok()) return Numbered(encoded.status(), i, prompts.size());
      generations[i].prompt = std::move(encoded).value();
    }
    if (generations[i].prompt.empty()) {
      return Numbered(InvalidArgument("the prompt is empty: it must have at least one token"), i,
                      prompts.size());
    }
  }
  return generations;
}

}  // namespace

Status RunGenerate(const Invocation& invocation) {
  const InterruptWatcher watcher(ExitInterrupted);
  VIVACE_ASSIGN_OR_RETURN(const auto prompts, AllPrompts(invocation));
  VIVACE_ASSIGN_OR_RETURN(auto engine, Engine::Create(invocation.options));
  VIVACE_ASSIGN_OR_RETURN(const SamplingParams sampling, SamplingFromOptions(invocation.options, *engine));
  const auto choices = static_cast<std::size_t>(invocation.options.Integer("n"));
  VIVACE_ASSIGN_OR_RETURN(auto tokenized, TokenizeAll(*engine, prompts));
  std::vector<Generation> generations;
  for (const Generation& generation : tokenized) generations.insert(generations.end(), choices, generation);
  const std::size_t count = generations.size();
  Batch batch(*engine, std::move(generations));
  Status status;
  for (std::size_t i = 0; i < count && status.ok(); ++i) {
    status = Numbered(batch.Submit(i, static_cast<int>(i % choices), sampling), i / choices, prompts.size());
  }
  for (std::size_t i = 0; i < count && status.ok(); ++i) {
    const Generation generation = batch.Take(i);
    if (generation.finish_reason == FinishReason::kError) {
      status = Numbered(generation.status, i / choices, prompts.size());
      break;
    }
    const std::string line = invocation.json ? GenerationJson(generation) : generation.text;
    std::printf("%s\n", line.c_str());
    std::fflush(stdout);
  }
  engine.reset();  // its callbacks use the batch
  return status;
}

}  // namespace vivace::cli
