#include "checkpoint/checkpoint.h"

#include <algorithm>
#include <numeric>

#include "base/status_macros.h"

namespace vivace::checkpoint {

Result<std::unique_ptr<Checkpoint>> Checkpoint::Open(const std::string& path) {
  VIVACE_ASSIGN_OR_RETURN(GgufFile file, GgufFile::Open(path));
  return FromGguf(std::move(file));
}

Result<std::unique_ptr<Checkpoint>> Checkpoint::Parse(std::span<const std::byte> bytes, std::string name) {
  VIVACE_ASSIGN_OR_RETURN(GgufFile file, GgufFile::Parse(bytes, std::move(name)));
  return FromGguf(std::move(file));
}

std::unique_ptr<Checkpoint> Checkpoint::FromGguf(GgufFile file) {
  std::unique_ptr<Checkpoint> checkpoint(new Checkpoint());
  checkpoint->name_ = file.name();
  checkpoint->files_.push_back(std::move(file));
  const auto tensors = checkpoint->files_.front().tensors();
  checkpoint->tensors_.assign(tensors.begin(), tensors.end());
  checkpoint->IndexTensors();
  return checkpoint;
}

std::unique_ptr<Checkpoint> Checkpoint::FromTensors(std::string name, FolderTexts texts,
                                                    std::vector<OwnedTensor> tensors) {
  std::unique_ptr<Checkpoint> checkpoint(new Checkpoint());
  checkpoint->format_ = Format::kDummy;
  checkpoint->name_ = std::move(name);
  checkpoint->texts_ = std::move(texts);
  checkpoint->owned_ = std::move(tensors);
  for (const OwnedTensor& tensor : checkpoint->owned_) {
    checkpoint->tensors_.push_back({tensor.name, tensor.type, tensor.dim_count, tensor.dims, tensor.data});
  }
  checkpoint->IndexTensors();
  return checkpoint;
}

Checkpoint::~Checkpoint() = default;

void Checkpoint::IndexTensors() {
  tensors_by_name_.resize(tensors_.size());
  std::iota(tensors_by_name_.begin(), tensors_by_name_.end(), 0);
  std::sort(tensors_by_name_.begin(), tensors_by_name_.end(), [&](std::int32_t a, std::int32_t b) {
    return tensors_[static_cast<std::size_t>(a)].name < tensors_[static_cast<std::size_t>(b)].name;
  });
}

const TensorView* Checkpoint::FindTensor(std::string_view name) const {
  const auto at = std::lower_bound(
      tensors_by_name_.begin(), tensors_by_name_.end(), name,
      [&](std::int32_t i, std::string_view n) { return tensors_[static_cast<std::size_t>(i)].name < n; });
  if (at == tensors_by_name_.end()) return nullptr;
  const TensorView& tensor = tensors_[static_cast<std::size_t>(*at)];
  return tensor.name == name ? &tensor : nullptr;
}

Result<const TensorView*> Checkpoint::Tensor(std::string_view name) const {
  if (const TensorView* tensor = FindTensor(name)) return tensor;
  return DataLoss("'" + name_ + "' has no tensor '" + std::string(name) +
                  "'. Fetch or convert the model again.");
}

void Checkpoint::Release(const TensorView& tensor) const {
  for (const GgufFile& file : files_) {
    if (const TensorView* own = file.FindTensor(tensor.name)) file.Release(*own);
  }
}

}  // namespace vivace::checkpoint
