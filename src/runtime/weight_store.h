// The weights of a program in memory: as they lie in the mapped checkpoint, or packed into panels.
// Immutable after Create; read from any thread. Ownership: owns the panels; weights that are not packed point
// into the checkpoint, which must outlive the store.
#pragma once

#include <cstddef>
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
  bool packed = false;
};

class WeightStore {
 public:
  /// Finds the tensors of program.weights and packs those that want it, on all workers; the checkpoint's
  /// pages of a packed tensor are given back. kDataLoss: a tensor is missing or has another shape or type
  /// than the program's.
  static Result<WeightStore> Create(const program::Program& program, const checkpoint::Checkpoint& file,
                                    base::WorkerTeam& team);

  const WeightView& view(program::WeightId id) const { return views_[static_cast<std::size_t>(id.value)]; }
  std::size_t packed_bytes() const { return panels_.size(); }

 private:
  WeightStore() = default;

  std::vector<WeightView> views_;  // by WeightId
  AnonymousMemory panels_;
};

}  // namespace vivace::runtime
