// The buffer, and the choice of the assembler.
#include "codegen/emitter.h"

#include <fmt/format.h>

#include <algorithm>
#include <bit>

#include "base/check.h"
#include "base/status_macros.h"
#include "codegen/assembler.h"

namespace vivace::codegen {
namespace {

constexpr std::size_t kInitialCapacity = 64 * 1024;
constexpr std::size_t kBufferAlignment = 64;  // as kernels are placed
constexpr std::size_t kFixedBytes = 1024;     // prologue, epilogue, alignment, tables in the constants

}  // namespace

Emitter::Emitter(const Target& target)
    : target_(target),
      registers_{.vectors = target_.vectors,
                 .scalars = kScalarRegisterCount,
                 .arguments_scalar = kArgumentsScalar,
                 .constants_in_memory = target_.isa == InstructionSet::kAvx2,
                 .target = target_.name} {}
Emitter::~Emitter() = default;

void Emitter::Reserve(std::size_t bytes) {
  if (assembler_ != nullptr && capacity_ >= bytes) return;
  assembler_.reset();
  capacity_ = std::max(kInitialCapacity, std::bit_ceil(bytes));
  std::size_t space = capacity_ + kBufferAlignment;
  buffer_ = std::make_unique_for_overwrite<std::byte[]>(space);  // pages that no code reaches stay untouched
  void* start = buffer_.get();
  std::align(kBufferAlignment, capacity_, start, space);
  start_ = static_cast<std::byte*>(start);
  assembler_ = target_.isa == InstructionSet::kAvx512 ? MakeAvx512Assembler(start_, capacity_)
                                                      : MakeAvx2Assembler(start_, capacity_);
}

Result<MachineCode> Emitter::Emit(const Function& function, const Allocation& allocation) {
  VIVACE_CHECK(target_.CanRun());
  const std::size_t per_instruction =
      target_.isa == InstructionSet::kAvx512 ? kAvx512BytesPerInstruction : kAvx2BytesPerInstruction;
  Reserve(function.code.size() * per_instruction + kFixedBytes);
  Xbyak::ClearError();
  VIVACE_RETURN_IF_ERROR(assembler_->Run(function, allocation, target_));
  if (const int error = Xbyak::GetError(); error != 0) {
    return Internal(fmt::format("kernel '{}': the assembler refused an instruction: {}", function.name,
                                Xbyak::ConvertErrorToString(error)));
  }
  return MachineCode{
      {start_, assembler_->getSize()}, assembler_->line_start(), assembler_->constants_start()};
}

}  // namespace vivace::codegen
