#include "server/field_shape.h"

#include <boost/json/array.hpp>
#include <boost/json/object.hpp>
#include <boost/json/parse.hpp>
#include <cmath>

#include "base/json_text.h"

namespace vivace::server {
namespace json = boost::json;
namespace {

constexpr double kInt32Limit = std::numeric_limits<std::int32_t>::max();

struct ShapeVisitor {
  const RequestField& row;

  FieldShape operator()(Reader) const { return row.shape; }
  FieldShape operator()(Neutral) const { return row.shape; }
  FieldShape operator()(Ignored ignored) const {
    return ignored == Ignored::kFlag ? FieldShape::kFlag : FieldShape::kText;
  }
  FieldShape operator()(bool ApiRequest::*) const { return FieldShape::kFlag; }
  FieldShape operator()(bool SamplingParams::*) const { return FieldShape::kFlag; }
  FieldShape operator()(int ApiRequest::*) const { return FieldShape::kInteger; }
  FieldShape operator()(int SamplingParams::*) const { return FieldShape::kInteger; }
  FieldShape operator()(double SamplingParams::*) const { return FieldShape::kNumber; }
  FieldShape operator()(std::string ApiRequest::*) const { return FieldShape::kText; }
};

std::string Number(double value) {
  std::string out;
  base::AppendJsonNumber(value, out);
  return out;
}

std::string TokenIdsText(const RequestField& row) {
  if (row.maximum > 0) return "array of at most " + Number(row.maximum) + " token ids";
  return row.minimum > 0 ? "array of at least one token id" : "array of token ids";
}

std::string IntegerText(const RequestField& row) {
  return "integer from " + Number(row.minimum) +
         (row.maximum >= kInt32Limit ? "" : " to " + Number(row.maximum));
}

/// A number as JSON has it: whole ones without a fraction.
json::value NumberValue(double value) {
  if (std::trunc(value) == value && std::abs(value) < 1e15) return static_cast<std::int64_t>(value);
  return value;
}

json::object Typed(std::string_view type) {
  return {{"type", type}};
}

json::object ListOf(json::object items, double minimum, double maximum) {
  json::object schema{{"type", "array"}, {"items", std::move(items)}};
  if (minimum > 0) schema["minItems"] = NumberValue(minimum);
  if (maximum > 0) schema["maxItems"] = NumberValue(maximum);
  return schema;
}

json::object IntegerSchema(std::int64_t minimum, std::int64_t maximum) {
  return {{"type", "integer"}, {"minimum", minimum}, {"maximum", maximum}};
}

json::object TokenIdSchema(const RequestRules& rules) {
  return IntegerSchema(0, rules.vocabulary - 1);
}

json::object TextSchema(double max_bytes) {
  json::object schema = Typed("string");
  if (max_bytes > 0) schema["maxLength"] = NumberValue(max_bytes);
  return schema;
}

json::object NonEmptyTextSchema() {
  json::object schema = TextSchema(static_cast<double>(kMaxStopBytes));
  schema["minLength"] = 1;
  return schema;
}

json::object NumberSchema(const RequestField& row) {
  json::object schema = Typed("number");
  schema[row.open_minimum ? "exclusiveMinimum" : "minimum"] = NumberValue(row.minimum);
  schema["maximum"] = NumberValue(row.maximum);
  return schema;
}

json::object PromptsSchema(const RequestField& row, const RequestRules& rules) {
  const json::object text = Typed("string");
  const json::object ids = ListOf(TokenIdSchema(rules), 1, 0);
  json::object either{{"anyOf", json::array{text, ids}}};
  return {{"anyOf", json::array{text, ids, ListOf(std::move(either), 1, row.maximum)}}};
}

json::object BiasesSchema(const RequestField& row) {
  json::object bias{
      {"type", "number"}, {"minimum", NumberValue(row.minimum)}, {"maximum", NumberValue(row.maximum)}};
  return {{"type", "object"},
          {"propertyNames", {{"pattern", "^[0-9]+$"}}},
          {"additionalProperties", std::move(bias)}};
}

json::object StreamOptionsSchema() {
  return {{"type", "object"},
          {"properties",
           {{"include_usage", {{"type", {"boolean", "null"}}}},
            {"continuous_usage_stats", {{"type", {"boolean", "null"}}}}}}};
}

json::object ShapeSchema(const RequestField& row, const RequestRules& rules) {
  switch (ShapeOf(row)) {
    case FieldShape::kFlag:
      return Typed("boolean");
    case FieldShape::kInteger:
      return IntegerSchema(static_cast<std::int64_t>(row.minimum), static_cast<std::int64_t>(row.maximum));
    case FieldShape::kInteger64:
      return IntegerSchema(std::numeric_limits<std::int64_t>::min(),
                           std::numeric_limits<std::int64_t>::max());
    case FieldShape::kLogprobs:
      return IntegerSchema(0, rules.max_logprobs);
    case FieldShape::kTruncation: {
      json::object schema = IntegerSchema(-1, static_cast<std::int64_t>(row.maximum));
      schema["not"] = json::object{{"const", 0}};
      return schema;
    }
    case FieldShape::kNumber:
      return NumberSchema(row);
    case FieldShape::kText:
      return TextSchema(row.maximum);
    case FieldShape::kVisibleText: {
      json::object schema = TextSchema(row.maximum);
      schema["pattern"] = "^[!-~]*$";
      return schema;
    }
    case FieldShape::kTexts:
      return ListOf(NonEmptyTextSchema(), 0, row.maximum);
    case FieldShape::kStops:
      return {{"anyOf",
               json::array{NonEmptyTextSchema(), ListOf(NonEmptyTextSchema(), 0, rules.max_stop_strings)}}};
    case FieldShape::kChoices:
      return IntegerSchema(1, rules.max_choices);
    case FieldShape::kTokenIds:
      return ListOf(TokenIdSchema(rules), row.minimum, row.maximum);
    case FieldShape::kPrompts:
      return PromptsSchema(row, rules);
    case FieldShape::kMessages:
      return ListOf({{"$ref", "#/components/schemas/Message"}}, row.minimum, row.maximum);
    case FieldShape::kObject:
      return Typed("object");
    case FieldShape::kObjects:
      return ListOf(Typed("object"), 0, 0);
    case FieldShape::kArray:
      return Typed("array");
    case FieldShape::kBiases:
      return BiasesSchema(row);
    case FieldShape::kStreamOptions:
      return StreamOptionsSchema();
    case FieldShape::kSide:
      return {{"enum", {"left", "right"}}};
    case FieldShape::kToolChoice:
      return {{"enum", {"none", "auto"}}};
    case FieldShape::kOfTarget:
      break;
  }
  return {};
}

/// The neutral value alone, beside null.
json::object NeutralSchema(Neutral neutral) {
  switch (neutral) {
    case Neutral::kNull:
      return Typed("null");
    case Neutral::kEmpty:
      return {{"type", {"array", "object", "string", "null"}},
              {"maxItems", 0},
              {"maxProperties", 0},
              {"maxLength", 0}};
    case Neutral::kTypeText: {
      json::object is_text{{"type", {"object", "null"}}, {"required", {"type"}}};
      is_text["properties"] = json::object{{"type", {{"const", "text"}}}};
      return is_text;
    }
    default:
      return {{"enum", json::array{nullptr, json::parse(NeutralText(neutral))}}};
  }
}

/// Adds null to what a schema allows.
void AllowNull(json::object& schema) {
  if (auto* type = schema.if_contains("type")) {
    *type = json::array{*type, "null"};
  } else if (auto* choices = schema.if_contains("anyOf")) {
    choices->as_array().push_back(Typed("null"));
  } else if (auto* values = schema.if_contains("enum")) {
    values->as_array().push_back(nullptr);
  }
}

}  // namespace

FieldShape ShapeOf(const RequestField& field) {
  return std::visit(ShapeVisitor{field}, field.target);
}

std::string FieldTypeText(const RequestField& field) {
  if (const auto* neutral = std::get_if<Neutral>(&field.target)) {
    return *neutral == Neutral::kNull ? "null" : "null or " + std::string(NeutralText(*neutral));
  }
  switch (ShapeOf(field)) {
    case FieldShape::kFlag:
      return "boolean";
    case FieldShape::kInteger:
      return IntegerText(field);
    case FieldShape::kInteger64:
      return "64-bit integer";
    case FieldShape::kNumber:
      return std::string("number ") + (field.open_minimum ? "above " : "from ") + Number(field.minimum) +
             " to " + Number(field.maximum);
    case FieldShape::kText:
      return field.maximum > 0 ? "string of at most " + Number(field.maximum) + " bytes" : "string";
    case FieldShape::kVisibleText:
      return "string of at most " + Number(field.maximum) + " visible ASCII characters";
    case FieldShape::kTexts:
      return "array of at most " + Number(field.maximum) + " strings";
    case FieldShape::kStops:
      return "string, or array of at most " + Number(field.maximum) + ", or --max-stop-strings";
    case FieldShape::kChoices:
      return "integer from 1 to " + Number(field.maximum) + ", or --max-n";
    case FieldShape::kTokenIds:
      return TokenIdsText(field);
    case FieldShape::kPrompts:
      return "string, array of token ids, or array of at most " + Number(field.maximum) + " of those";
    case FieldShape::kMessages:
      return "array of " + Number(field.minimum) + " to " + Number(field.maximum) +
             " objects with role and content";
    case FieldShape::kObject:
      return "object";
    case FieldShape::kObjects:
      return "array of objects";
    case FieldShape::kArray:
      return "array";
    case FieldShape::kBiases:
      return "object from token ids to numbers from " + Number(field.minimum) + " to " +
             Number(field.maximum);
    case FieldShape::kStreamOptions:
      return "object; only with stream";
    case FieldShape::kLogprobs:
      return "integer from 0 to " + Number(field.maximum) + ", or --max-logprobs";
    case FieldShape::kTruncation:
      return "integer, -1 or from 1";
    case FieldShape::kSide:
      return R"("left" or "right")";
    case FieldShape::kToolChoice:
      return "string";
    case FieldShape::kOfTarget:
      break;
  }
  return "";
}

json::value FieldSchema(const RequestField& field, const RequestRules& rules) {
  const auto* neutral = std::get_if<Neutral>(&field.target);
  json::object schema = neutral != nullptr ? NeutralSchema(*neutral) : ShapeSchema(field, rules);
  if (neutral == nullptr && !IsRequired(field)) AllowNull(schema);
  schema["description"] =
      neutral != nullptr ? "not supported: " + std::string(field.help) : std::string(field.help);
  // Defaults that depend on the model or the server are words, no JSON.
  boost::system::error_code wrong;
  json::value fallback = json::parse(field.default_text, wrong);
  if (!wrong && !fallback.is_null()) schema["default"] = std::move(fallback);
  return schema;
}

}  // namespace vivace::server
