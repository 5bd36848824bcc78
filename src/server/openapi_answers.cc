// The schemas of what openai_response.cc, logprobs_json.cc, text_call.cc and api_error.cc write. The API
// tests hold every answer of their run against them; additionalProperties is false so that nothing passes
// unsaid.
#include "server/openapi.h"

namespace vivace::server {

std::string_view AnswerSchemas() {
  return R"json({
"Error": {"type": "object", "required": ["error"], "additionalProperties": false, "properties": {
  "error": {"type": "object", "required": ["message", "type", "param", "code"], "additionalProperties": false, "properties": {
    "message": {"type": "string", "minLength": 1}, "type": {"type": "string", "minLength": 1},
    "param": {"type": ["string", "null"]}, "code": {"type": ["string", "null"]}}}}},
"Message": {"type": "object", "required": ["role"], "properties": {
  "role": {"type": "string", "minLength": 1, "maxLength": 64},
  "content": {"anyOf": [{"type": "string"}, {"type": "null"}, {"type": "array", "minItems": 1, "items": {
    "type": "object", "required": ["type", "text"], "properties": {"type": {"const": "text"}, "text": {"type": "string"}}}}]},
  "name": {"type": "string"},
  "tool_calls": {"type": "array", "items": {"type": "object", "required": ["function"], "properties": {
    "function": {"type": "object", "required": ["name", "arguments"], "properties": {
      "name": {"type": "string"}, "arguments": {"type": ["string", "object"]}}}}}}}},
"Usage": {"type": "object", "required": ["prompt_tokens", "completion_tokens", "total_tokens"], "additionalProperties": false,
  "properties": {"prompt_tokens": {"type": "integer", "minimum": 0}, "completion_tokens": {"type": "integer", "minimum": 0},
    "total_tokens": {"type": "integer", "minimum": 0},
    "prompt_tokens_details": {"type": "object", "required": ["cached_tokens"], "additionalProperties": false,
      "properties": {"cached_tokens": {"type": "integer", "minimum": 0}}}}},
"TokenIds": {"type": "array", "items": {"type": "integer", "minimum": 0}},
"Logprob": {"type": "number", "maximum": 0},
"TokenLogprob": {"type": "object", "required": ["token", "logprob", "bytes"], "additionalProperties": false, "properties": {
  "token": {"type": "string"}, "logprob": {"$ref": "#/components/schemas/Logprob"},
  "bytes": {"type": "array", "items": {"type": "integer", "minimum": 0, "maximum": 255}}}},
"CompletionLogprobs": {"type": "object", "required": ["text_offset", "token_logprobs", "tokens", "top_logprobs"],
  "additionalProperties": false, "properties": {
    "text_offset": {"type": "array", "items": {"type": "integer", "minimum": 0}},
    "token_logprobs": {"type": "array", "items": {"anyOf": [{"$ref": "#/components/schemas/Logprob"}, {"type": "null"}]}},
    "tokens": {"type": "array", "items": {"type": "string"}},
    "top_logprobs": {"type": "array", "items": {"type": ["object", "null"], "minProperties": 1,
      "additionalProperties": {"$ref": "#/components/schemas/Logprob"}}}}},
"ChatLogprobs": {"type": "object", "required": ["content", "refusal"], "additionalProperties": false, "properties": {
  "refusal": {"type": "null"},
  "content": {"type": "array", "items": {"type": "object", "required": ["token", "logprob", "bytes", "top_logprobs"],
    "additionalProperties": false, "properties": {
      "token": {"type": "string"}, "logprob": {"$ref": "#/components/schemas/Logprob"},
      "bytes": {"type": "array", "items": {"type": "integer", "minimum": 0, "maximum": 255}},
      "top_logprobs": {"type": "array", "items": {"$ref": "#/components/schemas/TokenLogprob"}}}}}}},
"PromptLogprobs": {"type": "array", "items": {"type": ["object", "null"], "minProperties": 1,
  "propertyNames": {"pattern": "^[0-9]+$"}, "additionalProperties": {"type": "object",
    "required": ["logprob", "rank", "decoded_token"], "additionalProperties": false, "properties": {
      "logprob": {"$ref": "#/components/schemas/Logprob"}, "rank": {"type": ["integer", "null"], "minimum": 1},
      "decoded_token": {"type": "string"}}}}},
"FinishReason": {"enum": ["stop", "length"]},
"CompletionChoice": {"type": "object", "required": ["index", "text", "logprobs", "finish_reason", "stop_reason"],
  "additionalProperties": false, "properties": {
    "index": {"type": "integer", "minimum": 0}, "text": {"type": "string"},
    "logprobs": {"anyOf": [{"$ref": "#/components/schemas/CompletionLogprobs"}, {"type": "null"}]},
    "finish_reason": {"$ref": "#/components/schemas/FinishReason"},
    "stop_reason": {"type": ["string", "integer", "null"]},
    "prompt_logprobs": {"$ref": "#/components/schemas/PromptLogprobs"},
    "prompt_token_ids": {"$ref": "#/components/schemas/TokenIds"},
    "token_ids": {"$ref": "#/components/schemas/TokenIds"}}},
"CompletionChunkChoice": {"type": "object", "required": ["index", "text", "logprobs", "finish_reason", "stop_reason"],
  "additionalProperties": false, "properties": {
    "index": {"type": "integer", "minimum": 0}, "text": {"type": "string"},
    "logprobs": {"anyOf": [{"$ref": "#/components/schemas/CompletionLogprobs"}, {"type": "null"}]},
    "finish_reason": {"anyOf": [{"$ref": "#/components/schemas/FinishReason"}, {"type": "null"}]},
    "stop_reason": {"type": ["string", "integer", "null"]},
    "prompt_token_ids": {"$ref": "#/components/schemas/TokenIds"},
    "token_ids": {"$ref": "#/components/schemas/TokenIds"}}},
"Completion": {"type": "object", "required": ["id", "object", "created", "model", "choices", "usage"],
  "additionalProperties": false, "properties": {
    "id": {"type": "string", "pattern": "^cmpl-"}, "object": {"const": "text_completion"},
    "created": {"type": "integer", "minimum": 1}, "model": {"type": "string"}, "system_fingerprint": {"type": "string"},
    "choices": {"type": "array", "minItems": 1, "items": {"$ref": "#/components/schemas/CompletionChoice"}},
    "usage": {"$ref": "#/components/schemas/Usage"}}},
"CompletionChunk": {"type": "object", "required": ["id", "object", "created", "model", "choices"],
  "additionalProperties": false, "properties": {
    "id": {"type": "string", "pattern": "^cmpl-"}, "object": {"const": "text_completion"},
    "created": {"type": "integer", "minimum": 1}, "model": {"type": "string"}, "system_fingerprint": {"type": "string"},
    "choices": {"type": "array", "maxItems": 1, "items": {"$ref": "#/components/schemas/CompletionChunkChoice"}},
    "usage": {"anyOf": [{"$ref": "#/components/schemas/Usage"}, {"type": "null"}]}}},
"ChatChoice": {"type": "object", "required": ["index", "message", "logprobs", "finish_reason", "stop_reason"],
  "additionalProperties": false, "properties": {
    "index": {"type": "integer", "minimum": 0},
    "message": {"type": "object", "required": ["role", "content", "refusal"], "additionalProperties": false, "properties": {
      "role": {"type": "string"}, "content": {"type": "string"}, "refusal": {"type": "null"}}},
    "logprobs": {"anyOf": [{"$ref": "#/components/schemas/ChatLogprobs"}, {"type": "null"}]},
    "finish_reason": {"$ref": "#/components/schemas/FinishReason"},
    "stop_reason": {"type": ["string", "integer", "null"]},
    "token_ids": {"$ref": "#/components/schemas/TokenIds"}}},
"ChatChunkChoice": {"type": "object", "required": ["index", "delta", "logprobs", "finish_reason", "stop_reason"],
  "additionalProperties": false, "properties": {
    "index": {"type": "integer", "minimum": 0},
    "delta": {"type": "object", "required": ["content"], "additionalProperties": false, "properties": {
      "role": {"type": "string"}, "content": {"type": "string"}}},
    "logprobs": {"anyOf": [{"$ref": "#/components/schemas/ChatLogprobs"}, {"type": "null"}]},
    "finish_reason": {"anyOf": [{"$ref": "#/components/schemas/FinishReason"}, {"type": "null"}]},
    "stop_reason": {"type": ["string", "integer", "null"]},
    "token_ids": {"$ref": "#/components/schemas/TokenIds"}}},
"ChatCompletion": {"type": "object", "required": ["id", "object", "created", "model", "choices", "usage"],
  "additionalProperties": false, "properties": {
    "id": {"type": "string", "pattern": "^chatcmpl-"}, "object": {"const": "chat.completion"},
    "created": {"type": "integer", "minimum": 1}, "model": {"type": "string"}, "system_fingerprint": {"type": "string"},
    "choices": {"type": "array", "minItems": 1, "items": {"$ref": "#/components/schemas/ChatChoice"}},
    "prompt_logprobs": {"$ref": "#/components/schemas/PromptLogprobs"},
    "prompt_token_ids": {"$ref": "#/components/schemas/TokenIds"},
    "usage": {"$ref": "#/components/schemas/Usage"}}},
"ChatCompletionChunk": {"type": "object", "required": ["id", "object", "created", "model", "choices"],
  "additionalProperties": false, "properties": {
    "id": {"type": "string", "pattern": "^chatcmpl-"}, "object": {"const": "chat.completion.chunk"},
    "created": {"type": "integer", "minimum": 1}, "model": {"type": "string"}, "system_fingerprint": {"type": "string"},
    "choices": {"type": "array", "maxItems": 1, "items": {"$ref": "#/components/schemas/ChatChunkChoice"}},
    "prompt_token_ids": {"$ref": "#/components/schemas/TokenIds"},
    "usage": {"anyOf": [{"$ref": "#/components/schemas/Usage"}, {"type": "null"}]}}},
"Tokens": {"type": "object", "required": ["count", "max_model_len", "tokens", "token_strs"], "additionalProperties": false,
  "properties": {"count": {"type": "integer", "minimum": 0}, "max_model_len": {"type": "integer", "minimum": 1},
    "tokens": {"$ref": "#/components/schemas/TokenIds"},
    "token_strs": {"type": ["array", "null"], "items": {"type": "string"}}}},
"Text": {"type": "object", "required": ["prompt"], "additionalProperties": false, "properties": {"prompt": {"type": "string"}}},
"Model": {"type": "object", "required": ["id", "object", "created", "owned_by", "root", "parent", "max_model_len", "permission"],
  "additionalProperties": false, "properties": {
    "id": {"type": "string"}, "object": {"const": "model"}, "created": {"type": "integer"}, "owned_by": {"const": "vivace"},
    "root": {"type": "string"}, "parent": {"type": "null"}, "max_model_len": {"type": "integer", "minimum": 1},
    "permission": {"type": "array", "items": {"type": "object"}}}},
"ModelList": {"type": "object", "required": ["object", "data"], "additionalProperties": false, "properties": {
  "object": {"const": "list"}, "data": {"type": "array", "minItems": 1, "items": {"$ref": "#/components/schemas/Model"}}}},
"Version": {"type": "object", "required": ["version"], "additionalProperties": false, "properties": {"version": {"type": "string"}}},
"Load": {"type": "object", "required": ["server_load"], "additionalProperties": false,
  "properties": {"server_load": {"type": "integer", "minimum": 0}}},
"OpenApi": {"type": "object", "required": ["openapi", "info", "paths", "components"]}
})json";
}

}  // namespace vivace::server
