// `bench serve` against a small server of canned answers, and its figures.
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <cstdio>
#include <fstream>
#include <iterator>
#include <mutex>
#include <thread>

#include "cli/bench.h"
#include "cli/bench_startup_text.h"
#include "cli/serve_event.h"
#include "cli/serve_metrics.h"

namespace vivace::cli {
namespace {

/// Answers GET with a list of models and every POST with the same reply; one connection after the other.
class CannedServer {
 public:
  explicit CannedServer(std::string reply) : reply_(std::move(reply)) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    ::bind(listener_, reinterpret_cast<sockaddr*>(&address), sizeof address);
    ::listen(listener_, 64);
    socklen_t size = sizeof address;
    ::getsockname(listener_, reinterpret_cast<sockaddr*>(&address), &size);
    port_ = ntohs(address.sin_port);
    thread_ = std::thread([this] { Serve(); });
  }
  ~CannedServer() {
    ::shutdown(listener_, SHUT_RDWR);
    thread_.join();
    ::close(listener_);
  }
  std::string port() const { return std::to_string(port_); }
  std::vector<std::string> requests() {
    const std::lock_guard lock(mutex_);
    return requests_;
  }

 private:
  void Serve() {
    for (int peer; (peer = ::accept(listener_, nullptr, nullptr)) >= 0; ::close(peer)) {
      std::string text;
      std::array<char, 4096> buffer;
      while (!IsWhole(text)) {
        const ssize_t bytes = ::recv(peer, buffer.data(), buffer.size(), 0);
        if (bytes <= 0) break;
        text.append(buffer.data(), static_cast<std::size_t>(bytes));
      }
      const std::string models = R"({"object":"list","data":[{"id":"canned"}]})";
      const std::string reply =
          text.starts_with("GET")
              ? "HTTP/1.1 200 OK\r\nContent-Length: " + std::to_string(models.size()) + "\r\n\r\n" + models
              : reply_;
      ::send(peer, reply.data(), reply.size(), MSG_NOSIGNAL);
      const std::lock_guard lock(mutex_);
      requests_.push_back(std::move(text));
    }
  }
  static bool IsWhole(const std::string& text) {
    const std::size_t end = text.find("\r\n\r\n");
    if (end == std::string::npos) return false;
    const std::size_t length = text.find("Content-Length: ");
    return length == std::string::npos || text.size() - end - 4 >= std::stoul(text.substr(length + 16));
  }

  const std::string reply_;
  const int listener_ = ::socket(AF_INET, SOCK_STREAM, 0);
  int port_ = 0;
  std::mutex mutex_;
  std::vector<std::string> requests_;  // guarded by mutex_
  std::thread thread_;
};

std::string Chunked(const std::vector<std::string>& pieces) {
  std::string out =
      "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n";
  for (const std::string& piece : pieces) {
    char size[16];
    std::snprintf(size, sizeof size, "%zx\r\n", piece.size());
    out += size + piece + "\r\n";
  }
  return out + "0\r\n\r\n";
}

// The second event is cut in two chunks.
const std::vector<std::string> kStream = {
    "data: {\"choices\":[{\"text\":\"a\"}]}\n\n", "data: {\"choices\":[{\"te",
    "xt\":\"b\"}]}\n\ndata: {\"choices\":[],",
    "\"usage\":{\"prompt_tokens\":7,\"completion_tokens\":5}}\n\ndata: [DONE]\n\n"};

std::string RunServe(std::vector<std::string> arguments) {
  arguments.insert(arguments.begin(), {"bench", "serve"});
  const auto invocation = ParseCommandLine(arguments);
  if (!invocation.ok()) return invocation.status().message();
  testing::internal::CaptureStdout();
  const Status status = RunBench(*invocation);
  const std::string printed = testing::internal::GetCapturedStdout();
  return status.ok() ? printed : status.message();
}

bool Has(const std::string& text, std::string_view part) {
  return text.find(part) != std::string::npos;
}

TEST(BenchServe, DrivesAServerAndSavesWhatItSaw) {
  CannedServer server(Chunked(kStream));
  const std::string path = testing::TempDir() + "bench_serve_" + std::to_string(::getpid()) + ".json";
  const std::string printed = RunServe({"--port",
                                        server.port(),
                                        "--num-prompts",
                                        "3",
                                        "--random-input-len",
                                        "4",
                                        "--random-output-len",
                                        "5",
                                        "--max-concurrency",
                                        "2",
                                        "--ignore-eos",
                                        "--top-p",
                                        "0.5",
                                        "--extra-body",
                                        R"({"user":"x"})",
                                        "--goodput",
                                        "e2el:60000",
                                        "--header",
                                        "X-Key=secret",
                                        "--result-filename",
                                        path,
                                        "--save-detailed"});
  EXPECT_TRUE(Has(printed, "============ Serving Benchmark Result ============\n")) << printed;
  EXPECT_TRUE(Has(printed, "Successful requests:                     3         \n")) << printed;
  EXPECT_TRUE(Has(printed, "Total input tokens:                      21        \n")) << printed;
  EXPECT_TRUE(Has(printed, "Total generated tokens:                  15        \n")) << printed;
  EXPECT_TRUE(Has(printed, "Request goodput (req/s):")) << printed;
  std::ifstream file(path);
  const std::string json(std::istreambuf_iterator<char>(file), {});
  std::remove(path.c_str());
  EXPECT_TRUE(Has(json, R"("model_id":"canned","num_prompts":3,"request_rate":"inf")")) << json;
  EXPECT_TRUE(Has(json, R"("completed":3,"failed":0,"total_input_tokens":21)")) << json;
  EXPECT_TRUE(Has(json, R"("p99_ttft_ms":)")) << json;
  EXPECT_TRUE(Has(json, R"("generated_texts":["ab","ab","ab"])")) << json;
  const auto requests = server.requests();
  ASSERT_EQ(requests.size(), 4u) << "one of them for the model's name";
  EXPECT_TRUE(Has(requests[1], "POST /v1/completions HTTP/1.1\r\n")) << requests[1];
  EXPECT_TRUE(Has(requests[1], "X-Key: secret\r\n")) << requests[1];
  for (const char* part : {R"("model":"canned")", R"("max_tokens":5)", R"("ignore_eos":true)",
                           R"("stream":true)", R"("temperature":0)", R"("top_p":)", R"("user":"x")"})
    EXPECT_TRUE(Has(requests[1], part)) << part << " in " << requests[1];
}

TEST(BenchServe, ChatsAndWholeAnswersHaveTheirOwnForm) {
  const std::string body =
      R"({"choices":[{"message":{"content":"hi"}}],"usage":{"prompt_tokens":2,"completion_tokens":3}})";
  CannedServer server("HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: " +
                      std::to_string(body.size()) + "\r\n\r\n" + body);
  const std::string printed =
      RunServe({"--base-url", "http://127.0.0.1:" + server.port(), "--backend", "openai-chat", "--no-stream",
                "--model", "m", "--num-prompts", "1", "--random-input-len", "4", "--percentile-metrics",
                "e2el", "--metric-percentiles", "50,99.9"});
  EXPECT_TRUE(Has(printed, "Total generated tokens:                  3 ")) << printed;
  EXPECT_TRUE(Has(printed, "----------------End-to-end Latency----------------\n")) << printed;
  EXPECT_TRUE(Has(printed, "P99.9 E2EL (ms):")) << printed;
  EXPECT_FALSE(Has(printed, "TTFT")) << printed;
  const std::string request = server.requests().at(0);
  EXPECT_TRUE(Has(request, "POST /v1/chat/completions ")) << request;
  EXPECT_TRUE(Has(request, R"("messages":[{"role":"user","content":")")) << request;
}

TEST(BenchServe, RequestsThatFailAreCountedAndNamed) {
  const std::string body = R"({"error":{"message":"no such model"}})";
  CannedServer server("HTTP/1.1 404 Not Found\r\nContent-Length: " + std::to_string(body.size()) +
                      "\r\n\r\n" + body);
  EXPECT_EQ(RunServe({"--port", server.port(), "--model", "m", "--num-prompts", "2"}),
            "no request succeeded; the first one: status 404: no such model");
  CannedServer cut("HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{");
  EXPECT_TRUE(
      Has(RunServe({"--port", cut.port(), "--model", "m", "--num-prompts", "1"}), "the answer was cut off"));
}

TEST(BenchServe, SaysWhatIsWrongWithItsOptions) {
  EXPECT_EQ(RunServe({"--base-url", "https://x"}),
            "--base-url is 'https://x': https is not built; use http, or a proxy in front");
  EXPECT_EQ(RunServe({"--base-url", "x:1"}), "--base-url is 'x:1': it must be like http://127.0.0.1:8000");
  EXPECT_EQ(RunServe({"--request-rate", "0"}),
            "--request-rate is '0': it must be requests per second, or inf for all at once");
  EXPECT_EQ(RunServe({"--goodput", "ttft"}),
            "--goodput is 'ttft': it must be ttft, tpot or e2el with milliseconds, as in ttft:200");
  EXPECT_EQ(RunServe({"--percentile-metrics", "ttft,x"}),
            "--percentile-metrics is 'x': it must be some of ttft, tpot, itl, e2el with commas between");
  EXPECT_EQ(RunServe({"--model", "m", "--num-prompts", "1", "--extra-body", "[1]"}),
            "--extra-body is '[1]': it must be a JSON object");
  EXPECT_EQ(RunServe({"--dataset-name", "sharegpt", "--model", "m"}), "cannot open --dataset-path ''");
}

TEST(BaseUrl, HasHostPortAndPrefix) {
  const auto plain = ParseBaseUrl("http://localhost");
  EXPECT_EQ(plain->host + "|" + plain->port + "|" + plain->prefix, "localhost|80|");
  const auto full = ParseBaseUrl("http://[::1]:81/api/");
  EXPECT_EQ(full->host + "|" + full->port + "|" + full->prefix, "::1|81|/api");
}

ServeAnswer Answered(double start_s, std::vector<double> piece_s, int output_tokens) {
  ServeAnswer answer;
  answer.ok = true;
  answer.prompt_tokens = 10;
  answer.output_tokens = output_tokens;
  answer.start_s = start_s;
  answer.end_s = piece_s.back();
  answer.piece_s = std::move(piece_s);
  return answer;
}

TEST(ServeMetrics, AreThoseThatVllmPrints) {
  ServeRun run;
  run.seconds = 4;
  run.answers = {Answered(0, {1, 1.5, 2}, 3), Answered(1, {3, 3.5}, 2), ServeAnswer{}};
  ServeReportOptions options;
  options.max_concurrency = 2;
  options.request_rate = 2.5;
  const ServeMetrics metrics = Summarise(run, {{"ttft", 1500}});
  EXPECT_EQ(ServeText(metrics, options),
            "============ Serving Benchmark Result ============\n"
            "Successful requests:                     2         \n"
            "Failed requests:                         1         \n"
            "Maximum request concurrency:             2         \n"
            "Request rate configured (RPS):           2.50      \n"
            "Benchmark duration (s):                  4.00      \n"
            "Total input tokens:                      20        \n"
            "Total generated tokens:                  5         \n"
            "Request throughput (req/s):              0.50      \n"
            "Request goodput (req/s):                 0.25      \n"
            "Output token throughput (tok/s):         1.25      \n"
            "Peak output token throughput (tok/s):    2.00      \n"
            "Peak concurrent requests:                2.00      \n"
            "Total token throughput (tok/s):          6.25      \n"
            "---------------Time to First Token----------------\n"
            "Mean TTFT (ms):                          1500.00   \n"
            "Median TTFT (ms):                        1500.00   \n"
            "P99 TTFT (ms):                           1990.00   \n"
            "-----Time per Output Token (excl. 1st token)------\n"
            "Mean TPOT (ms):                          500.00    \n"
            "Median TPOT (ms):                        500.00    \n"
            "P99 TPOT (ms):                           500.00    \n"
            "---------------Inter-token Latency----------------\n"
            "Mean ITL (ms):                           500.00    \n"
            "Median ITL (ms):                         500.00    \n"
            "P99 ITL (ms):                            500.00    \n"
            "==================================================\n");
}

TEST(BenchStartup, PrintsTheBlockAndKeysThatScriptsLookFor) {
  StartupResults results;
  results.cold = {{0.5, 1.5}, {0.25, 0.25}, {0.1, 0.1}, {0, 0}};
  results.warm = {{0.05}, {0.004}, {0}, {0}};
  const std::string text = StartupText(results);
  for (const char* part :
       {"STARTUP TIME BENCHMARK RESULTS\n",
        "\nCOLD STARTUP:\nAvg total startup time: 1.00 seconds\nAvg compilation time:   0.25 seconds\n",
        "\nWARM STARTUP:\nAvg total startup time: 0.05 seconds\n",
        "Startup time percentiles:\n  10%: 0.60 seconds\n"})
    EXPECT_TRUE(Has(text, part)) << part << " in " << text;
  const std::string json = StartupJson(results);
  for (const char* part : {R"("avg_cold_startup_time":1,"avg_cold_compilation_time":0.25)",
                           R"("cold_startup_times":[0.5, 1.5])", R"("avg_warm_startup_time":0.05)",
                           R"("warm_compilation_times":[0.004])", R"("cold_startup_percentiles":{"10":0.6)"})
    EXPECT_TRUE(Has(json, part)) << part << " in " << json;
}

}  // namespace
}  // namespace vivace::cli
