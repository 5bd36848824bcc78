#include "checkpoint/checkpoint.h"

#include <fmt/core.h>

#include <algorithm>
#include <cstring>
#include <numeric>

#include "base/status_macros.h"
#include "checkpoint/gguf_types.h"

namespace vivace::checkpoint {

Result<std::unique_ptr<Checkpoint>> Checkpoint::Parse(std::span<const std::byte> bytes, std::string name) {
  VIVACE_ASSIGN_OR_RETURN(GgufFile file, GgufFile::Parse(bytes, std::move(name)));
  return FromGguf(std::move(file));
}

std::unique_ptr<Checkpoint> Checkpoint::FromGguf(GgufFile file) {
  std::unique_ptr<Checkpoint> checkpoint(new Checkpoint());
  checkpoint->name_ = file.name();
  checkpoint->AddGguf(std::move(file));
  static_cast<void>(checkpoint->IndexTensors());  // one file has each name once
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
    checkpoint->tensor_files_.push_back(0);
  }
  static_cast<void>(checkpoint->IndexTensors());
  return checkpoint;
}

Checkpoint::~Checkpoint() = default;

std::vector<std::span<const std::byte>> Checkpoint::headers() const {
  std::vector<std::span<const std::byte>> headers;
  for (const GgufFile& file : files_) headers.push_back(file.header());
  for (const SafetensorsFile& file : safetensors_) headers.push_back(file.header());
  return headers;
}

void Checkpoint::AddGguf(GgufFile file) {
  const auto number = static_cast<std::int32_t>(files_.size());
  file_bytes_ += static_cast<std::int64_t>(file.bytes());
  ++file_count_;
  tensors_.insert(tensors_.end(), file.tensors().begin(), file.tensors().end());
  foreign_.insert(foreign_.end(), file.foreign().begin(), file.foreign().end());
  tensor_files_.resize(tensors_.size(), number);
  files_.push_back(std::move(file));
}

void Checkpoint::AddSafetensors(SafetensorsFile file) {
  const auto number = static_cast<std::int32_t>(safetensors_.size());
  file_bytes_ += static_cast<std::int64_t>(file.bytes());
  ++file_count_;
  tensors_.insert(tensors_.end(), file.tensors().begin(), file.tensors().end());
  foreign_.insert(foreign_.end(), file.foreign().begin(), file.foreign().end());
  tensor_files_.resize(tensors_.size(), number);
  safetensors_.push_back(std::move(file));
}

Status Checkpoint::IndexTensors() {
  tensors_by_name_.resize(tensors_.size());
  std::iota(tensors_by_name_.begin(), tensors_by_name_.end(), 0);
  const auto name_of = [&](std::int32_t i) { return tensors_[static_cast<std::size_t>(i)].name; };
  std::sort(tensors_by_name_.begin(), tensors_by_name_.end(),
            [&](std::int32_t a, std::int32_t b) { return name_of(a) < name_of(b); });
  const auto twice = std::adjacent_find(tensors_by_name_.begin(), tensors_by_name_.end(),
                                        [&](auto a, auto b) { return name_of(a) == name_of(b); });
  if (twice == tensors_by_name_.end()) return Status::Ok();
  return DataLoss(fmt::format("{}: tensor {} is in two of its files: fetch the model again", name_,
                              Quoted(name_of(*twice))));
}

void Checkpoint::AlignTensors() {
  for (TensorView& tensor : tensors_) {
    if (reinterpret_cast<std::uintptr_t>(tensor.data.data()) % FieldBytes(tensor.type) == 0) continue;
    aligned_.emplace_back(tensor.data.begin(), tensor.data.end());
    tensor.data = aligned_.back();
  }
}

std::optional<std::size_t> Checkpoint::FindIndex(std::string_view name) const {
  const auto at = std::lower_bound(
      tensors_by_name_.begin(), tensors_by_name_.end(), name,
      [&](std::int32_t i, std::string_view n) { return tensors_[static_cast<std::size_t>(i)].name < n; });
  if (at == tensors_by_name_.end()) return std::nullopt;
  const auto index = static_cast<std::size_t>(*at);
  return tensors_[index].name == name ? std::optional(index) : std::nullopt;
}

const TensorView* Checkpoint::FindTensor(std::string_view name) const {
  const auto index = FindIndex(name);
  return index ? &tensors_[*index] : nullptr;
}

Result<const TensorView*> Checkpoint::Tensor(std::string_view name) const {
  if (const TensorView* tensor = FindTensor(name)) return tensor;
  return DataLoss("'" + name_ + "' has no tensor '" + std::string(name) +
                  "'. Fetch or convert the model again.");
}

bool Checkpoint::faulted() const {
  const auto has_fault = [](const auto& file) { return file.faulted(); };
  return std::any_of(files_.begin(), files_.end(), has_fault) ||
         std::any_of(safetensors_.begin(), safetensors_.end(), has_fault);
}

Status Checkpoint::CheckUnchanged() const {
  for (const GgufFile& file : files_) VIVACE_RETURN_IF_ERROR(file.CheckUnchanged());
  for (const SafetensorsFile& file : safetensors_) VIVACE_RETURN_IF_ERROR(file.CheckUnchanged());
  return Status::Ok();
}

void Checkpoint::Release(const TensorView& tensor) const {
  Release(tensor, tensor.data);
}

void Checkpoint::Release(const TensorView& tensor, std::span<const std::byte> bytes) const {
  const auto index = FindIndex(tensor.name);
  if (!index || format_ == Format::kDummy) return;
  const auto file = static_cast<std::size_t>(tensor_files_[*index]);
  const TensorView& own = tensors_[*index];
  const auto is_copy = [&](const std::vector<std::byte>& copy) { return copy.data() == own.data.data(); };
  if (std::any_of(aligned_.begin(), aligned_.end(), is_copy)) return;
  if (format_ == Format::kGguf) {
    files_[file].Release(bytes);
  } else {
    safetensors_[file].Release(bytes);
  }
}

}  // namespace vivace::checkpoint
