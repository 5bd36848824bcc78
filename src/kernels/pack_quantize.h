// Rounds float weights to the classes that come as planes: for tests, for measuring what a class costs in
// accuracy, and for models made up on the spot.
#pragma once

#include <cstddef>
#include <vector>

#include "kernels/pack_panels.h"

namespace vivace::kernels {

/// The planes of one weight [rows, k]; source() points into them.
struct QuantizedPlanes {
  int rows = 0;
  std::vector<std::byte> codes, scales, minimums;  // as PackSource has them

  PackSource source() const { return {codes.data(), rows, scales.data(), minimums.data()}; }
};

/// Rounds `floats` [rows, k] to nearest in the codes of a class without checkpoint type. Group by group,
/// 4-bit codes span minimum to maximum, and signed bytes -127 .. 127 span the largest magnitude; scales and
/// minimums are rounded to their own type first. Values must be finite and their scales within f16; k is a
/// multiple of the class's block. A class with a checkpoint type is a bug of the caller.
QuantizedPlanes QuantizeRowsTo(tensor::WeightClass weights, const float* floats, int rows, int k);

}  // namespace vivace::kernels
