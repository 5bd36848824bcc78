// The benchmarks that measure an engine in this process, on a tiny model.
#include <gtest/gtest.h>
#include <unistd.h>

#include <cstdio>
#include <fstream>
#include <iterator>
#include <sstream>

#include "cli/bench.h"
#include "cli/bench_dataset.h"
#include "cli/engine_child.h"
#include "runtime/tiny_model.h"

namespace vivace::cli {
namespace {

class BenchTest : public testing::Test {
 protected:
  void SetUp() override { ASSERT_TRUE(runtime::TinyModel(runtime::TinyModelSpec{}).Write(model_)); }
  ~BenchTest() override {
    for (const std::string& path : {model_, json_, dataset_}) std::remove(path.c_str());
  }

  /// What the benchmark prints; the error's text when it ends with one.
  std::string Run(std::vector<std::string> arguments) {
    arguments.insert(arguments.begin(), "bench");
    for (const char* more : {"--model", model_.c_str(), "--threads", "1", "--log-level", "off"})
      arguments.emplace_back(more);
    const auto invocation = ParseCommandLine(arguments);
    if (!invocation.ok()) return invocation.status().message();
    testing::internal::CaptureStdout();
    const Status status = RunBench(*invocation);
    const std::string printed = testing::internal::GetCapturedStdout();
    return status.ok() ? printed : status.message();
  }
  std::string Json() const {
    std::ifstream file(json_);
    return {std::istreambuf_iterator<char>(file), {}};
  }
  void WriteDataset(std::string_view text) { std::ofstream(dataset_) << text; }

  const std::string base_ = testing::TempDir() + "bench_test_" + std::to_string(::getpid());
  const std::string model_ = base_ + ".gguf", json_ = base_ + ".json", dataset_ = base_ + "_chats.json";
};

bool Has(const std::string& text, std::string_view part) {
  return text.find(part) != std::string::npos;
}

TEST_F(BenchTest, LatencyRunsTheBatchAsOftenAsAskedAndWritesTheResults) {
  const std::string printed = Run({"latency", "--input-len", "5", "--output-len", "3", "--batch-size", "2",
                                   "--num-iters", "4", "--num-iters-warmup", "1", "--output-json", json_});
  EXPECT_TRUE(Has(printed, "Warming up...\nAvg latency: ")) << printed;
  EXPECT_TRUE(Has(printed, "99% percentile latency: ")) << printed;
  const std::string json = Json();
  EXPECT_TRUE(Has(json, R"({"avg_latency":)")) << json;
  const std::size_t list = json.find("[");
  EXPECT_EQ(std::count(json.begin() + static_cast<std::ptrdiff_t>(list), json.end(), ',') - 6, 3)
      << "four latencies: " << json;
}

TEST_F(BenchTest, LatencySaysWhatDoesNotFit) {
  EXPECT_EQ(Run({"latency", "--input-len", "200", "--output-len", "57"}),
            "--input-len 200 and --output-len 57 are 257 tokens: please ensure that max_model_len (256) is "
            "not less");
  EXPECT_EQ(Run({"latency", "--output-json", base_ + "/none/x"}),
            "cannot write --output-json '" + base_ + "/none/x': No such file or directory");
  EXPECT_EQ(Run({"latency", "--num-iters", "0"}),
            "--num-iters is '0': it must be a whole number from 1 to 16777216 (runs)");
}

TEST_F(BenchTest, ThroughputCountsPromptsOnceAndEveryAnswer) {
  const std::string printed =
      Run({"throughput", "--input-len", "6", "--output-len", "4", "--num-prompts", "5", "--n", "2",
           "--max-num-queued-reqs", "1", "--max-num-seqs", "2", "--output-json", json_});
  EXPECT_TRUE(Has(printed, "default to random dataset\nThroughput: ")) << printed;
  EXPECT_TRUE(Has(printed, "Total num prompt tokens:  30\nTotal num output tokens:  40\n")) << printed;
  EXPECT_TRUE(Has(Json(), R"("num_requests":5,"total_num_tokens":70,)")) << Json();
}

TEST_F(BenchTest, ThroughputTakesConversationsAndLeavesShortOnesOut) {
  WriteDataset(R"([{"conversations": [{"from": "human", "value": "one two three"},
                                      {"from": "gpt", "value": "four five"}]},
                   {"conversations": [{"value": "alone"}]},
                   {"conversations": [{"value": "ab"}, {"value": "too short a question"}]}])");
  const std::vector<std::string> arguments = {"throughput", "--dataset-path", dataset_, "--num-prompts", "3"};
  const std::string printed = Run(arguments);
  // Three times the one that fits.
  EXPECT_TRUE(Has(printed, "Total num prompt tokens:  36\nTotal num output tokens:  27\n")) << printed;
  auto once = arguments;
  once.emplace_back("--no-oversample");
  EXPECT_TRUE(Has(Run(once), "Total num output tokens:  9\n"));
}

TEST_F(BenchTest, ThroughputSaysWhatIsWrongWithItsDataset) {
  EXPECT_EQ(Run({"throughput"}), "input_len must be provided for a random dataset: give --input-len N");
  EXPECT_EQ(Run({"throughput", "--dataset-path", base_ + "x"}),
            "cannot open --dataset-path '" + base_ + "x'");
  WriteDataset("{");
  EXPECT_TRUE(Has(Run({"throughput", "--dataset-path", dataset_}), "' is no JSON: "));
  WriteDataset("{}");
  EXPECT_TRUE(Has(Run({"throughput", "--dataset-path", dataset_}), "must be a JSON list of conversations"));
  WriteDataset("[1, {\"conversations\": 2}]");
  EXPECT_TRUE(Has(Run({"throughput", "--dataset-path", dataset_}), "has no conversation of two turns"));
}

TEST_F(BenchTest, AChildAnswersQuestionsAboutItsSpeed) {
  Options options;
  for (const auto& [name, value] :
       {std::pair<const char*, std::string>{"model", model_}, {"threads", "1"}, {"log-level", "off"}})
    ASSERT_TRUE(options.Set(name, value).ok());
  const auto engine = Engine::Create(options);
  ASSERT_TRUE(engine.ok()) << engine.status().message();
  std::istringstream questions("prefill 16\ndecode 1 8\ndecode 16 3\nmemory\ndecode 1 1000\n");
  std::ostringstream answers;
  const Status status = AnswerQuestions(**engine, questions, answers);
  EXPECT_EQ(status.message(), "cannot answer 'decode 1 1000' with 256 tokens a request");
  std::istringstream numbers(answers.str());
  double prefill = 0, one = 0, many = 0, memory = 0;
  numbers >> prefill >> one >> many >> memory;
  EXPECT_GT(prefill, 10);
  EXPECT_GT(one, 10);
  EXPECT_GT(many, one) << "sixteen that run together make more tokens than one";
  EXPECT_GT(memory, 1 << 20);
  const auto ready = ParseReadyLine(ReadyLine(**engine));
  EXPECT_EQ(ready.at("level"), (*engine)->model().level);
  EXPECT_GT(ready.at("load"), 0);
}

TEST(BenchDataset, RandomRequestsAreTheSameForTheSameSeedAndShareTheirPrefix) {
  ModelInfo model;
  model.vocabulary = 50;
  RandomDataset dataset{.requests = 200, .input_tokens = 10, .output_tokens = 8, .range_ratio = 0.5};
  dataset.prefix_tokens = 3;
  const auto requests = MakeRandomRequests(dataset, model);
  ASSERT_EQ(requests.size(), 200u);
  std::size_t shortest = 100, longest = 0;
  for (const BenchRequest& request : requests) {
    shortest = std::min(shortest, request.prompt.size());
    longest = std::max(longest, request.prompt.size());
    EXPECT_TRUE(std::equal(request.prompt.begin(), request.prompt.begin() + 3, requests[0].prompt.begin()));
    EXPECT_TRUE(request.output_tokens >= 4 && request.output_tokens <= 12);
    for (const std::int32_t token : request.prompt) EXPECT_TRUE(token >= 0 && token < 50);
  }
  EXPECT_EQ(shortest, 8u);
  EXPECT_EQ(longest, 18u);
  EXPECT_EQ(MakeRandomRequests(dataset, model)[7].prompt, requests[7].prompt);
  dataset.seed = 1;
  EXPECT_NE(MakeRandomRequests(dataset, model)[7].prompt, requests[7].prompt);
}

}  // namespace
}  // namespace vivace::cli
