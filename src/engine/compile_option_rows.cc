// Options of the compiler and of the plans it makes; and the keys of --compilation-config, each a row.
#include <array>
#include <deque>
#include <string>
#include <utility>
#include <vector>

#include "compiler/pass_list.h"
#include "engine/compilation_keys.h"
#include "engine/option_list.h"

namespace vivace::engine {
namespace {

using base::OptionRow;
using base::OptionType;

constexpr double kLargestSize = 65536;  // tokens of a step

// clang-format off: a table
constexpr std::array kRows = {
    OptionRow{
        .name = "optimization-level",
        .type = OptionType::kInteger,
        .default_text = "2",
        .minimum = 0,
        .maximum = 3,
        .environment = "VIVACE_OPTIMIZATION_LEVEL",
        .help = "0 starts at once on portable kernels; 1 compiles with the fast fusions; 2 with all; 3 also "
                "searches all tile plans (-O0 .. -O3)",
        .common = true},
    OptionRow{.name = "activation-dtype",
              .type = OptionType::kChoice,
              .default_text = "auto",
              .choices = "auto|uint8|int16|bfloat16|float32",
              .help =
                  "type of the rows that contractions read; auto takes the fastest that suits each weight "
                  "type",
              .common = true},
    OptionRow{.name = "dtype",
              .type = OptionType::kChoice,
              .default_text = "auto",
              .choices = "auto|bfloat16|float|float16|float32|half",
              .help = "weights keep the type that they have in the checkpoint: auto, or that type"},
    OptionRow{.name = "enforce-eager",
              .type = OptionType::kFlag,
              .default_text = "false",
              .help =
                  "portable kernels and no captured plans: -cc.mode=NONE -cc.cudagraph_mode=NONE, whatever "
                  "else says"},
    OptionRow{.name = "compilation-config",
              .type = OptionType::kObject,
              .default_text = "",
              .help = "JSON of the keys below, or one key: -cc.cudagraph_mode=NONE; keys that are given in "
                      "several ways are merged, the last value of a key counts",
              .short_form = "cc"},
    OptionRow{.name = "cudagraph-capture-sizes",
              .type = OptionType::kIntegers,
              .default_text = "",
              .minimum = 1,
              .maximum = kLargestSize,
              .unit = "tokens",
              .help = "sizes of steps whose plans are captured: -cc.cudagraph_capture_sizes",
              .several = true},
    OptionRow{.name = "max-cudagraph-capture-size",
              .type = OptionType::kInteger,
              .default_text = "",
              .minimum = 0,
              .maximum = kLargestSize,
              .unit = "tokens",
              .help = "the largest of these sizes: -cc.max_cudagraph_capture_size"},
    OptionRow{.name = "dump",
              .type = OptionType::kString,
              .default_text = "",
              .help =
                  "stages of the compile to write as text: graph,phase,vir,asm in any selection; unset: all "
                  "when -cc.debug_dump_path is given, else none"},
    OptionRow{.name = "dump-dir",
              .type = OptionType::kString,
              .default_text = "",
              .help =
                  "folder for --dump, made when it is missing; unset: -cc.debug_dump_path, or the current "
                  "one"},
    OptionRow{.name = "cpu-isa",
              .type = OptionType::kString,
              .default_text = "auto",
              .environment = "VIVACE_CPU_ISA",
              .help =
                  "instructions that compiled code uses, for tests: auto is the best that the CPU has, none "
                  "a CPU without machine code; a wrong name lists the others"},
};

constexpr std::array kKeys = {
    OptionRow{.name = "compilation-config.mode",
              .type = OptionType::kChoice,
              .default_text = "VLLM_COMPILE",
              .by_level = "NONE|VLLM_COMPILE|VLLM_COMPILE",
              .choices = "NONE|STOCK_TORCH_COMPILE|DYNAMO_TRACE_ONCE|VLLM_COMPILE",
              .help = "NONE (0) runs portable kernels, VLLM_COMPILE (3) compiles; torch's own (1, 2) run as "
                      "VLLM_COMPILE"},
    OptionRow{.name = "compilation-config.backend",
              .type = OptionType::kChoice,
              .default_text = "auto",
              .choices = "auto|inductor|eager",
              .help = "eager runs portable kernels; the others are Vivace's compiler"},
    OptionRow{.name = "compilation-config.cudagraph-mode",
              .type = OptionType::kChoice,
              .default_text = "FULL_AND_PIECEWISE",
              .by_level = "NONE|PIECEWISE|FULL_AND_PIECEWISE",
              .choices = "NONE|PIECEWISE|FULL|FULL_DECODE_ONLY|FULL_AND_PIECEWISE",
              .help =
                  "which steps replay a captured plan: none, all but for attention, whole steps, or whole "
                  "decode steps and the others but for attention"},
    OptionRow{.name = "compilation-config.cudagraph-capture-sizes",
              .type = OptionType::kIntegers,
              .default_text = "",
              .minimum = 1,
              .maximum = kLargestSize,
              .unit = "tokens",
              .help = "sizes of steps whose plans are captured; a step is not padded to a larger one; unset: "
                      "1, 2, 4, then by 8 to 256, then by 16, up to max_cudagraph_capture_size"},
    OptionRow{.name = "compilation-config.max-cudagraph-capture-size",
              .type = OptionType::kInteger,
              .default_text = "",
              .minimum = 0,
              .maximum = kLargestSize,
              .unit = "tokens",
              .help = "the largest of these sizes; unset: twice --max-num-seqs, at most 512"},
    OptionRow{.name = "compilation-config.compile-sizes",
              .type = OptionType::kIntegers,
              .default_text = "1,2,4",
              .by_level = "||1,2,4",
              .minimum = 1,
              .maximum = kLargestSize,
              .choices = "cudagraph_capture_sizes",
              .unit = "tokens",
              .help = "exact sizes of steps to compile for, beside the general shape"},
    OptionRow{.name = "compilation-config.compile-ranges-endpoints",
              .type = OptionType::kIntegers,
              .default_text = "",
              .minimum = 1,
              .maximum = kLargestSize,
              .unit = "tokens",
              .help = "last sizes of ranges to compile for; an exact size wins over its range"},
    OptionRow{.name = "compilation-config.splitting-ops",
              .type = OptionType::kString,
              .default_text = "",
              .help = "ops that piecewise plans leave out: attention, or [] for none, which makes PIECEWISE "
                      "NONE and FULL_AND_PIECEWISE FULL"},
    OptionRow{.name = "compilation-config.custom-ops",
              .type = OptionType::kString,
              .default_text = "",
              .help =
                  "all or none, then +op or -op; checked, without effect: compiled code has no other kernels "
                  "to choose from"},
    // Names of the past that are no plain renaming: what they mean depends on other keys.
    OptionRow{.name = "compilation-config.level",
              .type = OptionType::kChoice,
              .default_text = "",
              .choices = "NONE|STOCK_TORCH_COMPILE|DYNAMO_TRACE_ONCE|VLLM_COMPILE",
              .help = "old name of mode, which counts where both are given"},
    OptionRow{.name = "compilation-config.candidate-compile-sizes",
              .type = OptionType::kIntegers,
              .default_text = "",
              .minimum = 1,
              .maximum = kLargestSize,
              .choices = "cudagraph_capture_sizes",
              .unit = "tokens",
              .help = "old form of compile_sizes, of which only capture sizes are taken"},
    OptionRow{.name = "compilation-config.use-cudagraph",
              .type = OptionType::kFlag,
              .default_text = "",
              .help = "old form of cudagraph_mode: false is NONE"},
    OptionRow{.name = "compilation-config.full-cuda-graph",
              .type = OptionType::kFlag,
              .default_text = "",
              .help = "old form of cudagraph_mode: true is FULL"},
    OptionRow{.name = "compilation-config.debug-dump-path",
              .type = OptionType::kString,
              .default_text = "",
              .environment = "VIVACE_DEBUG_DUMP_PATH|VLLM_DEBUG_DUMP_PATH",
              .help = "folder below which --dump writes, with the resolved config and the times of passes; "
                      "the variable wins over the flag",
              .environment_wins = true},
};
// clang-format on

// The keys above and a flag for each pass: "compilation-config.pass-config.fuse-norm-quant".
struct KeyTable {
  std::deque<std::string> texts;  // what the rows' views point into
  std::vector<OptionRow> rows{kKeys.begin(), kKeys.end()};

  KeyTable() {
    constexpr std::string_view kByLevel[] = {"true|true|true", "false|true|true", "false|false|true"};
    for (const compiler::PassRow& pass : compiler::PassList()) {
      std::string name(kPassKeyPrefix);
      for (const char c : pass.name) name += c == '_' ? '-' : c;
      const std::string_view also = pass.moves_rounding_point ? "; moves a rounding point" : "";
      rows.push_back({.name = Keep(std::move(name)),
                      .type = OptionType::kFlag,
                      .default_text = "true",
                      .by_level = kByLevel[pass.level],
                      .help = Keep(std::string(pass.help) + "; for " + std::string(pass.condition) +
                                   std::string(also))});
    }
  }
  std::string_view Keep(std::string text) { return texts.emplace_back(std::move(text)); }
};

}  // namespace

std::span<const OptionRow> CompileOptionRows() {
  return kRows;
}

std::span<const OptionRow> CompilationKeyRows() {
  static const KeyTable table;
  return table.rows;
}

}  // namespace vivace::engine
