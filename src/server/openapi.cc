#include "server/openapi.h"

#include <array>
#include <boost/json/array.hpp>
#include <boost/json/object.hpp>
#include <boost/json/parse.hpp>
#include <boost/json/serialize.hpp>

#include "base/version.h"
#include "server/field_shape.h"
#include "server/http_message.h"
#include "server/router.h"

namespace vivace::server {
namespace json = boost::json;
namespace {

/// What an endpoint takes and gives beside its row in the table of routes.
struct Shape {
  std::string_view name;        // operationId, unless two methods share it
  unsigned fields = 0;          // its bit in the table of request fields; 0: no body
  std::string_view answer;      // its schema; empty: plain text
  std::string_view chunk = {};  // of its stream's events; empty: it has no stream
};

Shape ShapeOfEndpoint(Endpoint endpoint) {
  switch (endpoint) {
    case Endpoint::kCompletions:
      return {"completions", kInCompletions, "Completion", "CompletionChunk"};
    case Endpoint::kChatCompletions:
      return {"chat_completions", kInChat, "ChatCompletion", "ChatCompletionChunk"};
    case Endpoint::kTokenize:
      return {"tokenize", kInTokenize, "Tokens"};
    case Endpoint::kDetokenize:
      return {"detokenize", kInDetokenize, "Text"};
    case Endpoint::kModels:
      return {"models", 0, "ModelList"};
    case Endpoint::kModel:
      return {"model", 0, "Model"};
    case Endpoint::kHealth:
      return {"health", 0, ""};
    case Endpoint::kPing:
      return {"ping", 0, ""};
    case Endpoint::kVersion:
      return {"version", 0, "Version"};
    case Endpoint::kLoad:
      return {"load", 0, "Load"};
    case Endpoint::kMetrics:
      return {"metrics", 0, ""};
    case Endpoint::kOpenApi:
      return {"openapi", 0, "OpenApi"};
  }
  return {};
}

json::object Reference(std::string_view schema) {
  return {{"$ref", "#/components/schemas/" + std::string(schema)}};
}

json::object ContentOf(std::string_view type, json::object schema) {
  return {{type, json::object{{"schema", std::move(schema)}}}};
}

json::object RequestSchema(unsigned endpoint, const RequestRules& rules) {
  json::object properties;
  json::array required;
  for (const RequestField& field : RequestFields()) {
    if ((field.endpoints & endpoint) == 0) continue;
    properties[field.name] = FieldSchema(field, rules);
    if (IsRequired(field)) required.emplace_back(field.name);
  }
  json::object schema{{"type", "object"}, {"properties", std::move(properties)}};
  if (endpoint != kInTokenize) {
    schema["required"] = std::move(required);
    return schema;
  }
  json::array one_of;  // a text or a conversation
  for (json::value& name : required) {
    one_of.push_back(json::object{{"required", json::array{std::move(name)}}});
  }
  schema["oneOf"] = std::move(one_of);
  return schema;
}

json::object GoodAnswer(const Shape& shape) {
  json::object content = shape.answer.empty() ? ContentOf("text/plain", {{"type", "string"}})
                                              : ContentOf("application/json", Reference(shape.answer));
  if (!shape.chunk.empty()) {
    // No schema: some programs take it for that of the whole text, others for that of one event.
    json::object event{{"anyOf", json::array{Reference(shape.chunk), Reference("Error")}}};
    content["text/event-stream"] = json::object{{"x-event-schema", std::move(event)}};
  }
  return {{"description", "the answer"}, {"content", std::move(content)}};
}

/// Errors that every endpoint may answer with.
json::object ErrorAnswer(int status) {
  json::object answer{{"description", status == 0 ? std::string_view("another error") : ReasonPhrase(status)},
                      {"content", ContentOf("application/json", Reference("Error"))}};
  if (status == 429 || status == 503) {
    json::object header{{"required", true}, {"schema", json::object{{"type", "integer"}, {"minimum", 0}}}};
    answer["headers"] = json::object{{"Retry-After", std::move(header)}};
  }
  return answer;
}

json::object Operation(const RouteRow& row, const RequestRules& rules) {
  const Shape shape = ShapeOfEndpoint(row.endpoint);
  const bool is_get = row.method == "GET";
  json::object responses{{"200", GoodAnswer(shape)}};
  for (const int status : {400, 401, 404, 413, 415, 429, 500, 503}) {
    responses[std::to_string(status)] = ErrorAnswer(status);
  }
  responses["default"] = ErrorAnswer(0);
  const bool only_one = row.endpoint != Endpoint::kPing || is_get;
  json::object operation{{"operationId", std::string(shape.name) + (only_one ? "" : "_post")},
                         {"summary", row.help},
                         {"responses", std::move(responses)}};
  if (shape.fields != 0) {
    operation["requestBody"] = json::object{
        {"required", true}, {"content", ContentOf("application/json", RequestSchema(shape.fields, rules))}};
  }
  if (row.path.ends_with('/')) {
    operation["parameters"] =
        json::array{json::object{{"name", "name"},
                                 {"in", "path"},
                                 {"required", true},
                                 {"schema", json::object{{"type", "string"}, {"minLength", 1}}}}};
  }
  // As the service does: keys guard what is under /v1/.
  if (row.path.starts_with("/v1/"))
    operation["security"] = json::array{{json::object{{"key", json::array{}}}}, json::object{}};
  return operation;
}

std::string Lower(std::string_view text) {
  std::string out(text);
  for (char& c : out) c = static_cast<char>(c | 0x20);
  return out;
}

}  // namespace

std::string OpenApiDocument(const RequestRules& rules) {
  json::object paths;
  for (const RouteRow& row : RouteTable()) {
    const std::string path = std::string(row.path) + (row.path.ends_with('/') ? "{name}" : "");
    json::value& item = paths[path];
    if (!item.is_object()) item.emplace_object();
    item.as_object()[Lower(row.method)] = Operation(row, rules);
  }
  json::object key{{"type", "http"}, {"scheme", "bearer"}};
  json::object components{{"schemas", json::parse(AnswerSchemas())},
                          {"securitySchemes", json::object{{"key", std::move(key)}}}};
  json::object info{{"title", "Vivace"},
                    {"version", base::kVersion},
                    {"description",
                     "A field that is null is as if absent; fields that are not listed are accepted and "
                     "ignored. What fields demand of each other is not in these schemas."}};
  return json::serialize(json::object{{"openapi", "3.1.0"},
                                      {"info", std::move(info)},
                                      {"paths", std::move(paths)},
                                      {"components", std::move(components)}});
}

}  // namespace vivace::server
