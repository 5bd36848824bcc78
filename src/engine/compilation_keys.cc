#include "engine/compilation_keys.h"

#include <fmt/format.h>

#include <algorithm>
#include <iterator>

#include "base/nearest_name.h"
#include "base/status_macros.h"
#include "engine/option_list.h"
#include "engine/option_object.h"

namespace vivace::engine {
namespace {

using base::OptionType;

enum class Effect {
  kNone,      // any value of its type is taken, with a line in the log
  kOffOnly,   // it would change answers: only what leaves it off is taken
  kInternal,  // no setting of a user
};

// Keys of vLLM without a row, the type of their values, and why.
struct ForeignKey {
  std::string_view name;
  OptionType type;  // kObject: a dict, whose keys are anything
  Effect effect;
  std::string_view why;
  std::string_view choices = {};
};
constexpr std::string_view kNoCache = "an artifact has one form";
constexpr std::string_view kNoTorch = "there is no torch compiler";
constexpr std::string_view kNoEncoder = "models here have no encoder";
constexpr std::string_view kOneDevice = "it is for several devices";
constexpr std::string_view kNoMla = "models here have no latent attention";
constexpr std::string_view kFilledIn = "vLLM fills it in";
constexpr double kAnyNumber = 9e15;
constexpr auto kFlag = OptionType::kFlag;
constexpr auto kInteger = OptionType::kInteger;
constexpr auto kObject = OptionType::kObject;
// clang-format off: a table
constexpr ForeignKey kForeignKeys[] = {
    {"compile-cache-save-format", OptionType::kChoice, Effect::kNone, kNoCache, "binary|unpacked"},
    {"ir-enable-torch-wrap", kFlag, Effect::kNone, kNoTorch},
    {"inductor-compile-config", kObject, Effect::kNone, kNoTorch},
    {"inductor-passes", kObject, Effect::kOffOnly, "its passes are programs for torch"},
    {"use-inductor-graph-partition", kFlag, Effect::kNone, kNoTorch},
    {"compile-mm-encoder", kFlag, Effect::kNone, kNoEncoder},
    {"cudagraph-mm-encoder", kFlag, Effect::kNone, kNoEncoder},
    {"encoder-cudagraph-token-budgets", OptionType::kIntegers, Effect::kNone, kNoEncoder},
    {"encoder-cudagraph-max-vision-items-per-batch", kInteger, Effect::kNone, kNoEncoder},
    {"encoder-cudagraph-max-frames-per-batch", kInteger, Effect::kNone, kNoEncoder},
    {"cudagraph-decoder-replay", kFlag, Effect::kNone, "plans are replayed for decode steps anyway"},
    {"decoder-replay-cudagraph-capture-sizes", OptionType::kIntegers, Effect::kNone,
     "give cudagraph_capture_sizes"},
    {"decoder-replay-trim-threshold", kInteger, Effect::kNone, "plans need no trimming"},
    {"cudagraph-num-of-warmups", kInteger, Effect::kNone, "a plan is captured without a run"},
    {"cudagraph-copy-inputs", kFlag, Effect::kNone, "plans read the inputs where they are"},
    {"cudagraph-specialize-lora", kFlag, Effect::kNone, "there are no adapters yet"},
    {"fast-moe-cold-start", kFlag, Effect::kNone, "there are no mixtures of experts yet"},
    {"dynamic-shapes-config.type", OptionType::kChoice, Effect::kNone,
     "a general program takes any number of tokens", "backed|unbacked|backed_size_oblivious"},
    {"dynamic-shapes-config.evaluate-guards", kFlag, Effect::kNone, "a general program has no guards"},
    {"dynamic-shapes-config.assume-32-bit-indexing", kFlag, Effect::kNone, "addresses have 64 bits"},
    {"dump-graph-stages", OptionType::kString, Effect::kNone, "give --dump"},
    {"pass-config.dump-graph-stages", OptionType::kString, Effect::kNone, "give --dump"},
    {"pass-config.fuse-allreduce-rms", kFlag, Effect::kNone, kOneDevice},
    {"pass-config.enable-sp", kFlag, Effect::kNone, kOneDevice},
    {"pass-config.enable-sequence-parallelism", kFlag, Effect::kNone, kOneDevice},
    {"pass-config.sp-min-token-num", kInteger, Effect::kNone, kOneDevice},
    {"pass-config.fuse-gemm-comms", kFlag, Effect::kNone, kOneDevice},
    {"pass-config.enable-async-tp", kFlag, Effect::kNone, kOneDevice},
    {"pass-config.enable-fi-allreduce-fusion", kFlag, Effect::kNone, kOneDevice},
    {"pass-config.fi-allreduce-fusion-max-size-mb", OptionType::kNumber, Effect::kNone, kOneDevice},
    {"pass-config.fi-allreduce-fusion-max-token-num", kInteger, Effect::kNone, kOneDevice},
    {"pass-config.fuse-mla-dual-rms-norm", kFlag, Effect::kNone, kNoMla},
    {"pass-config.fuse-rope-kvcache-cat-mla", kFlag, Effect::kNone, kNoMla},
    {"pass-config.fuse-minimax-qk-norm", kFlag, Effect::kNone,
     "enable_qk_norm_rope_fusion is for all models"},
    {"pass-config.fuse-qk-norm-rope-kvcache", kFlag, Effect::kNone,
     "it is enable_qk_norm_rope_fusion and fuse_rope_kvcache together"},
    {"pass-config.rope-kvcache-fusion-max-token-num", kInteger, Effect::kNone,
     "the fusion pays at every size"},
    {"local-cache-dir", OptionType::kString, Effect::kInternal, kFilledIn},
    {"enabled-custom-ops", kObject, Effect::kInternal, kFilledIn},
    {"disabled-custom-ops", kObject, Effect::kInternal, kFilledIn},
    {"traced-files", OptionType::kString, Effect::kInternal, kFilledIn},
    {"compilation-time", OptionType::kNumber, Effect::kInternal, kFilledIn},
    {"encoder-compilation-time", OptionType::kNumber, Effect::kInternal, kFilledIn},
    {"static-forward-context", kObject, Effect::kInternal, kFilledIn},
    {"static-all-moe-layers", OptionType::kString, Effect::kInternal, kFilledIn},
};
// clang-format on

// Names of the past, and pairs of passes under one name.
struct RenamedKey {
  std::string_view name, now, also = {};
};
constexpr RenamedKey kRenamedKeys[] = {
    {"compile-ranges-split-points", "compile-ranges-endpoints"},
    {"pass-config.enable-noop", "pass-config.eliminate-noops"},
    {"pass-config.enable-fusion", "pass-config.fuse-norm-quant", "pass-config.fuse-act-quant"},
    {"pass-config.enable-attn-fusion", "pass-config.fuse-attn-quant"},
    {"dump-graph-dir", "debug-dump-path"},
    {"pass-config.dump-graph-dir", "debug-dump-path"},
    {"use-inductor", "backend"},
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

Status UnknownKey(std::string_view key) {
  struct Known {
    std::string_view name;
  };
  std::vector<Known> known;
  for (const base::OptionRow& row : CompilationKeyRows())
    known.push_back({row.name.substr(kCompilationKeyPrefix.size())});
  for (const ForeignKey& foreign : kForeignKeys) {
    if (foreign.effect != Effect::kInternal) known.push_back({foreign.name});
  }
  return InvalidArgument(fmt::format("compilation_config has no key '{}': did you mean '{}'?",
                                     Underscored(key.substr(0, 64)),
                                     Underscored(base::NearestName(key, known))));
}

// Null when the key is none of vLLM's without a row. "inductor-compile-config.x" is a key of a dict.
const ForeignKey* FindForeign(std::string_view key) {
  for (const ForeignKey& foreign : kForeignKeys) {
    if (foreign.name == key) return &foreign;
    const bool is_below = key.starts_with(foreign.name) && key.substr(foreign.name.size()).starts_with('.');
    if (foreign.type == OptionType::kObject && is_below) return &foreign;
  }
  return nullptr;
}

Status CheckForeign(const ForeignKey& foreign, std::string_view key, std::string_view text,
                    std::vector<std::string>& notes) {
  const std::string name = Underscored(key);
  if (foreign.effect == Effect::kInternal) {
    return InvalidArgument(
        fmt::format("compilation_config.{} is '{}', which is no setting of a user ({}): leave it out", name,
                    text.substr(0, 100), foreign.why));
  }
  const bool is_empty = text.empty() || text == "[]" || Lower(text) == "none" || Lower(text) == "null";
  if (!is_empty && foreign.type != OptionType::kObject) {
    const base::OptionRow row{.name = key,
                              .type = foreign.type,
                              .default_text = "",
                              .maximum = kAnyNumber,
                              .choices = foreign.choices,
                              .help = foreign.why};
    const auto checked = NormaliseOption(row, text);
    if (!checked.ok())
      return {checked.status().code(), "--compilation-config." + checked.status().message().substr(2)};
  }
  if (foreign.effect == Effect::kNone) {
    const std::string note = fmt::format("compilation_config.{} has no effect: {}", name, foreign.why);
    if (std::find(notes.begin(), notes.end(), note) == notes.end()) notes.push_back(note);
  } else if (!is_empty) {
    return InvalidArgument(
        fmt::format("compilation_config.{} is '{}', which Vivace does not have ({}): leave it out",
                    Underscored(foreign.name), text.substr(0, 100), foreign.why));
  }
  return Status::Ok();
}

constexpr std::string_view kModes[] = {"NONE", "STOCK_TORCH_COMPILE", "DYNAMO_TRACE_ONCE", "VLLM_COMPILE"};
// What they were called until vLLM 0.11.
constexpr std::string_view kOldModes[] = {"NO_COMPILATION", "DYNAMO_AS_IS", "DYNAMO_ONCE", "PIECEWISE"};

// A mode by its number or name becomes its name.
Result<std::string> ModeText(std::string_view text) {
  const std::string lower = Lower(text);
  std::string listed;
  for (std::size_t i = 0; i < std::size(kModes); ++i) {
    if (text == std::to_string(i) || lower == Lower(kModes[i]) || lower == Lower(kOldModes[i]))
      return std::string(kModes[i]);
    listed += fmt::format("{}{} ({})", i == 0 ? "" : ", ", kModes[i], i);
  }
  const std::string_view shown = text.substr(0, 100);
  return InvalidArgument(
      fmt::format("--compilation-config.mode is '{}': it must be one of {} (Invalid compilation mode: {})",
                  shown, listed, shown));
}

// vLLM's empty backend is the platform's own.
Result<std::string> BackendText(std::string_view text) {
  const std::string lower = Lower(text);
  if (lower.empty() || lower == "auto" || lower == "vllm") return std::string("auto");
  if (lower == "true" || lower == "false") return std::string(lower == "true" ? "inductor" : "eager");
  if (lower == "inductor" || lower == "eager") return lower;
  const std::string_view shown = text.substr(0, 100);
  return InvalidArgument(fmt::format(
      "--compilation-config.backend is '{}': it must be one of '', eager, inductor (Invalid backend "
      "for piecewise compilation: {})",
      shown, shown));
}

Result<std::string> ValueText(std::string_view name, std::string_view text) {
  if (name == "mode" || name == "level") return ModeText(text);
  if (name == "backend") return BackendText(text);
  constexpr std::string_view kCaptureModes[] = {"NONE", "PIECEWISE", "FULL"};  // vLLM's numbers
  if (name == "cudagraph-mode" && text.size() == 1 && text[0] >= '0' && text[0] <= '2')
    return std::string(kCaptureModes[text[0] - '0']);
  return FlattenValue(std::string(kCompilationKeyPrefix) + std::string(name), text);
}

}  // namespace

Result<std::vector<CompilationSetting>> ReadCompilationKey(std::string_view key, std::string_view text,
                                                           std::vector<std::string>& notes) {
  const std::string prefix(kCompilationKeyPrefix);
  if (key == "cache-dir") return std::vector<CompilationSetting>{{"cache-dir", std::string(text)}};
  // An empty object: none of its keys is set.
  if (text.empty() && (key == "pass-config" || key == "dynamic-shapes-config"))
    return std::vector<CompilationSetting>();
  if (const ForeignKey* const foreign = FindForeign(key)) {
    VIVACE_RETURN_IF_ERROR(CheckForeign(*foreign, key, text, notes));
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
    VIVACE_ASSIGN_OR_RETURN(std::string value, ValueText(name, text));
    settings.push_back({prefix + std::string(name), std::move(value)});
  }
  return settings;
}

}  // namespace vivace::engine
