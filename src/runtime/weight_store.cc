#include "runtime/weight_store.h"

#include <fmt/format.h>

#include <algorithm>
#include <atomic>
#include <map>
#include <memory>
#include <string>

#include "base/checked_math.h"
#include "base/status_macros.h"
#include "kernels/panel.h"

namespace vivace::runtime {
namespace {

using checkpoint::TensorView;

constexpr std::size_t kJobBytes = std::size_t{256} << 10;  // panels that one task packs
constexpr std::size_t kCacheLine = 64;

// One packed weight with the tensors it comes from.
struct PackItem {
  const program::Weight* weight = nullptr;
  std::vector<const TensorView*> tensors;
  std::vector<kernels::PackSource> sources;
  std::size_t offset = 0;  // of its panels in the store's mapping
};

// A range of panels of one item; the unit of work of a worker.
struct PackJob {
  std::size_t item = 0;
  int first_panel = 0, last_panel = 0;
};

Status CheckPackable(const program::Weight& weight, const TensorView& tensor) {
  if (tensor::ClassOf(tensor.type) == weight.layout.type && tensor.row_elements() == weight.layout.k)
    return Status::Ok();
  return DataLoss(fmt::format("tensor {} is {} with rows of {}, but {} needs {} with rows of {}", tensor.name,
                              tensor::Row(tensor.type).name, tensor.row_elements(), weight.name,
                              tensor::Row(weight.layout.type).name, weight.layout.k));
}

Result<PackItem> FindSources(const program::Weight& weight, const checkpoint::Checkpoint& file) {
  PackItem item;
  item.weight = &weight;
  std::int64_t rows = 0;
  for (const std::string& source : weight.sources) {
    VIVACE_ASSIGN_OR_RETURN(const TensorView* tensor, file.Tensor(source));
    VIVACE_RETURN_IF_ERROR(CheckPackable(weight, *tensor));
    item.tensors.push_back(tensor);
    item.sources.push_back({tensor->data.data(), static_cast<int>(tensor->rows())});
    rows += tensor->rows();
  }
  if (rows != weight.layout.n) {
    return DataLoss(fmt::format("the tensors of {} have {} rows together instead of {}", weight.name, rows,
                                weight.layout.n));
  }
  return item;
}

std::vector<PackJob> MakeJobs(const std::vector<PackItem>& items) {
  std::vector<PackJob> jobs;
  for (std::size_t i = 0; i < items.size(); ++i) {
    const tensor::PanelLayout& layout = items[i].weight->layout;
    const int step = static_cast<int>(std::max<std::size_t>(1, kJobBytes / layout.panel_bytes()));
    for (int panel = 0; panel < layout.panels(); panel += step) {
      jobs.push_back({i, panel, std::min(panel + step, layout.panels())});
    }
  }
  return jobs;
}

// Packs all items on all workers. Whoever packs the last panel of an item gives back the pages of those of
// its tensors that no other item needs.
void PackAll(const std::vector<PackItem>& items, const checkpoint::Checkpoint& file, base::WorkerTeam& team,
             std::byte* panels) {
  const std::vector<PackJob> jobs = MakeJobs(items);
  std::map<const TensorView*, int> users;
  const auto jobs_left = std::make_unique<std::atomic<int>[]>(items.size());
  for (const PackItem& item : items) {
    for (const TensorView* tensor : item.tensors) ++users[tensor];
  }
  for (const PackJob& job : jobs) jobs_left[job.item].fetch_add(1, std::memory_order_relaxed);
  base::TaskRanges ranges(team.size());
  ranges.Reset(static_cast<int>(jobs.size()));
  team.Run([&](int worker) {
    for (int task = ranges.Take(worker); task >= 0; task = ranges.Take(worker)) {
      const PackJob& job = jobs[static_cast<std::size_t>(task)];
      const PackItem& item = items[job.item];
      kernels::PackPanels(item.weight->layout, item.weight->order, item.sources, item.weight->rope_rows,
                          item.weight->head_dim, job.first_panel, job.last_panel, panels + item.offset);
      if (jobs_left[job.item].fetch_sub(1, std::memory_order_acq_rel) != 1) continue;
      for (const TensorView* tensor : item.tensors) {
        if (users.at(tensor) == 1) file.Release(*tensor);
      }
    }
  });
}

}  // namespace

Result<WeightStore> WeightStore::Create(const program::Program& program, const checkpoint::Checkpoint& file,
                                        base::WorkerTeam& team) {
  WeightStore store;
  store.views_.resize(program.weights.size());
  std::vector<PackItem> items;
  std::vector<std::size_t> item_weights;  // index into program.weights, per item
  base::SafeSize bytes = 0;
  for (std::size_t i = 0; i < program.weights.size(); ++i) {
    const program::Weight& weight = program.weights[i];
    if (!weight.packed) {
      VIVACE_ASSIGN_OR_RETURN(const TensorView* tensor, file.Tensor(weight.sources.at(0)));
      store.views_[i] = {tensor->data.data(), tensor->data.size(), tensor->type, false};
      continue;
    }
    VIVACE_ASSIGN_OR_RETURN(PackItem item, FindSources(weight, file));
    item.offset = bytes.value().value_or(0);
    bytes = (bytes + base::SafeSize(weight.layout.bytes())).AlignedUp(kCacheLine);
    items.push_back(std::move(item));
    item_weights.push_back(i);
  }
  if (!bytes.valid()) return DataLoss("the packed weights would not fit any memory: the file is broken");
  VIVACE_ASSIGN_OR_RETURN(store.panels_,
                          AnonymousMemory::Map(*bytes.value(), PageHint::kHuge, "the packed weights"));
  for (std::size_t i = 0; i < items.size(); ++i) {
    const tensor::PanelLayout& layout = items[i].weight->layout;
    store.views_[item_weights[i]] = {store.panels_.data() + items[i].offset, layout.bytes(),
                                     *tensor::DTypeOf(layout.type), true};
  }
  if (!items.empty()) PackAll(items, file, team, store.panels_.data());
  return store;
}

}  // namespace vivace::runtime
