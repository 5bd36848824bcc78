#include "models/weight_table.h"

#include "base/status_macros.h"

namespace vivace::models {
namespace {

std::string Dimensions(std::int64_t rows, std::int64_t width) {
  return rows == 0 ? "[" + std::to_string(width) + "]"
                   : "[" + std::to_string(rows) + ", " + std::to_string(width) + "]";
}

}  // namespace

WeightTable::WeightTable(std::span<const WeightInfo> weights) : weights_(weights) {
  entries_.reserve(weights.size());
  for (const WeightInfo& info : weights) entries_.emplace(info.name, Entry{&info});
}

Result<const WeightTable::Entry*> WeightTable::Find(std::string_view name, std::string_view shown) const {
  const auto found = entries_.find(name);
  if (found == entries_.end()) {
    return DataLoss("the checkpoint has no tensor '" + std::string(shown.empty() ? name : shown) +
                    "', which its architecture needs. Fetch or convert it again.");
  }
  return &found->second;
}

Result<graph::Type> WeightTable::Take(std::string_view name, std::int64_t rows, std::int64_t width,
                                      std::string_view shown) {
  VIVACE_ASSIGN_OR_RETURN(const Entry* entry, Find(name, shown));
  const WeightInfo& info = *entry->info;
  const std::string what = "tensor '" + info.in_checkpoint() + "'";
  if (info.rows != rows || info.width != width) {
    return DataLoss(what + " has dimensions " + Dimensions(info.rows, info.width) + ", expected " +
                    Dimensions(rows, width) + " from the metadata. Convert the checkpoint again.");
  }
  const tensor::DTypeRow& type = tensor::Row(info.dtype);
  using tensor::DType;
  if (rows == 0) {
    if (info.dtype != DType::kF32 && info.dtype != DType::kF16 && info.dtype != DType::kBF16) {
      return Unsupported(what + " is of type " + std::string(type.name) +
                         "; this build knows only f32, f16 and bf16 here.");
    }
    entries_.find(name)->second.taken = true;
    return graph::Type::Vector(DType::kF32, static_cast<int>(width));
  }
  if (type.gguf_id < 0 || info.dtype == DType::kI32 || width % type.block_elements != 0) {
    return Unsupported(what + " is of type " + std::string(type.name) + " with rows of " +
                       std::to_string(width) + "; this build cannot compute with it.");
  }
  entries_.find(name)->second.taken = true;
  return graph::Type::Matrix(info.dtype, static_cast<int>(rows), static_cast<int>(width));
}

Result<std::int64_t> WeightTable::Rows(std::string_view name, std::string_view shown) const {
  VIVACE_ASSIGN_OR_RETURN(const Entry* entry, Find(name, shown));
  return entry->info->rows;
}

std::string WeightTable::Source(std::string_view name) const {
  const auto found = entries_.find(name);
  return found == entries_.end() ? std::string(name) : found->second.info->in_checkpoint();
}

Status WeightTable::CheckAllTaken() const {
  for (const WeightInfo& info : weights_) {
    const auto found = entries_.find(info.name);
    if (found->second.info != &info)
      return DataLoss("the checkpoint has tensor '" + info.in_checkpoint() + "' twice.");
    if (!found->second.taken) {
      return Unsupported("tensor '" + info.in_checkpoint() +
                         "' is not part of the architecture as this build knows it; the model may need a "
                         "feature that is not built yet.");
    }
  }
  return Status::Ok();
}

}  // namespace vivace::models
