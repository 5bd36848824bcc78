#include "engine/engine_config.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <utility>

#include "base/check.h"
#include "base/status_macros.h"
#include "engine/process_limits.h"

namespace vivace::engine {
namespace {

constexpr int kProfileSizes = 5;  // exact sizes that a profile may ask for; each is searched for its plans

std::optional<std::int64_t> IfSet(const Options& options, std::string_view name) {
  return options.IsSet(name) ? std::optional(options.Integer(name)) : std::nullopt;
}

// A second bound of the same thing; -1 is "none".
void LowerTo(const Options& options, std::string_view name, int& value) {
  const auto bound = IfSet(options, name);
  if (bound && *bound > 0) value = std::min(value, static_cast<int>(*bound));
}

// -1 is "auto".
void ResolveLength(const Options& options, EngineConfig& config) {
  const auto length = IfSet(options, "max-model-len");
  config.fit_model_len = length && *length < 0;
  if (length && *length > 0) config.max_model_len = static_cast<int>(*length);
}

// What the machine has, where nobody says otherwise: the workers' CPUs and number.
Status ResolveWorkers(Options& options, EngineConfig& config) {
  constexpr std::string_view kName = "cpu-threads-bind";
  const auto named = [&](const Status& status) {
    return Status{status.code(),
                  fmt::format("--{} is '{}': {}", kName, options.Text(kName), status.message())};
  };
  const auto parsed = base::ParseCpuPlacement(options.Text(kName));
  if (!parsed.ok()) return named(parsed.status());
  const base::CpuPlacement& wish = *parsed;
  int threads = static_cast<int>(options.Integer("threads"));
  // A quota of CPU time counts, too, where the CPUs are not named.
  if (threads == 0 && wish.kind != base::CpuPlacement::Kind::kListed)
    threads = std::max(1, AvailableCores() - static_cast<int>(options.Integer("reserved-cpus")));
  auto placed = base::PlaceWorkers(wish, threads);
  if (!placed.ok()) return named(placed.status());
  config.workers = std::move(placed).value();
  config.cpu_quota = ReadCpuQuota();
  config.workers.rationed = config.cpu_quota && config.cpu_quota->cores < config.workers.workers;
  return options.Set("threads", std::to_string(config.workers.workers), OptionOrigin::kPlatform);
}

bool AreSizesGiven(const Options& options) {
  return options.Origin("compilation-config.compile-sizes") > OptionOrigin::kLevel;
}

bool CompilesForProfiles(const EngineConfig& config) {
  return config.options.Flag("profile-sizes") && config.compile.options.level > 0 &&
         !AreSizesGiven(config.options);
}

// -O3 compiles for the sizes that a profile says are worth it, unless they are given.
Status SizesFromProfile(const Options& options, EngineConfig& config) {
  const std::string path = options.Text("profile-in");
  if (path.empty()) return Status::Ok();
  auto profile = ReadProfile(path);
  if (!profile.ok()) return {profile.status().code(), "--profile-in: " + profile.status().message()};
  if (!CompilesForProfiles(config)) {
    config.notes.push_back(AreSizesGiven(options)
                               ? "--profile-in has no effect: -cc.compile_sizes is given"
                               : "--profile-in has no effect below -O3 without --profile-sizes");
    return Status::Ok();
  }
  UseProfile(*profile, path, config);
  return Status::Ok();
}

}  // namespace

bool WantsProfile(const EngineConfig& config) {
  return CompilesForProfiles(config) && config.options.Text("profile-in").empty();
}

void UseProfile(const WorkloadProfile& profile, std::string_view source, EngineConfig& config) {
  ChosenSizes chosen = ChooseSizes(profile, kProfileSizes, config.max_batched_tokens);
  if (chosen.rows.empty()) return;
  const std::vector<int>& sizes = config.compile.options.compile_sizes.emplace(std::move(chosen.rows));
  const Status settled = config.options.Settle(
      "compilation-config.compile-sizes", fmt::format("{}", fmt::join(sizes, ",")), OptionOrigin::kLevel);
  VIVACE_CHECK(settled.ok());  // sizes of steps that were run
  config.compile_sizes_why = fmt::format("Compile sizes from the profile of {}: {}", source, chosen.why);
}

Result<EngineConfig> ResolveConfig(const Options& options) {
  if (!options.IsSet("model")) return InvalidArgument("no model: name a GGUF file or a catalogue name");
  return ResolveSettings(options);
}

Result<EngineConfig> ResolveSettings(const Options& given) {
  EngineConfig config;
  config.options = given;
  Options& options = config.options;
  VIVACE_RETURN_IF_ERROR(options.SetFromLevel());
  VIVACE_RETURN_IF_ERROR(ResolveWorkers(options, config));
  config.notes = options.notes();
  config.model = options.Text("model");
  config.served_name =
      options.IsSet("served-model-name") ? options.Text("served-model-name") : options.Text("model");
  config.dtype = options.Text("dtype");
  ResolveLength(options, config);
  config.max_num_seqs = static_cast<int>(options.Integer("max-num-seqs"));
  config.max_batched_tokens = static_cast<int>(options.Integer("max-num-batched-tokens"));
  LowerTo(options, "max-num-scheduled-tokens", config.max_batched_tokens);
  LowerTo(options, "max-num-active-seqs", config.max_num_seqs);
  config.max_num_seqs = std::min(config.max_num_seqs, config.max_batched_tokens);
  config.max_chunk_tokens = static_cast<int>(options.Integer("long-prefill-token-threshold"));
  config.max_queued = static_cast<int>(options.Integer("max-num-queued-reqs"));
  config.max_queued_tokens = options.Integer("max-num-queued-tokens");
  config.kv_bytes = IfSet(options, "kv-cache-memory-bytes");
  config.memory_utilization = options.Number("gpu-memory-utilization");
  config.prefix_caching = options.Flag("enable-prefix-caching");
  VIVACE_ASSIGN_OR_RETURN(
      config.compile, ResolveCompile(options, config.max_num_seqs, config.max_batched_tokens, config.notes));
  config.compile.options.kv_type =
      options.Text("kv-cache-dtype") == "float32" ? tensor::DType::kF32 : tensor::DType::kF16;
  config.compile.options.threads = config.workers.workers;
  config.tuner = ResolveTuner(options, config.compile.options.level > 0, config.notes);
  config.recorder = ResolveRecorder(options);
  VIVACE_RETURN_IF_ERROR(SizesFromProfile(options, config));
  config.seed = IfSet(options, "seed");
  config.perf_map = options.Flag("perf-map");
  config.require_compiled = options.Flag("require-compiled");
  config.tier_up = options.Flag("tier-up");
  config.cudagraph_metrics = options.Flag("cudagraph-metrics");
  config.log.level = base::LogLevelFromName(options.Text("log-level")).value_or(base::LogLevel::kInfo);
  config.log.json = options.Text("log-format") == "json";
  config.log_stats_s = options.Flag("disable-log-stats") ? 0 : options.Number("log-stats-interval");
  config.generation_config = options.Text("generation-config");
  config.generation_overrides = options.Text("override-generation-config");
  return config;
}

}  // namespace vivace::engine
