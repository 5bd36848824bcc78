#include "tokenizer/pre_tokenizer.h"

#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>

#include <array>

namespace vivace::tokenizer {
namespace {

// Unicode White_Space. PCRE2's own \s would add U+180E, which has not been white space since Unicode 6.3.
#define VIVACE_SPACE "\\t-\\r\\x{85}\\p{Z}"
#define VIVACE_CONTRACTIONS "'(?:[stmd]|re|ve|ll)"

constexpr PreTokenizerStage kGpt2 = {VIVACE_CONTRACTIONS "| ?\\p{L}+| ?\\p{N}+| ?[^" VIVACE_SPACE
                                                         "\\p{L}\\p{N}]+"
                                                         "|[" VIVACE_SPACE "]+(?![^" VIVACE_SPACE
                                                         "])|[" VIVACE_SPACE "]+"};
constexpr PreTokenizerStage kGpt2Stages[] = {kGpt2};
constexpr PreTokenizerStage kSmollmStages[] = {{"\\p{N}"}, kGpt2};
// A digit ends the piece before it just as the end of the text does: hence \p{N} beside white space in the
// look-ahead.
constexpr std::string_view kSmollmSingle =
    VIVACE_CONTRACTIONS "| ?\\p{L}+|\\p{N}| ?[^" VIVACE_SPACE
                        "\\p{L}\\p{N}]+"
                        "|[" VIVACE_SPACE "]+(?![^" VIVACE_SPACE "\\p{N}])|[" VIVACE_SPACE "]+";

#undef VIVACE_CONTRACTIONS
#undef VIVACE_SPACE

constexpr PreTokenizerRow kRows[] = {
    {"gpt-2", kGpt2Stages, {}},
    {"smollm", kSmollmStages, kSmollmSingle},
};

constexpr std::uint32_t kMatchLimit =
    50'000'000;  // steps of one match; expressions above need a few per character

struct FreeMatchData {
  void operator()(pcre2_match_data* data) const { pcre2_match_data_free(data); }
};
using MatchData = std::unique_ptr<pcre2_match_data, FreeMatchData>;

}  // namespace

/// A compiled expression; just-in-time compiled where PCRE2 can.
class PreTokenizer::Expression {
 public:
  static Result<Expression> Compile(std::string_view pattern) {
    int error = 0;
    PCRE2_SIZE offset = 0;
    Expression expression;
    expression.code_.reset(pcre2_compile(reinterpret_cast<PCRE2_SPTR>(pattern.data()), pattern.size(),
                                         PCRE2_UTF | PCRE2_UCP | PCRE2_NO_UTF_CHECK, &error, &offset,
                                         nullptr));
    if (!expression.code_) {
      std::array<PCRE2_UCHAR, 128> message{};
      pcre2_get_error_message(error, message.data(), message.size());
      return Internal("pre-tokenizer expression, offset " + std::to_string(offset) + ": " +
                      reinterpret_cast<const char*>(message.data()));
    }
    expression.jit_ = pcre2_jit_compile(expression.code_.get(), PCRE2_JIT_COMPLETE) == 0;
    expression.limits_.reset(pcre2_match_context_create(nullptr));
    pcre2_set_match_limit(expression.limits_.get(), kMatchLimit);
    return expression;
  }

  /// Appends to `ends` where the pieces of text[begin, end) end.
  Status Cut(std::string_view text, std::size_t begin, std::size_t end, pcre2_match_data* data,
             std::vector<std::size_t>& ends) const {
    const auto* subject = reinterpret_cast<PCRE2_SPTR>(text.data() + begin);
    const std::size_t length = end - begin;
    std::size_t at = 0;
    while (at < length) {
      const int found =
          jit_ ? pcre2_jit_match(code_.get(), subject, length, at, 0, data, limits_.get())
               : pcre2_match(code_.get(), subject, length, at, PCRE2_NO_UTF_CHECK, data, limits_.get());
      if (found == PCRE2_ERROR_NOMATCH) break;
      if (found < 0) {
        return ResourceExhausted("the pre-tokenizer gave up at byte " + std::to_string(begin + at) +
                                 " of the text (PCRE2 error " + std::to_string(found) +
                                 "); send a shorter text");
      }
      const PCRE2_SIZE* match = pcre2_get_ovector_pointer(data);
      if (match[1] <= at) return Internal("a pre-tokenizer expression matched nothing");
      if (match[0] > at) ends.push_back(begin + match[0]);
      ends.push_back(begin + match[1]);
      at = match[1];
    }
    if (at < length) ends.push_back(end);
    return Status::Ok();
  }

 private:
  struct FreeCode {
    void operator()(pcre2_code* code) const { pcre2_code_free(code); }
  };
  struct FreeContext {
    void operator()(pcre2_match_context* context) const { pcre2_match_context_free(context); }
  };
  std::unique_ptr<pcre2_code, FreeCode> code_;
  std::unique_ptr<pcre2_match_context, FreeContext> limits_;
  bool jit_ = false;
};

std::span<const PreTokenizerRow> PreTokenizers() {
  return kRows;
}

Result<const PreTokenizerRow*> PreTokenizer::FindRow(std::string_view name) {
  std::string known;
  for (const PreTokenizerRow& row : kRows) {
    if (row.name == name) return &row;
    known += (known.empty() ? "" : ", ") + std::string(row.name);
  }
  return Unsupported("pre-tokenizer \"" + std::string(name) + "\" is not known; known are: " + known);
}

Result<PreTokenizer> PreTokenizer::Create(const PreTokenizerRow& row, bool by_stages) {
  std::vector<Expression> stages;
  const PreTokenizerStage single[] = {{row.single_expression}};
  const bool use_single = !row.single_expression.empty() && !by_stages;
  for (const PreTokenizerStage& stage :
       use_single ? std::span<const PreTokenizerStage>(single) : row.stages) {
    auto expression = Expression::Compile(stage.expression);
    if (!expression.ok()) return expression.status();
    stages.push_back(std::move(expression).value());
  }
  return PreTokenizer(std::move(stages));
}

PreTokenizer::PreTokenizer(std::vector<Expression> stages) : stages_(std::move(stages)) {}
PreTokenizer::PreTokenizer(PreTokenizer&&) noexcept = default;
PreTokenizer& PreTokenizer::operator=(PreTokenizer&&) noexcept = default;
PreTokenizer::~PreTokenizer() = default;

Status PreTokenizer::Split(std::string_view text, std::vector<std::size_t>& ends) const {
  ends.assign(text.empty() ? 0 : 1, text.size());
  const MatchData data(pcre2_match_data_create(1, nullptr));
  if (!data) return ResourceExhausted("no memory for the pre-tokenizer");
  std::vector<std::size_t> before;
  for (const Expression& stage : stages_) {
    before.swap(ends);
    ends.clear();
    std::size_t begin = 0;
    for (const std::size_t end : before) {
      if (Status status = stage.Cut(text, begin, end, data.get(), ends); !status.ok()) return status;
      begin = end;
    }
  }
  return Status::Ok();
}

}  // namespace vivace::tokenizer
