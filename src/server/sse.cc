#include "server/sse.h"

namespace vivace::server {

std::string SseEvent(std::string_view json) {
  std::string out = "data: ";
  out += json;
  out += "\n\n";
  return out;
}

std::string SseErrorEvent(const ApiError& error) {
  // The name "error" for readers that look at events, the object for readers that look at data.
  return "event: error\n" + SseEvent(ErrorBody(error));
}

}  // namespace vivace::server
