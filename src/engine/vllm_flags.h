// What becomes of every flag of `vllm serve`, of every key of its config objects and of every environment
// variable that vLLM reads: the tables vllm_*.def as data. Constant; any thread.
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/option_row.h"
#include "vivace/status.h"

namespace vivace::engine {

enum class Disposition {
  kHonoured,       // a row of the option list has this name, or reads this variable
  kMapped,         // the same as another row, flag or key
  kByKey,          // an object whose keys stand for themselves
  kWithoutEffect,  // its type is checked, and the log says why it changes nothing
  kRefused,        // ignoring it would change security, answers or capacity
  kOthers          // a variable that other programs read as well: nothing is said
};

struct VllmFlag {
  Disposition disposition = Disposition::kHonoured;
  base::OptionRow row;  // name, short form, type and choices; help: the reason. Honoured: the name only
  std::string_view target = {};  // kMapped: that other name; kRefused: values that ask for nothing, "none|1"
};

/// "honoured", "mapped", ... as the reference page says it.
std::string_view Name(Disposition disposition);

std::span<const VllmFlag> VllmFlags();       // of `vllm serve`, in its order
std::span<const VllmFlag> VllmOldFlags();    // of its older versions
std::span<const VllmFlag> VllmConfigKeys();  // "cache-config.block-size"
std::span<const VllmFlag> VllmVariables();   // row.name is the variable's name

/// The flag or key of this name that no row of the option list has; _ and - are alike. "a-config.x.y" is
/// "a-config.x" or "a-config" where only that is known and it is not taken key by key. Null when there is
/// none.
const VllmFlag* FindVllmFlag(std::string_view name);
/// The same by the short form, "pp".
const VllmFlag* FindVllmShortForm(std::string_view name);
/// kInvalidArgument: "a_config has no key 'x': did you mean 'y'?". For a name with a dot.
Status UnknownConfigKey(std::string_view name);

/// Checks the value of a flag that is without effect or refused; `shown` is how messages call it. A line for
/// the log goes to `notes`, once. kInvalidArgument names the flag, the value and what is allowed.
Status CheckVllmValue(const VllmFlag& flag, std::string_view shown, std::string_view text,
                      std::vector<std::string>& notes);

/// How the line about a variable that vLLM does not know begins; its name follows.
inline constexpr std::string_view kUnknownVariable = "Unknown vLLM environment variable detected: ";

/// Reads the variables of vLLM that no row reads: the same checks for each that is set, and a line for each
/// VLLM_ variable that vLLM does not know. `environment` has names and values, those that are set.
Status CheckVllmVariables(std::span<const std::pair<std::string, std::string>> environment,
                          std::vector<std::string>& notes);

}  // namespace vivace::engine
