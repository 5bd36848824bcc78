// A checkpoint of seeded random weights, for a model whose weights nobody has at hand: same shapes, same
// types, same speed as the real one; its answers mean nothing.
#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "checkpoint/checkpoint.h"
#include "tensor/dtype.h"
#include "vivace/status.h"

namespace vivace::models {

struct DummyOptions {
  tensor::DType type = tensor::DType::kBF16;  // of matrices; a matrix whose rows are no whole blocks of it
                                              // takes q8_0, else f16. Vectors are f32.
  std::uint64_t seed = 0;                     // the same seed gives the same bits, whatever the threads
  int threads = 1;
  bool fill = true;            // false: headers only, the tensors have no bytes
  std::string overrides = {};  // JSON: see OverrideConfig; empty: none
};

/// `model` is a folder with config.json or a name of KnownShapeNames. Weights have deviation 1/sqrt(inputs),
/// norms are near 1, so that values stay in range and logits spread. The texts are those of the folder; a
/// tokenizer that is missing is made: one token a byte, the tokens that config.json names, and a word for
/// every other id. Errors: kNotFound, and those of OverrideConfig and ReadConfigJson.
Result<std::unique_ptr<checkpoint::Checkpoint>> MakeDummyCheckpoint(const std::string& model,
                                                                    const DummyOptions& options);

}  // namespace vivace::models
