#include "tokenizer/decoder.h"

#include <utility>

#include "base/status_macros.h"
#include "tokenizer/byte_alphabet.h"
#include "tokenizer/byte_fallback.h"
#include "tokenizer/characters.h"
#include "tokenizer/decoder_stages.h"
#include "tokenizer/utf8_assembler.h"

namespace vivace::tokenizer {
namespace {

/// The end of the chain: whole characters, appended to the text of the current call.
class TextStage : public DecoderStage {
 public:
  TextStage() : DecoderStage(nullptr) {}
  void Take(std::string_view piece, bool /*ends_token*/) override { assembler_.Push(piece, *out); }
  void Finish() override { assembler_.Flush(*out); }

  std::string* out = nullptr;

 private:
  Utf8Assembler assembler_;
};

Status CheckStep(const DecoderStep& step) {
  const bool wants_character = step.kind == DecoderKind::kStrip || step.kind == DecoderKind::kMetaspace;
  if (wants_character && !IsOneCharacter(step.content)) {
    return DataLoss("a decoder's content \"" + step.content + "\" is not one character");
  }
  if (step.kind == DecoderKind::kReplace && step.pattern.empty()) {
    return DataLoss("a decoder of type Replace has an empty pattern");
  }
  return Status::Ok();
}

/// The token after one rule, when others come before and after it.
void ApplyToOne(const DecoderRule& rule, bool fused, std::string& token) {
  const DecoderStep& step = rule.step;
  std::string changed;
  switch (step.kind) {
    case DecoderKind::kByteLevel:
      AppendTokenBytes(token, changed);
      break;
    case DecoderKind::kByteFallback: {
      const auto byte = ParseByteToken(token);
      changed = byte ? std::string(1, static_cast<char>(*byte)) : token;
      break;
    }
    case DecoderKind::kMetaspace:
      ReplaceAll(token, step.content, " ", changed);
      break;
    case DecoderKind::kWordPiece: {
      const std::string& mark = step.content.empty() ? step.pattern : step.content;
      const bool marked = token.starts_with(mark);
      changed = (marked == step.content.empty() ? "" : " ") + token.substr(marked ? mark.size() : 0);
      if (step.flag) CleanUpWordPiece(changed);
      break;
    }
    case DecoderKind::kReplace:
      ApplyReplace(rule, token, changed);
      break;
    case DecoderKind::kBpe:
      ReplaceAll(token, step.pattern, " ", changed);
      break;
    case DecoderKind::kStrip: {
      std::string_view rest = token;
      for (std::size_t i = 0; !fused && i < step.start && rest.starts_with(step.content); ++i) {
        rest.remove_prefix(step.content.size());
      }
      for (std::size_t i = 0; !fused && i < step.stop && rest.ends_with(step.content); ++i) {
        rest.remove_suffix(step.content.size());
      }
      changed = rest;
      break;
    }
    case DecoderKind::kFuse:
    case DecoderKind::kJoinWithSpaces:
      return;
  }
  token = std::move(changed);
}

}  // namespace

Decoder::Decoder() = default;
Decoder::Decoder(Decoder&&) noexcept = default;
Decoder& Decoder::operator=(Decoder&&) noexcept = default;
Decoder::~Decoder() = default;

Result<Decoder> Decoder::Create(std::vector<DecoderStep> steps) {
  Decoder decoder;
  for (DecoderStep& step : steps) {
    VIVACE_RETURN_IF_ERROR(CheckStep(step));
    auto rule = std::make_unique<DecoderRule>();
    if (step.kind == DecoderKind::kReplace && step.pattern_is_regex) {
      VIVACE_ASSIGN_OR_RETURN(rule->regex, Regex::Compile(step.pattern));
    }
    rule->step = std::move(step);
    decoder.rules_.push_back(std::move(rule));
  }
  return decoder;
}

void Decoder::AppendTokenBytes(std::string_view token, std::string& out) const {
  std::string text(token);
  bool fused = false;
  for (const auto& rule : rules_) {
    ApplyToOne(*rule, fused, text);
    fused |= rule->step.kind == DecoderKind::kFuse || rule->step.kind == DecoderKind::kByteLevel;
  }
  out += text;
}

DecodeStream::DecodeStream(const Decoder& decoder) {
  stages_.push_back(std::make_unique<TextStage>());
  for (auto rule = decoder.rules_.rbegin(); rule != decoder.rules_.rend(); ++rule) {
    stages_.push_back(MakeDecoderStage(**rule, stages_.back().get()));
  }
}
DecodeStream::~DecodeStream() = default;
DecodeStream::DecodeStream(DecodeStream&&) noexcept = default;
DecodeStream& DecodeStream::operator=(DecodeStream&&) noexcept = default;

void DecodeStream::Push(std::string_view token, std::string& out) {
  static_cast<TextStage&>(*stages_.front()).out = &out;
  stages_.back()->Take(token, true);
}

void DecodeStream::Flush(std::string& out) {
  static_cast<TextStage&>(*stages_.front()).out = &out;
  stages_.back()->Finish();
}

}  // namespace vivace::tokenizer
