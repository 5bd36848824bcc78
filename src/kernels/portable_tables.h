// The portable kernels of one instruction set, and the list of instruction sets they are compiled for.
// Internal to this folder; tests use it to run every set that the machine has.
//
// Each portable_<set>.cc compiles the portable_*.h implementation headers once, with its own -march, into a
// namespace of its own. Those files share no inline function with the rest of the program: the linker keeps
// one copy of such a function, and could keep one that the machine cannot run. They must therefore include
// plain data headers only, and call no member function of them.
#pragma once

#include "kernels/task.h"
#include "tensor/dtype.h"

namespace vivace::kernels {

enum class PortableIsa {
  kV2,
  kV3,
  kV4
};  // the levels of the x86-64 psABI: SSE4.2; AVX2, FMA, F16C; AVX-512 F, BW, CD, DQ, VL

struct PortableTable {
  TaskFn embed[tensor::kWeightTypes];  // by DType, as linear
  TaskFn linear[tensor::kWeightTypes];
  TaskFn rms_norm;
  TaskFn rope;
  TaskFn kv_append;
  TaskFn attention;
  TaskFn add;
  TaskFn add_bias;
  TaskFn scale;
  TaskFn softcap;
  TaskFn silu_mul;
  TaskFn quantize;
  TaskFn gelu_mul;
  TaskFn gather_rows;
};

/// Token rows that one task of a row-wise kernel takes.
inline constexpr int kPortableTaskRows = 8;
/// Output columns (rows of the weight) that one task of a linear kernel takes.
inline constexpr int kLinearTaskColumns = 24;

extern const PortableTable kPortableTableV2;
extern const PortableTable kPortableTableV3;
extern const PortableTable kPortableTableV4;

/// Null when this CPU lacks the instruction set.
const PortableTable* PortableTableOf(PortableIsa isa);
/// The kernels of one table, as the functions of portable.h give them for the best one.
struct PortableKernels {
  TaskKernel embed[tensor::kWeightTypes], linear[tensor::kWeightTypes];
  TaskKernel rms_norm, rope, kv_append, attention, add, add_bias, scale, softcap, silu_mul, quantize,
      gelu_mul, gather_rows;
};
PortableKernels KernelsOf(const PortableTable& table);

}  // namespace vivace::kernels
