// Normalizer, pre-tokenizer and decoder of tokenizer.json: one row per type, in one table each. A type that
// is in no table is refused by its name, never skipped.
#include <string>

#include "base/status_macros.h"
#include "tokenizer/precompiled_charsmap.h"
#include "tokenizer/tokenizer_json.h"

namespace vivace::tokenizer {
namespace {

/// A step's fields, with errors that name part and type.
class Fields {
 public:
  Fields(std::string_view part, std::string_view type, const JsonValue& object)
      : where_(std::string(part) + " " + std::string(type)), object_(object) {}

  Status Flag(std::string_view name, bool& flag) const {
    const JsonValue* value = object_.Find(name);
    if (value == nullptr) return Status::Ok();
    if (value->kind != JsonKind::kBool) return Bad(name, "is no boolean");
    flag = value->boolean;
    return Status::Ok();
  }
  Status Text(std::string_view name, std::string& text) const {
    const JsonValue* value = object_.Find(name);
    if (value == nullptr) return Status::Ok();
    if (!value->is_string()) return Bad(name, "is no text");
    text = value->text;
    return Status::Ok();
  }
  Status NeededText(std::string_view name, std::string& text) const {
    return object_.Find(name) == nullptr ? Bad(name, "is missing") : Text(name, text);
  }
  Status Count(std::string_view name, std::size_t& count) const {
    const JsonValue* value = object_.Find(name);
    if (value == nullptr) return Status::Ok();
    const auto number = value->Integer();
    if (!number || *number < 0) return Bad(name, "is no count");
    count = static_cast<std::size_t>(*number);
    return Status::Ok();
  }
  /// {"String": ...} or {"Regex": ...}
  Status Pattern(std::string& pattern, bool& is_regex) const {
    const JsonValue* value = object_.Find("pattern");
    if (value == nullptr) return Bad("pattern", "is missing");
    const JsonValue* literal = value->Find("String");
    const JsonValue* regex = value->Find("Regex");
    const JsonValue* text = regex != nullptr ? regex : literal;
    if (text == nullptr || !text->is_string()) return Bad("pattern", "is neither a String nor a Regex");
    is_regex = regex != nullptr;
    pattern = text->text;
    if (is_regex && pattern.find("&&") != std::string::npos) {
      return Unsupported(where_ + ": the pattern \"" + pattern +
                         "\" has a class with &&, which is not supported");
    }
    return Status::Ok();
  }
  Status Behavior(SplitBehavior& behavior) const {
    static constexpr std::pair<std::string_view, SplitBehavior> kBehaviors[] = {
        {"Removed", SplitBehavior::kRemoved},
        {"Isolated", SplitBehavior::kIsolated},
        {"MergedWithPrevious", SplitBehavior::kMergedWithPrevious},
        {"MergedWithNext", SplitBehavior::kMergedWithNext},
        {"Contiguous", SplitBehavior::kContiguous}};
    const JsonValue* value = object_.Find("behavior");
    if (value == nullptr) return Status::Ok();
    for (const auto& [name, known] : kBehaviors) {
      if (value->text != name) continue;
      behavior = known;
      return Status::Ok();
    }
    return Unsupported(where_ + ": behavior \"" + std::string(value->text) + "\" is not known");
  }
  Status Prepend(PrependScheme& scheme) const {
    bool prefix = true;
    VIVACE_RETURN_IF_ERROR(Flag("add_prefix_space", prefix));  // of files before prepend_scheme
    std::string name = prefix ? "always" : "never";
    VIVACE_RETURN_IF_ERROR(Text("prepend_scheme", name));
    if (name != "always" && name != "first" && name != "never") {
      return Unsupported(where_ + ": prepend_scheme \"" + name +
                         "\" is not known; known are: always, first, never");
    }
    scheme = name == "always"  ? PrependScheme::kAlways
             : name == "first" ? PrependScheme::kFirst
                               : PrependScheme::kNever;
    return Status::Ok();
  }
  const JsonValue* Find(std::string_view name) const { return object_.Find(name); }
  Status Bad(std::string_view name, const char* why) const {
    return DataLoss(where_ + ": " + std::string(name) + " " + why);
  }

 private:
  std::string where_;
  const JsonValue& object_;
};

template <class Step>
struct StepType {
  std::string_view name;
  Status (*read)(const Fields& fields, std::vector<Step>& steps);
};

/// Reads one object or a sequence of them by the table. `list`: the name of the sequence's array. Recursion
/// ends at the reader's depth.
template <class Step, std::size_t kTypes>
Status ReadSteps(std::string_view part, std::string_view list, const StepType<Step> (&types)[kTypes],
                 const JsonValue& value, std::vector<Step>& steps) {
  if (value.is_null()) return Status::Ok();
  const JsonValue* type = value.Find("type");
  if (type == nullptr || !type->is_string()) return DataLoss(std::string(part) + ": a step has no type");
  if (type->text == "Sequence") {
    const JsonValue* parts = value.Find(list);
    if (parts == nullptr || !parts->is_array()) {
      return DataLoss(std::string(part) + " Sequence: " + std::string(list) + " is no list");
    }
    for (const JsonValue& one : parts->items)
      VIVACE_RETURN_IF_ERROR(ReadSteps(part, list, types, one, steps));
    return Status::Ok();
  }
  std::string known = "Sequence";
  for (const StepType<Step>& row : types) {
    if (row.name == type->text) return row.read(Fields(part, row.name, value), steps);
    known += ", " + std::string(row.name);
  }
  return Unsupported(std::string(part) + " type \"" + std::string(type->text) +
                     "\" is not known; known are: " + known);
}

template <NormalizerKind kKind>
Status PlainNormalizer(const Fields&, std::vector<NormalizerStep>& steps) {
  steps.push_back({.kind = kKind});
  return Status::Ok();
}

Status ReadCharsmap(const Fields& fields, std::vector<NormalizerStep>& steps) {
  NormalizerStep step{.kind = NormalizerKind::kPrecompiled};
  std::string base64;
  VIVACE_RETURN_IF_ERROR(fields.Text("precompiled_charsmap", base64));
  if (base64.empty()) return Status::Ok();  // no rules
  auto bytes = DecodeBase64(base64);
  if (!bytes.ok()) return DataLoss("normalizer Precompiled: " + bytes.status().message());
  step.charsmap = std::move(bytes).value();
  steps.push_back(std::move(step));
  return Status::Ok();
}

Status ReadBertNormalizer(const Fields& fields, std::vector<NormalizerStep>& steps) {
  NormalizerStep step{.kind = NormalizerKind::kBert};
  VIVACE_RETURN_IF_ERROR(fields.Flag("clean_text", step.clean_text));
  VIVACE_RETURN_IF_ERROR(fields.Flag("handle_chinese_chars", step.space_out_cjk));
  VIVACE_RETURN_IF_ERROR(fields.Flag("lowercase", step.lowercase));
  if (fields.Find("strip_accents") != nullptr) {
    bool strip = false;
    VIVACE_RETURN_IF_ERROR(fields.Flag("strip_accents", strip));
    step.strip_accents = strip;
  }
  steps.push_back(std::move(step));
  return Status::Ok();
}

constexpr StepType<NormalizerStep> kNormalizers[] = {
    {"NFC", PlainNormalizer<NormalizerKind::kNfc>},
    {"NFD", PlainNormalizer<NormalizerKind::kNfd>},
    {"NFKC", PlainNormalizer<NormalizerKind::kNfkc>},
    {"NFKD", PlainNormalizer<NormalizerKind::kNfkd>},
    {"Lowercase", PlainNormalizer<NormalizerKind::kLowercase>},
    {"StripAccents", PlainNormalizer<NormalizerKind::kStripAccents>},
    {"ByteLevel", PlainNormalizer<NormalizerKind::kByteLevel>},
    {"Nmt", PlainNormalizer<NormalizerKind::kNmt>},
    {"Precompiled", ReadCharsmap},
    {"BertNormalizer", ReadBertNormalizer},
    {"Strip",
     [](const Fields& fields, std::vector<NormalizerStep>& steps) {
       NormalizerStep& step = steps.emplace_back(NormalizerStep{.kind = NormalizerKind::kStrip});
       VIVACE_RETURN_IF_ERROR(fields.Flag("strip_left", step.strip_left));
       return fields.Flag("strip_right", step.strip_right);
     }},
    {"Prepend",
     [](const Fields& fields, std::vector<NormalizerStep>& steps) {
       NormalizerStep& step = steps.emplace_back(NormalizerStep{.kind = NormalizerKind::kPrepend});
       return fields.NeededText("prepend", step.content);
     }},
    {"Replace",
     [](const Fields& fields, std::vector<NormalizerStep>& steps) {
       NormalizerStep& step = steps.emplace_back(NormalizerStep{.kind = NormalizerKind::kReplace});
       VIVACE_RETURN_IF_ERROR(fields.Pattern(step.pattern, step.pattern_is_regex));
       return fields.NeededText("content", step.content);
     }},
};

template <PreTokenizerKind kKind>
Status PlainPreTokenizer(const Fields&, std::vector<PreTokenizerPart>& parts) {
  parts.push_back(PreTokenizerStep{.kind = kKind});
  return Status::Ok();
}

Status ReadMetaspace(const Fields& fields, std::vector<PreTokenizerPart>& parts) {
  PreTokenizerStep step{.kind = PreTokenizerKind::kMetaspace};
  VIVACE_RETURN_IF_ERROR(fields.Text("replacement", step.replacement));
  VIVACE_RETURN_IF_ERROR(fields.Prepend(step.prepend_scheme));
  VIVACE_RETURN_IF_ERROR(fields.Flag("split", step.split));
  parts.push_back(std::move(step));
  return Status::Ok();
}

Status ReadDigits(const Fields& fields, std::vector<PreTokenizerPart>& parts) {
  bool individual = false;
  VIVACE_RETURN_IF_ERROR(fields.Flag("individual_digits", individual));
  parts.push_back(
      PreTokenizerStep{.kind = PreTokenizerKind::kDigits,
                       .behavior = individual ? SplitBehavior::kIsolated : SplitBehavior::kContiguous});
  return Status::Ok();
}

constexpr StepType<PreTokenizerPart> kPreTokenizers[] = {
    {"BertPreTokenizer", PlainPreTokenizer<PreTokenizerKind::kBert>},
    {"Whitespace", PlainPreTokenizer<PreTokenizerKind::kWhitespace>},
    {"WhitespaceSplit", PlainPreTokenizer<PreTokenizerKind::kWhitespaceSplit>},
    {"UnicodeScripts", PlainPreTokenizer<PreTokenizerKind::kUnicodeScripts>},
    {"Metaspace", ReadMetaspace},
    {"Digits", ReadDigits},
    {"ByteLevel",
     [](const Fields& fields, std::vector<PreTokenizerPart>& parts) {
       ByteLevelSplit step{.add_prefix_space = true};
       VIVACE_RETURN_IF_ERROR(fields.Flag("add_prefix_space", step.add_prefix_space));
       VIVACE_RETURN_IF_ERROR(fields.Flag("use_regex", step.use_regex));
       parts.push_back(step);
       return Status::Ok();
     }},
    {"Split",
     [](const Fields& fields, std::vector<PreTokenizerPart>& parts) {
       ExpressionSplit step;
       VIVACE_RETURN_IF_ERROR(fields.Pattern(step.pattern, step.is_regex));
       VIVACE_RETURN_IF_ERROR(fields.Behavior(step.behavior));
       VIVACE_RETURN_IF_ERROR(fields.Flag("invert", step.invert));
       parts.push_back(std::move(step));
       return Status::Ok();
     }},
    {"Punctuation",
     [](const Fields& fields, std::vector<PreTokenizerPart>& parts) {
       PreTokenizerStep step{.kind = PreTokenizerKind::kPunctuation};
       VIVACE_RETURN_IF_ERROR(fields.Behavior(step.behavior));
       parts.push_back(std::move(step));
       return Status::Ok();
     }},
    {"CharDelimiterSplit",
     [](const Fields& fields, std::vector<PreTokenizerPart>& parts) {
       PreTokenizerStep step{.kind = PreTokenizerKind::kCharDelimiterSplit};
       VIVACE_RETURN_IF_ERROR(fields.NeededText("delimiter", step.delimiter));
       parts.push_back(std::move(step));
       return Status::Ok();
     }},
};

template <DecoderKind kKind>
Status PlainDecoder(const Fields&, std::vector<DecoderStep>& steps) {
  steps.push_back({.kind = kKind});
  return Status::Ok();
}

constexpr StepType<DecoderStep> kDecoders[] = {
    {"ByteLevel", PlainDecoder<DecoderKind::kByteLevel>},
    {"ByteFallback", PlainDecoder<DecoderKind::kByteFallback>},
    {"Fuse", PlainDecoder<DecoderKind::kFuse>},
    {"Strip",
     [](const Fields& fields, std::vector<DecoderStep>& steps) {
       DecoderStep& step = steps.emplace_back(DecoderStep{.kind = DecoderKind::kStrip});
       VIVACE_RETURN_IF_ERROR(fields.NeededText("content", step.content));
       VIVACE_RETURN_IF_ERROR(fields.Count("start", step.start));
       return fields.Count("stop", step.stop);
     }},
    {"Metaspace",
     [](const Fields& fields, std::vector<DecoderStep>& steps) {
       DecoderStep& step =
           steps.emplace_back(DecoderStep{.kind = DecoderKind::kMetaspace, .content = "\xE2\x96\x81"});
       VIVACE_RETURN_IF_ERROR(fields.Text("replacement", step.content));
       PrependScheme scheme{};
       VIVACE_RETURN_IF_ERROR(fields.Prepend(scheme));
       step.flag = scheme != PrependScheme::kNever;
       return Status::Ok();
     }},
    {"WordPiece",
     [](const Fields& fields, std::vector<DecoderStep>& steps) {
       DecoderStep& step = steps.emplace_back(DecoderStep{.kind = DecoderKind::kWordPiece, .pattern = "##"});
       VIVACE_RETURN_IF_ERROR(fields.Text("prefix", step.pattern));
       return fields.Flag("cleanup", step.flag);
     }},
    {"Replace",
     [](const Fields& fields, std::vector<DecoderStep>& steps) {
       DecoderStep& step = steps.emplace_back(DecoderStep{.kind = DecoderKind::kReplace});
       VIVACE_RETURN_IF_ERROR(fields.Pattern(step.pattern, step.pattern_is_regex));
       return fields.NeededText("content", step.content);
     }},
    {"BPEDecoder",
     [](const Fields& fields, std::vector<DecoderStep>& steps) {
       DecoderStep& step = steps.emplace_back(DecoderStep{.kind = DecoderKind::kBpe, .pattern = "</w>"});
       return fields.Text("suffix", step.pattern);
     }},
};

}  // namespace

Status ReadNormalizerJson(const JsonValue& value, std::vector<NormalizerStep>& steps) {
  return ReadSteps("normalizer", "normalizers", kNormalizers, value, steps);
}

Status ReadPreTokenizerJson(const JsonValue& value, std::vector<PreTokenizerPart>& parts) {
  return ReadSteps("pre_tokenizer", "pretokenizers", kPreTokenizers, value, parts);
}

Status ReadDecoderJson(const JsonValue& value, std::vector<DecoderStep>& steps) {
  VIVACE_RETURN_IF_ERROR(ReadSteps("decoder", "decoders", kDecoders, value, steps));
  if (value.is_null()) steps.push_back({.kind = DecoderKind::kJoinWithSpaces});
  return Status::Ok();
}

}  // namespace vivace::tokenizer
