// Fields that vLLM and OpenAI know and that this build cannot act on: refused by name unless the value
// changes nothing. What a client relies on must not be dropped in silence.
#include <array>

#include "server/request_fields.h"

namespace vivace::server {
namespace {

constexpr std::string_view kStructured = "answers are not constrained to a format";
constexpr std::string_view kTools = "tools are not called";
constexpr std::string_view kMedia = "messages and answers are text";
constexpr std::string_view kBeam = "there is no beam search";

constexpr RequestField Refused(std::string_view name, unsigned endpoints, Neutral neutral,
                               std::string_view type, std::string_view why) {
  return {
      .name = name, .endpoints = endpoints, .target = neutral, .default_text = "", .help = why, .type = type};
}

constexpr std::array kRows = {
    Refused("suffix", kInCompletions, Neutral::kEmpty, "string", "text is not inserted before another"),
    Refused("prompt_embeds", kInCompletions, Neutral::kEmpty, "string or array",
            "prompts are text or token ids"),
    Refused("use_beam_search", kInAnswers, Neutral::kFalse, "boolean", kBeam),
    Refused("length_penalty", kInAnswers, Neutral::kOne, "number", kBeam),
    Refused("logprob_token_ids", kInAnswers, Neutral::kEmpty, "array of token ids",
            "log-probabilities are of the likeliest tokens"),
    Refused("spaces_between_special_tokens", kInAnswers, Neutral::kTrue, "boolean",
            "token texts are joined as they are"),
    Refused("watermarking", kInAnswers, Neutral::kFalse, "boolean", "answers carry no watermark"),
    Refused("repetition_detection", kInAnswers, Neutral::kNull, "object", "repetitions do not end an answer"),
    Refused("thinking_token_budget", kInAnswers, Neutral::kNull, "integer", "thinking is not told apart"),
    Refused("include_reasoning", kInChat, Neutral::kTrue, "boolean", "thinking is not told apart"),
    Refused("response_format", kInAnswers, Neutral::kTypeText, "object", kStructured),
    Refused("structured_outputs", kInAnswers, Neutral::kNull, "object", kStructured),
    Refused("guided_json", kInAnswers, Neutral::kNull, "string or object", kStructured),
    Refused("guided_regex", kInAnswers, Neutral::kNull, "string", kStructured),
    Refused("guided_choice", kInAnswers, Neutral::kNull, "array", kStructured),
    Refused("guided_grammar", kInAnswers, Neutral::kNull, "string", kStructured),
    Refused("functions", kInChat, Neutral::kEmpty, "array", kTools),
    Refused("modalities", kInChat, Neutral::kTextModality, "array", kMedia),
    Refused("audio", kInChat, Neutral::kNull, "object", kMedia),
    Refused("media_io_kwargs", kInChat | kInTokenize, Neutral::kEmpty, "object", kMedia),
    Refused("mm_processor_kwargs", kInChat | kInTokenize, Neutral::kEmpty, "object", kMedia),
    Refused("mm_payload", kInAnswers, Neutral::kTensors, "string", kMedia),
    Refused("return_mm_kwargs", kInAnswers, Neutral::kFalse, "boolean", kMedia),
    Refused("web_search_options", kInChat, Neutral::kNull, "object", "nothing is looked up"),
    Refused("routed_experts_prompt_start", kInAnswers, Neutral::kZero, "integer", "experts are not reported"),
    Refused("return_token_offsets", kInAnswers, Neutral::kFalse, "boolean",
            "offsets come with log-probabilities only"),
    Refused("return_prompt_text", kInChat, Neutral::kFalse, "boolean",
            "the rendered prompt comes as token ids only, with return_token_ids"),
    Refused("kv_transfer_params", kInAnswers, Neutral::kNull, "object", "the KV cache stays in one process"),
    Refused("ec_transfer_params", kInAnswers, Neutral::kNull, "object", "the KV cache stays in one process"),
    Refused("vllm_xargs", kInAnswers, Neutral::kEmpty, "object", "there are no extensions that read them"),
};

}  // namespace

std::span<const RequestField> RefusedFields() {
  return kRows;
}

}  // namespace vivace::server
