#include "checkpoint/gguf_file.h"

#include <fmt/core.h>

#include <algorithm>

#include "base/status_macros.h"
#include "checkpoint/gguf_parser.h"

namespace vivace::checkpoint {

Result<GgufFile> GgufFile::Open(const std::string& path, ForeignTensors foreign) {
  VIVACE_ASSIGN_OR_RETURN(base::MappedFile mapped, base::MappedFile::Open(path));
  const auto bytes = mapped.bytes();
  VIVACE_ASSIGN_OR_RETURN(GgufFile file, Parse(bytes, path, foreign));
  file.file_ = std::move(mapped);
  return file;
}

Result<GgufFile> GgufFile::Parse(std::span<const std::byte> bytes, std::string name, ForeignTensors foreign) {
  GgufFile file;
  file.name_ = std::move(name);
  file.bytes_ = bytes.size();
  VIVACE_RETURN_IF_ERROR(GgufParser(bytes, file, foreign).Run());
  return file;
}

const GgufFile::Entry* GgufFile::Find(std::string_view key) const {
  const auto key_of = [this](std::int32_t i) { return entries_[static_cast<std::size_t>(i)].key; };
  const auto at =
      std::lower_bound(entries_by_key_.begin(), entries_by_key_.end(), key,
                       [&](std::int32_t i, std::string_view wanted) { return key_of(i) < wanted; });
  if (at == entries_by_key_.end() || key_of(*at) != key) return nullptr;
  return &entries_[static_cast<std::size_t>(*at)];
}

Status GgufFile::WrongType(const Entry& entry, std::string_view wanted) const {
  return DataLoss(fmt::format(
      "{}: key {} is {}{}, wanted {}: the file is broken or made for another program; convert the model "
      "again",
      name_, Quoted(entry.key), entry.is_array ? "an array of " : "", NameOf(entry.type), wanted));
}

Result<const GgufFile::Entry*> GgufFile::FindTyped(std::string_view key, bool array,
                                                   std::string_view wanted) const {
  const Entry* entry = Find(key);
  if (entry == nullptr) {
    return DataLoss(
        fmt::format("{}: has no key {}, wanted {}: the file is incomplete; convert the model again", name_,
                    Quoted(key), wanted));
  }
  if (entry->is_array != array) return WrongType(*entry, wanted);
  return entry;
}

Result<std::string_view> GgufFile::String(std::string_view key) const {
  VIVACE_ASSIGN_OR_RETURN(const Entry* entry, FindTyped(key, false, "a string"));
  if (entry->type != GgufType::kString) return WrongType(*entry, "a string");
  return std::string_view(reinterpret_cast<const char*>(entry->bytes.data()), entry->bytes.size());
}

Result<std::string_view> GgufFile::StringOr(std::string_view key, std::string_view fallback) const {
  if (!Has(key)) return fallback;
  return String(key);
}

Result<std::int64_t> GgufFile::Integer(std::string_view key, std::int64_t minimum,
                                       std::int64_t maximum) const {
  VIVACE_ASSIGN_OR_RETURN(const Entry* entry, FindTyped(key, false, "an integer"));
  const auto value = IntegerAt(entry->type, entry->bytes.data());
  if (!value) return WrongType(*entry, "an integer that fits 64 bits");
  if (*value < minimum || *value > maximum) {
    return DataLoss(fmt::format(
        "{}: key {} is {}, it must be {}..{}: the file is broken or not supported; convert the model again",
        name_, Quoted(key), *value, minimum, maximum));
  }
  return *value;
}

Result<std::int64_t> GgufFile::IntegerOr(std::string_view key, std::int64_t fallback, std::int64_t minimum,
                                         std::int64_t maximum) const {
  if (!Has(key)) return fallback;
  return Integer(key, minimum, maximum);
}

Result<double> GgufFile::Number(std::string_view key) const {
  VIVACE_ASSIGN_OR_RETURN(const Entry* entry, FindTyped(key, false, "a number"));
  const auto value = NumberAt(entry->type, entry->bytes.data());
  if (!value) return WrongType(*entry, "a finite number");
  return *value;
}

Result<double> GgufFile::NumberOr(std::string_view key, double fallback) const {
  if (!Has(key)) return fallback;
  return Number(key);
}

Result<bool> GgufFile::Bool(std::string_view key) const {
  VIVACE_ASSIGN_OR_RETURN(const Entry* entry, FindTyped(key, false, "a bool"));
  if (entry->type != GgufType::kBool || std::to_integer<int>(entry->bytes[0]) > 1)
    return WrongType(*entry, "a bool (0 or 1)");
  return entry->bytes[0] != std::byte{0};
}

Result<bool> GgufFile::BoolOr(std::string_view key, bool fallback) const {
  if (!Has(key)) return fallback;
  return Bool(key);
}

Result<std::span<const std::string_view>> GgufFile::Strings(std::string_view key) const {
  VIVACE_ASSIGN_OR_RETURN(const Entry* entry, FindTyped(key, true, "an array of strings"));
  if (entry->strings < 0) return WrongType(*entry, "an array of strings");
  return std::span<const std::string_view>(string_arrays_[static_cast<std::size_t>(entry->strings)]);
}

Result<std::vector<std::int64_t>> GgufFile::Integers(std::string_view key) const {
  VIVACE_ASSIGN_OR_RETURN(const Entry* entry, FindTyped(key, true, "an array of integers"));
  if (entry->strings >= 0) return WrongType(*entry, "an array of integers");
  const std::size_t stride = BytesOf(entry->type);
  std::vector<std::int64_t> values;
  values.reserve(entry->count);
  for (std::size_t i = 0; i < entry->count; ++i) {
    const auto value = IntegerAt(entry->type, entry->bytes.data() + i * stride);
    if (!value) return WrongType(*entry, "an array of integers that fit 64 bits");
    values.push_back(*value);
  }
  return values;
}

Result<std::vector<float>> GgufFile::Floats(std::string_view key) const {
  VIVACE_ASSIGN_OR_RETURN(const Entry* entry, FindTyped(key, true, "an array of numbers"));
  if (entry->strings >= 0) return WrongType(*entry, "an array of numbers");
  const std::size_t stride = BytesOf(entry->type);
  std::vector<float> values;
  values.reserve(entry->count);
  for (std::size_t i = 0; i < entry->count; ++i) {
    const auto value = NumberAt(entry->type, entry->bytes.data() + i * stride);
    if (!value) return WrongType(*entry, "an array of finite numbers");
    values.push_back(static_cast<float>(*value));
  }
  return values;
}

Result<std::int64_t> GgufFile::ArraySize(std::string_view key) const {
  VIVACE_ASSIGN_OR_RETURN(const Entry* entry, FindTyped(key, true, "an array"));
  return static_cast<std::int64_t>(entry->count);
}

std::vector<std::string_view> GgufFile::Keys() const {
  std::vector<std::string_view> keys;
  keys.reserve(entries_.size());
  for (const Entry& entry : entries_) keys.push_back(entry.key);
  return keys;
}

const TensorView* GgufFile::FindTensor(std::string_view name) const {
  const auto name_of = [this](std::int32_t i) { return tensors_[static_cast<std::size_t>(i)].name; };
  const auto at =
      std::lower_bound(tensors_by_name_.begin(), tensors_by_name_.end(), name,
                       [&](std::int32_t i, std::string_view wanted) { return name_of(i) < wanted; });
  if (at == tensors_by_name_.end() || name_of(*at) != name) return nullptr;
  return &tensors_[static_cast<std::size_t>(*at)];
}

Result<const TensorView*> GgufFile::Tensor(std::string_view name) const {
  const TensorView* tensor = FindTensor(name);
  if (tensor == nullptr) {
    return DataLoss(
        fmt::format("{}: has no tensor {}: the file is incomplete; convert or fetch the model again", name_,
                    Quoted(name)));
  }
  return tensor;
}

std::span<const std::byte> GgufFile::header() const {
  if (!file_) return {};
  std::span<const std::byte> header = file_->bytes();
  for (const TensorView& tensor : tensors_) {
    if (tensor.data.data() < header.data() + header.size())
      header = header.first(static_cast<std::size_t>(tensor.data.data() - header.data()));
  }
  return header;
}

void GgufFile::Release(std::span<const std::byte> bytes) const {
  if (file_) file_->Release(bytes);
}

}  // namespace vivace::checkpoint
