// The one list of request fields: what each endpoint reads, how, and what the reference page says of it.
// Immutable tables and free functions; any thread.
#pragma once

#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "server/field_reader.h"
#include "server/openai_request.h"

namespace vivace::server {

/// Endpoints of a field (bits), in the order of ApiKind.
inline constexpr unsigned kInCompletions = 1, kInChat = 2, kInTokenize = 4, kInDetokenize = 8;
inline constexpr unsigned kInAnswers = kInCompletions | kInChat;

/// The value of a refused field that changes nothing and is therefore accepted.
enum class Neutral { kNull, kZero, kOne, kFalse, kTrue, kEmpty, kTypeText, kTextModality, kTensors };

/// Checked by its type, then without effect.
enum class Ignored { kText, kFlag };

struct FieldContext {
  FieldReader& fields;
  std::string_view name;
  const RequestRules& rules;
  ApiRequest& request;
};
using Reader = void (*)(const FieldContext&);

using FieldTarget =
    std::variant<Reader, Neutral, Ignored, bool ApiRequest::*, int ApiRequest::*, std::string ApiRequest::*,
                 bool SamplingParams::*, int SamplingParams::*, double SamplingParams::*>;

struct RequestField {
  std::string_view name;
  unsigned endpoints = 0;
  FieldTarget target;
  std::string_view default_text;    // as the reference page shows it
  std::string_view help;            // what it does; of a refused field: why
  double minimum = 0, maximum = 0;  // of numbers, inclusive; of texts the bytes
  bool open_minimum = false;
  std::string_view type = {};  // of fields with a Reader; the others' follows from the target
};

/// Every field of every endpoint.
std::span<const RequestField> RequestFields();
/// "number above 0 to 1".
std::string FieldTypeText(const RequestField& field);
/// The neutral value of a refused field as JSON text; empty: only null.
std::string_view NeutralText(Neutral neutral);

/// Reads every field that the kind of request has; the first error stays in `fields`.
void ReadFields(FieldReader& fields, const RequestRules& rules, ApiRequest& request);

// The parts of the list.
std::span<const RequestField> PromptFields();
std::span<const RequestField> SamplingFields();
std::span<const RequestField> OutputFields();
std::span<const RequestField> RefusedFields();

}  // namespace vivace::server
