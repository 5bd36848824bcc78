// Every step cuts the words that the step before made; a step that rewrites the text writes into the one of
// two buffers that does not hold it. Thread safety and ownership: see the header.
#include "tokenizer/pre_tokenizer.h"

#include <optional>
#include <utility>

#include "base/status_macros.h"
#include "tokenizer/byte_alphabet.h"
#include "tokenizer/regex.h"
#include "tokenizer/word_splitters.h"

namespace vivace::tokenizer {
namespace {

struct CompiledExpression {
  Regex regex;
  SplitBehavior behavior;
  bool invert;
};
struct AddPrefixSpace {};

/// The pattern that matches just this text.
std::string Quoted(std::string_view literal) {
  std::string pattern;
  for (const char c : literal) {
    const auto byte = static_cast<unsigned char>(c);
    if (byte == 0) {
      pattern += "\\x00";
      continue;
    }
    const bool plain = byte >= 0x80 || (byte | 0x20u) - 'a' < 26u || byte - unsigned{'0'} < 10u;
    if (!plain) pattern.push_back('\\');
    pattern.push_back(c);
  }
  return pattern;
}

/// What lies between the matches in [0, size).
void Invert(std::size_t size, std::vector<ByteRange>& matches) {
  std::vector<ByteRange> between;
  std::size_t at = 0;
  for (const ByteRange& match : matches) {
    if (match.begin > at) between.push_back({at, match.begin});
    at = match.end;
  }
  if (at < size) between.push_back({at, size});
  matches.swap(between);
}

Status CutByExpression(const CompiledExpression& expression, WordList& list) {
  Regex::Matcher matcher(expression.regex);
  list.scratch.clear();
  for (const ByteRange& word : list.words) {
    const std::string_view text = list.text.substr(word.begin, word.end - word.begin);
    list.matches.clear();
    ByteRange match{};
    for (std::size_t at = 0; at < text.size(); at = match.end) {
      VIVACE_ASSIGN_OR_RETURN(const bool found, matcher.Find(text, at, match));
      if (!found) break;
      list.matches.push_back(match);
    }
    if (expression.invert) Invert(text.size(), list.matches);
    for (ByteRange& range : list.matches) range = {range.begin + word.begin, range.end + word.begin};
    SplitByMatches(word.begin, word.end, list.matches, expression.behavior, list.scratch);
  }
  list.words.swap(list.scratch);
  return Status::Ok();
}

/// Makes a new text: `write(text of the word, whether the input begins with it, new text, words)` appends to
/// both.
template <class Write>
void Rewrite(bool first, WordList& list, Write&& write) {
  std::string& out = list.buffers[list.text.data() == list.buffers[0].data() ? 1 : 0];
  out.clear();
  list.scratch.clear();
  for (const ByteRange& word : list.words) {
    write(list.text.substr(word.begin, word.end - word.begin), first && word.begin == 0, out, list.scratch);
  }
  list.words.swap(list.scratch);
  list.text = out;
  list.rewritten = true;
}

}  // namespace

class PreTokenizer::Step {
 public:
  using Kind =
      std::variant<WordSplitter, CompiledExpression, PreTokenizerStep, AddPrefixSpace, MapToByteAlphabet>;
  explicit Step(Kind kind) : kind_(std::move(kind)) {}

  Status Apply(bool first, WordList& list) const {
    if (const auto* expression = std::get_if<CompiledExpression>(&kind_))
      return CutByExpression(*expression, list);
    if (const auto* splitter = std::get_if<WordSplitter>(&kind_)) {
      list.scratch.clear();
      for (const ByteRange& word : list.words) (*splitter)(list.text, word.begin, word.end, list.scratch);
      list.words.swap(list.scratch);
    } else if (const auto* step = std::get_if<PreTokenizerStep>(&kind_)) {
      ApplyKind(*step, first, list);
    } else if (std::holds_alternative<AddPrefixSpace>(kind_)) {
      Rewrite(first, list, [](std::string_view text, bool, std::string& out, std::vector<ByteRange>& words) {
        const std::size_t begin = out.size();
        if (text.front() != ' ') out.push_back(' ');
        out.append(text);
        words.push_back({begin, out.size()});
      });
    } else {
      Rewrite(first, list, [](std::string_view text, bool, std::string& out, std::vector<ByteRange>& words) {
        const std::size_t begin = out.size();
        AppendByteCharacters(text, out);
        words.push_back({begin, out.size()});
      });
    }
    return Status::Ok();
  }

 private:
  static void ApplyKind(const PreTokenizerStep& step, bool first, WordList& list) {
    if (Rewrites(step)) {
      Rewrite(first, list,
              [&](std::string_view text, bool is_first, std::string& out, std::vector<ByteRange>& words) {
                ApplyStep(step, text, 0, is_first, out, words);
              });
      return;
    }
    list.scratch.clear();
    std::string unused;
    for (const ByteRange& word : list.words) {
      ApplyStep(step, list.text.substr(word.begin, word.end - word.begin), word.begin,
                first && word.begin == 0, unused, list.scratch);
    }
    list.words.swap(list.scratch);
  }

  Kind kind_;
};

PreTokenizer::PreTokenizer() = default;
PreTokenizer::PreTokenizer(PreTokenizer&&) noexcept = default;
PreTokenizer& PreTokenizer::operator=(PreTokenizer&&) noexcept = default;
PreTokenizer::~PreTokenizer() = default;

Result<PreTokenizer> PreTokenizer::Create(const std::vector<PreTokenizerPart>& parts) {
  return Make(parts, true);
}

Result<PreTokenizer> PreTokenizer::CreateByExpressions(const std::vector<PreTokenizerPart>& parts) {
  return Make(parts, false);
}

Result<PreTokenizer> PreTokenizer::Make(const std::vector<PreTokenizerPart>& parts, bool by_hand) {
  PreTokenizer result;
  const auto add = [&](Step::Kind kind) { result.steps_.push_back(std::make_unique<Step>(std::move(kind))); };
  const auto add_expression = [&](std::string_view pattern, SplitBehavior behavior, bool invert) -> Status {
    const WordSplitter splitter = by_hand ? FindWordSplitter(pattern) : nullptr;
    // The known expressions match all of a text, so isolated matches are the words either way round.
    const bool covers =
        behavior == SplitBehavior::kIsolated || (behavior == SplitBehavior::kRemoved && invert);
    if (splitter != nullptr && covers) {
      add(splitter);
      return Status::Ok();
    }
    VIVACE_ASSIGN_OR_RETURN(Regex regex, Regex::Compile(pattern));
    add(CompiledExpression{std::move(regex), behavior, invert});
    return Status::Ok();
  };
  for (const PreTokenizerPart& part : parts) {
    if (const auto* step = std::get_if<PreTokenizerStep>(&part)) {
      VIVACE_RETURN_IF_ERROR(CheckStep(*step));
      add(*step);
    } else if (const auto* split = std::get_if<ExpressionSplit>(&part)) {
      VIVACE_RETURN_IF_ERROR(add_expression(split->is_regex ? split->pattern : Quoted(split->pattern),
                                            split->behavior, split->invert));
    } else if (const auto* bytes = std::get_if<ByteLevelSplit>(&part)) {
      if (bytes->add_prefix_space) add(AddPrefixSpace{});
      if (bytes->use_regex)
        VIVACE_RETURN_IF_ERROR(add_expression(Gpt2Pattern(), SplitBehavior::kIsolated, false));
    } else {
      add(MapToByteAlphabet{});
    }
  }
  return result;
}

Status PreTokenizer::Split(std::string_view text, bool first, WordList& list) const {
  list.text = text;
  list.rewritten = false;
  list.words.clear();
  if (text.empty()) return Status::Ok();
  list.words.push_back({0, text.size()});
  for (const std::unique_ptr<Step>& step : steps_) {
    VIVACE_RETURN_IF_ERROR(step->Apply(first, list));
    first = first && !list.words.empty() && list.words.front().begin == 0;
  }
  return Status::Ok();
}

}  // namespace vivace::tokenizer
