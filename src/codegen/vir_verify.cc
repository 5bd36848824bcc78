// The verifier: one walk over the code. What passes here neither the interpreter nor the register allocator
// needs to check again.
#include <fmt/format.h>

#include <limits>
#include <vector>

#include "base/status_macros.h"
#include "codegen/vir.h"

namespace vivace::codegen {
namespace {

constexpr int kMaxLoopDepth = 16;
constexpr std::int64_t kMaxArguments = 64;

bool IsKnown(Op op) {
  return static_cast<int>(op) < kOpCount;
}

class Verifier {
 public:
  explicit Verifier(const Function& function)
      : function_(function), vector_written_(function.vectors), scalar_written_(function.scalars) {}

  Status Run() {
    if (function_.name.empty() || function_.name.find_first_of(" \t\r\n;") != std::string::npos) {
      return InvalidArgument(fmt::format("vector IR '{}': a name is one word without ';'", function_.name));
    }
    for (line_ = 0; line_ < function_.code.size(); ++line_) {
      const Instruction& instruction = function_.code[line_];
      if (!IsKnown(instruction.op)) {
        return Fail(fmt::format("operation number {} does not exist", static_cast<int>(instruction.op)));
      }
      VIVACE_RETURN_IF_ERROR(CheckOperands(instruction));
      VIVACE_RETURN_IF_ERROR(CheckTiles(instruction));
      VIVACE_RETURN_IF_ERROR(CheckImmediate(instruction));
      VIVACE_RETURN_IF_ERROR(CheckLoops(instruction));
    }
    if (tiles_configured_) return Fail("the tiles are not released (t.free)");
    if (depth_ != 0) return Fail(fmt::format("{} loop(s) without end", depth_));
    return Status::Ok();
  }

 private:
  Status Fail(std::string_view what) const {
    std::string_view text = "end of function";
    if (line_ < function_.code.size())
      text = IsKnown(function_.code[line_].op) ? Row(function_.code[line_].op).text : "?";
    return InvalidArgument(
        fmt::format("vector IR '{}', instruction {} ({}): {}", function_.name, line_ + 1, text, what));
  }

  Status CheckRegister(char letter, std::uint16_t id) {
    const bool is_vector = letter == 'D' || letter == 'M' || letter == 'V';
    const char prefix = is_vector ? 'v' : 's';
    std::vector<bool>& written = is_vector ? vector_written_ : scalar_written_;
    if (id >= written.size()) {
      return Fail(fmt::format("{}{} is out of range, the function has {}", prefix, id, written.size()));
    }
    const bool is_read = letter != 'D' && letter != 'd';
    if (is_read && !written[id]) return Fail(fmt::format("{}{} is read before it is written", prefix, id));
    return Status::Ok();
  }

  Status CheckTile(char letter, std::uint16_t id) {
    if (id >= kTiles) return Fail(fmt::format("t{} is out of range, there are t0 .. t{}", id, kTiles - 1));
    if (!tiles_configured_) return Fail("the tiles have no shape yet (t.cfg)");
    if (letter == 'T') tiles_written_ |= 1u << id;
    if ((tiles_written_ >> id & 1) == 0) return Fail(fmt::format("t{} is read before it is written", id));
    return Status::Ok();
  }

  // Shapes are set once for a whole stretch of tile operations; a product has three different tiles.
  Status CheckTiles(const Instruction& instruction) {
    const std::uint16_t* id = instruction.operands;
    switch (instruction.op) {
      case Op::kTileConfigure:
        tiles_configured_ = true;
        tiles_written_ = 0;
        return Status::Ok();
      case Op::kTileRelease:
        if (!tiles_configured_) return Fail("the tiles have no shape yet (t.cfg)");
        tiles_configured_ = false;
        return Status::Ok();
      case Op::kTileDot4:
      case Op::kTileDotBf16:
        if (id[0] == id[1] || id[0] == id[2] || id[1] == id[2]) return Fail("wants three different tiles");
        return Status::Ok();
      default:
        return Status::Ok();
    }
  }

  // Reads before writes, as one instruction may read the register that it writes.
  Status CheckOperands(const Instruction& instruction) {
    const std::string_view pattern = Row(instruction.op).pattern;
    std::size_t operand = 0;
    for (const char letter : pattern) {
      if (letter == 'i') continue;
      const std::uint16_t id = instruction.operands[operand++];
      if (letter == 'T' || letter == 'W' || letter == 't') {
        VIVACE_RETURN_IF_ERROR(CheckTile(letter, id));
      } else {
        VIVACE_RETURN_IF_ERROR(CheckRegister(letter, id));
      }
    }
    if (!pattern.empty() && pattern[0] == 'D') vector_written_[instruction.operands[0]] = true;
    if (!pattern.empty() && pattern[0] == 'd') scalar_written_[instruction.operands[0]] = true;
    return Status::Ok();
  }

  Status CheckRange(std::int64_t value, std::int64_t low, std::int64_t high, std::string_view what) const {
    if (value >= low && value <= high) return Status::Ok();
    return Fail(fmt::format("{} {} is outside {} .. {}", what, value, low, high));
  }

  Status CheckImmediate(const Instruction& instruction) const {
    constexpr std::int64_t kMin32 = std::numeric_limits<std::int32_t>::min();
    constexpr std::int64_t kMax32 = std::numeric_limits<std::int32_t>::max();
    const std::int64_t value = instruction.immediate;
    switch (instruction.op) {
      case Op::kConst:
        return CheckRange(value, 0, std::numeric_limits<std::uint32_t>::max(), "constant");
      case Op::kShiftLeft:
      case Op::kShiftRight:
      case Op::kShiftRightArithmetic:
        return CheckRange(value, 0, 31, "shift");
      case Op::kScalarShiftLeft:
      case Op::kScalarShiftRight:
        return CheckRange(value, 0, 63, "shift");
      case Op::kArg:
        return CheckRange(value, 0, kMaxArguments - 1, "argument index");
      case Op::kScalarAddImm:
      case Op::kScalarMulImm:
        return CheckRange(value, kMin32, kMax32, "immediate");
      case Op::kScalarAndImm:
        return CheckRange(value, 0, kMax32, "immediate");
      case Op::kScalarConst:
        return Status::Ok();
      default:
        break;
    }
    if (Row(instruction.op).pattern.find('a') != std::string_view::npos) {
      return CheckRange(value, kMin32, kMax32, "offset");
    }
    if (value != 0) return Fail(fmt::format("takes no immediate, has {}", value));
    return Status::Ok();
  }

  Status CheckLoops(const Instruction& instruction) {
    if (instruction.op == Op::kLoop && ++depth_ > kMaxLoopDepth) {
      return Fail(fmt::format("loops are nested deeper than {}", kMaxLoopDepth));
    }
    if (instruction.op == Op::kEnd && --depth_ < 0) return Fail("there is no loop to end");
    return Status::Ok();
  }

  const Function& function_;
  std::vector<bool> vector_written_;
  std::vector<bool> scalar_written_;
  std::size_t line_ = 0;
  int depth_ = 0;
  bool tiles_configured_ = false;
  unsigned tiles_written_ = 0;  // bit set
};

}  // namespace

Status Verify(const Function& function) {
  return Verifier(function).Run();
}

}  // namespace vivace::codegen
