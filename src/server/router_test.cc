#include "server/router.h"

#include <gtest/gtest.h>

#include "server/api_key.h"
#include "server/sse.h"

namespace vivace::server {
namespace {

std::optional<Endpoint> EndpointOf(std::string_view method, std::string_view target) {
  const Route route = FindRoute(method, target);
  return route.row == nullptr ? std::nullopt : std::optional(route.row->endpoint);
}

TEST(Router, EveryEndpointIsFound) {
  EXPECT_EQ(EndpointOf("POST", "/v1/completions"), Endpoint::kCompletions);
  EXPECT_EQ(EndpointOf("POST", "/v1/chat/completions?a=b"), Endpoint::kChatCompletions);
  EXPECT_EQ(EndpointOf("GET", "/v1/models"), Endpoint::kModels);
  const Route model = FindRoute("GET", "/v1/models/a/b");
  EXPECT_EQ(model.row->endpoint, Endpoint::kModel);
  EXPECT_EQ(model.argument, "a/b");
  for (const char* path : {"/health", "/ping", "/version", "/load", "/metrics"}) {
    EXPECT_TRUE(FindRoute("GET", path).row != nullptr) << path;
  }
  EXPECT_EQ(EndpointOf("POST", "/ping"), Endpoint::kPing);
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

TEST(Router, AProxysPrefixIsTakenAway) {
  EXPECT_NE(FindRoute("GET", "/api/v1/models", "/api").row, nullptr);
  EXPECT_NE(FindRoute("GET", "/v1/models", "/api").row, nullptr);  // the proxy took it away itself
  EXPECT_EQ(FindRoute("GET", "/apiv1/models", "/api").row, nullptr);
  EXPECT_EQ(FindRoute("GET", "/api/v1/models").row, nullptr);
}

TEST(ApiKeys, OneOfSeveralKeysLetsIn) {
  const ApiKeys keys({"alpha", "beta"});
  EXPECT_TRUE(keys.Allow("Bearer alpha"));
  EXPECT_TRUE(keys.Allow("bearer beta"));
  for (const char* wrong : {"", "Bearer", "Bearer ", "Bearer alph", "Bearer alphaa", "Bearer ALPHA", "alpha",
                            "Basic alpha", "Bearer  alpha", "Bearer \xff"}) {
    EXPECT_FALSE(keys.Allow(wrong)) << wrong;
  }
  EXPECT_TRUE(ApiKeys({}).Allow(""));
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
