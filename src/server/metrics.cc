#include "server/metrics.h"

#include <prometheus/counter.h>
#include <prometheus/gauge.h>
#include <prometheus/histogram.h>
#include <prometheus/registry.h>
#include <prometheus/text_serializer.h>
#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <ctime>
#include <utility>

namespace vivace::server {
namespace {

using Buckets = prometheus::Histogram::BucketBoundaries;

const Buckets& TokenBuckets() {
  static const Buckets buckets = {1, 2, 5, 10, 20, 50, 100, 200, 500, 1000, 2000};
  return buckets;
}

const Buckets& FirstTokenBuckets() {
  static const Buckets buckets = {0.001, 0.005, 0.01, 0.02, 0.04, 0.06, 0.08, 0.1, 0.25, 0.5, 0.75,
                                  1,     2.5,   5,    7.5,  10,   20,   40,   80,  160,  640, 2560};
  return buckets;
}

const Buckets& TokenGapBuckets() {
  static const Buckets buckets = {0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.15, 0.2, 0.3,
                                  0.4,   0.5,    0.75,  1,    2.5,   5,    7.5,   10,  20,   40,  80};
  return buckets;
}

const Buckets& RequestBuckets() {
  static const Buckets buckets = {0.3, 0.5, 0.8, 1,  1.5, 2,   2.5, 5,   10,   15,  20,
                                  30,  40,  50,  60, 120, 240, 480, 960, 1920, 7680};
  return buckets;
}

const Buckets& ChoiceBuckets() {
  static const Buckets buckets = {1, 2, 5, 10, 20};
  return buckets;
}

/// Bytes in memory as the kernel counts them, or 0 where /proc is not there.
double ResidentBytes() {
  std::FILE* file = std::fopen("/proc/self/statm", "r");
  if (file == nullptr) return 0;
  long total = 0, resident = 0;
  const bool read = std::fscanf(file, "%ld %ld", &total, &resident) == 2;
  std::fclose(file);
  return read ? static_cast<double>(resident) * static_cast<double>(::sysconf(_SC_PAGESIZE)) : 0;
}

double CpuSeconds() {
  rusage usage{};
  ::getrusage(RUSAGE_SELF, &usage);
  const auto seconds = [](const timeval& time) {
    return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_usec) * 1e-6;
  };
  return seconds(usage.ru_utime) + seconds(usage.ru_stime);
}

}  // namespace

struct Metrics::Impl {
  explicit Impl(const std::string& model_name) : labels{{"model_name", model_name}, {"engine", "0"}} {}

  prometheus::Gauge& MakeGauge(const std::string& name, const std::string& help) {
    return prometheus::BuildGauge().Name(name).Help(help).Register(registry).Add(labels);
  }
  prometheus::Counter& MakeCounter(const std::string& name, const std::string& help) {
    return prometheus::BuildCounter().Name(name).Help(help).Register(registry).Add(labels);
  }
  prometheus::Histogram& MakeHistogram(const std::string& name, const std::string& help,
                                       const Buckets& buckets) {
    return prometheus::BuildHistogram().Name(name).Help(help).Register(registry).Add(labels, buckets);
  }
  prometheus::Gauge& MakeProcessGauge(const std::string& name, const std::string& help) {
    return prometheus::BuildGauge().Name(name).Help(help).Register(registry).Add({});
  }
  /// Brings a counter up to the engine's own count.
  static void RaiseTo(prometheus::Counter& counter, std::int64_t total) {
    counter.Increment(std::max(0.0, static_cast<double>(total) - counter.Value()));
  }

  prometheus::Registry registry;
  prometheus::Labels labels;

  prometheus::Gauge& running = MakeGauge("vllm:num_requests_running", "Requests in execution.");
  prometheus::Gauge& waiting = MakeGauge("vllm:num_requests_waiting", "Requests that wait for a place.");
  prometheus::Gauge& waiting_tokens =
      MakeGauge("vivace:prompt_tokens_waiting", "Prompt tokens of requests that have not begun.");
  prometheus::Gauge& cache_usage =
      MakeGauge("vllm:kv_cache_usage_perc", "KV cache blocks held by live requests, 0 to 1.");
  prometheus::Counter& preemptions = MakeCounter("vllm:num_preemptions_total", "Preemptions.");
  prometheus::Counter& prompt_tokens = MakeCounter("vllm:prompt_tokens_total", "Prompt tokens processed.");
  prometheus::Counter& generation_tokens = MakeCounter("vllm:generation_tokens_total", "Tokens generated.");
  prometheus::Counter& prefix_queries =
      MakeCounter("vllm:prefix_cache_queries_total", "Tokens looked up in the prefix cache.");
  prometheus::Counter& prefix_hits =
      MakeCounter("vllm:prefix_cache_hits_total", "Tokens found in the prefix cache.");
  prometheus::Histogram& request_prompt =
      MakeHistogram("vllm:request_prompt_tokens", "Prompt length of a sequence.", TokenBuckets());
  prometheus::Histogram& request_generation =
      MakeHistogram("vllm:request_generation_tokens", "Answer length of a sequence.", TokenBuckets());
  prometheus::Histogram& params_n =
      MakeHistogram("vllm:request_params_n", "The n that a request asked for.", ChoiceBuckets());
  prometheus::Histogram& params_max_tokens = MakeHistogram(
      "vllm:request_params_max_tokens", "The max_tokens that a request asked for.", TokenBuckets());
  prometheus::Histogram& first_token = MakeHistogram("vllm:time_to_first_token_seconds",
                                                     "From arrival to the first token.", FirstTokenBuckets());
  prometheus::Histogram& most_generation =
      MakeHistogram("vllm:request_max_num_generation_tokens", "Longest answer of a request.", TokenBuckets());
  prometheus::Histogram& computed_prompt =
      MakeHistogram("vllm:request_prefill_kv_computed_tokens",
                    "Prompt tokens of a sequence that were computed, not cached.", TokenBuckets());
  prometheus::Counter& prompt_cached = MakeCounter(
      "vllm:prompt_tokens_cached_total", "Prompt tokens of finished sequences taken from the cache.");
  prometheus::Histogram& token_gap = MakeHistogram(
      "vllm:inter_token_latency_seconds", "Time between the tokens of a sequence.", TokenGapBuckets());
  prometheus::Histogram& inference_time = MakeHistogram(
      "vllm:request_inference_time_seconds", "From the first step to the last token.", RequestBuckets());
  prometheus::Histogram& time_per_token =
      MakeHistogram("vllm:request_time_per_output_token_seconds",
                    "Mean time between the tokens of a sequence.", TokenGapBuckets());
  prometheus::Histogram& end_to_end =
      MakeHistogram("vllm:e2e_request_latency_seconds", "From arrival to the last token.", RequestBuckets());
  prometheus::Histogram& queue_time =
      MakeHistogram("vllm:request_queue_time_seconds", "Time in the queue.", RequestBuckets());
  prometheus::Histogram& prefill_time = MakeHistogram(
      "vllm:request_prefill_time_seconds", "From the first step to the first token.", RequestBuckets());
  prometheus::Histogram& decode_time = MakeHistogram("vllm:request_decode_time_seconds",
                                                     "From the first token to the last.", RequestBuckets());
  prometheus::Counter& corrupted =
      MakeCounter("vllm:corrupted_requests_total", "Requests that ended because a logit was not finite.");
  prometheus::Counter& steps = MakeCounter("vivace:steps_total", "Steps of the model.");
  prometheus::Counter& step_tokens =
      MakeCounter("vivace:step_tokens_total", "Prompt and generated tokens that went through the model.");
  prometheus::Counter& compilations =
      MakeCounter("vivace:compilations_total", "Programs and kernels that were compiled.");
  prometheus::Counter& compilations_after_ready = MakeCounter(
      "vivace:compilations_after_ready_total", "Of these, after the start was over: none, that is promised.");
  prometheus::Counter& artifact_hits =
      MakeCounter("vivace:artifact_hits_total", "Starts that found their compile in the cache.");
  prometheus::Counter& artifact_misses =
      MakeCounter("vivace:artifact_misses_total", "Starts that did not find it there.");
  prometheus::Gauge& level =
      MakeGauge("vivace:optimization_level", "On which requests begin now; with --tier-up it rises once.");
  prometheus::Gauge& packed_bytes = MakeGauge("vivace:packed_weight_bytes", "Weights packed into panels.");
  prometheus::Gauge& captured_plans =
      MakeGauge("vivace:captured_plans", "Plans of steps that were captured for replay.");
  prometheus::Family<prometheus::Gauge>& capture_sizes =
      prometheus::BuildGauge()
          .Name("vivace:capture_sizes_info")
          .Help("Sizes of steps, in tokens, whose plans were captured, in a label; always 1.")
          .Register(registry);
  prometheus::Family<prometheus::Gauge>& cache_config = prometheus::BuildGauge()
                                                            .Name("vllm:cache_config_info")
                                                            .Help("The KV cache, in labels; always 1.")
                                                            .Register(registry);
  prometheus::Gauge& resident_bytes = MakeProcessGauge("process_resident_memory_bytes", "Memory in use.");
  prometheus::Gauge& start_time =
      MakeProcessGauge("process_start_time_seconds", "When the model was ready, seconds since 1970.");
  prometheus::Counter& cpu_seconds = prometheus::BuildCounter()
                                         .Name("process_cpu_seconds_total")
                                         .Help("Processor time, user and system.")
                                         .Register(registry)
                                         .Add({});
  prometheus::Family<prometheus::Counter>& finished = prometheus::BuildCounter()
                                                          .Name("vllm:request_success_total")
                                                          .Help("Finished sequences by reason.")
                                                          .Register(registry);
  prometheus::Family<prometheus::Counter>& rejected =
      prometheus::BuildCounter()
          .Name("vllm:admission_rejections_total")
          .Help("Requests refused because the queue was full.")
          .Register(registry);
  prometheus::Family<prometheus::Counter>& http_requests =
      prometheus::BuildCounter().Name("http_requests_total").Help("HTTP requests.").Register(registry);
  prometheus::Family<prometheus::Gauge>& start_seconds =
      prometheus::BuildGauge()
          .Name("vivace:start_seconds")
          .Help("Seconds that the start (load) and its phases took.")
          .Register(registry);

  /// What a start did, and how long its phases took.
  void SetStart(const EngineStats& stats) {
    RaiseTo(compilations, stats.compilations);
    RaiseTo(compilations_after_ready, stats.compilations_after_ready);
    RaiseTo(artifact_hits, stats.artifact_hits);
    RaiseTo(artifact_misses, stats.artifact_misses);
    packed_bytes.Set(static_cast<double>(stats.packed_bytes));
    level.Set(stats.level);
    captured_plans.Set(stats.captured_plans);
    capture_sizes.Add(With("sizes", stats.capture_sizes)).Set(1);
    const std::pair<const char*, double> phases[] = {
        {"load", stats.load_s},         {"open", stats.open_s},          {"compile", stats.compile_s},
        {"artifact", stats.artifact_s}, {"pack", stats.pack_s},          {"tune", stats.tune_s},
        {"cache", stats.cache_s},       {"tokenizer", stats.tokenizer_s}};
    for (const auto& [phase, seconds] : phases) start_seconds.Add(With("phase", phase)).Set(seconds);
  }

  prometheus::Labels With(const std::string& name, const std::string& value) const {
    prometheus::Labels all = labels;
    all.emplace(name, value);
    return all;
  }
};

Metrics::Metrics(const std::string& model_name) : impl_(std::make_unique<Impl>(model_name)) {
  for (const char* reason : {"stop", "length", "abort", "error"}) {
    impl_->finished.Add(impl_->With("finished_reason", reason));  // visible from the start
  }
  impl_->rejected.Add({{"model_name", model_name}, {"reason", "queue_full"}});
  impl_->start_time.Set(static_cast<double>(std::time(nullptr)));
}

Metrics::~Metrics() = default;

void Metrics::SequenceFinished(const RequestOutput& last, std::int64_t prompt_tokens,
                               std::int64_t generated_tokens) {
  const RequestTiming& timing = last.timing;
  const FinishReason reason = last.finish_reason;
  const char* text = "error";
  if (reason == FinishReason::kStop) text = "stop";
  if (reason == FinishReason::kLength) text = "length";
  if (reason == FinishReason::kCancelled) text = "abort";
  impl_->finished.Add(impl_->With("finished_reason", text)).Increment();
  if (reason != FinishReason::kStop && reason != FinishReason::kLength) return;
  impl_->request_prompt.Observe(static_cast<double>(prompt_tokens));
  impl_->request_generation.Observe(static_cast<double>(generated_tokens));
  impl_->prompt_cached.Increment(last.cached_prompt_tokens);
  impl_->computed_prompt.Observe(static_cast<double>(prompt_tokens - last.cached_prompt_tokens));
  impl_->inference_time.Observe(timing.last_token - timing.queued);
  impl_->first_token.Observe(timing.first_token);
  impl_->end_to_end.Observe(timing.last_token);
  impl_->queue_time.Observe(timing.queued);
  impl_->prefill_time.Observe(timing.first_token - timing.queued);
  impl_->decode_time.Observe(timing.last_token - timing.first_token);
  if (generated_tokens > 1) {
    impl_->time_per_token.Observe((timing.last_token - timing.first_token) /
                                  static_cast<double>(generated_tokens - 1));
  }
}

void Metrics::TokenGap(double seconds) {
  impl_->token_gap.Observe(seconds);
}

void Metrics::RequestAnswered(std::int64_t most_generated_tokens) {
  impl_->most_generation.Observe(static_cast<double>(most_generated_tokens));
}

void Metrics::RequestAccepted(int n, int max_tokens) {
  impl_->params_n.Observe(n);
  impl_->params_max_tokens.Observe(max_tokens);
}

void Metrics::RequestRejected() {
  impl_->rejected.Add({{"model_name", impl_->labels.at("model_name")}, {"reason", "queue_full"}}).Increment();
}

void Metrics::HttpRequestDone(const std::string& handler, const std::string& method, int status) {
  const std::string status_class = std::to_string(status / 100) + "xx";
  impl_->http_requests.Add({{"handler", handler}, {"method", method}, {"status", status_class}}).Increment();
}

std::string Metrics::Serialize(const EngineStats& stats) {
  impl_->running.Set(stats.running);
  impl_->waiting.Set(stats.waiting);
  impl_->waiting_tokens.Set(static_cast<double>(stats.waiting_tokens));
  impl_->cache_usage.Set(stats.blocks_total > 0 ? static_cast<double>(stats.blocks_used) /
                                                      static_cast<double>(stats.blocks_total)
                                                : 0);
  Impl::RaiseTo(impl_->preemptions, stats.preemptions);
  Impl::RaiseTo(impl_->prompt_tokens, stats.prompt_tokens);
  Impl::RaiseTo(impl_->generation_tokens, stats.generation_tokens);
  Impl::RaiseTo(impl_->prefix_queries, stats.prefix_queries);
  Impl::RaiseTo(impl_->prefix_hits, stats.prefix_hits);
  Impl::RaiseTo(impl_->corrupted, stats.numerical_errors);
  Impl::RaiseTo(impl_->steps, stats.steps);
  Impl::RaiseTo(impl_->step_tokens, stats.scheduled_rows);
  prometheus::Labels cache = impl_->With("block_size", std::to_string(stats.block_tokens));
  cache.emplace("num_gpu_blocks", std::to_string(stats.blocks_total));  // vLLM's name, of whatever memory
  cache.emplace("kv_cache_memory_bytes", std::to_string(stats.kv_cache_bytes));
  impl_->cache_config.Add(cache).Set(1);
  impl_->resident_bytes.Set(ResidentBytes());
  impl_->cpu_seconds.Increment(std::max(0.0, CpuSeconds() - impl_->cpu_seconds.Value()));
  impl_->SetStart(stats);
  return prometheus::TextSerializer().Serialize(impl_->registry.Collect());
}

}  // namespace vivace::server
