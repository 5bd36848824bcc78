// Options whose value is an object: text to keys. Free functions; any thread.
#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "vivace/status.h"

namespace vivace::engine {

/// A key's full name and its text: "compilation-config.pass_config.fuse_norm_quant", "false".
using ObjectKey = std::pair<std::string, std::string>;

/// The keys of an object written as JSON, or as YAML, which Python's notation is, too; objects within it are
/// taken apart. A list becomes its items with commas between, an empty one "[]"; null leaves a key out.
/// kInvalidArgument names the option, its text and what would be right.
Result<std::vector<ObjectKey>> FlattenObject(std::string_view name, std::string_view text);

/// An object or a list, written as JSON, YAML or in Python's notation, as JSON; empty where it is null.
Result<std::string> JsonText(std::string_view name, std::string_view text);

/// As one value: a list written as JSON becomes its items with commas between; other text stays as it is.
Result<std::string> FlattenValue(std::string_view name, std::string_view text);

}  // namespace vivace::engine
