// Each flag of `vllm serve` that the engine honours changes its configuration: flag, value, what it then
// says. The flags of the server have the same test in src/server.
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>
#include <functional>

#include "engine/engine_config.h"
#include "engine/vllm_flags.h"

namespace vivace::engine {
namespace {

using Reading = std::function<std::string(const EngineConfig&)>;

struct Effect {
  std::string flag, value;
  Reading reading;
  std::string expected;
};

std::string Number(double value) {
  std::string text = std::to_string(value);
  return text.substr(0, text.find_last_not_of('0') + 1);
}

EngineConfig Resolve(const std::vector<std::pair<std::string, std::string>>& settings) {
  Options options;
  for (const auto& [name, value] : settings) {
    const Status status = options.Set(name, value);
    EXPECT_TRUE(status.ok()) << status.message();
  }
  auto config = ResolveConfig(options);
  EXPECT_TRUE(config.ok()) << config.status().message();
  return config.ok() ? std::move(config).value() : EngineConfig();
}

const std::vector<Effect>& Effects() {
  static const std::vector<Effect> effects = {
      {"model", "m.gguf", [](auto& c) { return c.model; }, "m.gguf"},
      {"served-model-name", "name", [](auto& c) { return c.served_name; }, "name"},
      {"dtype", "bfloat16", [](auto& c) { return c.dtype; }, "bfloat16"},
      {"seed", "7", [](auto& c) { return std::to_string(c.seed.value_or(-1)); }, "7"},
      {"max-model-len", "4k", [](auto& c) { return std::to_string(c.max_model_len.value_or(0)); }, "4000"},
      {"max-num-seqs", "8", [](auto& c) { return std::to_string(c.max_num_seqs); }, "8"},
      {"max-num-active-seqs", "9", [](auto& c) { return std::to_string(c.max_num_seqs); }, "9"},
      {"max-num-batched-tokens", "1K", [](auto& c) { return std::to_string(c.max_batched_tokens); }, "1024"},
      {"max-num-scheduled-tokens", "99", [](auto& c) { return std::to_string(c.max_batched_tokens); }, "99"},
      {"long-prefill-token-threshold", "32", [](auto& c) { return std::to_string(c.max_chunk_tokens); },
       "32"},
      {"max-num-queued-reqs", "5", [](auto& c) { return std::to_string(c.max_queued); }, "5"},
      {"max-num-queued-tokens", "7", [](auto& c) { return std::to_string(c.max_queued_tokens); }, "7"},
      {"kv-cache-memory-bytes", "1.5GiB", [](auto& c) { return std::to_string(c.kv_bytes.value_or(0)); },
       "1610612736"},
      {"gpu-memory-utilization", "0.5", [](auto& c) { return Number(c.memory_utilization); }, "0.5"},
      {"kv-cache-dtype", "float32",
       [](auto& c) { return c.compile.options.kv_type == tensor::DType::kF32 ? "float32" : "float16"; },
       "float32"},
      {"enable-prefix-caching", "false", [](auto& c) { return c.prefix_caching ? "on" : "off"; }, "off"},
      {"generation-config", "vllm", [](auto& c) { return c.generation_config; }, "vllm"},
      {"override-generation-config", "{'top_k': 3}", [](auto& c) { return c.generation_overrides; },
       R"({"top_k":3})"},
      {"load-format", "dummy", [](auto& c) { return c.options.Text("load-format"); }, "dummy"},
      {"hf-overrides", R"({"num_hidden_layers": 1})", [](auto& c) { return c.options.Text("hf-overrides"); },
       R"({"num_hidden_layers":1})"},
      {"cudagraph-metrics", "true", [](auto& c) { return c.cudagraph_metrics ? "on" : "off"; }, "on"},
      {"disable-log-stats", "true", [](auto& c) { return Number(c.log_stats_s); }, "0."},
      {"log-level", "ERROR",
       [](auto& c) { return c.log.level == base::LogLevel::kError ? "error" : "other"; }, "error"},
      {"optimization-level", "0", [](auto& c) { return std::to_string(c.compile.options.level); }, "0"},
      {"enforce-eager", "true", [](auto& c) { return c.compile.capture_name; }, "NONE"},
      {"compilation-config", R"({"cudagraph_mode": "FULL"})", [](auto& c) { return c.compile.capture_name; },
       "FULL"},
      {"cudagraph-capture-sizes", "3 5",
       [](auto& c) { return std::to_string(c.compile.capture_sizes.front()); }, "3"},
      {"max-cudagraph-capture-size", "4",
       [](auto& c) { return std::to_string(c.compile.capture_sizes.back()); }, "4"},
      {"kernel-config", R"({"enable_flashinfer_autotune": false})",
       [](auto& c) { return c.options.Text("kernel-config.enable-flashinfer-autotune"); }, "false"},
      // Mapped: another name of one of them.
      {"device-memory-utilization", "0.5", [](auto& c) { return Number(c.memory_utilization); }, "0.5"},
      {"enable-flashinfer-autotune", "false",
       [](auto& c) { return c.options.Text("kernel-config.enable-flashinfer-autotune"); }, "false"},
      {"numa-bind-cpus", "0", [](auto& c) { return c.options.Text("cpu-threads-bind"); }, "0"},
      {"cuda-graph-sizes", "3", [](auto& c) { return std::to_string(c.compile.capture_sizes.front()); }, "3"},
  };
  return effects;
}

TEST(HonouredFlags, EachOfTheEngineChangesItsConfiguration) {
  const EngineConfig plain = Resolve({{"model", "plain"}});
  for (const Effect& effect : Effects()) {
    std::vector<std::pair<std::string, std::string>> settings = {{effect.flag, effect.value}};
    if (effect.flag != "model") settings.insert(settings.begin(), {"model", "plain"});
    EXPECT_EQ(effect.reading(Resolve(settings)), effect.expected) << effect.flag;
    EXPECT_NE(effect.reading(plain), effect.expected) << effect.flag << ": the default shows no effect";
  }
  EXPECT_GE(Effects().size(), 31u);
}

TEST(HonouredFlags, ReservedCoresAreNotWorkersButOneIsAlwaysLeft) {
  const int all = Resolve({{"model", "m"}}).workers.workers;
  EXPECT_EQ(Resolve({{"model", "m"}, {"reserved-cpus", "1"}}).workers.workers, std::max(1, all - 1));
  EXPECT_EQ(Resolve({{"model", "m"}, {"reserved-cpus", "1024"}}).workers.workers, 1);
}

TEST(HonouredFlags, AnUnknownVariableIsAnErrorOnRequest) {
  ::setenv("VLLM_NO_SUCH_THING", "1", 1);
  Options options;
  EXPECT_TRUE(options.SetFromEnvironment().ok());
  Options strict;
  ASSERT_TRUE(strict.Set("fail-on-environ-validation", "true").ok());
  EXPECT_EQ(strict.SetFromEnvironment().message(),
            "Unknown vLLM environment variable detected: VLLM_NO_SUCH_THING (--fail-on-environ-validation)");
  ::unsetenv("VLLM_NO_SUCH_THING");
}

}  // namespace
}  // namespace vivace::engine
