// Options of a model and of the engine that runs it.
#include <array>

#include "engine/option_list.h"
#include "tensor/dtype.h"

namespace vivace::engine {
namespace {

using base::kInspectOption;
using base::kModelOption;
using base::kTokenizeOption;
using base::OptionRow;
using base::OptionType;

constexpr double kAny = 9e15;  // no upper bound that a person could mean

#define VIVACE_X(id, name, ...) "|" name  // a type as a further choice

// clang-format off: a table
constexpr std::array kRows = {
    OptionRow{.name = "model",
              .type = OptionType::kString,
              .default_text = "",
              .scope = kModelOption | kTokenizeOption | kInspectOption,
              .environment = "VIVACE_MODEL",
              .help = "a GGUF file, a folder with safetensors, or a name of the catalogue",
              .common = true},
    OptionRow{.name = "load-format",
              .type = OptionType::kChoice,
              .default_text = "auto",
              .choices = "auto|gguf|safetensors|dummy",
              .scope = kModelOption | kInspectOption,
              .help = "what the model's files are; auto finds out; dummy makes random weights for a folder "
                      "with config.json or for a model whose shape is known, such as llama-3.2-1b",
              .common = true},
    OptionRow{.name = "dummy-type",
              .type = OptionType::kChoice,
              .default_text = "auto",
              .choices = "auto" VIVACE_WEIGHT_DTYPES(VIVACE_X),
              .scope = kModelOption | kInspectOption,
              .help = "type of the random weights of --load-format dummy; auto is bf16"},
    OptionRow{.name = "hf-overrides",
              .type = OptionType::kString,
              .default_text = "",
              .unit = "JSON",
              .scope = kModelOption | kInspectOption,
              .help = "keys of config.json that --load-format dummy takes from here, as "
                      "'{\"num_hidden_layers\": 1}'"},
    OptionRow{.name = "kv-cache-dtype",
              .type = OptionType::kChoice,
              .default_text = "auto",
              .choices = "auto|float16|float32",
              .scope = kModelOption | kInspectOption,
              .help = "type of cached keys and values; auto is float16"},
    OptionRow{.name = "max-model-len",
              .type = OptionType::kInteger,
              .default_text = "",
              .minimum = 1,
              .maximum = 1 << 24,
              .choices = "auto",
              .unit = "tokens",
              .scope = kModelOption | kInspectOption,
              .help = "prompt and answer together at most; unset: what the model was made for; auto (or -1): "
                      "the same, or what fits into memory",
              .common = true},
    OptionRow{.name = "max-num-seqs",
              .type = OptionType::kInteger,
              .default_text = "64",
              .minimum = 1,
              .maximum = 4096,
              .unit = "requests",
              .help = "requests that run at the same time at most",
              .common = true},
    OptionRow{.name = "max-num-batched-tokens",
              .type = OptionType::kInteger,
              .default_text = "256",
              .by_level = "128|256|256",  // a portable step stays near 100 ms
              .minimum = 1,
              .maximum = 65536,
              .unit = "tokens",
              .help = "tokens of one step at most"},
    OptionRow{.name = "max-num-active-seqs",
              .type = OptionType::kInteger,
              .default_text = "",
              .minimum = 1,
              .maximum = 4096,
              .choices = "none",
              .unit = "requests",
              .help = "requests that run at the same time at most, where it is less than --max-num-seqs"},
    OptionRow{.name = "max-num-scheduled-tokens",
              .type = OptionType::kInteger,
              .default_text = "",
              .minimum = 1,
              .maximum = 65536,
              .choices = "none",
              .unit = "tokens",
              .help = "tokens of one step at most, where it is less than --max-num-batched-tokens"},
    OptionRow{.name = "long-prefill-token-threshold",
              .type = OptionType::kInteger,
              .default_text = "0",
              .minimum = 0,
              .maximum = 65536,
              .unit = "tokens",
              .help = "tokens of one prompt in one step at most; 0: as many as the step has room for"},
    OptionRow{.name = "max-num-queued-reqs",
              .type = OptionType::kInteger,
              .default_text = "1024",
              .minimum = 0,
              .maximum = 1 << 20,
              .unit = "requests",
              .help = "requests that wait at most; more are refused"},
    OptionRow{.name = "kv-cache-memory-bytes",
              .type = OptionType::kInteger,
              .default_text = "",
              .minimum = 1,
              .maximum = kAny,
              .unit = "bytes",
              .environment = "VIVACE_KV_CACHE_MEMORY_BYTES|VLLM_CPU_KVCACHE_SPACE:GiB",
              .help = "size of the KV cache; unset: what all running requests can need, within "
                      "--gpu-memory-utilization",
              .common = true},
    OptionRow{.name = "gpu-memory-utilization",
              .type = OptionType::kNumber,
              .default_text = "0.9",
              .minimum = 0.01,
              .maximum = 1,
              .help = "share of the memory this process may use that weights and KV cache take at most",
              .common = true},
    OptionRow{.name = "generation-config",
              .type = OptionType::kString,
              .default_text = "auto",
              .help = "defaults of requests: auto takes those of the model's generation_config.json, vllm "
                      "those of the API, a folder those of the file there"},
    OptionRow{.name = "override-generation-config",
              .type = OptionType::kString,
              .default_text = "",
              .unit = base::kJsonUnit,
              .help = "JSON object: further defaults of requests over those of --generation-config, as "
                      "'{\"temperature\": 0.2}'"},
    OptionRow{.name = "enable-prefix-caching",
              .type = OptionType::kFlag,
              .default_text = "true",
              .help = "prompts that begin alike share cached keys and values"},
    OptionRow{.name = "threads",
              .type = OptionType::kInteger,
              .default_text = "0",
              .minimum = 0,
              .maximum = 1024,
              .environment = "VIVACE_NUM_THREADS",
              .help = "worker threads; 0: one for each core this process may use",
              .common = true},
    OptionRow{.name = "cpu-threads-bind",
              .type = OptionType::kString,
              .default_text = "auto",
              .environment = "VIVACE_CPU_THREADS_BIND|VLLM_CPU_OMP_THREADS_BIND",
              .help =
                  "CPUs of the worker threads, a list such as 0-3,8, which also says how many threads there "
                  "are; auto and nobind leave them to the system"},
    OptionRow{.name = "tensor-parallel-size",
              .type = OptionType::kInteger,
              .default_text = "1",
              .minimum = 1,
              .maximum = 1,
              .help = "all cores work on one model; more cores are more --threads",
              .short_form = "tp"},
    OptionRow{
        .name = "served-model-name",
        .type = OptionType::kList,
        .default_text = "",
        .help = "names of the model in the API, the first in answers; unset: its path or catalogue name",
        .common = true,
        .several = true},
    OptionRow{.name = "perf-map",
              .type = OptionType::kFlag,
              .default_text = "false",
              .help = "write /tmp/perf-PID.map, by which perf names the generated kernels"},
    OptionRow{.name = "log-level",
              .type = OptionType::kChoice,
              .default_text = "info",
              .choices = "debug|info|warning|error|critical|off",
              .environment = "VIVACE_LOG_LEVEL|VLLM_LOGGING_LEVEL",
              .help = "least important lines that are logged, to stderr",
              .common = true},
    OptionRow{.name = "log-format",
              .type = OptionType::kChoice,
              .default_text = "text",
              .choices = "text|json",
              .environment = "VIVACE_LOG_FORMAT",
              .help = "log lines as text, or as one JSON object a line"},
    OptionRow{.name = "disable-log-stats",
              .type = OptionType::kFlag,
              .default_text = "false",
              .help = "no statistics line while requests run"},
    OptionRow{
        .name = "fail-on-environ-validation",
        .type = OptionType::kFlag,
        .default_text = "false",
        .help =
            "a VLLM_ variable in the environment that vLLM does not know is an error, not a line in the log"},
    OptionRow{.name = "log-stats-interval",
              .type = OptionType::kNumber,
              .default_text = "10",
              .minimum = 0.01,
              .maximum = 86400,
              .unit = "s",
              .environment = "VLLM_LOG_STATS_INTERVAL",
              .help = "time between statistics lines"},
};
// clang-format on
#undef VIVACE_X

}  // namespace

std::span<const OptionRow> ModelOptionRows() {
  return kRows;
}

}  // namespace vivace::engine
