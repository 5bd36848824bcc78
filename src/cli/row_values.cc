#include "cli/row_values.h"

#include <algorithm>
#include <cstdlib>

#include "base/check.h"
#include "base/status_macros.h"
#include "engine/option_list.h"

namespace vivace::cli {

const base::OptionRow* RowValues::Find(std::string_view name) const {
  const auto row = std::find_if(rows_.begin(), rows_.end(),
                                [&](const auto& r) { return r.name == name && (r.scope & scope_) != 0; });
  return row == rows_.end() ? nullptr : &*row;
}

Status RowValues::Set(const base::OptionRow& row, std::string_view text) {
  VIVACE_ASSIGN_OR_RETURN(std::string value, engine::NormaliseOption(row, text));
  std::vector<std::string>& list = values_[std::string(row.name)];
  if (row.type != base::OptionType::kList) list.clear();
  list.push_back(std::move(value));
  return Status::Ok();
}

bool RowValues::IsSet(std::string_view name) const {
  return !Text(name).empty();
}

std::int64_t RowValues::Integer(std::string_view name) const {
  return std::strtoll(Text(name).c_str(), nullptr, 10);
}

double RowValues::Number(std::string_view name) const {
  return std::strtod(Text(name).c_str(), nullptr);
}

std::string RowValues::Text(std::string_view name) const {
  const base::OptionRow* const row = Find(name);
  VIVACE_CHECK(row != nullptr);
  const auto found = values_.find(name);
  return found == values_.end() ? std::string(row->default_text) : found->second.front();
}

std::vector<std::string> RowValues::List(std::string_view name) const {
  const auto found = values_.find(name);
  return found == values_.end() ? std::vector<std::string>() : found->second;
}

}  // namespace vivace::cli
