#include "server/http_parser.h"

#include <gtest/gtest.h>

namespace vivace::server {
namespace {

using Progress = HttpParser::Progress;

Progress Feed(HttpParser& parser, std::string_view bytes) {
  parser.Append(bytes);
  return parser.Advance();
}

int RefusalOf(std::string_view bytes, HttpLimits limits = {}) {
  HttpParser parser(limits);
  return Feed(parser, bytes) == Progress::kError ? parser.error().status : 0;
}

TEST(HttpParser, ARequestMayArriveByteByByte) {
  const std::string text =
      "POST /v1/completions?x=1 HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\nContent-Length: "
      "4\r\n\r\nabcd";
  HttpParser parser({});
  for (std::size_t i = 0; i + 1 < text.size(); ++i) {
    ASSERT_EQ(Feed(parser, text.substr(i, 1)), Progress::kNeedMore) << i;
  }
  ASSERT_EQ(Feed(parser, text.substr(text.size() - 1)), Progress::kComplete);
  const HttpRequest request = parser.Take();
  EXPECT_EQ(request.method, "POST");
  EXPECT_EQ(request.target, "/v1/completions?x=1");
  EXPECT_EQ(request.content_type, "application/json");
  EXPECT_EQ(request.body, "abcd");
  EXPECT_TRUE(request.keep_alive);
  EXPECT_TRUE(parser.idle());
}

TEST(HttpParser, PipelinedRequestsComeOneAfterAnother) {
  HttpParser parser({});
  ASSERT_EQ(Feed(parser, "GET /a HTTP/1.1\r\nHost: a\r\n\r\nGET /b HTTP/1.0\r\n\r\n"), Progress::kComplete);
  EXPECT_EQ(parser.Take().target, "/a");
  ASSERT_EQ(parser.Advance(), Progress::kComplete);
  const HttpRequest second = parser.Take();
  EXPECT_EQ(second.target, "/b");
  EXPECT_FALSE(second.keep_alive);
  EXPECT_FALSE(second.chunked_allowed);
  EXPECT_EQ(parser.Advance(), Progress::kNeedMore);
}

TEST(HttpParser, ChunkedBodiesAreJoined) {
  HttpParser parser({});
  ASSERT_EQ(
      Feed(
          parser,
          "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n"),
      Progress::kComplete);
  EXPECT_EQ(parser.Take().body, "abcde");
}

TEST(HttpParser, ChunkedBodiesMayComeByteByByte) {
  for (const std::string_view chunks : {"", "1\r\n0\r\n", "2;a=b\r\n00\r\n"}) {
    const std::string text = "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n" +
                             std::string(chunks) + "0\r\n\r\n";
    HttpParser parser({});
    for (std::size_t i = 0; i + 1 < text.size(); ++i)
      ASSERT_EQ(Feed(parser, text.substr(i, 1)), Progress::kNeedMore) << i;
    ASSERT_EQ(Feed(parser, "\n"), Progress::kComplete);
    EXPECT_EQ(parser.Take().body, chunks.empty() ? "" : chunks.starts_with("1") ? "0" : "00");
  }
}

TEST(HttpParser, ATrailerIsNoHeader) {
  const std::string header = "POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n";
  const std::string body =
      "\r\n1\r\na\r\n0\r\nAuthorization: b\r\nHost: b\r\nContent-Type: b\r\nConnection: close\r\n\r\n";
  EXPECT_EQ(RefusalOf(header + body), 400);  // it has no Host
  HttpParser parser({});
  ASSERT_EQ(Feed(parser, header + "Host: a\r\n" + body), Progress::kComplete);
  const HttpRequest request = parser.Take();
  EXPECT_EQ(request.body, "a");
  EXPECT_EQ(request.authorization + request.content_type, "");
  EXPECT_TRUE(request.keep_alive);
}

TEST(HttpParser, AsksForTheBodyOnceWhenTheClientWaits) {
  HttpParser parser({});
  EXPECT_EQ(Feed(parser, "POST / HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 2\r\n\r\n"),
            Progress::kContinue);
  EXPECT_EQ(Feed(parser, "a"), Progress::kNeedMore);
  EXPECT_EQ(Feed(parser, "b"), Progress::kComplete);
}

TEST(HttpParser, EveryLimitHasItsStatus) {
  EXPECT_EQ(RefusalOf("GET /" + std::string(9000, 'a')), 414);
  EXPECT_EQ(RefusalOf("GET / HTTP/1.1\r\nHost: a\r\nX: " + std::string(70000, 'a') + "\r\n\r\n"), 431);
  std::string many = "GET / HTTP/1.1\r\nHost: a\r\n";
  for (int i = 0; i < 101; ++i) many += "X" + std::to_string(i) + ": 1\r\n";
  EXPECT_EQ(RefusalOf(many + "\r\n"), 431);
  EXPECT_EQ(RefusalOf("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 17000000\r\n\r\n"), 413);
  EXPECT_EQ(RefusalOf("POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n9\r\n123456789\r\n",
                      {.body_bytes = 8}),
            413);
}

TEST(HttpParser, ALongHeaderIsNoRequestLineHoweverItArrives) {
  const std::string request = "GET / HTTP/1.1\r\nHost: a\r\nX: " + std::string(60000, 'a') + "\r\n\r\n";
  for (const std::size_t piece : {std::size_t{1000}, std::size_t{9000}, std::size_t{60000}}) {
    HttpParser parser({});
    Progress progress = Progress::kNeedMore;
    for (std::size_t at = 0; at < request.size() && progress == Progress::kNeedMore; at += piece) {
      progress = Feed(parser, request.substr(at, piece));
    }
    EXPECT_EQ(progress, Progress::kComplete) << piece;
  }
}

TEST(HttpParser, LinesThatDoNotEndAreRefusedBeforeTheyAreKept) {
  const std::string chunked = "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n";
  for (const auto& [begin, status] : {std::pair<std::string, int>{chunked + "5;", 400},
                                      {chunked + "0\r\nX: ", 400},
                                      {"GET / HTTP/1.1\r\nHost: a\r\nX: ", 431}}) {
    HttpParser parser({});
    Progress progress = Feed(parser, begin);
    int pieces = 0;
    while (progress == Progress::kNeedMore && pieces < 20) {
      ++pieces;
      progress = Feed(parser, std::string(8192, 'x'));
    }
    EXPECT_EQ(progress, Progress::kError) << begin;
    EXPECT_LE(pieces, 9) << begin;
    EXPECT_EQ(parser.error().status, status) << begin;
  }
}

TEST(HttpParser, ARequestHasOneHost) {
  EXPECT_EQ(RefusalOf("GET / HTTP/1.1\r\nX: a\r\n\r\n"), 400);
  EXPECT_EQ(RefusalOf("GET / HTTP/1.1\r\nHost: a\r\nHost: a\r\n\r\n"), 400);
  EXPECT_EQ(RefusalOf("GET / HTTP/1.0\r\nHost: a\r\nHost: b\r\n\r\n"), 400);
  HttpParser parser({});
  EXPECT_EQ(Feed(parser, "GET / HTTP/1.0\r\n\r\n"), Progress::kComplete);
}

TEST(HttpParser, WhatIsNotHttpIsRefused) {
  EXPECT_EQ(RefusalOf("\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03 hello\r\n\r\n"), 400);
  EXPECT_EQ(RefusalOf("GET / HTTP/3.0\r\n\r\n"), 400);
  EXPECT_EQ(RefusalOf("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: -1\r\n\r\n"), 400);
  EXPECT_EQ(RefusalOf("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\n"), 400);
  EXPECT_EQ(
      RefusalOf("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n"),
      400);
  EXPECT_EQ(RefusalOf("POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n-2\r\n"), 400);
  EXPECT_EQ(
      RefusalOf("POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\nFFFFFFFFFFFFFFFFF\r\n"),
      400);
}

}  // namespace
}  // namespace vivace::server
