#include "engine/capture_config.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <optional>
#include <string_view>
#include <utility>

#include "base/status_macros.h"
#include "engine/compilation_keys.h"

namespace vivace::engine {
namespace {

using runtime::CaptureMode;

constexpr std::string_view kMode = "compilation-config.cudagraph-mode";
constexpr std::string_view kSizes = "compilation-config.cudagraph-capture-sizes";
constexpr std::string_view kLargest = "compilation-config.max-cudagraph-capture-size";
constexpr int kMostTokens = 512;  // of a captured step by default
constexpr int kFineEnd = 256, kFineStep = 8, kCoarseStep = 16;

bool IsExplicit(const Options& options, std::string_view name) {
  return options.Origin(name) > OptionOrigin::kLevel;
}

// use_cudagraph and full_cuda_graph, flags of the past.
Status ReadOldFlags(Options& options, std::vector<std::string>& notes) {
  for (const std::string_view flag : {"use-cudagraph", "full-cuda-graph"}) {
    const std::string name = std::string(kCompilationKeyPrefix) + std::string(flag);
    if (!options.IsSet(name)) continue;
    const bool is_full = flag == "full-cuda-graph";
    const std::string_view old = is_full ? "full_cuda_graph" : "use_cudagraph";
    if (IsExplicit(options, kMode)) {
      return InvalidArgument(fmt::format(
          "{} and cudagraph_mode are both given: {} is deprecated, give cudagraph_mode alone", old, old));
    }
    const std::string_view mode = is_full ? "FULL" : "NONE";
    notes.push_back(fmt::format("{} is deprecated, use cudagraph_mode={} instead.", old, mode));
    if (options.Flag(name) == is_full)
      VIVACE_RETURN_IF_ERROR(options.Settle(kMode, mode, options.Origin(name)));
  }
  return Status::Ok();
}

// True when pieces end at attention; false for an empty list.
Result<bool> Splits(const std::string& text) {
  if (text.empty()) return true;
  if (text == "[]") return false;
  if (text.find("attention") != std::string::npos) return true;
  return InvalidArgument(fmt::format(
      "compilation_config.splitting_ops is '{}': pieces end at attention here; give attention, or "
      "[] for whole steps",
      text));
}

// What is captured; what cannot be is lowered with a note, as vLLM does.
Status ResolveMode(Options& options, bool compiles, std::vector<std::string>& notes) {
  VIVACE_RETURN_IF_ERROR(ReadOldFlags(options, notes));
  if (options.Flag("enforce-eager")) return options.Settle(kMode, "NONE", options.Origin("enforce-eager"));
  VIVACE_ASSIGN_OR_RETURN(const bool splits, Splits(options.Text("compilation-config.splitting-ops")));
  const std::string mode = options.Text(kMode);
  if (mode != "PIECEWISE" && mode != "FULL_AND_PIECEWISE") return Status::Ok();
  constexpr std::string_view kCompilation = "compilation-config.mode";
  if (!compiles) {
    const bool is_eager = options.Text(kCompilation) != "NONE";
    notes.push_back(
        fmt::format("Cudagraph mode {} is not compatible with compilation mode {}{}. Overriding to NONE.",
                    mode, options.Text(kCompilation), is_eager ? " and backend eager" : ""));
    return options.Settle(kMode, "NONE",
                          options.Origin(is_eager ? "compilation-config.backend" : kCompilation));
  }
  if (splits) return Status::Ok();
  const std::string_view whole = mode == "PIECEWISE" ? "NONE" : "FULL";
  notes.push_back(fmt::format("splitting_ops is empty: cudagraph_mode {} becomes {}", mode, whole));
  return options.Settle(kMode, whole, options.Origin("compilation-config.splitting-ops"));
}

CaptureMode CaptureModeOf(std::string_view name) {
  if (name == "PIECEWISE") return CaptureMode::kPiecewise;
  if (name == "FULL") return CaptureMode::kFull;
  if (name == "FULL_DECODE_ONLY") return CaptureMode::kFullDecodeOnly;
  if (name == "FULL_AND_PIECEWISE") return CaptureMode::kFullAndPiecewise;
  return CaptureMode::kNone;
}

// Where a size was given, by the flag or by the key; both is a mistake.
Result<std::string> FlagOrKey(const Options& options, const std::string& flag) {
  const std::string key = std::string(kCompilationKeyPrefix) + flag;
  if (!IsExplicit(options, flag)) return key;
  if (!IsExplicit(options, key)) return flag;
  std::string name = flag;
  std::replace(name.begin(), name.end(), '-', '_');
  return InvalidArgument(
      fmt::format("{} and compilation_config.{} are mutually exclusive: give one of them", name, name));
}

struct AskedSizes {
  std::vector<int> sizes;      // ascending; none given: empty
  std::optional<int> largest;  // of either
  OptionOrigin sizes_origin = OptionOrigin::kDefault, largest_origin = OptionOrigin::kDefault;
};

Result<AskedSizes> ReadSizes(const Options& options) {
  VIVACE_ASSIGN_OR_RETURN(const std::string list, FlagOrKey(options, "cudagraph-capture-sizes"));
  VIVACE_ASSIGN_OR_RETURN(const std::string limit, FlagOrKey(options, "max-cudagraph-capture-size"));
  AskedSizes asked{options.Integers(list), std::nullopt, options.Origin(list), options.Origin(limit)};
  if (asked.sizes.empty() && IsExplicit(options, list)) {
    return InvalidArgument(
        "cudagraph_capture_sizes should contain at least one element when using cuda graph. To capture "
        "nothing, give -cc.cudagraph_mode=NONE");
  }
  std::sort(asked.sizes.begin(), asked.sizes.end());
  asked.sizes.erase(std::unique(asked.sizes.begin(), asked.sizes.end()), asked.sizes.end());
  if (options.IsSet(limit)) asked.largest = static_cast<int>(options.Integer(limit));
  if (asked.largest && !asked.sizes.empty() && *asked.largest != asked.sizes.back()) {
    return InvalidArgument(
        fmt::format("customized max_cudagraph_capture_size(={}) should be consistent with the max value of "
                    "cudagraph_capture_sizes(={}): leave one of them out",
                    *asked.largest, asked.sizes.back()));
  }
  if (!asked.largest && !asked.sizes.empty()) asked.largest = asked.sizes.back();
  return asked;
}

Result<std::vector<int>> ResolveSizes(Options& options, int max_num_seqs, int max_batched_tokens,
                                      std::vector<std::string>& notes) {
  VIVACE_ASSIGN_OR_RETURN(AskedSizes asked, ReadSizes(options));
  const int wanted = asked.largest.value_or(std::min(2 * max_num_seqs, kMostTokens));
  const int largest = std::min(wanted, max_batched_tokens);
  if (asked.largest && largest < wanted) {
    notes.push_back(fmt::format(
        "Truncating max_cudagraph_capture_size to {}: a step has no more tokens (--max-num-batched-tokens)",
        largest));
  }
  std::vector<int> sizes = asked.sizes.empty() ? DefaultCaptureSizes(largest) : asked.sizes;
  std::erase_if(sizes, [&](int size) { return size > largest; });
  VIVACE_RETURN_IF_ERROR(
      options.Settle(kSizes, fmt::format("{}", fmt::join(sizes, ",")), asked.sizes_origin));
  VIVACE_RETURN_IF_ERROR(options.Settle(kLargest, std::to_string(largest), asked.largest_origin));
  return sizes;
}

}  // namespace

std::vector<int> DefaultCaptureSizes(int largest) {
  std::vector<int> sizes = {1, 2, 4};
  for (int size = kFineStep; size <= largest; size += size < kFineEnd ? kFineStep : kCoarseStep)
    sizes.push_back(size);
  std::erase_if(sizes, [&](int size) { return size > largest; });
  return sizes;
}

Result<CaptureConfig> ResolveCapture(Options& options, bool compiles, int max_num_seqs,
                                     int max_batched_tokens, std::vector<std::string>& notes) {
  VIVACE_RETURN_IF_ERROR(ResolveMode(options, compiles, notes));
  CaptureConfig out;
  out.name = options.Text(kMode);
  out.mode = CaptureModeOf(out.name);
  if (out.mode == CaptureMode::kNone) {
    const OptionOrigin origin = options.Origin(kMode);
    VIVACE_RETURN_IF_ERROR(options.Settle(kSizes, "", origin));
    VIVACE_RETURN_IF_ERROR(options.Settle(kLargest, "0", origin));
    return out;
  }
  VIVACE_ASSIGN_OR_RETURN(out.sizes, ResolveSizes(options, max_num_seqs, max_batched_tokens, notes));
  if (out.sizes.empty()) out.mode = CaptureMode::kNone;  // the executor takes none for all sizes
  return out;
}

}  // namespace vivace::engine
