#include "engine/compilation_keys.h"

#include <fmt/format.h>

#include <algorithm>
#include <optional>

#include "base/nearest_name.h"
#include "base/status_macros.h"
#include "engine/option_list.h"
#include "engine/option_object.h"

namespace vivace::engine {
namespace {

enum class Effect {
  kNone,     // any value is taken, with a line in the log
  kOffOnly,  // only what leaves it off is taken
};

// Keys of vLLM without a row, and why.
struct ForeignKey {
  std::string_view name;
  Effect effect;
  std::string_view why;
};
constexpr std::string_view kNoCache = "an artifact has one form";
constexpr std::string_view kNoTorch = "there is no torch compiler";
constexpr std::string_view kNoEncoder = "models here have no encoder";
constexpr std::string_view kOneDevice = "it is for several devices";
constexpr std::string_view kNoMla = "models here have no latent attention";
constexpr ForeignKey kForeignKeys[] = {
    {"compile-cache-save-format", Effect::kNone, kNoCache},
    {"ir-enable-torch-wrap", Effect::kNone, kNoTorch},
    {"inductor-compile-config", Effect::kOffOnly, kNoTorch},
    {"inductor-passes", Effect::kOffOnly, kNoTorch},
    {"use-inductor-graph-partition", Effect::kOffOnly, kNoTorch},
    {"compile-mm-encoder", Effect::kOffOnly, kNoEncoder},
    {"cudagraph-mm-encoder", Effect::kOffOnly, kNoEncoder},
    {"encoder-cudagraph-token-budgets", Effect::kOffOnly, kNoEncoder},
    {"encoder-cudagraph-max-vision-items-per-batch", Effect::kOffOnly, kNoEncoder},
    {"encoder-cudagraph-max-frames-per-batch", Effect::kOffOnly, kNoEncoder},
    {"cudagraph-decoder-replay", Effect::kNone, "plans are replayed for decode steps anyway"},
    {"decoder-replay-cudagraph-capture-sizes", Effect::kOffOnly, "give cudagraph_capture_sizes"},
    {"decoder-replay-trim-threshold", Effect::kNone, "plans need no trimming"},
    {"cudagraph-num-of-warmups", Effect::kNone, "a plan is captured without a run"},
    {"cudagraph-copy-inputs", Effect::kNone, "plans read the inputs where they are"},
    {"cudagraph-specialize-lora", Effect::kNone, "there are no adapters yet"},
    {"fast-moe-cold-start", Effect::kNone, "there are no mixtures of experts yet"},
    {"dynamic-shapes-config.type", Effect::kNone, "a general program takes any number of tokens"},
    {"dynamic-shapes-config.evaluate-guards", Effect::kNone, "a general program has no guards"},
    {"dynamic-shapes-config.assume-32-bit-indexing", Effect::kNone, "addresses have 64 bits"},
    {"pass-config.fuse-allreduce-rms", Effect::kOffOnly, kOneDevice},
    {"pass-config.enable-sp", Effect::kOffOnly, kOneDevice},
    {"pass-config.enable-sequence-parallelism", Effect::kOffOnly, kOneDevice},
    {"pass-config.sp-min-token-num", Effect::kNone, kOneDevice},
    {"pass-config.fuse-gemm-comms", Effect::kOffOnly, kOneDevice},
    {"pass-config.enable-async-tp", Effect::kOffOnly, kOneDevice},
    {"pass-config.enable-fi-allreduce-fusion", Effect::kOffOnly, kOneDevice},
    {"pass-config.fi-allreduce-fusion-max-size-mb", Effect::kNone, kOneDevice},
    {"pass-config.fuse-mla-dual-rms-norm", Effect::kOffOnly, kNoMla},
    {"pass-config.fuse-rope-kvcache-cat-mla", Effect::kOffOnly, kNoMla},
    {"pass-config.fuse-minimax-qk-norm", Effect::kOffOnly, "give enable_qk_norm_rope_fusion"},
    {"pass-config.fuse-qk-norm-rope-kvcache", Effect::kNone,
     "give enable_qk_norm_rope_fusion and fuse_rope_kvcache"},
    {"pass-config.rope-kvcache-fusion-max-token-num", Effect::kNone, "the fusion pays at every size"},
};

// Names of the past, and pairs of passes under one name.
struct RenamedKey {
  std::string_view name, now, also = {};
};
constexpr RenamedKey kRenamedKeys[] = {
    {"level", "mode"},
    {"candidate-compile-sizes", "compile-sizes"},
    {"compile-ranges-split-points", "compile-ranges-endpoints"},
    {"pass-config.enable-noop", "pass-config.eliminate-noops"},
    {"pass-config.enable-fusion", "pass-config.fuse-norm-quant", "pass-config.fuse-act-quant"},
    {"pass-config.enable-attn-fusion", "pass-config.fuse-attn-quant"},
};

std::string Underscored(std::string_view key) {
  std::string out(key);
  std::replace(out.begin(), out.end(), '-', '_');
  return out;
}

std::string Lower(std::string_view text) {
  std::string out(text);
  for (char& c : out) {
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  }
  return out;
}

bool IsOff(std::string_view text) {
  const std::string lower = Lower(text);
  return lower.empty() || lower == "false" || lower == "0" || lower == "[]";
}

Status UnknownKey(std::string_view key) {
  struct Known {
    std::string_view name;
  };
  std::vector<Known> known;
  for (const base::OptionRow& row : CompilationKeyRows())
    known.push_back({row.name.substr(kCompilationKeyPrefix.size())});
  return InvalidArgument(fmt::format("compilation_config has no key '{}': did you mean '{}'?",
                                     Underscored(key.substr(0, 64)),
                                     Underscored(base::NearestName(key, known))));
}

Status CheckForeign(const ForeignKey& foreign, std::string_view text, std::vector<std::string>& notes) {
  const std::string name = Underscored(foreign.name);
  if (foreign.effect == Effect::kNone) {
    notes.push_back(fmt::format("compilation_config.{} has no effect: {}", name, foreign.why));
  } else if (!IsOff(text)) {
    return InvalidArgument(
        fmt::format("compilation_config.{} is '{}', which Vivace does not have ({}): leave "
                    "it out",
                    name, text.substr(0, 100), foreign.why));
  }
  return Status::Ok();
}

// Numbers of modes become their names; torch's own modes are refused.
Result<std::string> ModeText(std::string_view text) {
  constexpr std::string_view kModes[] = {"NONE", "STOCK_TORCH_COMPILE", "DYNAMO_TRACE_ONCE", "VLLM_COMPILE"};
  std::string_view name = text;
  if (text.size() == 1 && text[0] >= '0' && text[0] <= '3')
    name = kModes[static_cast<std::size_t>(text[0] - '0')];
  const std::string lower = Lower(name);
  if (lower == "stock_torch_compile" || lower == "dynamo_trace_once") {
    return InvalidArgument(
        fmt::format("compilation_config.mode is '{}', a mode of torch's compiler: give VLLM_COMPILE (3) for "
                    "Vivace's own, "
                    "or NONE (0)",
                    text));
  }
  return std::string(name);
}

// use_cudagraph and full_cuda_graph, flags of the past.
std::optional<std::vector<CompilationSetting>> ReadOldFlag(std::string_view key, std::string_view text,
                                                           std::vector<std::string>& notes) {
  if (key != "use-cudagraph" && key != "full-cuda-graph") return std::nullopt;
  const bool full = key == "full-cuda-graph";
  notes.push_back(fmt::format("compilation_config.{} is deprecated: give cudagraph_mode={}", Underscored(key),
                              full ? "FULL" : "NONE"));
  std::vector<CompilationSetting> settings;
  if (full != IsOff(text))
    settings.push_back({std::string(kCompilationKeyPrefix) + "cudagraph-mode", full ? "FULL" : "NONE"});
  return settings;
}

}  // namespace

Result<std::vector<CompilationSetting>> ReadCompilationKey(std::string_view key, std::string_view text,
                                                           std::vector<std::string>& notes) {
  const std::string prefix(kCompilationKeyPrefix);
  if (auto settings = ReadOldFlag(key, text, notes)) return std::move(*settings);
  if (key == "cache-dir") return std::vector<CompilationSetting>{{"cache-dir", std::string(text)}};
  for (const ForeignKey& foreign : kForeignKeys) {
    const bool is_within = key.size() > foreign.name.size() && key[foreign.name.size()] == '.';
    if (!key.starts_with(foreign.name) || (foreign.name != key && !is_within)) continue;
    VIVACE_RETURN_IF_ERROR(CheckForeign(foreign, text, notes));
    return std::vector<CompilationSetting>();
  }
  std::vector<std::string_view> names = {key};
  for (const RenamedKey& renamed : kRenamedKeys) {
    if (renamed.name != key) continue;
    names = {renamed.now};
    if (!renamed.also.empty()) names.push_back(renamed.also);
    notes.push_back(fmt::format("compilation_config.{} is an old name: give {}", Underscored(key),
                                Underscored(renamed.now)));
  }
  std::vector<CompilationSetting> settings;
  for (const std::string_view name : names) {
    if (!FindOption(prefix + std::string(name))) return UnknownKey(name);
    VIVACE_ASSIGN_OR_RETURN(std::string value, FlattenValue(prefix + std::string(name), text));
    if (name == "mode") {
      VIVACE_ASSIGN_OR_RETURN(value, ModeText(value));
    }
    settings.push_back({prefix + std::string(name), std::move(value)});
  }
  return settings;
}

}  // namespace vivace::engine
