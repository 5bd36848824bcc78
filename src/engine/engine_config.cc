#include "engine/engine_config.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/status_macros.h"
#include "engine/process_limits.h"

namespace vivace::engine {
namespace {

// Levels 1 and 3 are not built yet; the nearest that is built takes their place.
int BuiltLevel(std::int64_t asked, std::vector<std::string>& notes) {
  if (asked == 0) return 0;
  if (asked != 2) notes.push_back(fmt::format("-O{} is not built yet and runs as -O2", asked));
  return 2;
}

// Level 0 computes more slowly: its steps are shorter unless somebody says otherwise.
int StepTokens(const Options& options, int level) {
  constexpr int kPortableStepTokens = 128;
  constexpr std::string_view kName = "max-num-batched-tokens";
  if (level == 0 && options.Origin(kName) == OptionOrigin::kDefault) return kPortableStepTokens;
  return static_cast<int>(options.Integer(kName));
}

std::optional<std::int64_t> IfSet(const Options& options, std::string_view name) {
  return options.IsSet(name) ? std::optional(options.Integer(name)) : std::nullopt;
}

// -1 is "auto".
void ResolveLength(const Options& options, EngineConfig& config) {
  const auto length = IfSet(options, "max-model-len");
  config.fit_model_len = length && *length < 0;
  if (length && *length > 0) config.max_model_len = static_cast<int>(*length);
}

}  // namespace

Result<EngineConfig> ResolveConfig(const Options& options) {
  EngineConfig config;
  if (!options.IsSet("model")) return InvalidArgument("no model: name a GGUF file or a catalogue name");
  config.model = options.Text("model");
  config.served_name =
      options.IsSet("served-model-name") ? options.Text("served-model-name") : options.Text("model");
  config.level = BuiltLevel(options.Integer("optimization-level"), config.notes);
  config.kv_type = options.Text("kv-cache-dtype") == "float32" ? tensor::DType::kF32 : tensor::DType::kF16;
  ResolveLength(options, config);
  config.max_num_seqs = static_cast<int>(options.Integer("max-num-seqs"));
  config.max_batched_tokens = StepTokens(options, config.level);
  config.max_num_seqs = std::min(config.max_num_seqs, config.max_batched_tokens);
  config.max_chunk_tokens = static_cast<int>(options.Integer("long-prefill-token-threshold"));
  config.max_queued = static_cast<int>(options.Integer("max-num-queued-reqs"));
  config.kv_bytes = IfSet(options, "kv-cache-memory-bytes");
  config.memory_utilization = options.Number("gpu-memory-utilization");
  config.prefix_caching = options.Flag("enable-prefix-caching");
  const auto threads = static_cast<int>(options.Integer("threads"));
  config.threads = threads == 0 ? AvailableCores() : threads;
  config.seed = IfSet(options, "seed");
  VIVACE_ASSIGN_OR_RETURN(config.dumps, compiler::ParseDumpSet(options.Text("dump")));
  config.dump_dir = options.IsSet("dump-dir") ? options.Text("dump-dir") : ".";
  config.perf_map = options.Flag("perf-map");
  config.log.level = base::LogLevelFromName(options.Text("log-level")).value_or(base::LogLevel::kInfo);
  config.log.json = options.Text("log-format") == "json";
  config.log_stats_s = options.Flag("disable-log-stats") ? 0 : options.Number("log-stats-interval");
  config.generation_config = options.Text("generation-config");
  return config;
}

}  // namespace vivace::engine
