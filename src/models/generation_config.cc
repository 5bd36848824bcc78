#include "models/generation_config.h"

#include "base/status_macros.h"
#include "models/json_facts.h"

namespace vivace::models {
namespace {

constexpr std::int64_t kMaxToken = (std::int64_t{1} << 31) - 1;

Status ReadNumber(const JsonFacts& facts, std::string_view key, double minimum, double maximum,
                  std::optional<double>& value) {
  if (!facts.Has(key)) return Status::Ok();
  VIVACE_ASSIGN_OR_RETURN(value, facts.Number(key, minimum, maximum));
  return Status::Ok();
}

Status ReadInteger(const JsonFacts& facts, std::string_view key, std::int64_t minimum, std::int64_t maximum,
                   std::optional<std::int64_t>& value) {
  if (!facts.Has(key)) return Status::Ok();
  VIVACE_ASSIGN_OR_RETURN(value, facts.Integer(key, minimum, maximum));
  return Status::Ok();
}

Status ReadTokens(const JsonFacts& facts, std::string_view key, std::vector<std::int32_t>& tokens) {
  if (!facts.Has(key)) return Status::Ok();
  VIVACE_ASSIGN_OR_RETURN(const std::vector<std::int64_t> ids, facts.Integers(key, 0, kMaxToken));
  for (const std::int64_t id : ids) tokens.push_back(static_cast<std::int32_t>(id));
  return Status::Ok();
}

}  // namespace

Result<GenerationDefaults> ReadGenerationDefaults(std::string_view text) {
  GenerationDefaults defaults;
  if (text.empty()) return defaults;
  VIVACE_ASSIGN_OR_RETURN(const JsonFacts facts, JsonFacts::Parse(text, "generation_config.json"));
  VIVACE_RETURN_IF_ERROR(ReadTokens(facts, "eos_token_id", defaults.end_tokens));
  VIVACE_RETURN_IF_ERROR(ReadTokens(facts, "bos_token_id", defaults.begin_tokens));
  VIVACE_RETURN_IF_ERROR(ReadNumber(facts, "temperature", 0, 100, defaults.temperature));
  VIVACE_RETURN_IF_ERROR(ReadNumber(facts, "top_p", 0, 1, defaults.top_p));
  VIVACE_RETURN_IF_ERROR(ReadNumber(facts, "min_p", 0, 1, defaults.min_p));
  VIVACE_RETURN_IF_ERROR(ReadInteger(facts, "top_k", 0, kMaxToken, defaults.top_k));
  VIVACE_RETURN_IF_ERROR(ReadNumber(facts, "repetition_penalty", 1e-6, 100, defaults.repetition_penalty));
  VIVACE_RETURN_IF_ERROR(ReadInteger(facts, "max_new_tokens", 1, kMaxToken, defaults.max_new_tokens));
  return defaults;
}

Result<GenerationDefaults> ReadGenerationDefaults(const checkpoint::Checkpoint& file) {
  return ReadGenerationDefaults(file.texts().generation_config);
}

}  // namespace vivace::models
