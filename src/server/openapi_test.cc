#include "server/openapi.h"

#include <gtest/gtest.h>

#include <boost/json/parse.hpp>
#include <boost/json/value.hpp>
#include <set>

#include "server/field_shape.h"
#include "server/router.h"

namespace vivace::server {
namespace {
namespace json = boost::json;

json::value Document() {
  RequestRules rules;
  rules.vocabulary = 1000;
  rules.max_logprobs = 7;
  return json::parse(OpenApiDocument(rules));
}

/// Calls `see` with every object of the document.
template <class See>
void Walk(const json::value& value, See see) {
  if (const auto* object = value.if_object()) {
    see(*object);
    for (const auto& [key, inner] : *object) Walk(inner, see);
  } else if (const auto* array = value.if_array()) {
    for (const json::value& inner : *array) Walk(inner, see);
  }
}

const json::value& SchemaOf(const json::value& document, std::string_view path) {
  return document.at("paths")
      .at(path)
      .at("post")
      .at("requestBody")
      .at("content")
      .at("application/json")
      .at("schema");
}

TEST(OpenApi, HasEveryRouteAndNoOther) {
  const json::value document = Document();
  std::size_t operations = 0;
  for (const auto& [path, item] : document.at("paths").as_object()) operations += item.as_object().size();
  EXPECT_EQ(operations, RouteTable().size());
  std::set<std::string> names;
  for (const RouteRow& row : RouteTable()) {
    const std::string path = std::string(row.path) + (row.path.ends_with('/') ? "{name}" : "");
    const json::value& operation = document.at("paths").at(path).at(row.method == "GET" ? "get" : "post");
    EXPECT_TRUE(names.emplace(operation.at("operationId").as_string()).second) << path;
    EXPECT_TRUE(operation.at("responses").as_object().contains("200"));
    const json::value& overload = operation.at("responses").at("429");
    EXPECT_EQ(overload.at("content").at("application/json").at("schema").at("$ref").as_string(),
              "#/components/schemas/Error");
    EXPECT_TRUE(overload.at("headers").as_object().contains("Retry-After"));
  }
}

TEST(OpenApi, HasEveryFieldOfEveryEndpointAndNoOther) {
  const json::value document = Document();
  const std::pair<std::string_view, unsigned> endpoints[] = {{"/v1/completions", kInCompletions},
                                                             {"/v1/chat/completions", kInChat},
                                                             {"/tokenize", kInTokenize},
                                                             {"/detokenize", kInDetokenize}};
  for (const auto& [path, bit] : endpoints) {
    const auto& properties = SchemaOf(document, path).at("properties").as_object();
    std::size_t fields = 0;
    for (const RequestField& field : RequestFields()) {
      if ((field.endpoints & bit) == 0) continue;
      ++fields;
      const json::value* schema = properties.if_contains(field.name);
      ASSERT_NE(schema, nullptr) << path << " " << field.name;
      EXPECT_FALSE(schema->at("description").as_string().empty());
      const auto& says = schema->as_object();
      EXPECT_TRUE(says.contains("type") || says.contains("anyOf") || says.contains("enum")) << field.name;
    }
    EXPECT_EQ(properties.size(), fields) << path;
  }
}

TEST(OpenApi, BoundsAreThoseOfTheTableAndOfTheServer) {
  const json::value document = Document();
  const auto& fields = SchemaOf(document, "/v1/completions").at("properties");
  EXPECT_EQ(fields.at("n").at("maximum").as_int64(), kMaxChoices);
  EXPECT_EQ(fields.at("n").at("default").as_int64(), 1);
  EXPECT_EQ(fields.at("top_p").at("exclusiveMinimum").as_int64(), 0);
  EXPECT_EQ(fields.at("logprobs").at("maximum").as_int64(), 7);
  EXPECT_EQ(fields.at("stop_token_ids").at("items").at("maximum").as_int64(), 999);
  EXPECT_EQ(fields.at("stop_token_ids").at("maxItems").as_int64(), kMaxStopTokenIds);
  EXPECT_EQ(SchemaOf(document, "/v1/completions").at("required").as_array(), json::array({"prompt"}));
  EXPECT_EQ(SchemaOf(document, "/tokenize").at("oneOf").as_array().size(), 2u);
}

TEST(OpenApi, EveryReferenceLeadsToASchemaAndEverySchemaIsUsed) {
  const json::value document = Document();
  const auto& schemas = document.at("components").at("schemas").as_object();
  std::set<std::string> used;
  Walk(document, [&](const json::object& object) {
    const json::value* reference = object.if_contains("$ref");
    if (reference == nullptr) return;
    const std::string target(reference->as_string());
    const std::string name = target.substr(target.rfind('/') + 1);
    EXPECT_TRUE(schemas.contains(name)) << target;
    used.insert(name);
  });
  EXPECT_EQ(used.size(), schemas.size());
}

}  // namespace
}  // namespace vivace::server
