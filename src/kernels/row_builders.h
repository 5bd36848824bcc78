// Builders of kernels that work on whole rows, as vector IR: norms, quantisation, softmax, embedding gather,
// rotary embedding, gated activations, and the reductions that sampling starts from. All take a number of
// rows at run time; widths are constants of the kernel and need not be multiples of 16 unless a layout says
// so. Float rows of an argument lie `width` floats apart, quantised rows as tensor::QuantizedRows says. What
// a row gives does not depend on the number of rows. A NaN in a row reaches what
// is made of it (of a summary of logits, the log of the sum).
#pragma once

#include "codegen/vir.h"
#include "tensor/quantized_rows.h"

namespace vivace::kernels {

/// True for the activation types that BuildRmsNorm and BuildQuantizeRows write: floats, u8 per 32, per token.
bool HasRowQuantizer(tensor::ActivationType type);

/// Bytes of the scratch argument of a kernel over rows of this width.
constexpr int RowScratchBytes(int width) {
  return width * 4 + 64;
}

/// f32 [rows][width] -> QuantizedRows{width, type}. kU8Token: asymmetric as quantize_builders.h says, with
/// the whole row for a group.
enum QuantizeRowsArgument {
  kQuantizeInput,
  kQuantizeOutput,
  kQuantizeRows,
  kQuantizeScratch,
  kQuantizeArguments
};
codegen::Function BuildQuantizeRows(int width, tensor::ActivationType type);

/// x * weight / sqrt(mean(x^2) + eps), f32 [rows][width] -> QuantizedRows{width, type}.
enum NormArgument { kNormInput, kNormGain, kNormOutput, kNormRows, kNormScratch, kNormArguments };
codegen::Function BuildRmsNorm(int width, float eps, tensor::ActivationType type);

/// Softmax of each row, f32 [rows][width] -> the same; input and output may be the same memory.
enum SoftmaxArgument { kSoftmaxInput, kSoftmaxOutput, kSoftmaxRows, kSoftmaxArguments };
codegen::Function BuildSoftmax(int width);

/// table f32 [any][width], ids i32 [rows] -> f32 [rows][width]. Ids are valid rows of the table.
enum GatherArgument { kGatherTable, kGatherIds, kGatherOutput, kGatherRows, kGatherArguments };
codegen::Function BuildGatherRows(int width);

/// Rotates elements i and i + head_dim/2 of each head in place: x f32 [rows][heads][head_dim], positions i32
/// [rows], table f32 [positions][head_dim] of cosines, then sines.
enum RopeArgument { kRopeInput, kRopeCount, kRopePositions, kRopeAngles, kRopeArguments };
codegen::Function BuildRopeHalves(int heads, int head_dim);

/// act(gate) * up, f32 [rows][width] each.
enum class GatedActivation { kSilu, kGelu };
enum GatedArgument { kGatedGate, kGatedUp, kGatedOutput, kGatedRows, kGatedArguments };
codegen::Function BuildGated(int width, GatedActivation activation);

/// What sampling needs of a row of logits f32 [rows][width]: f32 [rows][4] = {largest logit, its index (of
/// several the first) as a number, log of the sum of exp of all, unused}, and f32 [rows][units], the largest
/// of every 32 logits, units = ceil(width / 32): a logit among the k largest lies in a unit whose maximum is.
/// width <= 2^24.
enum LogitArgument { kLogitInput, kLogitSummary, kLogitUnits, kLogitRows, kLogitArguments };
codegen::Function BuildLogitSummary(int width);

}  // namespace vivace::kernels
