#include "compiler/compiler.h"

#include "base/status_macros.h"
#include "compiler/lowering.h"

namespace vivace::compiler {

Result<program::Program> Compile(graph::Graph graph, const CompileOptions& options, CompileReport* report) {
  if (options.kv_type != tensor::DType::kF16 && options.kv_type != tensor::DType::kF32) {
    return InvalidArgument("kv_type must be f16 or f32");
  }
  VIVACE_RETURN_IF_ERROR(graph::Verify(graph));
  VIVACE_ASSIGN_OR_RETURN(program::Program program, LowerPortable(graph, options.kv_type));
  VIVACE_RETURN_IF_ERROR(program::Verify(program));
  if (report != nullptr) report->level = program.level;
  return program;
}

}  // namespace vivace::compiler
