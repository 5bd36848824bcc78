#include "server/text_call.h"

#include <utility>

#include "base/json_text.h"
#include "base/out_of_memory.h"
#include "server/background_work.h"
#include "server/logprobs_json.h"
#include "server/prompt_tokens.h"

namespace vivace::server {

void TextCall::Start() {
  auto reply = std::make_shared<HttpReply>();
  WorkInBackground(
      executor_,
      [self = shared_from_this(), reply] {
        if (!self->ended_) *reply = self->Work();
      },
      [self = shared_from_this(), reply](bool exhausted) { self->OnWorked(std::move(*reply), exhausted); });
}

HttpReply TextCall::Work() const {
  return request_.kind == ApiKind::kTokenize ? Tokenize() : Detokenize();
}

HttpReply TextCall::Tokenize() const {
  const bool is_chat = !request_.chat.messages.empty();
  auto ids = PromptTokens(backend_, request_, is_chat ? PromptInput() : request_.prompts.at(0));
  if (!ids.ok()) return ErrorReply(PromptError(request_, ids.status()));
  std::string out = R"({"count":)";
  base::AppendJsonInteger(static_cast<std::int64_t>(ids->size()), out);
  out += R"(,"max_model_len":)";
  base::AppendJsonInteger(backend_.model().max_model_len, out);
  out += R"(,"tokens":)";
  AppendTokenIds(*ids, out);
  out += R"(,"token_strs":)";
  if (request_.return_token_texts) {
    out += '[';
    for (std::size_t i = 0; i < ids->size(); ++i) {
      if (i > 0) out += ',';
      base::AppendJsonString(PrintableToken(backend_.TokenText((*ids)[i])), out);
    }
    out += "]}";
  } else {
    out += "null}";
  }
  return {.body = std::move(out)};
}

HttpReply TextCall::Detokenize() const {
  std::string out = R"({"prompt":)";
  base::AppendJsonString(backend_.Detokenize(std::get<1>(request_.prompts.at(0)), false), out);
  return {.body = out + "}"};
}

// Its place is given back here, also when the client has left: a place stands for work under way. First, for
// all that follows may run out of memory.
void TextCall::OnWorked(HttpReply reply, bool exhausted) {
  observer_.OnEnded(*this);
  if (ended_) return;
  ended_ = true;
  if (exhausted) reply = ErrorReply(FromStatus(base::OutOfMemory("the text was read")));
  std::exchange(sink_, nullptr)->Reply(std::move(reply));
}

void TextCall::Abandon() {
  ended_ = true;
  sink_ = nullptr;
}

void TextCall::Fail(const ApiError& error) {
  if (ended_) return;
  ended_ = true;
  std::exchange(sink_, nullptr)->Reply(ErrorReply(error));
}

}  // namespace vivace::server
