#include "server/logprobs_json.h"

#include "base/json_text.h"

namespace vivace::server {
namespace {

using base::AppendJsonInteger;
using base::AppendJsonNumber;
using base::AppendJsonString;

bool IsWholeUtf8(std::string_view bytes) {
  while (!bytes.empty()) {
    const std::size_t length = base::Utf8Length(bytes);
    if (length == 0) return false;
    bytes.remove_prefix(length);
  }
  return true;
}

/// One column of the completions shape: a null first entry for an echoed prompt's first token, which has no
/// log-probability, then the entries of the prompt and of the answer.
template <class WriteNull, class WriteEntry>
void ForEachToken(const ChoicePart& part, WriteNull write_null, WriteEntry write_entry) {
  if (!part.echo_ids.empty()) write_null(part.echo_ids.front());
  for (const TokenLogprob& entry : part.echo_logprobs) write_entry(entry);
  for (const TokenLogprob& entry : part.logprobs) write_entry(entry);
}

/// A token as it is shown: by its text, or by its id.
std::string TokenName(const ChoicePart& part, std::int32_t token, std::string_view bytes) {
  return part.tokens_as_ids ? "token_id:" + std::to_string(token) : PrintableToken(bytes);
}

void AppendTopObject(const ChoicePart& part, const TokenLogprob& entry, const TokenTextFunction& token_text,
                     std::string& out) {
  // The token itself is always in, as OpenAI does: so there may be one entry more than asked for.
  out += '{';
  bool seen = false;
  bool first = true;
  const auto append = [&](std::int32_t token, float logprob) {
    if (!first) out += ',';
    first = false;
    AppendJsonString(TokenName(part, token, token_text(token)), out);
    out += ':';
    AppendJsonNumber(logprob, out);
  };
  for (const auto& [token, logprob] : entry.top) {
    append(token, logprob);
    seen = seen || token == entry.token;
  }
  if (!seen) append(entry.token, entry.logprob);
  out += '}';
}

void AppendChatToken(const ChoicePart& part, std::int32_t token, float logprob,
                     const TokenTextFunction& token_text, std::string& out) {
  const std::string bytes = token_text(token);
  out += R"({"token":)";
  AppendJsonString(part.tokens_as_ids ? TokenName(part, token, bytes) : bytes, out);
  out += R"(,"logprob":)";
  AppendJsonNumber(logprob, out);
  out += R"(,"bytes":[)";
  for (std::size_t i = 0; i < bytes.size(); ++i) {
    if (i > 0) out += ',';
    AppendJsonInteger(static_cast<unsigned char>(bytes[i]), out);
  }
  out += ']';
}

}  // namespace

std::string PrintableToken(std::string_view bytes) {
  if (IsWholeUtf8(bytes)) return std::string(bytes);
  constexpr std::string_view kHex = "0123456789abcdef";
  std::string out = "bytes:";
  for (const char byte : bytes) {
    const auto value = static_cast<unsigned char>(byte);
    out += "\\x";
    out += kHex[value >> 4];
    out += kHex[value & 15];
  }
  return out;
}

void AppendCompletionLogprobs(const ChoicePart& part, const TokenTextFunction& token_text, std::string& out) {
  std::string offsets, values, tokens, tops;
  std::int64_t offset = part.text_offset;
  const auto separate = [&] {
    if (offsets.empty()) return;
    for (std::string* column : {&offsets, &values, &tokens, &tops}) *column += ',';
  };
  const auto append_token = [&](std::int32_t token) {
    const std::string bytes = token_text(token);
    AppendJsonInteger(offset, offsets);
    AppendJsonString(TokenName(part, token, bytes), tokens);
    offset += CountCharacters(bytes);
  };
  ForEachToken(
      part,
      [&](std::int32_t token) {
        append_token(token);
        values += "null";
        tops += "null";
      },
      [&](const TokenLogprob& entry) {
        separate();
        append_token(entry.token);
        AppendJsonNumber(entry.logprob, values);
        AppendTopObject(part, entry, token_text, tops);
      });
  out += R"({"text_offset":[)" + offsets + R"(],"token_logprobs":[)" + values + R"(],"tokens":[)" + tokens +
         R"(],"top_logprobs":[)" + tops + "]}";
}

void AppendChatLogprobs(const ChoicePart& part, const TokenTextFunction& token_text, std::string& out) {
  out += R"({"content":[)";
  bool first = true;
  for (const TokenLogprob& entry : part.logprobs) {
    if (!first) out += ',';
    first = false;
    AppendChatToken(part, entry.token, entry.logprob, token_text, out);
    out += R"(,"top_logprobs":[)";
    for (std::size_t i = 0; i < entry.top.size(); ++i) {
      if (i > 0) out += ',';
      AppendChatToken(part, entry.top[i].first, entry.top[i].second, token_text, out);
      out += '}';
    }
    out += "]}";
  }
  out += R"(],"refusal":null})";
}

void AppendPromptLogprobs(const ChoicePart& part, const TokenTextFunction& token_text, std::string& out) {
  out += R"(,"prompt_logprobs":[null)";
  for (const TokenLogprob& entry : part.prompt_logprobs) {
    out += ",{";
    bool seen = false;
    const auto append = [&](std::int32_t token, float logprob, std::int64_t rank) {
      out += '"' + std::to_string(token) + R"(":{"logprob":)";
      AppendJsonNumber(logprob, out);
      out += R"(,"rank":)";
      if (rank > 0) {
        AppendJsonInteger(rank, out);
      } else {
        out += "null";
      }
      out += R"(,"decoded_token":)";
      AppendJsonString(PrintableToken(token_text(token)), out);
      out += '}';
    };
    for (std::size_t i = 0; i < entry.top.size(); ++i) {
      if (i > 0) out += ',';
      append(entry.top[i].first, entry.top[i].second, static_cast<std::int64_t>(i) + 1);
      seen = seen || entry.top[i].first == entry.token;
    }
    if (!seen) {
      if (!entry.top.empty()) out += ',';
      append(entry.token, entry.logprob, 0);
    }
    out += '}';
  }
  out += ']';
}

}  // namespace vivace::server
