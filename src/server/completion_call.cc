#include "server/completion_call.h"

#include <algorithm>
#include <iterator>
#include <utility>

#include "base/out_of_memory.h"
#include "server/background_work.h"
#include "server/sse.h"

namespace vivace::server {

CompletionCall::CompletionCall(ApiRequest request, ReplyFrame frame, Backend& backend, Executor& executor,
                               CallObserver& observer, ReplySink& sink)
    : request_(std::move(request)),
      frame_(std::move(frame)),
      backend_(backend),
      executor_(executor),
      observer_(observer),
      sink_(&sink) {}

void CompletionCall::Start() {
  auto prepared = std::make_shared<Prepared>();
  WorkInBackground(
      executor_,
      [self = shared_from_this(), prepared] {
        if (!self->ended_) self->Prepare(*prepared);
      },
      [self = shared_from_this(), prepared](bool exhausted) {
        self->OnPrepared(std::move(*prepared), exhausted);
      });
}

// ---- on the background thread ----

void CompletionCall::Prepare(Prepared& prepared) {
  prepared.error = TokenizeRequest(backend_, request_, prepared.tokenized);
  if (!prepared.error) prepared.error = SubmitAll(prepared);
}

std::optional<ApiError> CompletionCall::SubmitAll(Prepared& prepared) {
  const auto n = static_cast<std::size_t>(request_.n);
  prepared.ids.reserve(prepared.tokenized.prompts.size() * n);
  for (std::size_t i = 0; i < prepared.tokenized.prompts.size() * n; ++i) {
    Request request;
    request.prompt = prepared.tokenized.prompts[i / n];
    request.sampling = prepared.tokenized.sampling;
    request.choice_index = static_cast<int>(i % n);
    request.cache_salt = request_.cache_salt;
    auto id = backend_.Submit(std::move(request), MakeCallback(i));
    if (!id.ok()) {
      for (const RequestId submitted : prepared.ids) backend_.Cancel(submitted);
      prepared.ids.clear();
      return FromStatus(id.status());
    }
    prepared.ids.push_back(*id);
  }
  return std::nullopt;
}

OutputCallback CompletionCall::MakeCallback(std::size_t index) {
  return [weak = weak_from_this(), &executor = executor_, index](RequestOutput output) {
    executor.PostToLoop([weak, index, output = std::move(output)]() mutable {
      if (const auto call = weak.lock()) call->OnOutput(index, std::move(output));
    });
  };
}

// ---- on the event loop ----

void CompletionCall::OnPrepared(Prepared prepared, bool exhausted) {
  prepared_ = true;  // from here on its end gives the place back, also one that runs out of memory
  ids_ = std::move(prepared.ids);
  if (ended_) {  // the client left meanwhile
    CancelAll();
    return observer_.OnEnded(*this);
  }
  if (exhausted) prepared.error = FromStatus(base::OutOfMemory("the request was read"));
  if (prepared.error) return Fail(*prepared.error);
  submitted_ = true;
  tokenized_ = std::move(prepared.tokenized);
  nothing_wanted_ = request_.max_tokens == 0;
  choices_.resize(ids_.size());
  unfinished_ = choices_.size();
  for (std::size_t i = 0; i < choices_.size(); ++i) {
    ChoicePart& part = choices_[i].part;
    part.index = static_cast<int>(i);
    part.with_logprobs = request_.sampling.logprobs >= 0;
    part.with_prompt_logprobs = request_.prompt_logprobs >= 0;
    part.with_token_ids = request_.return_token_ids;
    part.tokens_as_ids = request_.tokens_as_ids;
  }
  for (const auto& prompt : tokenized_.prompts) {
    usage_.prompt_tokens += static_cast<std::int64_t>(prompt.size());
  }
  observer_.OnSubmitted(request_, tokenized_.sampling.max_tokens);
  if (request_.stream) {
    streaming_ = true;
    sink_->BeginStream();
  }
  for (auto& [index, output] : std::exchange(early_, {})) OnOutput(index, std::move(output));
}

const std::vector<std::int32_t>& CompletionCall::PromptOf(std::size_t index) const {
  return tokenized_.prompts[index / static_cast<std::size_t>(request_.n)];
}

void CompletionCall::OnOutput(std::size_t index, RequestOutput output) {
  if (ended_) return;
  if (!submitted_) {
    early_.emplace_back(index, std::move(output));
    return;
  }
  Choice& choice = choices_[index];
  if (choice.finished) return;
  const bool last = output.finish_reason != FinishReason::kNone;
  Count(choice, output);
  if (last) {
    const auto prompt_tokens = static_cast<std::int64_t>(PromptOf(index).size());
    observer_.OnSequenceFinished(output, prompt_tokens, choice.generated_tokens);
  }
  if (EndsInError(index, output)) return;
  const std::size_t tokens = output.token_ids.size();
  ChoicePart part = MakePart(index, output);
  choice.first = false;
  choice.finished = last;
  if (streaming_) {
    StreamPart(index, std::move(part), tokens);
  } else {
    Merge(std::move(part), choice.part);
  }
  if (last && --unfinished_ == 0) Finish();
}

void CompletionCall::Count(Choice& choice, const RequestOutput& output) {
  const auto tokens = static_cast<std::int64_t>(output.token_ids.size());
  const auto now = std::chrono::steady_clock::now();
  if (choice.generated_tokens > 0 && tokens > 0) {
    const std::chrono::duration<double> gap = now - choice.last_output;
    observer_.OnTokenGap(gap.count() / static_cast<double>(tokens));
  }
  choice.last_output = now;
  choice.generated_tokens += tokens;
  if (choice.first) usage_.cached_tokens += output.cached_prompt_tokens;
  if (!nothing_wanted_) usage_.completion_tokens += tokens;
}

bool CompletionCall::EndsInError(std::size_t index, const RequestOutput& output) {
  const bool cancelled = output.finish_reason == FinishReason::kCancelled;
  if (!cancelled && output.finish_reason != FinishReason::kError) return false;
  choices_[index].finished = true;
  ApiError error =
      FromStatus(cancelled ? Unavailable("the server ended this request before its answer was complete")
                           : output.status);
  if (!output.error_code.empty()) error.code = output.error_code;
  Fail(error);
  return true;
}

/// The text that comes before the answer with echo.
std::string CompletionCall::EchoText(std::size_t index) const {
  if (request_.kind == ApiKind::kChat) {
    const ChatMessage& last = request_.chat.messages.back();
    return last.role == frame_.role ? last.content : "";
  }
  const std::size_t prompt = index / static_cast<std::size_t>(request_.n);
  const auto* given = std::get_if<std::string>(&request_.prompts[prompt]);
  if (given != nullptr && !tokenized_.cut[prompt]) return *given;
  return backend_.Detokenize(tokenized_.prompts[prompt], request_.sampling.skip_special_tokens);
}

/// What the first piece of a choice shows of the prompt.
void CompletionCall::AddPrompt(std::size_t index, RequestOutput& output, ChoicePart& part) const {
  if (request_.return_token_ids) part.prompt_token_ids = PromptOf(index);
  const auto cut_top = [](std::vector<TokenLogprob> entries, int count) {
    for (TokenLogprob& entry : entries) {
      if (entry.top.size() > static_cast<std::size_t>(count))
        entry.top.resize(static_cast<std::size_t>(count));
    }
    return entries;
  };
  if (part.with_prompt_logprobs) {
    part.prompt_logprobs = cut_top(output.prompt_logprobs, request_.prompt_logprobs);
  }
  if (!request_.echo) return;
  part.text = EchoText(index);
  if (part.with_logprobs && request_.kind == ApiKind::kCompletion) {
    part.echo_ids = PromptOf(index);
    part.echo_logprobs = cut_top(std::move(output.prompt_logprobs), request_.sampling.logprobs);
  }
}

ChoicePart CompletionCall::MakePart(std::size_t index, RequestOutput& output) {
  Choice& choice = choices_[index];
  ChoicePart part;
  part.index = static_cast<int>(index);
  part.with_logprobs = choice.part.with_logprobs;
  part.with_prompt_logprobs = choice.part.with_prompt_logprobs;
  part.with_token_ids = choice.part.with_token_ids;
  part.tokens_as_ids = choice.part.tokens_as_ids;
  part.text_offset = choice.text_characters;
  if (choice.first) AddPrompt(index, output, part);
  if (!nothing_wanted_) {
    part.text += output.text;
    part.logprobs = std::move(output.logprobs);
    part.token_ids = std::move(output.token_ids);
    part.stop_reason = std::move(output.stop_reason);
    part.stop_token = output.stop_token;
    part.finish_reason = output.finish_reason;
  } else if (output.finish_reason != FinishReason::kNone) {
    part.finish_reason = FinishReason::kLength;
  }
  choice.text_characters += CountCharacters(part.text);
  if (frame_.keeps_text) {
    choice.whole_text += part.text;
    const bool last = part.finish_reason != FinishReason::kNone;
    if (last) {
      observer_.OnText(frame_, part, choice.whole_text);
    } else if (streaming_) {
      observer_.OnText(frame_, part, {});
    }
  }
  return part;
}

void CompletionCall::StreamPart(std::size_t index, ChoicePart part, std::size_t tokens) {
  Choice& choice = choices_[index];
  if (choice.unsent) {
    Merge(std::move(part), *choice.unsent);
  } else {
    choice.unsent = std::move(part);
  }
  choice.unsent_tokens += static_cast<std::int64_t>(tokens);
  const ChoicePart& unsent = *choice.unsent;
  const bool last = unsent.finish_reason != FinishReason::kNone;
  if (choice.sent && !last && choice.unsent_tokens < request_.stream_interval) return;
  const bool says_something = !unsent.text.empty() || last ||
                              (unsent.with_logprobs && !unsent.logprobs.empty()) || unsent.with_token_ids;
  if (!choice.sent && request_.kind == ApiKind::kChat) {
    // The first delta of a chat choice has the role and an empty content; the text follows.
    ChoicePart role;
    role.index = unsent.index;
    role.with_role = true;
    role.prompt_token_ids = std::exchange(choice.unsent->prompt_token_ids, {});
    StreamChunk(index, role);
    choice.sent = true;
  }
  if (!says_something) return;  // part of a character: what comes next completes it
  StreamChunk(index, unsent);
  choice.sent = true;
  choice.unsent.reset();
  choice.unsent_tokens = 0;
}

void CompletionCall::StreamChunk(std::size_t index, const ChoicePart& part) {
  ChunkUsage usage{.follows = request_.include_usage, .so_far = {}};
  if (request_.continuous_usage) {
    usage.so_far = Usage{.prompt_tokens = static_cast<std::int64_t>(PromptOf(index).size()),
                         .completion_tokens = nothing_wanted_ ? 0 : choices_[index].generated_tokens};
  }
  const auto token_text = [this](std::int32_t token) { return backend_.TokenText(token); };
  sink_->StreamWrite(SseEvent(ChunkReply(frame_, part, usage, token_text)));
}

void CompletionCall::Merge(ChoicePart part, ChoicePart& whole) {
  const auto append = [](auto& from, auto& to) {
    to.insert(to.end(), std::make_move_iterator(from.begin()), std::make_move_iterator(from.end()));
  };
  whole.text += part.text;
  append(part.echo_ids, whole.echo_ids);
  append(part.echo_logprobs, whole.echo_logprobs);
  append(part.logprobs, whole.logprobs);
  append(part.prompt_logprobs, whole.prompt_logprobs);
  append(part.prompt_token_ids, whole.prompt_token_ids);
  append(part.token_ids, whole.token_ids);
  whole.finish_reason = part.finish_reason;
  whole.stop_reason = std::move(part.stop_reason);
  whole.stop_token = part.stop_token;
}

void CompletionCall::Finish() {
  if (streaming_) {
    if (request_.include_usage) sink_->StreamWrite(SseEvent(UsageChunk(frame_, usage_)));
    sink_->StreamWrite(kSseDone);
    sink_->EndStream();
  } else {
    std::vector<ChoicePart> parts;
    parts.reserve(choices_.size());
    for (Choice& choice : choices_) parts.push_back(std::move(choice.part));
    sink_->Reply({.body = WholeReply(frame_, parts, usage_,
                                     [this](std::int32_t token) { return backend_.TokenText(token); })});
  }
  std::int64_t most = 0;
  for (const Choice& choice : choices_) most = std::max(most, choice.generated_tokens);
  observer_.OnAnswered(most);
  End();
}

void CompletionCall::Fail(const ApiError& error) {
  if (ended_) return;
  CancelAll();
  if (streaming_) {
    sink_->StreamWrite(SseErrorEvent(error));
    sink_->EndStream();
  } else {
    sink_->Reply(ErrorReply(error));
  }
  End();
}

void CompletionCall::Abandon() {
  if (ended_) return;
  CancelAll();
  End();
}

void CompletionCall::CancelAll() {
  for (std::size_t i = 0; i < ids_.size(); ++i) {
    if (i < choices_.size() && choices_[i].finished) continue;
    backend_.Cancel(ids_[i]);
    RequestOutput cancelled;
    cancelled.finish_reason = FinishReason::kCancelled;
    observer_.OnSequenceFinished(cancelled, 0, 0);
  }
}

void CompletionCall::End() {
  ended_ = true;
  sink_ = nullptr;
  if (prepared_) observer_.OnEnded(*this);  // until then its place stands for the work under way
}

}  // namespace vivace::server
