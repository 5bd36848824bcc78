// `vivace run`: a chat in the terminal, or one answer when a prompt is given or stdin is no terminal.
#include <unistd.h>

#include <atomic>
#include <condition_variable>
#include <cstdio>
#include <iostream>
#include <iterator>
#include <mutex>
#include <utility>

#include "base/status_macros.h"
#include "cli/chat_commands.h"
#include "cli/commands.h"
#include "cli/interrupt_watcher.h"
#include "cli/speed_line.h"
#include "vivace/engine.h"

namespace vivace::cli {
namespace {

constexpr int kChatTokens = 1024;  // of one answer, unless --max-tokens says otherwise

/// Which answer Ctrl-C stops. Set by the main thread, read by the watcher's.
class Interruption {
 public:
  /// The watcher's: stops the answer under way; leaves the program when there is none, or the second time.
  void OnInterrupt() {
    const std::lock_guard lock(mutex_);
    if (engine_ == nullptr || stopped_) ExitInterrupted();
    stopped_ = true;
    engine_->Cancel(id_);
  }
  void Begin(Engine& engine, RequestId id) {
    const std::lock_guard lock(mutex_);
    engine_ = &engine;
    id_ = id;
    stopped_ = false;
  }
  /// True when the answer was stopped.
  bool End() {
    const std::lock_guard lock(mutex_);
    engine_ = nullptr;
    return stopped_;
  }
  /// The engine's thread: the answer is complete.
  void Finish(Status status) {
    const std::lock_guard lock(mutex_);
    finished_ = true;
    status_ = std::move(status);
    wake_.notify_all();
  }
  /// Waits for the last piece, which comes for a stopped answer too.
  Status Wait() {
    std::unique_lock lock(mutex_);
    wake_.wait(lock, [this] { return finished_; });
    finished_ = false;
    return std::exchange(status_, Status::Ok());
  }

 private:
  std::mutex mutex_;
  std::condition_variable wake_;
  Engine* engine_ = nullptr;  // guarded by mutex_, as all below
  RequestId id_ = 0;
  bool stopped_ = false;
  bool finished_ = false;
  Status status_;
};

/// One conversation with one engine.
class Chat {
 public:
  Chat(const Invocation& invocation, SamplingParams sampling, Interruption& interruption)
      : interruption_(interruption), sampling_(std::move(sampling)) {
    has_limit_ = invocation.options.Origin("max-tokens") != OptionOrigin::kDefault;
    if (invocation.system) messages_.push_back({"system", *invocation.system});
    first_message_ = messages_.size();
  }

  /// Streams the answer to stdout. kInvalidArgument when the conversation does not fit any more.
  Status Answer(Engine& engine, std::string question) {
    messages_.push_back({"user", std::move(question)});
    const Status status = Stream(engine);
    if (!status.ok()) messages_.pop_back();
    return status;
  }

  bool has_history() const { return messages_.size() > first_message_; }
  void Forget() { messages_.resize(first_message_); }
  /// A new conversation with another system message; an empty one leaves the model's own.
  void SetSystem(std::string text) {
    messages_.clear();
    if (!text.empty()) messages_.push_back({"system", std::move(text)});
    first_message_ = messages_.size();
  }

 private:
  Status Stream(Engine& engine) {
    VIVACE_ASSIGN_OR_RETURN(auto prompt, engine.RenderChat({.messages = messages_}));
    Request request;
    request.prompt = std::move(prompt);
    request.sampling = sampling_;
    const int room = engine.model().max_model_len - static_cast<int>(request.prompt.size());
    if (!has_limit_) request.sampling.max_tokens = std::max(1, std::min(kChatTokens, room));
    const int prompt_tokens = static_cast<int>(request.prompt.size());
    std::string answer;
    AnswerSpeed speed{.prompt_tokens = prompt_tokens};
    VIVACE_ASSIGN_OR_RETURN(const RequestId id,
                            engine.Submit(std::move(request), [&, this](RequestOutput output) {
                              std::fwrite(output.text.data(), 1, output.text.size(), stdout);
                              std::fflush(stdout);
                              answer += output.text;
                              speed.Add(output);
                              if (output.finish_reason != FinishReason::kNone) {
                                interruption_.Finish(std::move(output.status));
                              }
                            }));
    interruption_.Begin(engine, id);
    const Status status = interruption_.Wait();
    const bool stopped = interruption_.End();
    std::printf("\n");
    std::fflush(stdout);
    VIVACE_RETURN_IF_ERROR(status);
    std::fprintf(stderr, "%s%s\n", SpeedLine(speed).c_str(), stopped ? " (stopped)" : "");
    messages_.push_back({"assistant", std::move(answer)});
    return Status::Ok();
  }

  Interruption& interruption_;
  SamplingParams sampling_;
  bool has_limit_ = false;
  std::size_t first_message_ = 0;  // after the system message
  std::vector<ChatMessage> messages_;
};

/// Carries out a line that begins with a slash; false: leave.
bool CarryOut(const std::string& line, Chat& chat) {
  const ChatCommand command = ParseChatCommand(line);
  switch (command.kind) {
    case ChatCommandKind::kHelp:
      std::fputs(ChatHelp().c_str(), stdout);
      return true;
    case ChatCommandKind::kClear:
      chat.Forget();
      std::puts("A new conversation.");
      return true;
    case ChatCommandKind::kSystem:
      chat.SetSystem(command.text);
      std::puts("A new conversation with that system message.");
      return true;
    case ChatCommandKind::kExit:
      return false;
    case ChatCommandKind::kUnknown:
      std::printf("There is no command %s; /help lists them.\n", command.text.c_str());
      return true;
  }
  return true;
}

Status Converse(Engine& engine, Chat& chat) {
  std::printf("%s at -O%d. Ctrl-C stops an answer, Ctrl-D leaves, /help lists commands.\n",
              engine.model().name.c_str(), engine.model().level);
  for (std::string line; std::printf("> "), std::fflush(stdout), std::getline(std::cin, line);) {
    if (line.find_first_not_of(" \t\r") == std::string::npos) continue;
    if (line.front() == '/') {
      if (CarryOut(line, chat)) continue;
      return Status::Ok();
    }
    Status status = chat.Answer(engine, line);
    if (status.code() == StatusCode::kInvalidArgument && chat.has_history()) {
      std::fprintf(stderr, "vivace: the conversation does not fit the context any more; starting anew\n");
      chat.Forget();
      status = chat.Answer(engine, line);
    }
    if (!status.ok()) std::fprintf(stderr, "vivace: error: %s\n", status.message().c_str());
  }
  std::printf("\n");
  return Status::Ok();
}

}  // namespace

Status RunChat(const Invocation& invocation) {
  Interruption interruption;
  const InterruptWatcher watcher([&] { interruption.OnInterrupt(); });
  if (invocation.prompts.size() > 1) {
    return InvalidArgument("run takes one prompt: put it in quotes; generate takes several");
  }
  const bool is_one_shot = !invocation.prompts.empty() || ::isatty(STDIN_FILENO) == 0;
  std::string question;
  if (!invocation.prompts.empty()) {
    question = std::get<std::string>(invocation.prompts[0]);
  } else if (is_one_shot) {
    question.assign(std::istreambuf_iterator<char>(std::cin), {});
  }
  if (is_one_shot && question.find_first_not_of(" \t\r\n") == std::string::npos) {
    return InvalidArgument("the prompt is empty: give --prompt TEXT or text on the standard input");
  }
  VIVACE_ASSIGN_OR_RETURN(const auto engine, Engine::Create(invocation.options));
  VIVACE_ASSIGN_OR_RETURN(SamplingParams sampling, SamplingFromOptions(invocation.options, *engine));
  Chat chat(invocation, std::move(sampling), interruption);
  return is_one_shot ? chat.Answer(*engine, std::move(question)) : Converse(*engine, chat);
}

}  // namespace vivace::cli
