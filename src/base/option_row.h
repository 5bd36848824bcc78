// Options are rows, declared by the layer that uses them: command line, environment, --help, the reference
// page and the API all come from the row. Plain data.
#pragma once

#include <string_view>

namespace vivace::base {

/// kList: texts; the option may be given several times. Each value counts on its own.
enum class OptionType { kFlag, kInteger, kNumber, kString, kChoice, kList };

/// Which programs take the option (bits).
enum OptionScope : unsigned {
  kModelOption = 1,
  kSamplingOption = 2,
  kServeOption = 4,
  kRunOption = 8,
  kGenerateOption = 16,
  kTokenizeOption = 32,
  kInspectOption = 64
};

struct OptionRow {
  std::string_view name;  // "max-model-len"; the command line takes - and _ alike
  OptionType type;
  std::string_view default_text;    // as one would type it; empty: unset
  double minimum = 0, maximum = 0;  // for numbers; minimum > maximum: no range
  std::string_view choices = {};    // "auto|float16|float32"
  std::string_view unit = {};       // "tokens", "s", "bytes"
  unsigned scope = kModelOption;
  std::string_view environment = {};  // variable that sets it, or "A|B", the first that is set; or empty
  std::string_view help;
  bool common = false;   // shown by --help; the others by --help=all
  bool several = false;  // a kList that takes all values up to the next option (--name a b)
};

}  // namespace vivace::base
