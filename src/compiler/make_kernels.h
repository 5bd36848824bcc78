// Machine code for the fused phases of a program. The only file of the compiler that calls code generation.
#pragma once

#include "codegen/compilation_meter.h"
#include "codegen/target.h"
#include "program/program.h"
#include "vivace/status.h"

namespace vivace::compiler {

/// True when this CPU runs the machine code that MakeKernels makes for `target`.
bool CanMakeKernels(const codegen::Target& target);

/// Makes the kernels of every phase that has a specification, and seals program.library. Phases alike share
/// kernels. kUnsupported: a shape that the kernels do not take.
Status MakeKernels(program::Program& program, const codegen::Target& target,
                   codegen::CompilationMeter* meter = nullptr);

/// Of a program with kernels, for --dump: the vector IR and the machine code of each kernel.
std::string VectorIrText(const program::Program& program);
std::string AssemblyText(const program::Program& program);

}  // namespace vivace::compiler
