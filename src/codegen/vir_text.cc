// The textual form, one instruction a line:
//   kernel NAME vectors=4 scalars=2
//     s0 = arg 0
//     loop s1
//       v3 = fma.bc v1, [s0 + 64]
//     end
// An M operand stands left of the equals sign like a D operand. Constants are printed as 0x and eight digits.
// Parse accepts blank lines and comments from ';' to the end of the line.
#include <fmt/format.h>

#include <charconv>
#include <iterator>
#include <limits>
#include <optional>

#include "base/status_macros.h"
#include "codegen/vir.h"

namespace vivace::codegen {
namespace {

bool HasResult(std::string_view pattern) {
  return !pattern.empty() && (pattern[0] == 'T' || pattern[0] == 'W' || pattern[0] == 'D' ||
                              pattern[0] == 'M' || pattern[0] == 'd' || pattern[0] == 'm');
}

// What the names of the letter's registers begin with.
char Prefix(char letter) {
  if (letter == 'D' || letter == 'M' || letter == 'V') return 'v';
  if (letter == 'T' || letter == 'W' || letter == 't') return 't';
  return 's';
}

void PrintOperand(char letter, const Instruction& instruction, std::uint16_t id, fmt::memory_buffer& out) {
  const auto to = std::back_inserter(out);
  if (letter == 'a') {
    const char sign = instruction.immediate < 0 ? '-' : '+';
    const std::int64_t distance = instruction.immediate < 0 ? -instruction.immediate : instruction.immediate;
    if (distance == 0) {
      fmt::format_to(to, "[s{}]", id);
    } else {
      fmt::format_to(to, "[s{} {} {}]", id, sign, distance);
    }
  } else if (letter == 'i' && instruction.op == Op::kConst) {
    fmt::format_to(to, "{:#010x}", instruction.immediate);
  } else if (letter == 'i') {
    fmt::format_to(to, "{}", instruction.immediate);
  } else {
    fmt::format_to(to, "{}{}", Prefix(letter), id);
  }
}

void PrintInstruction(const Instruction& instruction, fmt::memory_buffer& out) {
  const OpRow& row = Row(instruction.op);
  std::size_t operand = 0;
  std::string_view rest = row.pattern;
  if (HasResult(rest)) {
    PrintOperand(rest[0], instruction, instruction.operands[operand++], out);
    out.append(std::string_view(" = "));
    rest.remove_prefix(1);
  }
  out.append(row.text);
  std::string_view separator = " ";
  for (const char letter : rest) {
    out.append(separator);
    separator = ", ";
    const std::uint16_t id = letter == 'i' ? std::uint16_t{0} : instruction.operands[operand++];
    PrintOperand(letter, instruction, id, out);
  }
}

std::string_view Trim(std::string_view text) {
  const std::size_t first = text.find_first_not_of(" \t\r");
  if (first == std::string_view::npos) return {};
  return text.substr(first, text.find_last_not_of(" \t\r") - first + 1);
}

// Cuts the text up to the separator off the front; everything when there is none.
std::string_view Cut(std::string_view& text, std::string_view separator) {
  const std::size_t at = text.find(separator);
  const std::string_view head = text.substr(0, at);
  text = at == std::string_view::npos ? std::string_view{} : text.substr(at + separator.size());
  return Trim(head);
}

template <class T>
std::optional<T> ParseInteger(std::string_view text) {
  T value{};
  int base = 10;
  if (text.substr(0, 2) == "0x") {
    base = 16;
    text.remove_prefix(2);
  }
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value, base);
  if (error != std::errc{} || end != text.data() + text.size()) return std::nullopt;
  return value;
}

std::optional<std::uint16_t> ParseRegister(std::string_view text, char prefix) {
  if (text.empty() || text[0] != prefix) return std::nullopt;
  return ParseInteger<std::uint16_t>(text.substr(1));
}

class Parser {
 public:
  explicit Parser(std::string_view text) : text_(text) {}

  Result<Function> Run() {
    bool header_seen = false;
    while (!text_.empty()) {
      ++line_number_;
      std::string_view line = text_.substr(0, text_.find('\n'));
      text_.remove_prefix(std::min(text_.size(), line.size() + 1));
      line = Trim(line.substr(0, line.find(';')));
      if (line.empty()) continue;
      VIVACE_RETURN_IF_ERROR(header_seen ? ParseInstruction(line) : ParseHeader(line));
      header_seen = true;
    }
    if (!header_seen) return Fail("", "there is no 'kernel NAME vectors=N scalars=N' line");
    return std::move(function_);
  }

 private:
  Status Fail(std::string_view line, std::string_view what) const {
    return InvalidArgument(fmt::format("vector IR text, line {} '{}': {}", line_number_, line, what));
  }

  Status ParseHeader(std::string_view line) {
    std::string_view rest = line;
    const std::string_view keyword = Cut(rest, " ");
    const std::string_view name = Cut(rest, " ");
    const std::string_view vectors = Cut(rest, " ");
    const std::string_view scalars = Trim(rest);
    std::optional<std::uint16_t> vector_count;
    std::optional<std::uint16_t> scalar_count;
    if (vectors.substr(0, 8) == "vectors=") vector_count = ParseInteger<std::uint16_t>(vectors.substr(8));
    if (scalars.substr(0, 8) == "scalars=") scalar_count = ParseInteger<std::uint16_t>(scalars.substr(8));
    if (keyword != "kernel" || name.empty() || !vector_count || !scalar_count) {
      return Fail(line, "want 'kernel NAME vectors=N scalars=N'");
    }
    function_.name = name;
    function_.vectors = *vector_count;
    function_.scalars = *scalar_count;
    return Status::Ok();
  }

  // "d = op a, b" or "op a, b".
  Status ParseInstruction(std::string_view line) {
    std::string_view rest = line;
    std::string_view result;
    if (line.find('=') != std::string_view::npos) result = Cut(rest, "=");
    rest = Trim(rest);
    const std::string_view name = Cut(rest, " ");
    const std::optional<Op> op = FindOp(name);
    if (!op) return Fail(line, fmt::format("there is no operation '{}'", name));
    std::string_view pattern = Row(*op).pattern;
    if (HasResult(pattern) == result.empty()) {
      return Fail(line, HasResult(pattern) ? "the operation has a result: want 'register = ...'"
                                           : "the operation has no result");
    }
    Instruction instruction{*op};
    std::size_t operand = 0;
    if (!result.empty()) {
      VIVACE_RETURN_IF_ERROR(ParseOperand(line, pattern[0], result, instruction, operand));
      pattern.remove_prefix(1);
    }
    for (const char letter : pattern) {
      VIVACE_RETURN_IF_ERROR(ParseOperand(line, letter, Cut(rest, ","), instruction, operand));
    }
    if (!Trim(rest).empty()) return Fail(line, fmt::format("too many operands: '{}'", Trim(rest)));
    function_.code.push_back(instruction);
    return Status::Ok();
  }

  static std::optional<Op> FindOp(std::string_view name) {
    for (int i = 0; i < kOpCount; ++i) {
      if (Row(static_cast<Op>(i)).text == name) return static_cast<Op>(i);
    }
    return std::nullopt;
  }

  Status ParseOperand(std::string_view line, char letter, std::string_view text, Instruction& instruction,
                      std::size_t& operand) const {
    if (letter == 'i') {
      const std::optional<std::int64_t> value = ParseInteger<std::int64_t>(text);
      if (!value) return Fail(line, fmt::format("'{}' is no integer", text));
      instruction.immediate = *value;
      return Status::Ok();
    }
    if (letter == 'a') return ParseMemory(line, text, instruction, operand);
    const char prefix = Prefix(letter);
    const std::optional<std::uint16_t> id = ParseRegister(text, prefix);
    if (!id) return Fail(line, fmt::format("'{}' is no register of the form {}N", text, prefix));
    instruction.operands[operand++] = *id;
    return Status::Ok();
  }

  // "[s0]", "[s0 + 64]", "[s0 - 64]"
  Status ParseMemory(std::string_view line, std::string_view text, Instruction& instruction,
                     std::size_t& operand) const {
    const auto fail = [&] {
      return Fail(line, fmt::format("'{}' is no address of the form [sN + OFFSET]", text));
    };
    if (text.size() < 4 || text.front() != '[' || text.back() != ']') return fail();
    std::string_view inside = text.substr(1, text.size() - 2);
    const std::optional<std::uint16_t> base = ParseRegister(Cut(inside, " "), 's');
    if (!base) return fail();
    instruction.operands[operand++] = *base;
    inside = Trim(inside);
    if (inside.empty()) return Status::Ok();
    const char sign = inside[0];
    const std::optional<std::int64_t> distance = ParseInteger<std::int64_t>(Trim(inside.substr(1)));
    if ((sign != '+' && sign != '-') || !distance || *distance < 0) return fail();
    instruction.immediate = sign == '-' ? -*distance : *distance;
    return Status::Ok();
  }

  std::string_view text_;
  int line_number_ = 0;
  Function function_;
};

}  // namespace

std::string PrintLine(const Instruction& instruction) {
  fmt::memory_buffer out;
  PrintInstruction(instruction, out);
  return fmt::to_string(out);
}

std::string Print(const Function& function) {
  fmt::memory_buffer out;
  fmt::format_to(std::back_inserter(out), "kernel {} vectors={} scalars={}\n", function.name,
                 function.vectors, function.scalars);
  std::size_t depth = 1;
  for (const Instruction& instruction : function.code) {
    if (instruction.op == Op::kEnd && depth > 1) --depth;
    for (std::size_t i = 0; i < depth; ++i) out.append(std::string_view("  "));
    PrintInstruction(instruction, out);
    out.push_back('\n');
    if (instruction.op == Op::kLoop) ++depth;
  }
  return fmt::to_string(out);
}

Result<Function> Parse(std::string_view text) {
  return Parser(text).Run();
}

}  // namespace vivace::codegen
