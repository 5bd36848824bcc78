// /openapi.json: the API as an OpenAPI 3.1 document, made from the tables of endpoints and request fields, so
// that a client, a validator or a fuzzer knows what the server knows. Free functions; any thread.
#pragma once

#include <string>
#include <string_view>

#include "server/openai_request.h"

namespace vivace::server {

/// The whole document, one line of JSON. Token ids and log-probabilities are bounded by the rules.
/// Source: OpenAPI Specification 3.1.0. That has no word for the events of a stream: x-event-schema beside
/// the schema of text/event-stream is the schema of each event's data, apart from the last one, [DONE].
std::string OpenApiDocument(const RequestRules& rules);

/// #/components/schemas: answers, chunks, the error, a message; JSON text.
std::string_view AnswerSchemas();

}  // namespace vivace::server
