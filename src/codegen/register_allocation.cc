// Two walks: the first finds when each register is alive, the second hands out physical registers in the
// order of the text. Linear in the number of instructions; nothing outlives the call.
#include "codegen/register_allocation.h"

#include <fmt/format.h>

#include <bit>
#include <iterator>
#include <limits>
#include <string_view>

#include "base/status_macros.h"

namespace vivace::codegen {
namespace {

constexpr std::int32_t kNone = -1;

struct Interval {
  std::int32_t first = kNone;  // instruction of the first write
  std::int32_t last =
      kNone;  // instruction of the last mention, then of the end of the loop that it lives through
  std::int32_t loop = kNone;  // the outermost loop around the last mention that began after the first write
};

struct LoopRange {
  std::int32_t begin;
  std::int32_t end;
};

// One register class: the intervals by virtual register, the free set, and who ends where.
class Bank {
 public:
  Bank(std::size_t count, int physical, std::size_t instructions)
      : intervals(count),
        assigned(count, 0),
        ends_at_(instructions, kNone),
        next_ending_(count, kNone),
        free_(physical >= 32 ? ~0u : (1u << physical) - 1) {}

  void QueueExpiry() {
    for (std::size_t id = 0; id < intervals.size(); ++id) {
      const Interval& interval = intervals[id];
      if (interval.first == kNone) continue;
      const auto last = static_cast<std::size_t>(interval.last);
      next_ending_[id] = ends_at_[last];
      ends_at_[last] = static_cast<std::int32_t>(id);
    }
  }

  // Frees what ends at instruction i, but for what begins there, too.
  void ExpireBefore(std::int32_t i) {
    for (std::int32_t id = ends_at_[static_cast<std::size_t>(i)]; id != kNone;
         id = next_ending_[static_cast<std::size_t>(id)]) {
      if (intervals[static_cast<std::size_t>(id)].first < i) Free(static_cast<std::size_t>(id));
    }
  }

  bool Take(std::size_t id, std::uint32_t hint) {
    if (free_ == 0) return false;
    const int physical = (free_ & hint) != 0 ? std::countr_zero(free_ & hint) : std::countr_zero(free_);
    TakePhysical(id, physical);
    return true;
  }

  void TakePhysical(std::size_t id, int physical) {
    assigned[id] = static_cast<std::uint8_t>(physical);
    free_ &= ~(1u << physical);
    used |= 1u << physical;
  }

  void Free(std::size_t id) { free_ |= 1u << assigned[id]; }

  std::vector<Interval> intervals;
  std::vector<std::uint8_t> assigned;
  std::uint32_t used = 0;

 private:
  std::vector<std::int32_t> ends_at_;      // by instruction: head of the list of registers that end there
  std::vector<std::int32_t> next_ending_;  // by register
  std::uint32_t free_;
};

// Scalars of the bank: the function's own, then one counter a loop, then the arguments pointer.
class Allocator {
 public:
  Allocator(const Function& function, const RegisterFile& registers)
      : function_(function),
        registers_(registers),
        loop_count_(CountLoops(function)),
        vectors_(function.vectors, registers.vectors, function.code.size()),
        writes_(registers.constants_in_memory ? function.vectors : 0, 0),
        scalars_(function.scalars + loop_count_ + 1, registers.scalars, function.code.size()) {}

  Result<Allocation> Run() {
    FindIntervals();
    if (registers_.constants_in_memory) MoveConstantsToMemory();
    CloseIntervals(vectors_);
    CloseIntervals(scalars_);
    if (Arguments().first != kNone) scalars_.TakePhysical(ArgumentsId(), registers_.arguments_scalar);
    std::size_t loop = 0;
    for (std::size_t i = 0; i < function_.code.size(); ++i) {
      VIVACE_RETURN_IF_ERROR(Scan(static_cast<std::int32_t>(i), loop));
    }
    Allocation out;
    out.vectors = std::move(vectors_.assigned);
    out.vectors_used = std::popcount(vectors_.used);
    out.counters.assign(scalars_.assigned.begin() + function_.scalars, scalars_.assigned.end() - 1);
    scalars_.assigned.resize(function_.scalars);
    out.scalars = std::move(scalars_.assigned);
    out.scalars_used = scalars_.used;
    return out;
  }

 private:
  static std::size_t CountLoops(const Function& function) {
    std::size_t count = 0;
    for (const Instruction& instruction : function.code) count += instruction.op == Op::kLoop ? 1 : 0;
    return count;
  }

  std::size_t ArgumentsId() const { return function_.scalars + loop_count_; }
  Interval& Arguments() { return scalars_.intervals[ArgumentsId()]; }

  void Mention(Interval& interval, std::int32_t i) {
    if (interval.first == kNone) interval.first = i;
    interval.last = i;
    interval.loop = kNone;
    for (const std::int32_t loop : open_) {
      if (loops_[static_cast<std::size_t>(loop)].begin > interval.first) {
        interval.loop = loop;
        return;
      }
    }
  }

  void FindIntervals() {
    for (std::size_t at = 0; at < function_.code.size(); ++at) {
      const Instruction& instruction = function_.code[at];
      const auto i = static_cast<std::int32_t>(at);
      std::size_t operand = 0;
      for (const char letter : Row(instruction.op).pattern) {
        if (letter == 'i') continue;
        const std::uint16_t id = instruction.operands[operand++];
        if (letter == 'T' || letter == 'W' || letter == 't') continue;  // numbered by the author
        const bool is_vector = letter == 'D' || letter == 'M' || letter == 'V';
        Mention((is_vector ? vectors_ : scalars_).intervals[id], i);
      }
      if (instruction.op == Op::kArg) {
        if (Arguments().first == kNone) Arguments().first = -2;  // alive on entry
        Mention(Arguments(), i);
      }
      if (instruction.op == Op::kLoop) {
        open_.push_back(static_cast<std::int32_t>(loops_.size()));
        scalars_.intervals[function_.scalars + loops_.size()].first = i;
        loops_.push_back({i, i});
      } else if (instruction.op == Op::kEnd) {
        const auto loop = static_cast<std::size_t>(open_.back());
        loops_[loop].end = i;
        scalars_.intervals[function_.scalars + loop].last = i;
        open_.pop_back();
      }
    }
  }

  // A vector whose only write is a constant has no interval, and so no register.
  void MoveConstantsToMemory() {
    for (const Instruction& instruction : function_.code) {
      const std::string_view pattern = Row(instruction.op).pattern;
      if (!pattern.empty() && (pattern[0] == 'D' || pattern[0] == 'M')) ++writes_[instruction.operands[0]];
    }
    for (const Instruction& instruction : function_.code) {
      const std::size_t id = instruction.operands[0];
      if (instruction.op != Op::kConst || writes_[id] != 1) continue;
      vectors_.intervals[id] = {};
      vectors_.assigned[id] = kInMemory;
    }
  }

  void CloseIntervals(Bank& bank) {
    for (Interval& interval : bank.intervals) {
      if (interval.loop != kNone) interval.last = loops_[static_cast<std::size_t>(interval.loop)].end;
    }
    bank.QueueExpiry();
  }

  Status Scan(std::int32_t i, std::size_t& loop) {
    const Instruction& instruction = function_.code[static_cast<std::size_t>(i)];
    vectors_.ExpireBefore(i);
    scalars_.ExpireBefore(i);
    const std::string_view pattern = Row(instruction.op).pattern;
    const char letter = pattern.empty() ? ' ' : pattern[0];
    if (letter == 'D') return Assign(vectors_, instruction.operands[0], i, Hint(vectors_, instruction, "DV"));
    if (letter == 'd') return Assign(scalars_, instruction.operands[0], i, Hint(scalars_, instruction, "ds"));
    if (instruction.op == Op::kLoop) {
      const std::uint32_t count = 1u << scalars_.assigned[instruction.operands[0]];
      return Assign(scalars_, function_.scalars + loop++, i, count);
    }
    return Status::Ok();
  }

  // The first source's register saves a move when its life ends here.
  static std::uint32_t Hint(const Bank& bank, const Instruction& instruction, std::string_view wanted) {
    if (Row(instruction.op).pattern.substr(0, 2) != wanted) return 0;
    const std::uint8_t source = bank.assigned[instruction.operands[1]];
    return source == kInMemory ? 0 : 1u << source;
  }

  Status Assign(Bank& bank, std::size_t id, std::int32_t i, std::uint32_t hint) {
    const Interval& interval = bank.intervals[id];
    if (interval.first != i) return Status::Ok();  // has its register already
    if (!bank.Take(id, hint)) return DoesNotFit(bank, i);
    if (interval.last == i) bank.Free(id);
    return Status::Ok();
  }

  Status DoesNotFit(const Bank& bank, std::int32_t at) const {
    const bool is_vector = &bank == &vectors_;
    std::string alive;
    for (std::size_t id = 0; id < bank.intervals.size(); ++id) {
      const Interval& interval = bank.intervals[id];
      if (interval.first == kNone || interval.first >= at || interval.last <= at) continue;
      if (is_vector || id < function_.scalars) {
        fmt::format_to(std::back_inserter(alive), " {}{}", is_vector ? 'v' : 's', id);
      } else {
        alive += id == ArgumentsId() ? " (arguments)" : " (loop counter)";
      }
    }
    return Unsupported(fmt::format(
        "kernel '{}' does not fit the {} {} registers{}{} at instruction {} '{}'; alive across it:{}",
        function_.name, is_vector ? registers_.vectors : registers_.scalars, is_vector ? "vector" : "scalar",
        registers_.target.empty() ? "" : " of target ", registers_.target, at + 1,
        PrintLine(function_.code[static_cast<std::size_t>(at)]), alive));
  }

  const Function& function_;
  const RegisterFile& registers_;
  const std::size_t loop_count_;
  Bank vectors_;
  std::vector<std::int32_t> writes_;  // by vector; empty unless constants lie in memory
  Bank scalars_;
  std::vector<LoopRange> loops_;
  std::vector<std::int32_t> open_;
};

}  // namespace

Result<Allocation> AllocateRegisters(const Function& function, const RegisterFile& registers) {
  return Allocator(function, registers).Run();
}

}  // namespace vivace::codegen
