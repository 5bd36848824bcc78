#include "server/api_reference.h"

#include "server/field_shape.h"
#include "server/request_fields.h"
#include "server/router.h"

namespace vivace::server {
namespace {

/// A cell of a table: bars and line ends would end it.
std::string Cell(std::string_view text) {
  std::string out;
  for (const char c : text) {
    if (c == '|') out += '\\';
    out += c;
  }
  return out;
}

void AppendRow(std::initializer_list<std::string> cells, std::string& out) {
  out += '|';
  for (const std::string& cell : cells) out += " " + cell + " |";
  out += '\n';
}

bool IsRefused(const RequestField& field) {
  return std::holds_alternative<Neutral>(field.target);
}

void AppendFields(std::string_view path, unsigned endpoint, std::string& out) {
  out += "\n## POST " + std::string(path) + "\n\n";
  AppendRow({"field", "values", "default", "what it does"}, out);
  AppendRow({"---", "---", "---", "---"}, out);
  for (const RequestField& field : RequestFields()) {
    if ((field.endpoints & endpoint) == 0 || IsRefused(field)) continue;
    AppendRow({"`" + std::string(field.name) + "`", Cell(FieldTypeText(field)),
               field.default_text.empty() ? "required" : Cell(field.default_text), Cell(field.help)},
              out);
  }
}

void AppendRefused(std::string& out) {
  out += "\n## Refused\n\n";
  AppendRow({"field", "accepted only as", "why"}, out);
  AppendRow({"---", "---", "---"}, out);
  for (const RequestField& field : RequestFields()) {
    if (!IsRefused(field)) continue;
    AppendRow({"`" + std::string(field.name) + "`", Cell(FieldTypeText(field)), Cell(field.help)}, out);
  }
}

}  // namespace

std::string ApiReference() {
  std::string out =
      "# HTTP API\n\n"
      "Made from the tables of endpoints and request fields; a test keeps it fresh. The shapes are those of "
      "OpenAI\n"
      "and vLLM. A field that is JSON null is as if absent. Fields that are not listed are accepted and "
      "ignored.\n"
      "An error is `{\"error\": {\"message\", \"type\", \"param\", \"code\"}}`: the message names the field, "
      "its value and\n"
      "what is allowed. 400 is the request's mistake, 401 a missing key, 404 another model or path, 413 a "
      "body over\n"
      "--max-body-bytes, 415 another content type than JSON, 429 a full queue, 503 a model that loads or a "
      "server that "
      "shuts\n"
      "down; the last two come with Retry-After. In a stream that has begun an error is an event named "
      "`error`.\n"
      "Answers name what made them in `system_fingerprint` (--fingerprint-mode). With "
      "--enable-request-id-headers each\n"
      "answer carries X-Request-Id, that of the request or a new one; with --allowed-origins browsers let "
      "pages of\n"
      "those origins use the server.\n\n"
      "## Endpoints\n\n";
  AppendRow({"method", "path", "what it answers"}, out);
  AppendRow({"---", "---", "---"}, out);
  for (const RouteRow& row : RouteTable()) {
    std::string path(row.path);
    if (path.ends_with('/')) path += "{name}";
    AppendRow({std::string(row.method), "`" + path + "`", Cell(row.help)}, out);
  }
  AppendFields("/v1/completions", kInCompletions, out);
  AppendFields("/v1/chat/completions", kInChat, out);
  AppendFields("/tokenize", kInTokenize, out);
  AppendFields("/detokenize", kInDetokenize, out);
  AppendRefused(out);
  return out;
}

}  // namespace vivace::server
