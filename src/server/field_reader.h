// Typed reading of the fields of a JSON object. The first field that is wrong is kept as the error and every
// later read does nothing, so that a caller reads all fields and asks once. A JSON null is as if absent; an
// absent field leaves its target as it is. Not thread-safe; holds a reference to the object.
#pragma once

#include <boost/json/array.hpp>
#include <boost/json/object.hpp>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "server/api_error.h"

namespace vivace::server {

/// Inclusive bounds of a number; with open_minimum the lower one is excluded.
struct NumberRange {
  double minimum = 0, maximum = 0;
  bool open_minimum = false;
};

/// Bounds of a list of strings.
struct TextListLimits {
  std::size_t count = 0;    // at most
  std::size_t bytes = 0;    // of one string, at most; none may be empty
  bool one_string = false;  // a string is taken as a list of one
};

class FieldReader {
 public:
  explicit FieldReader(const boost::json::object& object) : object_(object) {}

  /// Null when the field is absent or JSON null.
  const boost::json::value* Find(std::string_view name) const;

  void Flag(std::string_view name, bool& target);
  /// Accepts 16 and 16.0, not "16", true or 16.5.
  void Integer(std::string_view name, std::int64_t minimum, std::int64_t maximum, std::int64_t& target);
  void Integer(std::string_view name, int minimum, int maximum, int& target);
  void Number(std::string_view name, NumberRange range, double& target);
  void Text(std::string_view name, std::size_t max_bytes, std::string& target);

  void Texts(std::string_view name, const TextListLimits& limits, std::vector<std::string>& target);
  /// An array of ids from 0 to vocabulary - 1.
  void TokenIds(std::string_view name, std::size_t max_count, int vocabulary,
                std::vector<std::int32_t>& target);
  /// The same of an array that is found already; `name` is for messages.
  void TokenIds(std::string_view name, const boost::json::array& array, int vocabulary,
                std::vector<std::int32_t>& target);

  /// Keeps the error unless there is one already.
  void Fail(std::string_view name, std::string message, std::string_view code = "invalid_value");
  const std::optional<ApiError>& error() const { return error_; }

 private:
  const boost::json::object& object_;
  std::optional<ApiError> error_;
};

/// A JSON integer, or a double without a fraction, that fits int64.
std::optional<std::int64_t> AsInteger(const boost::json::value& value);
/// The value as shown in messages: JSON, cut after 60 bytes.
std::string Shown(const boost::json::value& value);
/// A text alike: control characters are escaped, so that messages are safe to print. Without quotes.
std::string ShownText(std::string_view text);

}  // namespace vivace::server
