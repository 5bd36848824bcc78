// One row an operation: the instructions that it becomes on AVX2 with FMA and F16C. A vector is two ymm
// registers: lanes 0 to 7 and 8 to 15.
#include "codegen/assembler.h"

namespace vivace::codegen {
namespace {

class Avx2Assembler final : public Assembler {
 public:
  using Assembler::Assembler;

 protected:
  void BeginFunction(const Function&) override {}
  bool EmitVector() override { return false; }
};

}  // namespace

std::unique_ptr<Assembler> MakeAvx2Assembler(std::byte* buffer, std::size_t size) {
  return std::make_unique<Avx2Assembler>(buffer, size);
}

}  // namespace vivace::codegen
