// The half of the parser that reads tensor descriptions and finds their bytes.
#include <fmt/core.h>

#include <algorithm>
#include <numeric>

#include "base/checked_math.h"
#include "base/status_macros.h"
#include "checkpoint/gguf_parser.h"

namespace vivace::checkpoint {
namespace {

std::string ReadableTypes() {
  std::string out;
#define VIVACE_X(id, name, gguf_id, ...) \
  if ((gguf_id) >= 0) out += out.empty() ? name : ", " name;
  VIVACE_DTYPES(VIVACE_X)
#undef VIVACE_X
  return out;
}

}  // namespace

Status GgufParser::ReadTensor(std::uint64_t index) {
  TensorView tensor;
  VIVACE_ASSIGN_OR_RETURN(
      tensor.name,
      ReadString(fmt::format("the name of tensor {} of {}", index + 1, tensor_count_), kMaxTensorNameBytes));
  if (tensor.name.empty())
    return Broken(fmt::format("tensor {} of {} has no name", index + 1, tensor_count_));
  VIVACE_RETURN_IF_ERROR(ReadShape(tensor));
  const auto number = cursor_.Read<std::uint32_t>();
  const auto offset = cursor_.Read<std::uint64_t>();
  if (!number || !offset) return CutOff(fmt::format("the description of tensor {}", Quoted(tensor.name)));
  const auto type = tensor::DTypeFromGguf(*number);
  if (!type) return AddForeign(tensor, *number);
  tensor.type = *type;
  file_.tensors_.push_back(tensor);
  offsets_.push_back(*offset);
  return Status::Ok();
}

Status GgufParser::AddForeign(const TensorView& tensor, std::uint32_t gguf_id) {
  const TensorTypeFacts facts = FactsOfTensorType(gguf_id);
  if (foreign_ == ForeignTensors::kList && facts.block_bytes > 0) {
    const std::int64_t blocks = tensor.elements() / facts.block_elements;
    base::SafeSize bytes =
        base::SafeSize(static_cast<std::uint64_t>(blocks)) * base::SafeSize(facts.block_bytes);
    if (!bytes.AtMost(bytes_.size())) {
      return Broken(fmt::format("tensor {} is larger than the file", Quoted(tensor.name)));
    }
    file_.foreign_.push_back({std::string(tensor.name), std::string(facts.name), tensor.elements(),
                              static_cast<std::int64_t>(*bytes.value())});
    return Status::Ok();
  }
  return Unsupported(
      fmt::format("{}: tensor {} has type {} ({}); this build reads {}: take a file of one of these types",
                  file_.name_, Quoted(tensor.name), gguf_id, facts.name, ReadableTypes()));
}

Status GgufParser::ReadShape(TensorView& tensor) {
  const auto dim_count = cursor_.Read<std::uint32_t>();
  if (!dim_count) return CutOff(fmt::format("the shape of tensor {}", Quoted(tensor.name)));
  if (*dim_count < 1 || *dim_count > TensorView::kMaxDims) {
    return Broken(fmt::format("tensor {} has {} dimensions, it must have 1 to {}", Quoted(tensor.name),
                              *dim_count, TensorView::kMaxDims));
  }
  tensor.dim_count = static_cast<int>(*dim_count);
  tensor.dims.fill(1);
  base::SafeSize elements = 1;
  for (std::uint32_t i = 0; i < *dim_count; ++i) {
    const auto dim = cursor_.Read<std::uint64_t>();
    if (!dim) return CutOff(fmt::format("the shape of tensor {}", Quoted(tensor.name)));
    elements = elements * base::SafeSize(*dim);
    if (*dim == 0 || !elements.AtMost(std::numeric_limits<std::int64_t>::max())) {
      return Broken(fmt::format("dimension {} of tensor {} is {}", i + 1, Quoted(tensor.name), *dim));
    }
    tensor.dims[i] = static_cast<std::int64_t>(*dim);
  }
  return Status::Ok();
}

Status GgufParser::SortTensors() {
  auto& order = file_.tensors_by_name_;
  order.resize(file_.tensors_.size());
  std::iota(order.begin(), order.end(), 0);
  const auto name = [this](std::int32_t i) { return file_.tensors_[static_cast<std::size_t>(i)].name; };
  std::sort(order.begin(), order.end(), [&](std::int32_t a, std::int32_t b) { return name(a) < name(b); });
  const auto twice = std::adjacent_find(order.begin(), order.end(),
                                        [&](std::int32_t a, std::int32_t b) { return name(a) == name(b); });
  if (twice != order.end()) return Broken(fmt::format("tensor {} is there twice", Quoted(name(*twice))));
  return Status::Ok();
}

Status GgufParser::PlaceTensors() {
  const auto data_start = base::SafeSize(cursor_.position()).AlignedUp(alignment_).value();
  if (!data_start) return Broken("its data would start beyond all bytes");
  for (std::size_t i = 0; i < file_.tensors_.size(); ++i) {
    VIVACE_RETURN_IF_ERROR(PlaceTensor(file_.tensors_[i], *data_start, offsets_[i]));
  }
  return CheckOverlaps();
}

Status GgufParser::PlaceTensor(TensorView& tensor, std::uint64_t data_start, std::uint64_t offset) {
  const tensor::DTypeRow& row = tensor::Row(tensor.type);
  if (tensor.dims[0] % row.block_elements != 0) {
    return Broken(fmt::format("tensor {} has rows of {} elements, {} needs a multiple of {}",
                              Quoted(tensor.name), tensor.dims[0], row.name, row.block_elements));
  }
  if (offset % alignment_ != 0) {
    return Broken(fmt::format("tensor {} is at offset {}, which is not a multiple of the alignment {}",
                              Quoted(tensor.name), offset, alignment_));
  }
  const auto begin = base::SafeSize(data_start) + base::SafeSize(offset);
  const auto blocks = static_cast<std::uint64_t>(tensor.elements() / row.block_elements);
  const auto size = base::SafeSize(blocks) * base::SafeSize(static_cast<std::uint64_t>(row.block_bytes));
  const auto end = begin + size;
  if (!end.valid()) {
    return Broken(fmt::format("tensor {} at offset {} is larger than any file", Quoted(tensor.name), offset));
  }
  if (!end.AtMost(bytes_.size())) {
    return DataLoss(fmt::format(
        "{}: tensor {} needs bytes {}..{} but the file has {}: the file is cut off; fetch it again",
        file_.name_, Quoted(tensor.name), *begin.value(), *end.value(), bytes_.size()));
  }
  if (*begin.value() % FieldBytes(tensor.type) != 0) {
    return Broken(fmt::format("tensor {} starts at byte {}, {} needs a multiple of {}", Quoted(tensor.name),
                              *begin.value(), row.name, FieldBytes(tensor.type)));
  }
  tensor.data = bytes_.subspan(*begin.value(), *size.value());
  return Status::Ok();
}

Status GgufParser::CheckOverlaps() const {
  std::vector<const TensorView*> order;
  order.reserve(file_.tensors_.size());
  for (const TensorView& tensor : file_.tensors_) order.push_back(&tensor);
  std::sort(order.begin(), order.end(),
            [](const TensorView* a, const TensorView* b) { return a->data.data() < b->data.data(); });
  for (std::size_t i = 1; i < order.size(); ++i) {
    if (order[i - 1]->data.data() + order[i - 1]->data.size() > order[i]->data.data()) {
      return Broken(
          fmt::format("tensors {} and {} overlap", Quoted(order[i - 1]->name), Quoted(order[i]->name)));
    }
  }
  return Status::Ok();
}

}  // namespace vivace::checkpoint
