// What the options mean for one engine: checked across options, levels and units resolved. Plain data,
// immutable once resolved.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/cpu_placement.h"
#include "base/log.h"
#include "engine/compile_config.h"
#include "engine/process_limits.h"
#include "engine/tuner.h"
#include "engine/workload_recorder.h"
#include "tensor/dtype.h"
#include "vivace/options.h"
#include "vivace/status.h"

namespace vivace::engine {

struct EngineConfig {
  std::string model;  // path of the checkpoint
  std::string served_name;
  std::optional<int> max_model_len;  // unset: the model's
  bool fit_model_len = false;        // fewer tokens than that when memory is short
  int max_num_seqs = 64;
  int max_batched_tokens = 512;
  int max_chunk_tokens = 0;  // 0: as many as the step has room for
  int max_queued = 1024;
  std::int64_t max_queued_tokens = 1 << 20;
  std::optional<std::int64_t> kv_bytes;  // of the KV cache; unset: see SizeKvCache
  double memory_utilization = 0.9;  // share of the memory of this process that weights and cache may take
  bool prefix_caching = true;
  base::WorkerPlacement workers;  // threads, and their CPUs
  std::optional<CpuQuota> cpu_quota;
  CompileConfig compile;  // the level, types of activations and KV cache, captured plans
  TunerConfig tuner;
  RecorderConfig recorder;
  std::string compile_sizes_why;  // where a profile chose them; a line for the log
  std::string dtype = "auto";     // of the weights, "auto" or one that they must have
  std::optional<std::int64_t> seed;
  bool require_compiled = false;   // an error where a part of the model cannot be compiled
  bool tier_up = false;            // serve at -O0 until the weights are packed
  bool cudagraph_metrics = false;  // log how steps were run
  bool perf_map = false;           // write addresses and names of the kernels for perf
  base::LogConfig log;
  double log_stats_s = 10;                 // seconds between statistics lines; 0: none
  std::string generation_config = "auto";  // "auto", "vllm" or a folder
  std::string generation_overrides;        // JSON in the form of generation_config.json, over it; or empty
  std::vector<std::string> notes;          // one line each, for the log: what runs differently than asked
  Options options;                         // the same, option by option, each with its origin
};

/// True when a profile that comes with an artifact may choose the compile sizes: at -O3, where neither they
/// nor a profile are given.
bool WantsProfile(const EngineConfig& config);
/// Replaces the compile sizes by as many that the profile says are worth it; a profile without steps changes
/// nothing. `source` names it in the line for the log.
void UseProfile(const WorkloadProfile& profile, std::string_view source, EngineConfig& config);

/// kInvalidArgument: no model, or options that do not go together; the message names them.
Result<EngineConfig> ResolveConfig(const Options& options);
/// The same without a model: what the options mean for any.
Result<EngineConfig> ResolveSettings(const Options& options);

}  // namespace vivace::engine
