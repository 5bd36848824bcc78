// The weights of a program in memory: as they lie in the mapped checkpoint, packed into panels, or as vectors
// of f32. Immutable after Create; read from any thread. Ownership: owns the panels and vectors (but for
// CreateFrom); the others point into the checkpoint, which must outlive the store.
#pragma once

#include <cstddef>
#include <functional>
#include <span>
#include <vector>

#include "base/worker_team.h"
#include "checkpoint/checkpoint.h"
#include "program/program.h"
#include "runtime/anonymous_memory.h"
#include "tensor/dtype.h"
#include "vivace/status.h"

namespace vivace::runtime {

struct WeightView {
  const std::byte* data = nullptr;
  std::size_t bytes = 0;
  tensor::DType type = tensor::DType::kF32;
  program::WeightForm form = program::WeightForm::kPlain;
};

/// Told of packed bytes so far, and of all that there will be. Called by the thread that creates the store,
/// many times a second.
using PackProgress = std::function<void(std::size_t done_bytes, std::size_t total_bytes)>;

class WeightStore {
 public:
  /// Finds the tensors of program.weights, makes the vectors and packs the panels, on all workers. The
  /// checkpoint's pages of what was packed are given back at once, so that memory holds the result and, of
  /// the source, not much more than the rows in work (about 1 MiB a worker). kDataLoss: a tensor is missing
  /// or has another shape or type than the program's.
  static Result<WeightStore> Create(const program::Program& program, const checkpoint::Checkpoint& file,
                                    base::WorkerTeam& team, const PackProgress& progress = {});

  /// The same from `image`, the image() of a store of the same program: nothing is packed, and what is packed
  /// is not read from the checkpoint. The image must outlive the store. kDataLoss: it has another size.
  static Result<WeightStore> CreateFrom(const program::Program& program, const checkpoint::Checkpoint& file,
                                        std::span<const std::byte> image);

  /// The panels and vectors as they lie in memory, the same bytes for the same program and checkpoint.
  std::span<const std::byte> image() const { return {made_, packed_bytes_}; }
  const WeightView& view(program::WeightId id) const { return views_[static_cast<std::size_t>(id.value)]; }
  /// Of panels and vectors.
  std::size_t packed_bytes() const { return packed_bytes_; }

 private:
  WeightStore() = default;
  /// Makes the views of all weights; those of panels and vectors point into `made`, which has offsets.back()
  /// bytes.
  Status MakeViews(const program::Program& program, const checkpoint::Checkpoint& file,
                   const std::vector<std::size_t>& offsets, const std::byte* made);

  std::vector<WeightView> views_;  // by WeightId
  const std::byte* made_ = nullptr;
  std::size_t packed_bytes_ = 0;
  AnonymousMemory panels_;  // and vectors, unless they are somebody's image
};

}  // namespace vivace::runtime
