// A backend for tests: bytes are tokens, the answer repeats the prompt, and words at the prompt's start
// script what happens. Thread-safe; owns one thread that plays the engine's.
//
//   "slow..."   a token every 10 ms            "endless..." the same, until it is cancelled
//   "broken..." an error after three tokens    "refused..." Submit says that the queue is full
//   "stopped..." ends with kStop after four tokens
//   "gated..." is tokenised when the gate is opened
#pragma once

#include <algorithm>
#include <chrono>
#include <condition_variable>
#include <map>
#include <mutex>
#include <thread>

#include "base/json_text.h"
#include "server/backend.h"

namespace vivace::server {

class ScriptedBackend : public Backend {
 public:
  ScriptedBackend() : thread_([this] { Run(); }) {
    model_.name = "scripted";
    model_.max_model_len = 1000;
    model_.vocabulary = 256;
    defaults_.max_tokens = 0;
  }
  ~ScriptedBackend() override {
    {
      const std::lock_guard lock(mutex_);
      stopping_ = true;
    }
    wake_.notify_one();
    thread_.join();
  }

  const ModelInfo& model() const override { return model_; }
  EngineStats stats() const override {
    const std::lock_guard lock(mutex_);
    EngineStats stats = stats_;
    stats.running = static_cast<int>(live_.size());
    stats.blocks_total = 100;
    stats.blocks_used = static_cast<std::int64_t>(live_.size());
    return stats;
  }
  Result<std::vector<std::int32_t>> Tokenize(std::string_view text, bool, bool) const override {
    if (text.starts_with("gated")) {
      std::unique_lock lock(mutex_);
      ++at_gate_;
      gate_.wait(lock, [this] { return gate_open_; });
    }
    std::vector<std::int32_t> ids;
    for (const char byte : text) ids.push_back(static_cast<unsigned char>(byte));
    return ids;
  }
  std::string TokenText(std::int32_t token) const override {
    return std::string(1, static_cast<char>(token));
  }
  SamplingParams default_sampling() const override {
    const std::lock_guard lock(mutex_);
    return defaults_;
  }
  /// Before the server is given it.
  void SetDefaults(const SamplingParams& defaults) {
    const std::lock_guard lock(mutex_);
    defaults_ = defaults;
  }
  std::string Detokenize(const std::vector<std::int32_t>& tokens, bool) const override {
    return std::string(tokens.begin(), tokens.end());
  }
  Result<std::vector<std::vector<std::int32_t>>> EncodeBadWords(
      const std::vector<std::string>& words) const override {
    std::vector<std::vector<std::int32_t>> all;
    for (const std::string& word : words) all.emplace_back(word.begin(), word.end());
    return all;
  }
  Result<std::vector<std::int32_t>> RenderChat(const ChatPrompt& prompt) const override {
    if (prompt.chat_template == "{{ bomb }}") return ResourceExhausted("the template passed its budget");
    if (prompt.chat_template == "{{") return InvalidArgument("chat template, line 1: it does not end");
    return Tokenize(prompt.messages.back().content, false, false);
  }
  Result<RequestId> Submit(Request request, OutputCallback on_output) override {
    const std::lock_guard lock(mutex_);
    Live live;
    for (const std::int32_t id : request.prompt) live.answer += static_cast<char>(id);
    if (live.answer.starts_with("refused")) return ResourceExhausted("the queue is full");
    last_sampling_ = request.sampling;
    live.request = std::move(request);
    live.on_output = std::move(on_output);
    live_.emplace(++last_id_, std::move(live));
    wake_.notify_one();
    return last_id_;
  }
  void Cancel(RequestId id) override {
    const std::lock_guard lock(mutex_);
    if (live_.erase(id) > 0) ++stats_.cancelled;
  }

  /// What the last request asked of the sampler.
  SamplingParams last_sampling() const {
    const std::lock_guard lock(mutex_);
    return last_sampling_;
  }
  int cancelled() const {
    const std::lock_guard lock(mutex_);
    return static_cast<int>(stats_.cancelled);
  }
  int running() const { return stats().running; }
  /// Texts that wait, or waited, to be tokenised.
  int at_gate() const {
    const std::lock_guard lock(mutex_);
    return at_gate_;
  }
  void OpenGate() {
    const std::lock_guard lock(mutex_);
    gate_open_ = true;
    gate_.notify_all();
  }

 private:
  struct Live {
    Request request;
    OutputCallback on_output;
    std::string answer;   // what it repeats
    std::string pending;  // bytes of a character that is not whole
    int generated = 0;
    std::chrono::steady_clock::time_point next;
  };

  /// One token of one request; true when it was the last.
  bool Step(Live& live) {
    RequestOutput output;
    const bool endless = live.answer.starts_with("endless");
    const char byte = live.answer[static_cast<std::size_t>(live.generated) % live.answer.size()];
    const std::int32_t token = static_cast<unsigned char>(byte);
    if (live.answer.starts_with("broken") && live.generated == 3) {
      output.finish_reason = FinishReason::kError;
      output.status = Internal("numerical error in the scripted model");
    } else {
      ++live.generated;
      output.token_ids = {token};
      live.pending += byte;
      if (base::Utf8Length(live.pending) == live.pending.size()) std::swap(output.text, live.pending);
      if (live.request.sampling.logprobs >= 0) {
        output.logprobs = {{token, -0.5f, {{token, -0.5f}, {65, -0.7f}}}};
        output.logprobs[0].top.resize(
            std::min<std::size_t>(2, static_cast<std::size_t>(live.request.sampling.logprobs)));
      }
      if (live.generated == 1 && live.request.sampling.prompt_logprobs >= 0) {
        for (std::size_t i = 1; i < live.request.prompt.size(); ++i) {
          const std::int32_t id = live.request.prompt[i];
          output.prompt_logprobs.push_back({id, -1.25f, {{66, -0.75f}, {id, -1.25f}}});
          output.prompt_logprobs.back().top.resize(
              std::min<std::size_t>(2, static_cast<std::size_t>(live.request.sampling.prompt_logprobs)));
        }
      }
      if (live.generated >= live.request.sampling.max_tokens && !endless) {
        output.finish_reason = FinishReason::kLength;
      }
      if (live.answer.starts_with("stopped") && live.generated == 4) {
        output.finish_reason = FinishReason::kStop;
        output.stop_reason = "END";
      }
    }
    const bool slow = endless || live.answer.starts_with("slow");
    live.next = std::chrono::steady_clock::now() + std::chrono::milliseconds(slow ? 10 : 0);
    const bool last = output.finish_reason != FinishReason::kNone;
    live.on_output(std::move(output));
    return last;
  }

  void Run() {
    std::unique_lock lock(mutex_);
    while (!stopping_) {
      if (live_.empty()) {
        wake_.wait(lock, [this] { return stopping_ || !live_.empty(); });
        continue;
      }
      auto soonest = std::chrono::steady_clock::now() + std::chrono::milliseconds(10);
      for (auto it = live_.begin(); it != live_.end();) {
        const bool due = it->second.next <= std::chrono::steady_clock::now();
        it = due && Step(it->second) ? live_.erase(it) : std::next(it);
      }
      for (const auto& [id, live] : live_) soonest = std::min(soonest, live.next);
      wake_.wait_until(lock, soonest);
    }
  }

  ModelInfo model_;
  mutable std::mutex mutex_;
  std::condition_variable wake_;
  mutable std::condition_variable gate_;
  mutable int at_gate_ = 0;  // guarded by mutex_, as all below
  bool gate_open_ = false;
  std::map<RequestId, Live> live_;
  EngineStats stats_;
  SamplingParams last_sampling_;
  SamplingParams defaults_;
  RequestId last_id_ = 0;
  bool stopping_ = false;
  std::thread thread_;  // last
};

}  // namespace vivace::server
