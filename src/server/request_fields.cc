#include "server/request_fields.h"

#include <boost/json/value.hpp>
#include <cstdint>

namespace vivace::server {
namespace json = boost::json;
namespace {

bool IsNumber(const json::value& value, double wanted) {
  boost::system::error_code error;
  return value.is_number() && value.to_number<double>(error) == wanted;
}

bool IsText(const json::value* value, std::string_view wanted) {
  return value != nullptr && value->is_string() && value->get_string() == wanted;
}

bool IsEmpty(const json::value& value) {
  return (value.is_array() && value.get_array().empty()) ||
         (value.is_object() && value.get_object().empty()) ||
         (value.is_string() && value.get_string().empty());
}

bool IsNeutral(const json::value& value, Neutral neutral) {
  switch (neutral) {
    case Neutral::kZero:
      return IsNumber(value, 0);
    case Neutral::kOne:
      return IsNumber(value, 1);
    case Neutral::kFalse:
      return value.is_bool() && !value.get_bool();
    case Neutral::kTrue:
      return value.is_bool() && value.get_bool();
    case Neutral::kEmpty:
      return IsEmpty(value);
    case Neutral::kTypeText:
      return value.is_object() && IsText(value.get_object().if_contains("type"), "text");
    case Neutral::kTextModality:
      return value.is_array() && value.get_array().size() == 1 && IsText(&value.get_array()[0], "text");
    case Neutral::kTensors:
      return IsText(&value, "tensors");
    case Neutral::kNull:
      break;
  }
  return false;
}

/// Reads one field into what its row names.
struct FieldVisitor {
  const RequestField& row;
  const FieldContext& context;

  void operator()(Reader read) const { read(context); }
  void operator()(Neutral neutral) const {
    const json::value* value = context.fields.Find(row.name);
    if (value == nullptr || IsNeutral(*value, neutral)) return;
    context.fields.Fail(row.name,
                        std::string(row.name) + " is not supported by this server (the value is " +
                            Shown(*value) + "): " + std::string(row.help) + "; leave it out",
                        "unsupported_value");
  }
  void operator()(Ignored ignored) const {
    bool flag = false;
    std::string text;
    if (ignored == Ignored::kFlag) {
      context.fields.Flag(row.name, flag);
    } else {
      context.fields.Text(row.name, static_cast<std::size_t>(row.maximum), text);
    }
  }
  void operator()(bool ApiRequest::*member) const { context.fields.Flag(row.name, context.request.*member); }
  void operator()(int ApiRequest::*member) const { ReadInteger(context.request.*member); }
  void operator()(std::string ApiRequest::*member) const {
    context.fields.Text(row.name, static_cast<std::size_t>(row.maximum), context.request.*member);
  }
  void operator()(bool SamplingParams::*member) const {
    context.fields.Flag(row.name, context.request.sampling.*member);
  }
  void operator()(int SamplingParams::*member) const { ReadInteger(context.request.sampling.*member); }
  void operator()(double SamplingParams::*member) const {
    context.fields.Number(row.name, {row.minimum, row.maximum, row.open_minimum},
                          context.request.sampling.*member);
  }
  void ReadInteger(int& target) const {
    context.fields.Integer(row.name, static_cast<int>(row.minimum), static_cast<int>(row.maximum), target);
  }
};

}  // namespace

std::span<const RequestField> RequestFields() {
  static const std::vector<RequestField> rows = [] {
    std::vector<RequestField> all;
    for (const auto part : {PromptFields(), SamplingFields(), OutputFields(), RefusedFields()}) {
      all.insert(all.end(), part.begin(), part.end());
    }
    return all;
  }();
  return rows;
}

std::string_view NeutralText(Neutral neutral) {
  switch (neutral) {
    case Neutral::kZero:
      return "0";
    case Neutral::kOne:
      return "1";
    case Neutral::kFalse:
      return "false";
    case Neutral::kTrue:
      return "true";
    case Neutral::kEmpty:
      return "empty";
    case Neutral::kTypeText:
      return R"({"type": "text"})";
    case Neutral::kTextModality:
      return R"(["text"])";
    case Neutral::kTensors:
      return R"("tensors")";
    case Neutral::kNull:
      break;
  }
  return "null";
}

void ReadFields(FieldReader& fields, const RequestRules& rules, ApiRequest& request) {
  const unsigned endpoint = 1u << static_cast<unsigned>(request.kind);
  for (const RequestField& row : RequestFields()) {
    if (fields.error()) return;
    if ((row.endpoints & endpoint) == 0) continue;
    std::visit(FieldVisitor{row, FieldContext{fields, row.name, rules, request}}, row.target);
  }
}

}  // namespace vivace::server
