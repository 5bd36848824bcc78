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
                               std::string_view why) {
  return {.name = name, .endpoints = endpoints, .target = neutral, .default_text = "null", .help = why};
}

constexpr std::array kRows = {
    Refused("suffix", kInCompletions, Neutral::kEmpty, "text is not inserted before another"),
    Refused("prompt_embeds", kInCompletions, Neutral::kEmpty, "prompts are text or token ids"),
    Refused("use_beam_search", kInAnswers, Neutral::kFalse, kBeam),
    Refused("length_penalty", kInAnswers, Neutral::kOne, kBeam),
    Refused("logprob_token_ids", kInAnswers, Neutral::kEmpty,
            "log-probabilities are of the likeliest tokens"),
    Refused("spaces_between_special_tokens", kInAnswers, Neutral::kTrue,
            "token texts are joined as they are"),
    Refused("watermarking", kInAnswers, Neutral::kFalse, "answers carry no watermark"),
    Refused("repetition_detection", kInAnswers, Neutral::kNull, "repetitions do not end an answer"),
    Refused("thinking_token_budget", kInAnswers, Neutral::kNull, "thinking is not told apart"),
    Refused("include_reasoning", kInChat, Neutral::kTrue, "thinking is not told apart"),
    Refused("response_format", kInAnswers, Neutral::kTypeText, kStructured),
    Refused("structured_outputs", kInAnswers, Neutral::kNull, kStructured),
    Refused("guided_json", kInAnswers, Neutral::kNull, kStructured),
    Refused("guided_regex", kInAnswers, Neutral::kNull, kStructured),
    Refused("guided_choice", kInAnswers, Neutral::kNull, kStructured),
    Refused("guided_grammar", kInAnswers, Neutral::kNull, kStructured),
    Refused("functions", kInChat, Neutral::kEmpty, kTools),
    Refused("modalities", kInChat, Neutral::kTextModality, kMedia),
    Refused("audio", kInChat, Neutral::kNull, kMedia),
    Refused("media_io_kwargs", kInChat | kInTokenize, Neutral::kEmpty, kMedia),
    Refused("mm_processor_kwargs", kInChat | kInTokenize, Neutral::kEmpty, kMedia),
    Refused("mm_payload", kInAnswers, Neutral::kTensors, kMedia),
    Refused("return_mm_kwargs", kInAnswers, Neutral::kFalse, kMedia),
    Refused("web_search_options", kInChat, Neutral::kNull, "nothing is looked up"),
    Refused("routed_experts_prompt_start", kInAnswers, Neutral::kZero, "experts are not reported"),
    Refused("return_token_offsets", kInAnswers, Neutral::kFalse, "offsets come with log-probabilities only"),
    Refused("return_prompt_text", kInChat, Neutral::kFalse,
            "the rendered prompt comes as token ids only, with return_token_ids"),
    Refused("kv_transfer_params", kInAnswers, Neutral::kNull, "the KV cache stays in one process"),
    Refused("ec_transfer_params", kInAnswers, Neutral::kNull, "the KV cache stays in one process"),
    Refused("vllm_xargs", kInAnswers, Neutral::kEmpty, "there are no extensions that read them"),
};

}  // namespace

std::span<const RequestField> RefusedFields() {
  return kRows;
}

}  // namespace vivace::server
