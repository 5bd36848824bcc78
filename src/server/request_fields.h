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

/// What JSON a field takes; the page of the API and /openapi.json say it in their ways (field_shape.h).
enum class FieldShape {
  kOfTarget,
  kFlag,
  kInteger,
  kInteger64,
  kNumber,
  kText,
  kVisibleText,  // ASCII without spaces
  kTexts,        // none is empty
  kTokenIds,
  kPrompts,
  kMessages,
  kObject,
  kObjects,
  kArray,
  kBiases,  // token ids to numbers
  kStreamOptions,
  kLogprobs,    // at most --max-logprobs
  kChoices,     // at most --max-n
  kStops,       // a text, or at most --max-stop-strings; none is empty
  kTruncation,  // not 0
  kSide,
  kToolChoice,
};

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
  double minimum = 0, maximum = 0;  // of numbers, inclusive; of texts bytes; of lists items (0: no limit)
  bool open_minimum = false;
  FieldShape shape = FieldShape::kOfTarget;  // of fields with a Reader; the others' follows from the target
};

/// Every field of every endpoint.
std::span<const RequestField> RequestFields();
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
