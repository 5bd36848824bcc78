// The rules of white space are those of Jinja: "-" strips all of it on that side, "+" switches trim_blocks
// and lstrip_blocks off for one delimiter, one newline at the very end of the source is dropped.
#include "chat/lexer.h"

#include <cstdint>

#include "base/status_macros.h"

namespace vivace::chat {
namespace {

constexpr std::string_view kSpace = " \t\n\r\v\f";

bool IsSpace(char c) {
  return kSpace.find(c) != std::string_view::npos;
}
bool IsDigit(char c) {
  return c >= '0' && c <= '9';
}
bool IsNameStart(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
}

void AppendUtf8(std::uint32_t code, std::string& out) {
  if (code < 0x80) {
    out.push_back(static_cast<char>(code));
  } else if (code < 0x800) {
    out.push_back(static_cast<char>(0xC0 | code >> 6));
    out.push_back(static_cast<char>(0x80 | (code & 0x3F)));
  } else {
    out.push_back(static_cast<char>(0xE0 | code >> 12));
    out.push_back(static_cast<char>(0x80 | (code >> 6 & 0x3F)));
    out.push_back(static_cast<char>(0x80 | (code & 0x3F)));
  }
}

class Lexer {
 public:
  Lexer(std::string_view source, const ParseOptions& options) : options_(options) {
    for (std::size_t i = 0; i < source.size(); ++i) {  // every kind of line end is one \n
      if (source[i] == '\r') {
        source_.push_back('\n');
        if (i + 1 < source.size() && source[i + 1] == '\n') ++i;
      } else {
        source_.push_back(source[i]);
      }
    }
    if (!source_.empty() && source_.back() == '\n') source_.pop_back();
  }

  Result<std::vector<Token>> Run() {
    while (at_ < source_.size()) {
      const std::size_t open = FindOpening();
      const std::size_t end = open == std::string::npos ? source_.size() : open;
      std::string_view text = std::string_view(source_).substr(at_, end - at_);
      const int line = line_;
      Advance(end - at_);
      if (open != std::string::npos) text = StripBefore(text);
      if (!text.empty()) tokens_.push_back({TokenKind::kText, std::string(text), line});
      if (open == std::string::npos) break;
      VIVACE_RETURN_IF_ERROR(source_[at_ + 1] == '#' ? SkipComment() : ReadTag());
    }
    tokens_.push_back({TokenKind::kEnd, "", line_});
    return std::move(tokens_);
  }

 private:
  std::size_t FindOpening() const {
    for (std::size_t i = source_.find('{', at_); i != std::string::npos; i = source_.find('{', i + 1)) {
      if (i + 1 < source_.size() && (source_[i + 1] == '{' || source_[i + 1] == '%' || source_[i + 1] == '#'))
        return i;
    }
    return std::string::npos;
  }

  void Advance(std::size_t count) {
    for (; count > 0; --count) line_ += source_[at_++] == '\n' ? 1 : 0;
  }

  Status Error(std::string_view message) const { return InvalidArgument(AtLine(line_, message)); }
  char Peek(std::size_t ahead) const { return at_ + ahead < source_.size() ? source_[at_ + ahead] : '\0'; }

  /// The text before the delimiter at at_, as far as it is kept.
  std::string_view StripBefore(std::string_view text) const {
    const char kind = Peek(1), sign = Peek(2);
    if (sign == '-') return text.substr(0, text.find_last_not_of(kSpace) + 1);
    if (sign == '+' || !options_.lstrip_blocks || kind == '{') return text;
    const std::size_t line_start = text.rfind('\n') + 1;
    if (line_start == 0 && !at_line_start_) return text;
    const bool blank = text.find_first_not_of(kSpace, line_start) == std::string_view::npos;
    return blank ? text.substr(0, line_start) : text;
  }

  /// After a closing delimiter that had `sign` before it.
  void StripAfter(char sign, bool is_variable) {
    at_line_start_ = false;
    if (sign == '-') {
      while (at_ < source_.size() && IsSpace(source_[at_])) SkipSpaceCharacter();
    } else if (sign != '+' && options_.trim_blocks && !is_variable && Peek(0) == '\n') {
      SkipSpaceCharacter();
    }
  }
  void SkipSpaceCharacter() {
    at_line_start_ = source_[at_] == '\n';
    Advance(1);
  }

  Status SkipComment() {
    const std::size_t close = source_.find("#}", at_ + 2);
    if (close == std::string::npos) return Error("a comment \"{#\" is not closed");
    const char sign = source_[close - 1];
    Advance(close + 2 - at_);
    StripAfter(sign, false);
    return Status::Ok();
  }

  Status ReadTag() {
    const bool is_variable = source_[at_ + 1] == '{';
    const std::string_view close = is_variable ? "}}" : "%}";
    const int opened = line_;
    tokens_.push_back({is_variable ? TokenKind::kVariableBegin : TokenKind::kBlockBegin, "", line_});
    Advance(2);
    if (Peek(0) == '-' || Peek(0) == '+') Advance(1);
    int depth = 0;  // open brackets: "}}" may close two dicts
    while (true) {
      while (at_ < source_.size() && IsSpace(source_[at_])) Advance(1);
      if (at_ >= source_.size()) {
        return InvalidArgument(AtLine(opened, is_variable ? "\"{{\" is not closed" : "\"{%\" is not closed"));
      }
      const char sign = source_[at_] == '-' || source_[at_] == '+' ? source_[at_] : '\0';
      if (depth == 0 && source_.compare(at_ + (sign != '\0' ? 1 : 0), 2, close) == 0) {
        tokens_.push_back({is_variable ? TokenKind::kVariableEnd : TokenKind::kBlockEnd, "", line_});
        Advance(sign != '\0' ? 3 : 2);
        StripAfter(sign, is_variable);
        return Status::Ok();
      }
      VIVACE_RETURN_IF_ERROR(ReadWord());
      if (tokens_.back().kind != TokenKind::kOperator) continue;
      const char op = tokens_.back().text[0];
      depth += op == '(' || op == '[' || op == '{' ? 1 : op == ')' || op == ']' || op == '}' ? -1 : 0;
    }
  }

  Status ReadWord() {
    const char c = source_[at_];
    if (c == '\'' || c == '"') return ReadString(c);
    std::size_t length = 0;
    if (IsNameStart(c)) {
      while (IsNameStart(Peek(length)) || IsDigit(Peek(length))) ++length;
      return Push(TokenKind::kName, length);
    }
    if (IsDigit(c)) return ReadNumber();
    for (const std::string_view two : {"==", "!=", "<=", ">=", "//", "**"}) {
      if (source_.compare(at_, 2, two) == 0) return Push(TokenKind::kOperator, 2);
    }
    if (std::string_view("+-*/%~<>=|.,:()[]{}").find(c) != std::string_view::npos)
      return Push(TokenKind::kOperator, 1);
    return Error(std::string("unexpected character '") + c + "'");
  }

  Status ReadNumber() {
    TokenKind kind = TokenKind::kInteger;
    std::size_t length = SkipDigits(0);
    if (Peek(length) == '.' && IsDigit(Peek(length + 1))) {
      kind = TokenKind::kNumber;
      length = SkipDigits(length + 1);
    }
    if (Peek(length) == 'e' || Peek(length) == 'E') {
      const std::size_t digits = length + (Peek(length + 1) == '-' || Peek(length + 1) == '+' ? 2 : 1);
      if (IsDigit(Peek(digits))) {
        kind = TokenKind::kNumber;
        length = SkipDigits(digits);
      }
    }
    return Push(kind, length);
  }
  std::size_t SkipDigits(std::size_t ahead) const {
    while (IsDigit(Peek(ahead))) ++ahead;
    return ahead;
  }

  Status Push(TokenKind kind, std::size_t length) {
    tokens_.push_back({kind, source_.substr(at_, length), line_});
    Advance(length);
    return Status::Ok();
  }

  Status ReadString(char quote) {
    const int line = line_;
    std::string text;
    Advance(1);
    while (true) {
      if (at_ >= source_.size()) return InvalidArgument(AtLine(line, "a string is not closed"));
      const char c = source_[at_];
      Advance(1);
      if (c == quote) break;
      if (c != '\\') {
        text.push_back(c);
        continue;
      }
      VIVACE_RETURN_IF_ERROR(ReadEscape(text));
    }
    tokens_.push_back({TokenKind::kString, std::move(text), line});
    return Status::Ok();
  }

  /// What follows a backslash; as in Python, an unknown escape stands for itself.
  Status ReadEscape(std::string& text) {
    constexpr std::string_view kNames = "ntrbfav\\'\"", kMeanings = "\n\t\r\b\f\a\v\\'\"";
    const char c = Peek(0);
    if (c == 'x' || c == 'u') {
      const std::size_t digits = c == 'x' ? 2 : 4;
      std::uint32_t code = 0;
      for (std::size_t i = 1; i <= digits; ++i) {
        const char lower = static_cast<char>(Peek(i) | 0x20);
        const bool letter = lower >= 'a' && lower <= 'f';
        if (!letter && !IsDigit(Peek(i))) return Error("a \\x or \\u escape needs hexadecimal digits");
        code = code * 16 + static_cast<std::uint32_t>(letter ? lower - 'a' + 10 : Peek(i) - '0');
      }
      if (code >= 0xD800 && code < 0xE000) return Error("a \\u escape names half a surrogate pair");
      AppendUtf8(code, text);
      Advance(digits + 1);
      return Status::Ok();
    }
    const std::size_t known = c == '\0' ? std::string_view::npos : kNames.find(c);
    if (known == std::string_view::npos) {
      text.push_back('\\');
      return Status::Ok();
    }
    text.push_back(kMeanings[known]);
    Advance(1);
    return Status::Ok();
  }

  const ParseOptions& options_;
  std::string source_;
  std::size_t at_ = 0;
  int line_ = 1;
  bool at_line_start_ = true;  // nothing, or a newline, is right before at_
  std::vector<Token> tokens_;
};

}  // namespace

std::string AtLine(int line, std::string_view message) {
  return "chat template, line " + std::to_string(line) + ": " + std::string(message);
}

Result<std::vector<Token>> Tokenize(std::string_view source, const ParseOptions& options) {
  return Lexer(source, options).Run();
}

}  // namespace vivace::chat
