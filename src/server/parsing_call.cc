#include "server/parsing_call.h"

#include <utility>

#include "base/out_of_memory.h"
#include "server/background_work.h"

namespace vivace::server {

void ParsingCall::Start() {
  auto parsed = std::make_shared<Parsed>();
  WorkInBackground(
      executor_,
      [self = shared_from_this(), parsed] {
        if (!self->ended_) *parsed = self->parse_();
      },
      [self = shared_from_this(), parsed](bool exhausted) {
        self->parse_ = nullptr;  // the body is needed no more
        self->OnParsed(std::move(*parsed), exhausted);
      });
}

// Its place is given back here, also when the client has left: a place stands for work under way. First, for
// all that follows may run out of memory.
void ParsingCall::OnParsed(Parsed parsed, bool exhausted) {
  observer_.OnEnded(*this);
  if (ended_) return;
  ended_ = true;
  if (exhausted) parsed.error = FromStatus(base::OutOfMemory("the request was parsed"));
  ReplySink& sink = *std::exchange(sink_, nullptr);
  if (parsed.error) return sink.Reply(ErrorReply(*parsed.error));
  next_ = follow_(std::move(parsed.request), sink);
}

void ParsingCall::Abandon() {
  ended_ = true;
  sink_ = nullptr;
  if (next_ != nullptr) next_->Abandon();
}

void ParsingCall::Fail(const ApiError& error) {
  if (ended_) return;  // the call that follows is told by the service
  ended_ = true;
  std::exchange(sink_, nullptr)->Reply(ErrorReply(error));
}

}  // namespace vivace::server
