// Values of option rows that belong to one command of the program and are no options of the engine. A plain
// value; the rows must outlive it.
#pragma once

#include <cstdint>
#include <map>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/option_row.h"
#include "vivace/status.h"

namespace vivace::cli {

class RowValues {
 public:
  RowValues() = default;
  /// Those of `rows` that have a bit of `scope`: no two of them with the same name.
  RowValues(std::span<const base::OptionRow> rows, unsigned scope) : rows_(rows), scope_(scope) {}

  /// The row of that name (with dashes); null when there is none.
  const base::OptionRow* Find(std::string_view name) const;
  /// kInvalidArgument names the option, the value and what is allowed. Of a kList, adds to what there is.
  Status Set(const base::OptionRow& row, std::string_view text);

  // What was set, or the row's default. The name must be a row's, the type the row's.
  bool IsSet(std::string_view name) const;  // by the user, or by a default
  bool Flag(std::string_view name) const { return Text(name) == "true"; }
  std::int64_t Integer(std::string_view name) const;
  double Number(std::string_view name) const;
  std::string Text(std::string_view name) const;
  std::vector<std::string> List(std::string_view name) const;

 private:
  std::span<const base::OptionRow> rows_;
  unsigned scope_ = 0;
  std::map<std::string, std::vector<std::string>, std::less<>> values_;
};

}  // namespace vivace::cli
