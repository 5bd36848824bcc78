// The resolved options of one engine: every row of the option list with its value and where the value came
// from.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "vivace/status.h"

namespace vivace {

enum class OptionOrigin { kDefault, kLevel, kEnvironment, kUser };

/// Values of all options. Names as on the command line without dashes in front ("max-model-len"; _ and -
/// alike).
class Options {
 public:
  Options();

  /// Checks the name (the error names the nearest known one), the type, the range and the choices.
  Status Set(std::string_view name, std::string_view text, OptionOrigin origin = OptionOrigin::kUser);
  /// Sets what the environment says, where no user value is set.
  Status SetFromEnvironment();

  bool Flag(std::string_view name) const;
  std::int64_t Integer(std::string_view name) const;
  double Number(std::string_view name) const;
  const std::string& Text(std::string_view name) const;
  bool IsSet(std::string_view name) const;  // not empty
  OptionOrigin Origin(std::string_view name) const;

 private:
  struct Value {
    std::string text;
    OptionOrigin origin = OptionOrigin::kDefault;
  };
  const Value& Find(std::string_view name) const;
  std::vector<Value> values_;  // parallel to the option list
};

}  // namespace vivace
