// The builder of the one quantiser that needs a whole row: of rows with one scale per token (the others
// quantise groups, as steps of an epilogue). Takes a number of rows at run time; what a row gives does not
// depend on it.
#pragma once

#include "codegen/vir.h"
#include "tensor/quantized_rows.h"

namespace vivace::kernels {

/// f32 [rows][width] -> QuantizedRows{width, kU8Token}, width a multiple of 32: asymmetric as
/// quantize_builders.h says, with the whole row for a group. A NaN or an infinity in a row makes its scale
/// NaN.
enum QuantizeTokenArgument { kTokenInput, kTokenOutput, kTokenRows, kTokenArguments };
codegen::Function BuildQuantizeToken(int width);

}  // namespace vivace::kernels
