// Scheduler::CheckInvariants: what must hold between any two calls.
#include <algorithm>

#include "base/check.h"
#include "scheduler/scheduler.h"
#include "tensor/kv_layout.h"

namespace vivace::scheduler {
namespace {

constexpr int kBlockTokens = tensor::KvLayout::kBlockTokens;

}  // namespace

void Scheduler::CheckInvariants() const {
  pool_.CheckInvariants();
  std::vector<int> holders(static_cast<std::size_t>(pool_.capacity()), 0);
  std::int64_t arrival = -1;
  for (const SequenceId id : running_) {
    const Sequence& sequence = Get(id);
    VIVACE_CHECK(sequence.id == id && sequence.state == SequenceState::kRunning &&
                 sequence.arrival > arrival);
    arrival = sequence.arrival;
    CheckRunning(sequence);
    for (const kvcache::BlockId block : sequence.blocks) ++holders[static_cast<std::size_t>(block.value)];
  }
  for (const SequenceId id : waiting_) {
    const Sequence& sequence = Get(id);
    VIVACE_CHECK(sequence.id == id && sequence.state == SequenceState::kWaiting &&
                 sequence.arrival > arrival);
    arrival = sequence.arrival;
    VIVACE_CHECK(sequence.blocks.empty() && sequence.computed == 0 && sequence.planned_rows == 0);
  }
  for (std::int32_t i = 0; i < pool_.capacity(); ++i) {
    VIVACE_CHECK(holders[static_cast<std::size_t>(i)] == pool_.references({i}));
  }
  VIVACE_CHECK(running_.size() + waiting_.size() + unused_ids_.size() == sequences_.size());
  VIVACE_CHECK(static_cast<int>(running_.size()) <= config_.max_num_seqs);
}

void Scheduler::CheckRunning(const Sequence& sequence) const {
  const auto room = static_cast<int>(sequence.blocks.size()) * kBlockTokens;
  VIVACE_CHECK(sequence.computed + sequence.planned_rows <= std::min(room, sequence.length()));
  VIVACE_CHECK(sequence.computed < sequence.length() && sequence.length() < sequence.length_limit());
  VIVACE_CHECK(plan_outstanding_ || sequence.planned_rows == 0);
  // A block that others hold too is full and computed: nobody writes into it any more.
  for (int i = sequence.computed / kBlockTokens; i < static_cast<int>(sequence.blocks.size()); ++i) {
    VIVACE_CHECK(pool_.references(sequence.blocks[static_cast<std::size_t>(i)]) == 1);
  }
  VIVACE_CHECK(sequence.named_blocks * kBlockTokens <= sequence.computed);
  const std::span<const kvcache::BlockId> to_clean = pool_.to_clean();
  for (int i = 0; i < static_cast<int>(sequence.blocks.size()); ++i) {
    const kvcache::BlockId block = sequence.blocks[static_cast<std::size_t>(i)];
    const auto name = pool_.NameOf(block);
    // Only full, computed blocks have names, and the name is that of the tokens up to their end.
    VIVACE_CHECK(!name ||
                 (i < sequence.named_blocks && *name == sequence.names[static_cast<std::size_t>(i)]));
    // What is to be cleaned holds nothing yet.
    VIVACE_CHECK(i * kBlockTokens >= sequence.computed ||
                 std::find(to_clean.begin(), to_clean.end(), block) == to_clean.end());
  }
}

}  // namespace vivace::scheduler
