#include "base/text_scanner.h"

#include <algorithm>
#include <charconv>
#include <cmath>

namespace vivace::base {
namespace {

bool IsWordCharacter(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
         std::string_view("_.-:#+/").find(c) != std::string_view::npos;
}

std::size_t WordLength(std::string_view line) {
  std::size_t length = 0;
  while (length < line.size() && IsWordCharacter(line[length]) && line.substr(length, 2) != "->") ++length;
  while (length > 0 && line[length - 1] == ':') --length;  // a colon inside a name only
  return length;
}

void ReplaceAll(std::string& text, std::string_view from, std::string_view to) {
  for (std::size_t at = text.find(from); at != std::string::npos; at = text.find(from, at + to.size() - 1)) {
    text.replace(at, from.size(), to);
  }
}

std::string Dotted(int number) {
  return "." + std::to_string(number) + ".";
}

}  // namespace

bool TextScanner::NextLine() {
  while (!rest_.empty()) {
    const std::size_t end = rest_.find('\n');
    line_ = rest_.substr(0, end);
    rest_ = end == std::string_view::npos ? std::string_view() : rest_.substr(end + 1);
    ++line_number_;
    if (!LineDone()) return true;
  }
  return false;
}

void TextScanner::SkipSpaces() {
  while (!line_.empty() && (line_.front() == ' ' || line_.front() == '\t' || line_.front() == '\r')) {
    line_.remove_prefix(1);
  }
}

bool TextScanner::LineDone() {
  SkipSpaces();
  return line_.empty();
}

bool TextScanner::Peek(std::string_view literal) {
  SkipSpaces();
  if (line_.substr(0, literal.size()) != literal) return false;
  const bool is_word = IsWordCharacter(literal.front()) && literal.front() != '-' && literal.front() != ':';
  return !is_word || WordLength(line_) == literal.size();
}

bool TextScanner::Accept(std::string_view literal) {
  if (!Peek(literal)) return false;
  line_.remove_prefix(literal.size());
  return true;
}

Status TextScanner::Expect(std::string_view literal) {
  if (Accept(literal)) return Status::Ok();
  return Error("expected '" + std::string(literal) + "'");
}

Status TextScanner::ExpectLineDone() {
  return LineDone() ? Status::Ok() : Error("expected the line's end");
}

Result<std::string_view> TextScanner::Word() {
  SkipSpaces();
  const std::size_t length = WordLength(line_);
  if (length == 0) return Error("expected a name");
  const std::string_view word = line_.substr(0, length);
  line_.remove_prefix(length);
  return word;
}

Result<std::int64_t> TextScanner::Integer(std::int64_t minimum, std::int64_t maximum) {
  SkipSpaces();
  std::int64_t value = 0;
  const auto [end, error] = std::from_chars(line_.data(), line_.data() + line_.size(), value);
  if (error != std::errc() || value < minimum || value > maximum) {
    return Error("expected an integer from " + std::to_string(minimum) + " to " + std::to_string(maximum));
  }
  line_.remove_prefix(static_cast<std::size_t>(end - line_.data()));
  return value;
}

Result<float> TextScanner::Number() {
  SkipSpaces();
  float value = 0;
  const auto [end, error] = std::from_chars(line_.data(), line_.data() + line_.size(), value);
  if (error != std::errc() || !std::isfinite(value)) return Error("expected a number");
  line_.remove_prefix(static_cast<std::size_t>(end - line_.data()));
  return value;
}

Status TextScanner::Error(std::string_view message) const {
  const std::string_view rest = line_.substr(std::min(line_.find_first_not_of(" \t\r"), line_.size()), 40);
  return InvalidArgument("line " + std::to_string(line_number_) + ": " + std::string(message) + ", at '" +
                         std::string(rest) + "'");
}

std::string ShortFloat(float value) {
  char text[32];
  const auto result = std::to_chars(text, text + sizeof text, value);
  return std::string(text, result.ptr);
}

std::string FoldNumber(std::string_view text, int index) {
  std::string folded(text);
  ReplaceAll(folded, Dotted(index), ".#.");
  ReplaceAll(folded, Dotted(index + 1), ".#+1.");
  return folded;
}

std::string UnfoldNumber(std::string_view text, int index) {
  std::string full(text);
  ReplaceAll(full, ".#.", Dotted(index));
  ReplaceAll(full, ".#+1.", Dotted(index + 1));
  return full;
}

}  // namespace vivace::base
