// Drives a server of the OpenAI API over HTTP and takes the times of what it streams. Plain data and free
// functions that block until all is done; one thread, all connections on one event loop.
#pragma once

#include <functional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "vivace/status.h"

namespace vivace::cli {

struct ServeTarget {
  std::string host = "127.0.0.1", port = "8000";
  std::string prefix;  // of every path: "/api", or empty
  std::vector<std::pair<std::string, std::string>> headers;
};

/// "http://host:port/prefix". kInvalidArgument names what is wrong; https is not built.
Result<ServeTarget> ParseBaseUrl(const std::string& url);

struct ServeRequest {
  std::string body;    // JSON
  double start_s = 0;  // not before this, from the start of the run
};

/// What one request was told, seconds from the start of the run.
struct ServeAnswer {
  bool ok = false;
  std::string error;  // when not ok
  int prompt_tokens = 0, output_tokens = 0;
  std::string text;
  double start_s = 0, end_s = 0;
  std::vector<double> piece_s;  // when each piece with text came
};

struct ServeRun {
  double seconds = 0;
  std::vector<ServeAnswer> answers;  // in the order of the requests
};

/// Posts them to `path`, at most `max_concurrency` (0: any number) at a time, and reads streams of
/// server-sent events (or whole answers). An answer that fails does not stop the others. `on_finish` is
/// called after each.
ServeRun RunServeRequests(const ServeTarget& target, const std::string& path,
                          const std::vector<ServeRequest>& requests, int max_concurrency,
                          const std::function<void()>& on_finish);

/// The body of a GET. kUnavailable says why there is none.
Result<std::string> FetchFromServer(const ServeTarget& target, const std::string& path);

}  // namespace vivace::cli
