// Options are rows, declared by the layer that uses them: command line, environment, --help, the reference
// page and the API all come from the row. Plain data.
#pragma once

#include <string_view>

namespace vivace::base {

/// kList: texts; the option may be given several times. Each value counts on its own.
/// kIntegers: "1,2,4"; the range is that of one of them, `choices` a word that may stand among them.
/// kObject: JSON; each of its keys is a row of its own, NAME.KEY, and the row itself has no value.
enum class OptionType { kFlag, kInteger, kNumber, kString, kChoice, kList, kIntegers, kObject };

/// The unit of a kString that must be a JSON (or YAML) object or list.
inline constexpr std::string_view kJsonUnit = "JSON";

/// Which programs take the option (bits).
enum OptionScope : unsigned {
  kModelOption = 1,
  kSamplingOption = 2,
  kServeOption = 4,
  kRunOption = 8,
  kGenerateOption = 16,
  kTokenizeOption = 32,
  kInspectOption = 64,
  kExplainOption = 128,
  kCacheOption = 256,
  kTuneOption = 512,
  kConfigOption = 1024,
  kBenchLatencyOption = 1 << 16,
  kBenchThroughputOption = 1 << 17,
  kBenchStartupOption = 1 << 18,
  kBenchServeOption = 1 << 19,
  kBenchLevelsOption = 1 << 20
};

struct OptionRow {
  std::string_view name;  // "max-model-len"; the command line takes - and _ alike
  OptionType type;
  std::string_view default_text;  // as one would type it; empty: unset
  /// Defaults at -O0 to -O3, "128|256|256": the last counts for the levels above, too; empty: alike.
  std::string_view by_level = {};
  double minimum = 0, maximum = 0;  // for numbers; minimum > maximum: no range
  std::string_view choices = {};    // "auto|float16|float32"
  std::string_view unit = {};       // "tokens", "s", "bytes"
  unsigned scope = kModelOption;
  /// Variable that sets it, or "A|B", the first that is set; or empty. "A:GiB": A counts in GiB, 0 is unset.
  std::string_view environment = {};
  std::string_view help;
  bool environment_wins = false;  // over config file and command line, too, with a note; as vLLM has it
  bool common = false;            // shown by --help; the others by --help=all
  bool several = false;  // a kList or kIntegers that takes all values up to the next option (--name a b)
  std::string_view short_form = {};  // "tp": -tp is the same
  bool value_optional = false;       // of a kString: --name alone is --name ""
};

}  // namespace vivace::base
