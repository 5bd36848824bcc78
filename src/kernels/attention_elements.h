// Elements of the KV cache as vector IR.
#pragma once

#include "codegen/vir.h"
#include "tensor/dtype.h"

namespace vivace::kernels {

/// Types of a KV cache that LoadKvElements takes.
bool IsKvType(tensor::DType type);

/// 16 consecutive elements as f32; of kI8 the codes, without their scale.
codegen::Vec LoadKvElements(codegen::Builder& b, tensor::DType type, codegen::Mem m);

}  // namespace vivace::kernels
