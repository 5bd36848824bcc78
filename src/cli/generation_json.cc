#include "cli/generation_json.h"

#include <iterator>
#include <utility>

#include "base/json_text.h"

namespace vivace::cli {
namespace {

using base::AppendJsonInteger;
using base::AppendJsonNumber;
using base::AppendJsonString;

void AppendIds(const std::vector<std::int32_t>& ids, std::string& out) {
  out += '[';
  for (std::size_t i = 0; i < ids.size(); ++i) {
    if (i > 0) out += ',';
    AppendJsonInteger(ids[i], out);
  }
  out += ']';
}

void AppendEntry(const TokenLogprob& entry, std::string& out) {
  out += R"({"token":)";
  AppendJsonInteger(entry.token, out);
  out += R"(,"logprob":)";
  AppendJsonNumber(entry.logprob, out);
  out += R"(,"top":[)";
  for (std::size_t i = 0; i < entry.top.size(); ++i) {
    out += i > 0 ? ",[" : "[";
    AppendJsonInteger(entry.top[i].first, out);
    out += ',';
    AppendJsonNumber(entry.top[i].second, out);
    out += ']';
  }
  out += "]}";
}

/// `with_first_null`: the entry of the first prompt token.
void AppendEntries(const std::vector<TokenLogprob>& entries, bool with_first_null, std::string& out) {
  if (entries.empty()) {
    out += "null";
    return;
  }
  out += with_first_null ? "[null" : "[";
  for (std::size_t i = 0; i < entries.size(); ++i) {
    if (i > 0 || with_first_null) out += ',';
    AppendEntry(entries[i], out);
  }
  out += ']';
}

}  // namespace

void Generation::Add(RequestOutput output) {
  const auto append = [](auto& from, auto& to) {
    to.insert(to.end(), std::make_move_iterator(from.begin()), std::make_move_iterator(from.end()));
  };
  append(output.token_ids, token_ids);
  append(output.logprobs, logprobs);
  append(output.prompt_logprobs, prompt_logprobs);
  text += output.text;
  timing = output.timing;
  if (output.finish_reason == FinishReason::kNone) return;
  finish_reason = output.finish_reason;
  stop_reason = std::move(output.stop_reason);
  status = std::move(output.status);
}

std::string GenerationJson(const Generation& generation) {
  std::string out = R"({"prompt_token_ids":)";
  AppendIds(generation.prompt, out);
  out += R"(,"token_ids":)";
  AppendIds(generation.token_ids, out);
  out += R"(,"text":)";
  AppendJsonString(generation.text, out);
  out += R"(,"finish_reason":)";
  AppendJsonString(FinishReasonText(generation.finish_reason), out);
  out += R"(,"stop_reason":)";
  if (generation.stop_reason.empty()) {
    out += "null";
  } else {
    AppendJsonString(generation.stop_reason, out);
  }
  out += R"(,"logprobs":)";
  AppendEntries(generation.logprobs, false, out);
  out += R"(,"prompt_logprobs":)";
  AppendEntries(generation.prompt_logprobs, true, out);
  out += R"(,"timing":{"queued":)";
  AppendJsonNumber(generation.timing.queued, out);
  out += R"(,"first_token":)";
  AppendJsonNumber(generation.timing.first_token, out);
  out += R"(,"last_token":)";
  AppendJsonNumber(generation.timing.last_token, out);
  out += "}}";
  return out;
}

}  // namespace vivace::cli
