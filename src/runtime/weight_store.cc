#include "runtime/weight_store.h"

#include <fmt/format.h>

#include <algorithm>
#include <atomic>
#include <memory>
#include <string>

#include "base/checked_math.h"
#include "base/status_macros.h"
#include "kernels/pack_panels.h"
#include "runtime/pack_vector.h"

namespace vivace::runtime {
namespace {

using checkpoint::TensorView;

constexpr std::size_t kJobBytes = std::size_t{256} << 10;  // panels that one task packs
constexpr std::size_t kCacheLine = 64;

// One weight that the store makes, with the tensors it comes from.
struct PackItem {
  const program::Weight* weight = nullptr;
  std::vector<const TensorView*> tensors;
  std::vector<kernels::PackSource> sources;
  std::size_t offset = 0;  // in the store's mapping
};

// A range of panels of one item; the unit of work of a worker.
struct PackJob {
  std::size_t item = 0;
  int first_panel = 0, last_panel = 0;
};

Status CheckPackable(const program::Weight& weight, const TensorView& tensor) {
  if (tensor::ClassOf(tensor.type) == weight.layout.type && tensor.row_elements() == weight.layout.width())
    return Status::Ok();
  return DataLoss(fmt::format("tensor {} is {} with rows of {}, but {} needs {} with rows of {}", tensor.name,
                              tensor::Row(tensor.type).name, tensor.row_elements(), weight.name,
                              tensor::Row(weight.layout.type).name, weight.layout.width()));
}

Result<PackItem> FindSources(const program::Weight& weight, const checkpoint::Checkpoint& file) {
  PackItem item;
  item.weight = &weight;
  for (const std::string& source : weight.sources) {
    VIVACE_ASSIGN_OR_RETURN(const TensorView* tensor, file.Tensor(source));
    item.tensors.push_back(tensor);
  }
  if (weight.form == program::WeightForm::kVector) {
    VIVACE_RETURN_IF_ERROR(CheckVector(weight, item.tensors));
    return item;
  }
  std::int64_t rows = 0;
  for (const TensorView* tensor : item.tensors) {
    VIVACE_RETURN_IF_ERROR(CheckPackable(weight, *tensor));
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

// Gives back the pages that a job has read, and what the kernel has mapped around them: neighbours that were
// not read yet come back by themselves.
void ReleaseRows(const PackItem& item, const PackJob& job, const checkpoint::Checkpoint& file) {
  constexpr std::size_t kAround = std::size_t{64} << 10;
  const program::Weight& weight = *item.weight;
  const std::size_t row_bytes = kernels::SourceRowBytes(weight.layout);
  for (const kernels::SourceRows& rows :
       kernels::RowsOfPanels(weight.layout, weight.order, item.sources, weight.rope_rows, weight.head_dim,
                             job.first_panel, job.last_panel)) {
    const TensorView& tensor = *item.tensors[rows.source];
    const std::size_t first = row_bytes * static_cast<std::size_t>(rows.first);
    const std::size_t begin = first - std::min(first, kAround);
    const std::size_t end = std::min(row_bytes * static_cast<std::size_t>(rows.last), tensor.data.size());
    file.Release(tensor, tensor.data.subspan(begin, end - begin));
  }
}

// Packs all items on all workers. Jobs give back the pages of their own rows; whoever packs the last panel of
// an item, those of its tensors that are left.
void PackAll(const std::vector<PackItem>& items, const checkpoint::Checkpoint& file, base::WorkerTeam& team,
             std::byte* panels, const PackProgress& progress) {
  const std::vector<PackJob> jobs = MakeJobs(items);
  const auto jobs_left = std::make_unique<std::atomic<int>[]>(items.size());
  std::size_t total_bytes = 0;
  std::atomic<std::size_t> done_bytes = 0;
  for (const PackItem& item : items) total_bytes += item.weight->layout.bytes();
  for (const PackJob& job : jobs) jobs_left[job.item].fetch_add(1, std::memory_order_relaxed);
  base::TaskRanges ranges(team.size());
  ranges.Reset(static_cast<int>(jobs.size()));
  team.Run([&](int worker) {
    for (int task = ranges.Take(worker); task >= 0; task = ranges.Take(worker)) {
      const PackJob& job = jobs[static_cast<std::size_t>(task)];
      const PackItem& item = items[job.item];
      kernels::PackPanels(item.weight->layout, item.weight->order, item.sources, item.weight->rope_rows,
                          item.weight->head_dim, job.first_panel, job.last_panel, panels + item.offset);
      ReleaseRows(item, job, file);
      const auto count = static_cast<std::size_t>(job.last_panel - job.first_panel);
      done_bytes.fetch_add(count * item.weight->layout.panel_bytes(), std::memory_order_relaxed);
      if (worker == 0 && progress) progress(done_bytes.load(std::memory_order_relaxed), total_bytes);
      if (jobs_left[job.item].fetch_sub(1, std::memory_order_acq_rel) != 1) continue;
      for (const TensorView* tensor : item.tensors) file.Release(*tensor);
    }
  });
}

std::size_t BytesOf(const program::Weight& weight) {
  if (weight.form == program::WeightForm::kVector) return VectorFloats(weight) * sizeof(float);
  return weight.layout.bytes();
}

// Where each weight that the store makes begins; one more entry, the last, says where all end.
Result<std::vector<std::size_t>> Layout(const program::Program& program) {
  std::vector<std::size_t> offsets;
  base::SafeSize bytes = 0;
  for (const program::Weight& weight : program.weights) {
    offsets.push_back(bytes.value().value_or(0));
    if (weight.form == program::WeightForm::kPlain) continue;
    bytes = (bytes + base::SafeSize(BytesOf(weight))).AlignedUp(kCacheLine);
  }
  if (!bytes.valid()) return DataLoss("the packed weights would not fit any memory: the file is broken");
  offsets.push_back(*bytes.value());
  return offsets;
}

}  // namespace

Status WeightStore::MakeViews(const program::Program& program, const checkpoint::Checkpoint& file,
                              const std::vector<std::size_t>& offsets, const std::byte* made) {
  for (std::size_t i = 0; i < program.weights.size(); ++i) {
    const program::Weight& weight = program.weights[i];
    if (weight.form == program::WeightForm::kPlain) {
      VIVACE_ASSIGN_OR_RETURN(const TensorView* tensor, file.Tensor(weight.sources.at(0)));
      views_.push_back({tensor->data.data(), tensor->data.size(), tensor->type});
      continue;
    }
    const bool panel = weight.form == program::WeightForm::kPanel;
    views_.push_back({made + offsets[i], BytesOf(weight),
                      panel ? *tensor::DTypeOf(weight.layout.type) : tensor::DType::kF32, weight.form});
  }
  made_ = made;
  packed_bytes_ = offsets.back();
  return Status::Ok();
}

Result<WeightStore> WeightStore::CreateFrom(const program::Program& program,
                                            const checkpoint::Checkpoint& file,
                                            std::span<const std::byte> image) {
  VIVACE_ASSIGN_OR_RETURN(const std::vector<std::size_t> offsets, Layout(program));
  if (image.size() != offsets.back()) {
    return DataLoss(
        fmt::format("the packed weights have {} bytes, and this program's {}", image.size(), offsets.back()));
  }
  WeightStore store;
  VIVACE_RETURN_IF_ERROR(store.MakeViews(program, file, offsets, image.data()));
  return store;
}

Result<WeightStore> WeightStore::Create(const program::Program& program, const checkpoint::Checkpoint& file,
                                        base::WorkerTeam& team, const PackProgress& progress) {
  VIVACE_ASSIGN_OR_RETURN(const std::vector<std::size_t> offsets, Layout(program));
  std::vector<PackItem> panels, vectors;
  for (std::size_t i = 0; i < program.weights.size(); ++i) {
    const program::Weight& weight = program.weights[i];
    if (weight.form == program::WeightForm::kPlain) continue;
    VIVACE_ASSIGN_OR_RETURN(PackItem item, FindSources(weight, file));
    item.offset = offsets[i];
    (weight.form == program::WeightForm::kPanel ? panels : vectors).push_back(std::move(item));
  }
  WeightStore store;
  VIVACE_ASSIGN_OR_RETURN(store.panels_,
                          AnonymousMemory::Map(offsets.back(), PageHint::kHuge, "the packed weights"));
  VIVACE_RETURN_IF_ERROR(store.MakeViews(program, file, offsets, store.panels_.data()));
  for (const PackItem& item : vectors) {
    PackVector(*item.weight, item.tensors, reinterpret_cast<float*>(store.panels_.data() + item.offset));
    for (const TensorView* tensor : item.tensors) file.Release(*tensor);
  }
  if (!panels.empty()) PackAll(panels, file, team, store.panels_.data(), progress);
  return store;
}

}  // namespace vivace::runtime
