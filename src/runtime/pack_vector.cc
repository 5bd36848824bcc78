#include "runtime/pack_vector.h"

#include <fmt/format.h>

#include <algorithm>

#include "kernels/pack_panels.h"
#include "tensor/dequantize.h"

namespace vivace::runtime {
namespace {

using checkpoint::TensorView;
using tensor::PanelLayout;

bool IsFloat(tensor::DType type) {
  return type == tensor::DType::kF32 || type == tensor::DType::kF16 || type == tensor::DType::kBF16;
}

/// The entries in the order of a panel's columns, by packing them as a panel with rows of one element.
std::vector<float> Ordered(const program::Weight& weight, const std::vector<const TensorView*>& tensors,
                           const std::vector<float>& entries) {
  const PanelLayout layout{.type = tensor::WeightClass::kF32, .k = 32, .n = weight.layout.n, .source_k = 1};
  std::vector<kernels::PackSource> sources;
  const float* next = entries.data();
  for (const TensorView* tensor : tensors) {
    sources.push_back({reinterpret_cast<const std::byte*>(next), static_cast<int>(tensor->elements())});
    next += tensor->elements();
  }
  std::vector<float> panels(layout.bytes() / sizeof(float));
  kernels::PackPanels(layout, weight.order, sources, weight.rope_rows, weight.head_dim, 0, layout.panels(),
                      reinterpret_cast<std::byte*>(panels.data()));
  std::vector<float> ordered(entries.size());
  const std::size_t unit = layout.unit_bytes() / sizeof(float);
  for (std::size_t i = 0; i < ordered.size(); ++i) {
    ordered[i] = panels[i / PanelLayout::kUnitColumns * unit + i % PanelLayout::kUnitColumns];
  }
  return ordered;
}

}  // namespace

std::size_t VectorFloats(const program::Weight& weight) {
  constexpr std::size_t kColumns = PanelLayout::kColumns;
  return (static_cast<std::size_t>(weight.layout.n) + kColumns - 1) / kColumns * kColumns;
}

Status CheckVector(const program::Weight& weight, const std::vector<const TensorView*>& tensors) {
  std::int64_t entries = 0;
  for (const TensorView* tensor : tensors) {
    if (!IsFloat(tensor->type)) {
      return DataLoss(fmt::format("tensor {} is {}, but {} needs a vector of f32, f16 or bf16", tensor->name,
                                  tensor::Row(tensor->type).name, weight.name));
    }
    entries += tensor->elements();
  }
  if (entries == weight.layout.n) return Status::Ok();
  return DataLoss(fmt::format("the tensors of {} ({}) have {} elements together instead of {}", weight.name,
                              fmt::join(weight.sources, ", "), entries, weight.layout.n));
}

void PackVector(const program::Weight& weight, const std::vector<const TensorView*>& tensors, float* out) {
  std::vector<float> entries(static_cast<std::size_t>(weight.layout.n));
  float* next = entries.data();
  for (const TensorView* tensor : tensors) {
    tensor::DequantizeRow(tensor->type, tensor->data.data(), tensor->elements(), next);
    next += tensor->elements();
  }
  if (weight.order != tensor::ColumnOrder::kPlain) entries = Ordered(weight, tensors, entries);
  float* end =
      std::transform(entries.begin(), entries.end(), out, [&](float entry) { return entry + weight.offset; });
  std::fill(end, out + VectorFloats(weight), 0.0f);
}

}  // namespace vivace::runtime
