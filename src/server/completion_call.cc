#include "server/completion_call.h"

#include <algorithm>
#include <iterator>
#include <utility>

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
  executor_.PostToBackground([self = shared_from_this()] {
    if (self->ended_) return;
    auto prepared = std::make_shared<Prepared>();
    self->Prepare(*prepared);
    self->executor_.PostToLoop([self, prepared] { self->OnPrepared(std::move(*prepared)); });
  });
}

// ---- on the background thread ----

void CompletionCall::Prepare(Prepared& prepared) {
  prepared.error = TokenizeAll(prepared);
  if (!prepared.error) prepared.error = FitLength(prepared);
  if (!prepared.error) prepared.error = SubmitAll(prepared);
}

std::optional<ApiError> CompletionCall::TokenizeAll(Prepared& prepared) const {
  if (request_.kind == ApiKind::kChat) {
    auto ids = backend_.RenderChat(
        {.messages = request_.messages, .add_generation_prompt = request_.add_generation_prompt});
    if (!ids.ok()) return FromStatus(ids.status());
    prepared.prompts.push_back(std::move(ids).value());
    return std::nullopt;
  }
  for (const PromptInput& prompt : request_.prompts) {
    if (const auto* given = std::get_if<std::vector<std::int32_t>>(&prompt)) {
      prepared.prompts.push_back(*given);
      continue;
    }
    auto ids = backend_.Tokenize(std::get<std::string>(prompt), request_.add_special_tokens, true);
    if (!ids.ok()) return FromStatus(ids.status());
    prepared.prompts.push_back(std::move(ids).value());
  }
  return std::nullopt;
}

std::optional<ApiError> CompletionCall::FitLength(Prepared& prepared) const {
  const std::string field = request_.kind == ApiKind::kChat ? "messages" : "prompt";
  const int limit = backend_.model().max_model_len;
  const int vocabulary = backend_.model().vocabulary;
  std::size_t longest = 0;
  for (const auto& prompt : prepared.prompts) {
    if (prompt.empty()) return FieldError(field, field + " is empty: it must have at least one token");
    for (const std::int32_t id : prompt) {
      if (id >= 0 && id < vocabulary) continue;
      return FieldError(field, field + " holds the token id " + std::to_string(id) +
                                   ", but the vocabulary is 0 to " + std::to_string(vocabulary - 1));
    }
    longest = std::max(longest, prompt.size());
  }
  const auto prompt_tokens = static_cast<std::int64_t>(longest);
  const std::int64_t wanted = std::max(request_.max_tokens.value_or(1), 1);
  if (prompt_tokens + wanted > limit) {
    return FieldError(field,
                      "This model's maximum context length is " + std::to_string(limit) +
                          " tokens. However, you requested " + std::to_string(prompt_tokens + wanted) +
                          " tokens (" + std::to_string(prompt_tokens) + " in the " + field + ", " +
                          std::to_string(wanted) + " in the completion). Please reduce the length of the " +
                          field + " or the completion.",
                      "context_length_exceeded");
  }
  prepared.max_tokens =
      request_.max_tokens ? static_cast<int>(wanted) : static_cast<int>(limit - prompt_tokens);
  return std::nullopt;
}

std::optional<ApiError> CompletionCall::SubmitAll(Prepared& prepared) {
  const auto n = static_cast<std::size_t>(request_.n);
  for (std::size_t i = 0; i < prepared.prompts.size() * n; ++i) {
    Request request;
    request.prompt = prepared.prompts[i / n];
    request.sampling = request_.sampling;
    request.sampling.max_tokens = prepared.max_tokens;
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

void CompletionCall::OnPrepared(Prepared prepared) {
  ids_ = std::move(prepared.ids);
  if (ended_) return CancelAll();  // the client left meanwhile
  if (prepared.error) return Fail(*prepared.error);
  submitted_ = true;
  prompts_ = std::move(prepared.prompts);
  nothing_wanted_ = request_.max_tokens == 0;
  choices_.resize(ids_.size());
  unfinished_ = choices_.size();
  for (std::size_t i = 0; i < choices_.size(); ++i) {
    ChoicePart& part = choices_[i].part;
    part.index = static_cast<int>(i);
    part.with_logprobs = request_.sampling.logprobs >= 0;
    part.with_token_ids = request_.return_token_ids;
  }
  for (const auto& prompt : prompts_) usage_.prompt_tokens += static_cast<std::int64_t>(prompt.size());
  observer_.OnSubmitted(request_, prepared.max_tokens);
  if (request_.stream) {
    streaming_ = true;
    sink_->BeginStream();
  }
  for (auto& [index, output] : std::exchange(early_, {})) OnOutput(index, std::move(output));
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
  choice.generated_tokens += static_cast<std::int64_t>(output.token_ids.size());
  const auto prompt_tokens =
      static_cast<std::int64_t>(prompts_[index / static_cast<std::size_t>(request_.n)].size());
  if (last) observer_.OnSequenceFinished(output, prompt_tokens, choice.generated_tokens);
  if (output.finish_reason == FinishReason::kError) {
    choice.finished = true;
    return Fail(FromStatus(output.status));
  }
  if (output.finish_reason == FinishReason::kCancelled) {
    choice.finished = true;
    return Fail(FromStatus(Unavailable("the server ended this request before its answer was complete")));
  }
  if (choice.first) usage_.cached_tokens += output.cached_prompt_tokens;
  if (!nothing_wanted_) usage_.completion_tokens += static_cast<std::int64_t>(output.token_ids.size());
  ChoicePart part = MakePart(index, output);
  choice.first = false;
  choice.finished = last;
  if (streaming_) {
    StreamPart(index, std::move(part));
  } else {
    Merge(std::move(part), choice.part);
  }
  if (last && --unfinished_ == 0) Finish();
}

void CompletionCall::AddEcho(std::size_t index, const RequestOutput& output, ChoicePart& part) const {
  const auto& prompt = prompts_[index / static_cast<std::size_t>(request_.n)];
  if (request_.return_token_ids) part.prompt_token_ids = prompt;
  if (!request_.echo) return;
  const PromptInput& given = request_.prompts[index / static_cast<std::size_t>(request_.n)];
  if (const auto* text = std::get_if<std::string>(&given)) {
    part.text = *text;
  } else {
    for (const std::int32_t id : prompt) part.text += backend_.TokenText(id);
  }
  if (part.with_logprobs) {
    part.echo_ids = prompt;
    part.echo_logprobs = output.prompt_logprobs;
  }
}

ChoicePart CompletionCall::MakePart(std::size_t index, RequestOutput& output) {
  Choice& choice = choices_[index];
  ChoicePart part;
  part.index = static_cast<int>(index);
  part.with_logprobs = choice.part.with_logprobs;
  part.with_token_ids = choice.part.with_token_ids;
  part.text_offset = choice.text_characters;
  part.with_role = choice.first && request_.kind == ApiKind::kChat;
  if (choice.first) AddEcho(index, output, part);
  if (!nothing_wanted_) {
    part.text += output.text;
    part.logprobs = std::move(output.logprobs);
    part.token_ids = std::move(output.token_ids);
    part.stop_reason = std::move(output.stop_reason);
    part.finish_reason = output.finish_reason;
  } else if (output.finish_reason != FinishReason::kNone) {
    part.finish_reason = FinishReason::kLength;
  }
  choice.text_characters += CountCharacters(part.text);
  return part;
}

void CompletionCall::StreamPart(std::size_t index, ChoicePart part) {
  const auto token_text = [this](std::int32_t token) { return backend_.TokenText(token); };
  if (part.with_role) {
    // The first delta of a chat choice has the role and an empty content; the text follows.
    ChoicePart role;
    role.index = static_cast<int>(index);
    role.with_role = true;
    sink_->StreamWrite(SseEvent(ChunkReply(frame_, role, request_.include_usage, token_text)));
    part.with_role = false;
  }
  const bool says_something = !part.text.empty() || part.finish_reason != FinishReason::kNone ||
                              (part.with_logprobs && !part.logprobs.empty()) || part.with_token_ids;
  if (!says_something) return;
  sink_->StreamWrite(SseEvent(ChunkReply(frame_, part, request_.include_usage, token_text)));
}

void CompletionCall::Merge(ChoicePart part, ChoicePart& whole) {
  const auto append = [](auto& from, auto& to) {
    to.insert(to.end(), std::make_move_iterator(from.begin()), std::make_move_iterator(from.end()));
  };
  whole.text += part.text;
  append(part.echo_ids, whole.echo_ids);
  append(part.echo_logprobs, whole.echo_logprobs);
  append(part.logprobs, whole.logprobs);
  append(part.prompt_token_ids, whole.prompt_token_ids);
  append(part.token_ids, whole.token_ids);
  whole.finish_reason = part.finish_reason;
  whole.stop_reason = std::move(part.stop_reason);
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
  observer_.OnEnded(*this);
}

}  // namespace vivace::server
