// docs/reference/api.md, made from the tables of endpoints and fields, so that it cannot say something else
// than the server does. Free functions.
#pragma once

#include <string>

namespace vivace::server {

/// The whole page, in Markdown.
std::string ApiReference();

}  // namespace vivace::server
