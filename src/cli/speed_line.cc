#include "cli/speed_line.h"

#include <fmt/format.h>

#include <algorithm>

namespace vivace::cli {
namespace {

std::string Speed(int tokens, double seconds) {
  return tokens < 1 || seconds <= 0 ? "" : fmt::format(", {:.1f} tokens/s", tokens / seconds);
}

}  // namespace

void AnswerSpeed::Add(const RequestOutput& output) {
  generated_tokens += static_cast<int>(output.token_ids.size());
  cached_tokens = std::max(cached_tokens, output.cached_prompt_tokens);
  timing = output.timing;
}

std::string SpeedLine(const AnswerSpeed& speed) {
  const RequestTiming& t = speed.timing;
  std::string out = fmt::format("[prompt: {} tokens", speed.prompt_tokens);
  if (speed.cached_tokens > 0) out += fmt::format(" ({} cached)", speed.cached_tokens);
  out += Speed(speed.prompt_tokens - speed.cached_tokens, t.first_token - t.queued);
  // The first token comes with the prompt; the others take the time after it.
  out += fmt::format("; answer: {} tokens{}", speed.generated_tokens,
                     Speed(speed.generated_tokens - 1, t.last_token - t.first_token));
  if (t.first_token > 0) out += fmt::format("; first token after {:.2f} s", t.first_token);
  return out + "]";
}

}  // namespace vivace::cli
