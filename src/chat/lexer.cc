// The rules of white space are those of Jinja: "-" strips all of it on that side, "+" switches trim_blocks
// and lstrip_blocks off for one delimiter, one newline at the very end of the source is dropped.
#include "chat/lexer.h"

#include <algorithm>
#include <cstdint>

#include "base/status_macros.h"
#include "chat/unicode.h"

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
      VIVACE_RETURN_IF_ERROR(source_[at_ + 1] == '#' ? SkipComment() : IsRaw() ? ReadRaw() : ReadTag());
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
    const std::size_t inside = at_ + (Peek(2) == '-' || Peek(2) == '+' ? 3 : 2);
    const std::size_t close = source_.find("#}", inside);
    if (close == std::string::npos) return Error("a comment \"{#\" is not closed");
    const char sign = close > inside ? source_[close - 1] : '\0';
    Advance(close + 2 - at_);
    StripAfter(sign, false);
    return Status::Ok();
  }

  /// The length of "{% NAME %}" at `at`, or 0 where there is something else. `sign` is that before the
  /// closing delimiter.
  std::size_t BareTag(std::size_t at, std::string_view name, char& sign) const {
    std::size_t end = at + 2;
    const auto skip_space = [&] { end = std::min(source_.find_first_not_of(kSpace, end), source_.size()); };
    if (end < source_.size() && (source_[end] == '-' || source_[end] == '+')) ++end;
    skip_space();
    if (source_.compare(end, name.size(), name) != 0) return 0;
    end += name.size();
    skip_space();
    sign = end < source_.size() && (source_[end] == '-' || source_[end] == '+') ? source_[end++] : '\0';
    return source_.compare(end, 2, "%}") == 0 ? end + 2 - at : 0;
  }
  bool IsRaw() const {
    char sign = '\0';
    return Peek(1) == '%' && BareTag(at_, "raw", sign) > 0;
  }

  /// Everything up to "{% endraw %}" is text.
  Status ReadRaw() {
    const int opened = line_;
    char sign = '\0';
    Advance(BareTag(at_, "raw", sign));
    StripAfter(sign, true);  // trim_blocks is not for this tag
    for (std::size_t i = source_.find("{%", at_); i != std::string::npos; i = source_.find("{%", i + 1)) {
      const std::size_t length = BareTag(i, "endraw", sign);
      if (length == 0) continue;
      const std::string_view inside = std::string_view(source_).substr(at_, i - at_);
      const int line = line_;
      Advance(i - at_);
      const std::string_view text = StripBefore(inside);
      if (!text.empty()) tokens_.push_back({TokenKind::kText, std::string(text), line});
      Advance(length);
      StripAfter(sign, false);
      return Status::Ok();
    }
    return InvalidArgument(AtLine(opened, "\"raw\" has no \"endraw\""));
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

  /// Underscores may stand between digits; they are dropped.
  Status ReadNumber() {
    TokenKind kind = TokenKind::kInteger;
    const char base = static_cast<char>(Peek(1) | 0x20);
    if (Peek(0) == '0' && (base == 'x' || base == 'o' || base == 'b')) {
      std::size_t length = 2;
      while (IsDigit(Peek(length)) || IsNameStart(Peek(length))) ++length;
      return PushNumber(kind, length);
    }
    std::size_t length = SkipDigits(0);
    if (Peek(length) == '.' && IsDigit(Peek(length + 1)) && !FollowsDot()) {
      kind = TokenKind::kNumber;
      length = SkipDigits(length + 1);
    }
    if ((Peek(length) == 'e' || Peek(length) == 'E') && !FollowsDot()) {
      const std::size_t digits = length + (Peek(length + 1) == '-' || Peek(length + 1) == '+' ? 2 : 1);
      if (IsDigit(Peek(digits))) {
        kind = TokenKind::kNumber;
        length = SkipDigits(digits);
      }
    }
    return PushNumber(kind, length);
  }
  bool FollowsDot() const { return !tokens_.empty() && tokens_.back().Is(TokenKind::kOperator, "."); }
  std::size_t SkipDigits(std::size_t ahead) const {
    while (IsDigit(Peek(ahead)) || (Peek(ahead) == '_' && IsDigit(Peek(ahead + 1)))) ++ahead;
    return ahead;
  }
  Status PushNumber(TokenKind kind, std::size_t length) {
    VIVACE_RETURN_IF_ERROR(Push(kind, length));
    std::erase(tokens_.back().text, '_');
    return Status::Ok();
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
    if (c == 'x' || c == 'u' || c == 'U') return ReadHexEscape(c == 'x' ? 2 : c == 'u' ? 4 : 8, text);
    if (c >= '0' && c <= '7') return ReadOctalEscape(text);
    if (c == '\n') {  // the line goes on
      Advance(1);
      return Status::Ok();
    }
    if (c == 'N') return Error("characters by name (\\N) are not supported");
    const std::size_t known = c == '\0' ? std::string_view::npos : kNames.find(c);
    if (known == std::string_view::npos) {
      text.push_back('\\');
      return Status::Ok();
    }
    text.push_back(kMeanings[known]);
    Advance(1);
    return Status::Ok();
  }

  Status ReadHexEscape(std::size_t digits, std::string& text) {
    std::uint32_t code = 0;
    for (std::size_t i = 1; i <= digits; ++i) {
      const char lower = static_cast<char>(Peek(i) | 0x20);
      const bool letter = lower >= 'a' && lower <= 'f';
      if (!letter && !IsDigit(Peek(i))) return Error("a \\x or \\u escape needs hexadecimal digits");
      code = code * 16 + static_cast<std::uint32_t>(letter ? lower - 'a' + 10 : Peek(i) - '0');
    }
    if (code >= 0xD800 && code < 0xE000) return Error("a \\u escape names half a surrogate pair");
    if (code > 0x10FFFF) return Error("a \\U escape names no character");
    AppendUtf8(code, text);
    Advance(digits + 1);
    return Status::Ok();
  }

  Status ReadOctalEscape(std::string& text) {
    std::uint32_t code = 0;
    for (int i = 0; i < 3 && Peek(0) >= '0' && Peek(0) <= '7'; ++i) {
      code = code * 8 + static_cast<std::uint32_t>(Peek(0) - '0');
      Advance(1);
    }
    AppendUtf8(code, text);
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
  return std::string(kLinePrefix) + std::to_string(line) + ": " + std::string(message);
}

Result<std::vector<Token>> Tokenize(std::string_view source, const ParseOptions& options) {
  return Lexer(source, options).Run();
}

}  // namespace vivace::chat
