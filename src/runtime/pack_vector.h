// Makes the vectors that tile kernels read (biases, weights of norms) from those of a checkpoint. Pure.
#pragma once

#include <cstddef>
#include <vector>

#include "checkpoint/tensor_view.h"
#include "program/program.h"
#include "vivace/status.h"

namespace vivace::runtime {

/// Floats that a WeightForm::kVector takes in memory: its entries up to a multiple of 64.
std::size_t VectorFloats(const program::Weight& weight);

/// kDataLoss names the tensor that is not of a float type, or the weight whose tensors have another number of
/// elements together than it has entries.
Status CheckVector(const program::Weight& weight, const std::vector<const checkpoint::TensorView*>& tensors);

/// Writes out[VectorFloats]: the tensors one after another, in the weight's order, each entry plus its
/// offset; zeros behind them. The tensors have passed CheckVector.
void PackVector(const program::Weight& weight, const std::vector<const checkpoint::TensorView*>& tensors,
                float* out);

}  // namespace vivace::runtime
