#include "server/router.h"

#include <gtest/gtest.h>

#include "server/sse.h"

namespace vivace::server {
namespace {

TEST(Router, EveryEndpointIsFound) {
  EXPECT_EQ(FindRoute("POST", "/v1/completions").endpoint, Endpoint::kCompletions);
  EXPECT_EQ(FindRoute("POST", "/v1/chat/completions?a=b").endpoint, Endpoint::kChatCompletions);
  EXPECT_EQ(FindRoute("GET", "/v1/models").endpoint, Endpoint::kModels);
  const Route model = FindRoute("GET", "/v1/models/a/b");
  EXPECT_EQ(model.endpoint, Endpoint::kModel);
  EXPECT_EQ(model.argument, "a/b");
  for (const char* path : {"/health", "/ping", "/version", "/metrics"}) {
    EXPECT_TRUE(FindRoute("GET", path).endpoint.has_value()) << path;
  }
  EXPECT_EQ(FindRoute("POST", "/ping").endpoint, Endpoint::kPing);
}

TEST(Router, UnknownPathsAndMethodsSaySo) {
  EXPECT_EQ(FindRoute("GET", "/").error.status, 404);
  EXPECT_EQ(FindRoute("POST", "/v1/chat/completions/").error.status, 404);
  EXPECT_EQ(FindRoute("GET", "//v1/../v1/models").error.status, 404);
  const Route wrong = FindRoute("GET", "/v1/completions");
  EXPECT_EQ(wrong.error.status, 405);
  EXPECT_EQ(wrong.error.headers, (std::vector<std::pair<std::string, std::string>>{{"Allow", "POST"}}));
  EXPECT_EQ(FindRoute("DELETE", "/ping").error.headers[0].second, "GET, POST");
}

TEST(ApiError, TheBodyHasAllFourKeys) {
  EXPECT_EQ(ErrorBody(FieldError("top_p", "top_p is \"9\"")),
            R"({"error":{"message":"top_p is \"9\"","type":"invalid_request_error","param":"top_p",)"
            R"("code":"invalid_value"}})");
  EXPECT_EQ(ErrorBody({.message = "m"}),
            R"({"error":{"message":"m","type":"invalid_request_error","param":null,"code":null}})");
}

TEST(ApiError, EngineStatusBecomesHttpStatus) {
  EXPECT_EQ(FromStatus(InvalidArgument("x")).status, 400);
  EXPECT_EQ(FromStatus(ResourceExhausted("x")).status, 429);
  EXPECT_EQ(FromStatus(Unavailable("x")).status, 503);
  EXPECT_EQ(FromStatus(Internal("x")).status, 500);
  EXPECT_EQ(ErrorReply(FromStatus(ResourceExhausted("x"))).headers[0].first, "Retry-After");
  EXPECT_EQ(ErrorReply(FromStatus(Internal("x"))).headers[0].second, "false");
}

TEST(Sse, EventsAreFramed) {
  EXPECT_EQ(SseEvent("{}"), "data: {}\n\n");
  EXPECT_TRUE(SseErrorEvent({.message = "m"}).starts_with("event: error\ndata: {\"error\":{"));
}

}  // namespace
}  // namespace vivace::server
