#include "engine/compile_config.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <filesystem>
#include <iterator>
#include <set>
#include <string_view>
#include <utility>

#include "base/status_macros.h"
#include "codegen/target.h"
#include "compiler/pass_list.h"
#include "engine/capture_config.h"
#include "engine/compilation_keys.h"
#include "engine/option_list.h"

namespace vivace::engine {
namespace {

constexpr std::string_view kMode = "compilation-config.mode";
constexpr std::string_view kCudagraphMode = "compilation-config.cudagraph-mode";
constexpr std::string_view kOldMode = "compilation-config.level";
constexpr std::string_view kSizes = "compilation-config.compile-sizes";
constexpr std::string_view kCandidates = "compilation-config.candidate-compile-sizes";
constexpr std::string_view kDumpPath = "compilation-config.debug-dump-path";

bool IsExplicit(const Options& options, std::string_view name) {
  return options.Origin(name) > OptionOrigin::kLevel;
}

std::vector<std::string_view> Words(std::string_view text) {
  std::vector<std::string_view> words;
  while (!text.empty()) {
    words.push_back(text.substr(0, text.find(',')));
    text.remove_prefix(std::min(words.back().size() + 1, text.size()));
  }
  return words;
}

// `level` was the name of mode; where both are given, mode counts.
Status ReadOldMode(Options& options, std::vector<std::string>& notes) {
  if (!options.IsSet(kOldMode)) return Status::Ok();
  notes.emplace_back(
      "Level is deprecated: use mode instead (-cc.mode). If both level and mode are given, only mode will be "
      "used.");
  if (IsExplicit(options, kMode)) return Status::Ok();
  return options.Settle(kMode, options.Text(kOldMode), options.Origin(kOldMode));
}

// The mode as it runs, which goes back to `options`: --enforce-eager wins over all else, and there is no
// torch. True when compiled code runs.
Result<bool> ResolveMode(Options& options, std::vector<std::string>& notes) {
  VIVACE_RETURN_IF_ERROR(ReadOldMode(options, notes));
  if (options.Flag("enforce-eager")) {
    notes.emplace_back(
        "Enforce eager set, disabling torch.compile and CUDAGraphs. This is equivalent to setting "
        "-cc.mode=none -cc.cudagraph_mode=none");
    if (IsExplicit(options, kMode) || IsExplicit(options, kCudagraphMode))
      notes.push_back("--enforce-eager overrides -cc.mode and -cc.cudagraph_mode: both are NONE");
    VIVACE_RETURN_IF_ERROR(options.Settle(kMode, "NONE", options.Origin("enforce-eager")));
    return false;
  }
  const std::string mode = options.Text(kMode);
  if (mode != "NONE" && mode != "VLLM_COMPILE") {
    notes.push_back(fmt::format(
        "-cc.mode={} is for torch's compiler, which Vivace does not use: it runs as VLLM_COMPILE", mode));
    VIVACE_RETURN_IF_ERROR(options.Settle(kMode, "VLLM_COMPILE", OptionOrigin::kPlatform));
  }
  return mode != "NONE" && options.Text("compilation-config.backend") != "eager";
}

// Which passes run, and the level that has them: the lowest that is at least 1 and as high as each of them.
// The level that was asked for does not count, so that every level can be put together by hand.
Status ResolvePasses(Options& options, bool compiles, compiler::CompileOptions& out,
                     std::vector<std::string>& notes) {
  const auto key = [](const compiler::PassRow& pass) {
    return std::string(kPassKeyPrefix) + std::string(pass.name);
  };
  const auto passes = compiler::PassList();
  out.level = compiles ? 1 : 0;
  if (!compiles) {
    const bool is_lost = std::any_of(passes.begin(), passes.end(), [&](const compiler::PassRow& pass) {
      return IsExplicit(options, key(pass)) && options.Flag(key(pass));
    });
    if (is_lost) notes.push_back("compilation_config.pass_config has no effect: nothing is compiled");
    for (const compiler::PassRow& pass : passes)
      VIVACE_RETURN_IF_ERROR(options.Settle(key(pass), "false", options.Origin(kMode)));
    return Status::Ok();
  }
  for (const compiler::PassRow& pass : passes) {
    if (options.Flag(key(pass))) out.level = std::max(out.level, pass.level);
  }
  for (const compiler::PassRow& pass : passes) {
    if (pass.level <= out.level && !options.Flag(key(pass))) out.disabled_passes.emplace_back(pass.name);
  }
  return Status::Ok();
}

compiler::ActivationDType Activation(std::string_view text) {
  using compiler::ActivationDType;
  if (text == "uint8") return ActivationDType::kUint8;
  if (text == "int16") return ActivationDType::kInt16;
  if (text == "bfloat16") return ActivationDType::kBFloat16;
  return text == "float32" ? ActivationDType::kFloat32 : ActivationDType::kAuto;
}

// "~/x" is in the home folder; a relative path counts from where the program was started.
std::string AbsolutePath(const std::string& path) {
  if (path.starts_with("~/")) return HomeFolder() + path.substr(1);
  std::error_code ignored;  // the path is used as it is then
  const std::filesystem::path absolute = std::filesystem::absolute(path, ignored);
  return ignored ? path : absolute.string();
}

Status ResolveDumps(const Options& options, CompileConfig& out) {
  const bool has_path = options.IsSet(kDumpPath);
  const std::string stages = options.IsSet("dump") ? options.Text("dump")
                             : has_path            ? "graph,phase,vir,asm"
                                                   : "";
  VIVACE_ASSIGN_OR_RETURN(out.options.dumps, compiler::ParseDumpSet(stages));
  out.dump_dir = options.IsSet("dump-dir") ? options.Text("dump-dir")
                 : has_path                ? AbsolutePath(options.Text(kDumpPath))
                                           : ".";
  return Status::Ok();
}

// vLLM's custom ops, as far as a model here could have them.
constexpr std::string_view kCustomOps[] = {"apply_rotary_emb",
                                           "column_parallel_linear",
                                           "fused_moe",
                                           "gelu_and_mul",
                                           "gelu_fast",
                                           "gelu_new",
                                           "gemma_rms_norm",
                                           "logits_processor",
                                           "mul_and_silu",
                                           "quant_fp8",
                                           "quick_gelu",
                                           "relu2",
                                           "replicated_linear",
                                           "rms_norm",
                                           "rms_norm_gated",
                                           "rotary_embedding",
                                           "row_parallel_linear",
                                           "silu_and_mul",
                                           "vocab_parallel_embedding"};

// vLLM's grammar and messages: all or none at most once, then +op and -op.
Status CheckCustomOps(const std::string& text, std::vector<std::string>& notes) {
  if (text.empty() || text == "[]") return Status::Ok();
  std::set<std::string_view> bases, on, off, both;
  for (const std::string_view word : Words(text)) {
    if (word == "all" || word == "none") {
      bases.insert(word);
    } else if (word.size() > 1 && (word[0] == '+' || word[0] == '-')) {
      (word[0] == '+' ? on : off).insert(word.substr(1));
    } else {
      return InvalidArgument(fmt::format(
          "Invalid syntax '{}' for custom op, must be 'all', 'none', '+op' or '-op' (-cc.custom_ops)", word));
    }
  }
  if (bases.size() > 1)
    return InvalidArgument("custom_ops can contain only one base mode: 'all' or 'none' (-cc.custom_ops)");
  std::set_intersection(on.begin(), on.end(), off.begin(), off.end(), std::inserter(both, both.end()));
  if (!both.empty()) {
    return InvalidArgument(
        fmt::format("custom_ops cannot both enable and disable the same operation(s): {} (-cc.custom_ops)",
                    fmt::join(both, ", ")));
  }
  for (const auto& [ops, sign, what] : {std::tuple{&on, '+', "enabling"}, {&off, '-', "disabling"}}) {
    for (const std::string_view op : *ops) {
      if (std::find(std::begin(kCustomOps), std::end(kCustomOps), op) == std::end(kCustomOps))
        notes.push_back(
            fmt::format("Op '{}' does not exist, {} with '{}{}' has no effect", op, what, sign, op));
    }
  }
  notes.push_back(fmt::format(
      "compilation_config.custom_ops '{}' has no effect: compiled code has no other kernels to choose from",
      text));
  return Status::Ok();
}

// Sizes beyond a step's tokens never come.
std::vector<int> StepSizes(std::vector<int> sizes, int max_batched_tokens) {
  std::sort(sizes.begin(), sizes.end());
  sizes.erase(std::unique(sizes.begin(), sizes.end()), sizes.end());
  std::erase_if(sizes, [&](int size) { return size > max_batched_tokens; });
  return sizes;
}

std::string SizesText(const std::vector<int>& sizes) {
  return fmt::format("{}", fmt::join(sizes, ","));
}

// Exact sizes; those of the old key count only where they are captured, too.
Result<std::vector<int>> ResolveSizes(Options& options, const std::vector<int>& captured,
                                      int max_batched_tokens, std::vector<std::string>& notes) {
  constexpr std::string_view kCaptured = "cudagraph_capture_sizes";
  const bool is_old = options.IsSet(kCandidates);
  if (is_old) {
    const bool is_lost = IsExplicit(options, kSizes);
    notes.push_back(
        fmt::format("compilation_config.candidate_compile_sizes is an old name: give compile_sizes{}",
                    is_lost ? ", which counts where both are given" : ""));
    if (!is_lost)
      VIVACE_RETURN_IF_ERROR(options.Settle(kSizes, options.Text(kCandidates), options.Origin(kCandidates)));
  }
  std::vector<int> sizes = options.Integers(kSizes);
  if (options.Text(kSizes).find(kCaptured) != std::string::npos)
    sizes.insert(sizes.end(), captured.begin(), captured.end());
  if (is_old && options.Text(kSizes) == options.Text(kCandidates)) {
    std::vector<int> left_out;
    for (const int size : sizes) {
      if (!std::binary_search(captured.begin(), captured.end(), size)) left_out.push_back(size);
    }
    if (!left_out.empty()) {
      notes.push_back(fmt::format(
          "candidate_compile_sizes {} are left out: only cudagraph capture sizes will be compiled "
          "(compile_sizes takes any)",
          SizesText(left_out)));
    }
    std::erase_if(sizes, [&](int size) { return std::count(left_out.begin(), left_out.end(), size) > 0; });
  }
  sizes = StepSizes(std::move(sizes), max_batched_tokens);
  VIVACE_RETURN_IF_ERROR(options.Settle(kSizes, SizesText(sizes), options.Origin(kSizes)));
  return sizes;
}

// Ends of ranges; the last range ends with the largest step, whoever says so.
Result<std::vector<int>> ResolveRanges(Options& options, int max_batched_tokens) {
  constexpr std::string_view kEnds = "compilation-config.compile-ranges-endpoints";
  std::vector<int> ends = StepSizes(options.Integers(kEnds), max_batched_tokens - 1);
  VIVACE_RETURN_IF_ERROR(options.Settle(kEnds, SizesText(ends), options.Origin(kEnds)));
  return ends;
}

}  // namespace

Result<CompileConfig> ResolveCompile(Options& options, int max_num_seqs, int max_batched_tokens,
                                     std::vector<std::string>& notes) {
  CompileConfig out;
  VIVACE_ASSIGN_OR_RETURN(const bool compiles, ResolveMode(options, notes));
  out.options.activation = Activation(options.Text("activation-dtype"));
  VIVACE_RETURN_IF_ERROR(ResolvePasses(options, compiles, out.options, notes));
  VIVACE_RETURN_IF_ERROR(ResolveDumps(options, out));
  VIVACE_RETURN_IF_ERROR(CheckCustomOps(options.Text("compilation-config.custom-ops"), notes));
  VIVACE_ASSIGN_OR_RETURN(CaptureConfig capture,
                          ResolveCapture(options, compiles, max_num_seqs, max_batched_tokens, notes));
  out.capture = capture.mode;
  out.capture_name = std::move(capture.name);
  out.capture_sizes = std::move(capture.sizes);
  VIVACE_ASSIGN_OR_RETURN(out.options.compile_sizes,
                          ResolveSizes(options, out.capture_sizes, max_batched_tokens, notes));
  VIVACE_ASSIGN_OR_RETURN(out.options.compile_ranges_endpoints, ResolveRanges(options, max_batched_tokens));
  auto target = codegen::TargetByName(options.Text("cpu-isa"), codegen::RunnableTargets());
  if (!target.ok()) return Status{target.status().code(), "--cpu-isa: " + target.status().message()};
  out.options.target = std::move(target).value();
  return out;
}

}  // namespace vivace::engine
