// Reads values of a JSON object with checks, for config.json and generation_config.json. Every error names
// the file, the key, its value and what would be right. Cheap to copy: a view into a parsed text that all
// copies share. Immutable; read from any thread.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "vivace/status.h"

namespace vivace::models {

class JsonFacts {
 public:
  /// kDataLoss: no JSON, no object, nested deeper than 64, or longer than 16 MiB. `label` is what errors call
  /// the text.
  static Result<JsonFacts> Parse(std::string_view text, std::string label);

  /// The key is there and its value is not null.
  bool Has(std::string_view key) const;
  /// Also true for null.
  bool HasKey(std::string_view key) const;
  bool IsObject(std::string_view key) const;
  bool IsList(std::string_view key) const;
  /// Missing or null is an error for these getters; see Has.
  Result<std::int64_t> Integer(std::string_view key, std::int64_t minimum, std::int64_t maximum) const;
  /// Finite, within [minimum, maximum].
  Result<double> Number(std::string_view key, double minimum, double maximum) const;
  Result<bool> Bool(std::string_view key) const;
  Result<std::string> String(std::string_view key) const;
  Result<JsonFacts> Object(std::string_view key) const;
  Result<std::vector<std::string>> Strings(std::string_view key) const;
  /// A list of whole numbers, or one.
  Result<std::vector<std::int64_t>> Integers(std::string_view key, std::int64_t minimum,
                                             std::int64_t maximum) const;

  /// "config.json: rope_scaling.factor".
  std::string Name(std::string_view key) const;
  /// "config.json: rope_scaling.factor is -1; <wanted>"
  Status Wrong(std::string_view key, const std::string& wanted) const;

 private:
  struct Node;
  JsonFacts() = default;

  std::shared_ptr<const Node> root_;  // keeps the parsed text
  const void* object_ = nullptr;      // the boost::json::object within it
  std::string label_, path_;          // "config.json", "rope_scaling."
};

}  // namespace vivace::models
