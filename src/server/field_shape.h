// What a request field takes, said twice from one row: in words for the page of the API, as a JSON schema for
// /openapi.json. Free functions; any thread.
#pragma once

#include <boost/json/value.hpp>
#include <string>

#include "server/request_fields.h"

namespace vivace::server {

/// Never kOfTarget; of a refused field it has no meaning.
FieldShape ShapeOf(const RequestField& field);
/// "number above 0 to 1"; of a refused field what is accepted.
std::string FieldTypeText(const RequestField& field);
/// The JSON schema (draft 2020-12) with description and default; null is allowed unless the field is
/// required. Token ids and log-probabilities are bounded by the rules.
boost::json::value FieldSchema(const RequestField& field, const RequestRules& rules);
/// Whether a request without it is refused.
inline bool IsRequired(const RequestField& field) {
  return field.default_text.empty();
}

}  // namespace vivace::server
