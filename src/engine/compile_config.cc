#include "engine/compile_config.h"

#include <fmt/format.h>

#include <algorithm>
#include <filesystem>
#include <numeric>
#include <set>
#include <string_view>
#include <utility>

#include "base/status_macros.h"
#include "codegen/target.h"
#include "compiler/pass_list.h"
#include "engine/compilation_keys.h"
#include "engine/option_list.h"

namespace vivace::engine {
namespace {

using runtime::CaptureMode;

constexpr std::string_view kMode = "compilation-config.mode";
constexpr std::string_view kCudagraphMode = "compilation-config.cudagraph-mode";
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

// Whether compiled code runs. --enforce-eager wins over all else.
bool Compiles(const Options& options, std::vector<std::string>& notes) {
  if (options.Flag("enforce-eager")) {
    if (IsExplicit(options, kMode) || IsExplicit(options, kCudagraphMode))
      notes.push_back("--enforce-eager overrides -cc.mode and -cc.cudagraph_mode: both are NONE");
    return false;
  }
  return options.Text(kMode) != "NONE" && options.Text("compilation-config.backend") != "eager";
}

// The passes that differ from what the level that is compiled runs.
void ResolvePasses(const Options& options, bool compiles, compiler::CompileOptions& out,
                   std::vector<std::string>& notes) {
  bool is_lost = false;
  for (const compiler::PassRow& pass : compiler::PassList()) {
    const std::string name = std::string(kPassKeyPrefix) + std::string(pass.name);
    is_lost |= !compiles && IsExplicit(options, name);
    const bool runs = options.Flag(name), by_level = pass.level <= out.level;
    if (!compiles || runs == by_level) continue;
    (runs ? out.enabled_passes : out.disabled_passes).emplace_back(pass.name);
  }
  if (is_lost) notes.push_back("compilation_config.pass_config has no effect: nothing is compiled");
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

// vLLM's grammar: all or none at most once, then +op and -op.
Status CheckCustomOps(const std::string& text, std::vector<std::string>& notes) {
  if (text.empty() || text == "[]") return Status::Ok();
  std::set<std::string_view> bases, on, off;
  for (const std::string_view word : Words(text)) {
    if (word == "all" || word == "none") {
      bases.insert(word);
    } else if (word.size() > 1 && (word[0] == '+' || word[0] == '-')) {
      (word[0] == '+' ? on : off).insert(word.substr(1));
    } else {
      return InvalidArgument(fmt::format(
          "compilation_config.custom_ops has '{}': it must be 'all', 'none', '+op' or '-op'", word));
    }
  }
  if (bases.size() > 1)
    return InvalidArgument("compilation_config.custom_ops has both 'all' and 'none': give one of them");
  for (const std::string_view op : on) {
    if (off.contains(op)) {
      return InvalidArgument(
          fmt::format("compilation_config.custom_ops has both '+{}' and '-{}': give one of them", op, op));
    }
  }
  notes.push_back(fmt::format(
      "compilation_config.custom_ops '{}' has no effect: compiled code has no other kernels to choose from",
      text));
  return Status::Ok();
}

// True when pieces end at attention; false for an empty list.
Result<bool> Splits(const std::string& text) {
  if (text.empty()) return true;
  if (text == "[]") return false;
  const auto words = Words(text);
  const bool has_attention = std::any_of(words.begin(), words.end(), [](std::string_view word) {
    return word.find("attention") != std::string_view::npos;
  });
  if (has_attention) return true;
  return InvalidArgument(fmt::format(
      "compilation_config.splitting_ops is '{}': pieces end at attention here; give attention, or "
      "[] for whole steps",
      text));
}

// The mode that is captured; what cannot be is lowered with a note, as vLLM does.
Result<std::string> ResolveCaptureMode(const Options& options, bool compiles,
                                       std::vector<std::string>& notes) {
  std::string mode = options.Text(kCudagraphMode);
  if (options.Flag("enforce-eager")) return std::string("NONE");
  VIVACE_ASSIGN_OR_RETURN(const bool splits, Splits(options.Text("compilation-config.splitting-ops")));
  const bool is_piecewise = mode == "PIECEWISE" || mode == "FULL_AND_PIECEWISE";
  if (!compiles && is_piecewise) {
    if (IsExplicit(options, kCudagraphMode))
      notes.push_back(fmt::format("cudagraph_mode {} needs compilation mode VLLM_COMPILE: it is NONE", mode));
    return std::string("NONE");
  }
  if (!splits && is_piecewise) {
    const std::string whole = mode == "PIECEWISE" ? "NONE" : "FULL";
    notes.push_back(fmt::format("splitting_ops is empty: cudagraph_mode {} becomes {}", mode, whole));
    mode = whole;
  }
  return mode;
}

CaptureMode CaptureModeOf(std::string_view name) {
  if (name == "PIECEWISE") return CaptureMode::kPiecewise;
  if (name == "FULL") return CaptureMode::kFull;
  if (name == "FULL_DECODE_ONLY") return CaptureMode::kFullDecodeOnly;
  if (name == "FULL_AND_PIECEWISE") return CaptureMode::kFullAndPiecewise;
  return CaptureMode::kNone;
}

// The name under which a size was given, by the flag or by the key; both is a mistake.
Result<std::string> FlagOrKey(const Options& options, const std::string& flag) {
  const std::string key = std::string(kCompilationKeyPrefix) + flag;
  if (!options.IsSet(flag)) return key;
  if (!options.IsSet(key)) return flag;
  return InvalidArgument(
      fmt::format("--{} and --{} are both given: they are the same, give one of them", flag, key));
}

Result<std::vector<int>> ResolveCaptureSizes(const Options& options, int max_num_seqs, int max_batched_tokens,
                                             std::vector<std::string>& notes) {
  VIVACE_ASSIGN_OR_RETURN(const std::string list, FlagOrKey(options, "cudagraph-capture-sizes"));
  VIVACE_ASSIGN_OR_RETURN(const std::string limit, FlagOrKey(options, "max-cudagraph-capture-size"));
  std::vector<int> sizes = options.Integers(list);
  std::sort(sizes.begin(), sizes.end());
  sizes.erase(std::unique(sizes.begin(), sizes.end()), sizes.end());
  const int wanted = options.IsSet(limit) ? static_cast<int>(options.Integer(limit))
                     : sizes.empty()      ? max_num_seqs
                                          : sizes.back();
  if (!sizes.empty() && wanted != sizes.back()) {
    return InvalidArgument(fmt::format(
        "max_cudagraph_capture_size is {}, but the largest of cudagraph_capture_sizes is {}: leave "
        "one of them out",
        wanted, sizes.back()));
  }
  const int largest = std::min(wanted, max_batched_tokens);
  if (largest < wanted && (options.IsSet(limit) || !sizes.empty())) {
    notes.push_back(
        fmt::format("max_cudagraph_capture_size {} becomes {}: a step has no more tokens", wanted, largest));
  }
  if (sizes.empty()) {
    sizes.resize(static_cast<std::size_t>(largest));
    std::iota(sizes.begin(), sizes.end(), 1);
  }
  std::erase_if(sizes, [&](int size) { return size > largest; });
  return sizes;
}

// Sizes beyond a step's tokens never come.
std::vector<int> StepSizes(std::vector<int> sizes, int max_batched_tokens) {
  std::sort(sizes.begin(), sizes.end());
  sizes.erase(std::unique(sizes.begin(), sizes.end()), sizes.end());
  std::erase_if(sizes, [&](int size) { return size > max_batched_tokens; });
  return sizes;
}

}  // namespace

Result<CompileConfig> ResolveCompile(const Options& options, int max_num_seqs, int max_batched_tokens,
                                     std::vector<std::string>& notes) {
  CompileConfig out;
  const bool compiles = Compiles(options, notes);
  const auto level = static_cast<int>(options.Integer("optimization-level"));
  out.options.level = compiles ? std::clamp(level, 1, 2) : 0;
  out.options.activation = Activation(options.Text("activation-dtype"));
  ResolvePasses(options, compiles, out.options, notes);
  VIVACE_RETURN_IF_ERROR(ResolveDumps(options, out));
  VIVACE_RETURN_IF_ERROR(CheckCustomOps(options.Text("compilation-config.custom-ops"), notes));
  VIVACE_ASSIGN_OR_RETURN(out.capture_name, ResolveCaptureMode(options, compiles, notes));
  out.capture = CaptureModeOf(out.capture_name);
  VIVACE_ASSIGN_OR_RETURN(out.capture_sizes,
                          ResolveCaptureSizes(options, max_num_seqs, max_batched_tokens, notes));
  if (out.capture == CaptureMode::kNone) out.capture_sizes.clear();
  if (out.capture_sizes.empty()) out.capture = CaptureMode::kNone;  // the executor takes none for all sizes
  std::vector<int> sizes = options.Integers("compilation-config.compile-sizes");
  if (options.Text("compilation-config.compile-sizes").find("cudagraph_capture_sizes") != std::string::npos)
    sizes.insert(sizes.end(), out.capture_sizes.begin(), out.capture_sizes.end());
  out.options.compile_sizes = StepSizes(std::move(sizes), max_batched_tokens);
  out.options.compile_ranges_endpoints =
      StepSizes(options.Integers("compilation-config.compile-ranges-endpoints"), max_batched_tokens - 1);
  auto target = codegen::TargetByName(options.Text("cpu-isa"), codegen::RunnableTargets());
  if (!target.ok()) return Status{target.status().code(), "--cpu-isa: " + target.status().message()};
  out.options.target = std::move(target).value();
  return out;
}

}  // namespace vivace::engine
