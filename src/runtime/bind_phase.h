// Binds a phase of a layer to addresses: the kernel that runs it and its argument struct. Plain functions; a
// BoundPhase is immutable once made and may be run from any worker.
#pragma once

#include <cstddef>
#include <deque>
#include <variant>
#include <vector>

#include "kernels/paged_attention.h"
#include "kernels/panel.h"
#include "kernels/portable.h"
#include "kernels/task.h"
#include "program/program.h"
#include "runtime/weight_store.h"
#include "tensor/kv_layout.h"
#include "vivace/status.h"

namespace vivace::runtime {

using PhaseArguments =
    std::variant<kernels::EmbedArgs, kernels::RmsNormArgs, kernels::LinearArgs, kernels::RopeArgs,
                 kernels::KvAppendArgs, kernels::AttentionArgs, kernels::AddArgs, kernels::AddBiasArgs,
                 kernels::ScaleArgs, kernels::SoftcapArgs, kernels::SiluMulArgs, kernels::GatherRowsArgs,
                 kernels::PanelEmbedArgs, kernels::PanelGemmArgs, kernels::RowStepsArgs,
                 kernels::PagedAttentionArgs>;

struct BoundPhase {
  kernels::TaskKernel kernel{};
  PhaseArguments storage;

  /// The argument struct itself, as the kernel's functions want it.
  const void* arguments() const;
};

/// Norm weights and biases that the checkpoint has in 16 bits, as float32. Addresses stay.
using WidenedVectors = std::deque<std::vector<float>>;

/// The addresses that phases are bound to.
struct BindContext {
  const program::Program& program;
  const WeightStore& weights;
  const std::vector<std::byte*>& buffers;        // by BufferId
  const std::vector<const float*>& rope_tables;  // by Program::ropes
  WidenedVectors& widened;
  tensor::KvLayout kv;  // with the number of blocks
  std::byte* kv_base = nullptr;
  kernels::AttentionSplits attention_splits = {};
};

/// With a plan, a contraction is tiled as it says; without, by the rows of each step. The bits are the same.
/// kDataLoss: a weight is smaller than the phase reads, or of another type. Anything else wrong with the
/// program is a bug of the compiler.
Result<BoundPhase> BindPhase(const BindContext& context, const program::Layer& layer,
                             const program::Phase& phase, const kernels::TilePlan* plan = nullptr);

}  // namespace vivace::runtime
