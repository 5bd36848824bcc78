// Any bytes as the body of a completion or chat request: a request within its bounds, or an error that names
// what is wrong and can itself be sent.
#include "expect.h"
#include "server/openai_request.h"

namespace {

using vivace::fuzz::Expect;
namespace server = vivace::server;

void CheckError(const server::ApiError& error) {
  Expect(error.status >= 400 && error.status < 500, "a body that cannot be read is the client's mistake");
  Expect(!error.message.empty(), "an error says what is wrong");
  Expect(!server::ErrorBody(error).empty(), "an error can be sent");
}

void CheckRequest(const server::ApiRequest& request) {
  Expect(request.n >= 1 && request.n <= server::kMaxChoices, "n is within its bounds");
  Expect(request.sampling.temperature >= 0 && request.sampling.temperature <= 2,
         "temperature is within its bounds");
  Expect(request.sampling.top_p > 0 && request.sampling.top_p <= 1, "top_p is within its bounds");
  Expect(request.sampling.stop.size() <= server::kMaxStopStrings, "stop strings are within their bound");
  const bool has_messages = !request.chat.messages.empty();
  if (request.kind == server::ApiKind::kChat || has_messages) {
    Expect(!request.chat.messages.empty() && request.chat.messages.size() <= server::kMaxMessages,
           "there are messages");
  } else {
    Expect(!request.prompts.empty(), "there is a prompt");
    Expect(request.prompts.size() * static_cast<std::size_t>(request.n) <= server::kMaxSequences,
           "sequences are within their bound");
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view body(reinterpret_cast<const char*>(data), size);
  for (const auto kind : {server::ApiKind::kCompletion, server::ApiKind::kChat, server::ApiKind::kTokenize,
                          server::ApiKind::kDetokenize}) {
    server::ApiRequest request;
    if (const auto error = server::ParseApiRequest(kind, body, {}, request)) {
      CheckError(*error);
    } else {
      CheckRequest(request);
    }
  }
  return 0;
}
