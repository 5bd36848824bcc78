#include "checkpoint/safetensors_parser.h"

#include <fmt/core.h>

#include <algorithm>
#include <array>
#include <limits>

#include "base/checked_math.h"
#include "base/status_macros.h"
#include "checkpoint/byte_cursor.h"
#include "checkpoint/file_kind.h"
#include "checkpoint/gguf_types.h"

namespace vivace::checkpoint {
namespace {

// The types of the format: name, bits of an element, and what this build calls it when it can read it.
struct SafetensorsType {
  std::string_view name;
  std::uint64_t bits;
  std::string_view readable_as;
};

constexpr std::array kTypes = {
    SafetensorsType{"F32", 32, "f32"},     SafetensorsType{"F16", 16, "f16"},
    SafetensorsType{"BF16", 16, "bf16"},   SafetensorsType{"F64", 64, ""},
    SafetensorsType{"C64", 64, ""},        SafetensorsType{"I64", 64, ""},
    SafetensorsType{"U64", 64, ""},        SafetensorsType{"I32", 32, ""},
    SafetensorsType{"U32", 32, ""},        SafetensorsType{"I16", 16, ""},
    SafetensorsType{"U16", 16, ""},        SafetensorsType{"I8", 8, ""},
    SafetensorsType{"U8", 8, ""},          SafetensorsType{"BOOL", 8, ""},
    SafetensorsType{"F8_E4M3", 8, ""},     SafetensorsType{"F8_E5M2", 8, ""},
    SafetensorsType{"F8_E8M0", 8, ""},     SafetensorsType{"F8_E4M3FNUZ", 8, ""},
    SafetensorsType{"F8_E5M2FNUZ", 8, ""}, SafetensorsType{"F6_E2M3", 6, ""},
    SafetensorsType{"F6_E3M2", 6, ""},     SafetensorsType{"F4", 4, ""},
};

constexpr std::size_t kMaxDecodedBytes = 16 << 20;

std::string Lower(std::string_view text) {
  std::string out(text);
  for (char& c : out) c = c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
  return out;
}

}  // namespace

Status SafetensorsParser::Broken(std::string_view what) const {
  return DataLoss(fmt::format("{}: {}: the file is broken; fetch it again", file_.name_, what));
}

Status SafetensorsParser::BrokenJson(std::string_view wanted) const {
  return Broken(fmt::format("wanted {} at byte {} of its header", wanted, cursor_.position()));
}

Status SafetensorsParser::Run() {
  VIVACE_RETURN_IF_ERROR(ReadPrefix());
  VIVACE_RETURN_IF_ERROR(ReadHeader());
  VIVACE_RETURN_IF_ERROR(CheckNames());
  return CheckRanges();
}

// The length of the header and its first byte; finds where the data begins.
Status SafetensorsParser::ReadPrefix() {
  const FileKind kind = KindOf(bytes_);
  if (kind != FileKind::kSafetensors && kind != FileKind::kUnknown) {
    return Unsupported(fmt::format("{}: not a safetensors file: it is {}", file_.name_, Describe(kind)));
  }
  ByteCursor cursor(bytes_);
  const auto length = cursor.Read<std::uint64_t>();
  if (!length) {
    return DataLoss(fmt::format(
        "{}: ends at byte {} within the length of its header: the file is cut off; fetch it again",
        file_.name_, bytes_.size()));
  }
  if (*length > SafetensorsFile::kMaxHeaderBytes) {
    return Broken(fmt::format("its header says it is {} bytes long, the limit is {}", *length,
                              SafetensorsFile::kMaxHeaderBytes));
  }
  const auto header = cursor.Take(*length);
  if (!header) {
    return DataLoss(fmt::format(
        "{}: its header says it is {} bytes long but {} are left: the file is cut off or broken; fetch it "
        "again",
        file_.name_, *length, cursor.remaining()));
  }
  const std::string_view text(reinterpret_cast<const char*>(header->data()), header->size());
  if (!text.starts_with('{')) return Broken("its header does not begin with '{'");
  if (const auto at = FindInvalidUtf8(text)) {
    return Broken(fmt::format("byte {} of its header is not UTF-8", *at));
  }
  cursor_ = JsonCursor(text);
  data_ = bytes_.subspan(cursor.position());
  return Status::Ok();
}

Status SafetensorsParser::ReadHeader() {
  if (!cursor_.Take('{')) return BrokenJson("'{'");
  if (!cursor_.Take('}')) {
    do {
      const auto key = cursor_.String(file_.decoded_names_);
      if (!key) return BrokenJson("a key");
      if (!cursor_.Take(':')) return BrokenJson("':'");
      entry_.name = *key;
      if (!file_.decoded_names_.empty() && key->data() == file_.decoded_names_.back().data()) {
        decoded_bytes_ += key->size();
        if (decoded_bytes_ > kMaxDecodedBytes) return Broken("its names have too many escapes");
      }
      VIVACE_RETURN_IF_ERROR(*key == "__metadata__" ? ReadMetadata() : ReadEntry());
    } while (cursor_.Take(','));
    if (!cursor_.Take('}')) return BrokenJson("',' or '}'");
  }
  return cursor_.AtEnd() ? Status::Ok() : BrokenJson("the end");
}

Status SafetensorsParser::ReadMetadata() {
  if (has_metadata_) return Broken("'__metadata__' is there twice");
  has_metadata_ = true;
  if (!cursor_.Take('{')) return Broken("its '__metadata__' is not an object of strings");
  if (cursor_.Take('}')) return Status::Ok();
  do {
    if (!cursor_.String(scratch_) || !cursor_.Take(':') || !cursor_.String(scratch_)) {
      return Broken("its '__metadata__' is not an object of strings");
    }
    scratch_.clear();
  } while (cursor_.Take(','));
  return cursor_.Take('}') ? Status::Ok() : BrokenJson("',' or '}'");
}

Status SafetensorsParser::ReadEntry() {
  if (ranges_.size() == SafetensorsFile::kMaxTensors) {
    return Broken(fmt::format("it has more than {} tensors", SafetensorsFile::kMaxTensors));
  }
  if (entry_.name.size() > SafetensorsFile::kMaxNameBytes) {
    return Broken(fmt::format("the name of tensor {} is {} bytes long, the limit is {}", ranges_.size() + 1,
                              entry_.name.size(), SafetensorsFile::kMaxNameBytes));
  }
  const bool control = std::any_of(entry_.name.begin(), entry_.name.end(),
                                   [](char c) { return static_cast<unsigned char>(c) < 0x20; });
  if (entry_.name.empty() || control) {
    return Broken(fmt::format("the name of tensor {} is {}", ranges_.size() + 1, Quoted(entry_.name)));
  }
  if (!cursor_.Take('{')) return BrokenJson(fmt::format("the description of tensor {}", Quoted(entry_.name)));
  entry_.has_dtype = entry_.has_shape = entry_.has_offsets = false;
  do {
    scratch_.clear();
    const auto field = cursor_.String(scratch_);
    if (!field) return BrokenJson("a key");
    if (!cursor_.Take(':')) return BrokenJson("':'");
    VIVACE_RETURN_IF_ERROR(ReadField(*field));
  } while (cursor_.Take(','));
  if (!cursor_.Take('}')) return BrokenJson("',' or '}'");
  if (!entry_.has_dtype || !entry_.has_shape || !entry_.has_offsets) {
    return Broken(fmt::format("tensor {} has no {}", Quoted(entry_.name),
                              !entry_.has_dtype   ? "dtype"
                              : !entry_.has_shape ? "shape"
                                                  : "data_offsets"));
  }
  return AddTensor();
}

Status SafetensorsParser::ReadField(std::string_view field) {
  bool* const seen = field == "dtype"          ? &entry_.has_dtype
                     : field == "shape"        ? &entry_.has_shape
                     : field == "data_offsets" ? &entry_.has_offsets
                                               : nullptr;
  if (seen == nullptr) {
    return Broken(fmt::format("tensor {} has the field {}, which the format does not have",
                              Quoted(entry_.name), Quoted(field)));
  }
  if (*seen) return Broken(fmt::format("{} of tensor {} is there twice", field, Quoted(entry_.name)));
  *seen = true;
  if (seen == &entry_.has_shape) return ReadShape();
  if (seen == &entry_.has_offsets) return ReadOffsets();
  scratch_.clear();
  const auto dtype = cursor_.String(scratch_);
  if (!dtype || !scratch_.empty()) {
    return Broken(fmt::format("the dtype of tensor {} is no plain string", Quoted(entry_.name)));
  }
  entry_.dtype = *dtype;
  return Status::Ok();
}

Status SafetensorsParser::ReadShape() {
  static constexpr std::size_t kMostDims = 32;
  const auto wrong = [this] {
    return Broken(fmt::format("the shape of tensor {} is no list of up to {} whole numbers",
                              Quoted(entry_.name), kMostDims));
  };
  entry_.shape.clear();
  if (!cursor_.Take('[')) return wrong();
  if (cursor_.Take(']')) return Status::Ok();
  do {
    const auto dim = cursor_.Unsigned();
    if (!dim || entry_.shape.size() == kMostDims) return wrong();
    entry_.shape.push_back(*dim);
  } while (cursor_.Take(','));
  return cursor_.Take(']') ? Status::Ok() : wrong();
}

Status SafetensorsParser::ReadOffsets() {
  const auto wrong = [this] {
    return Broken(fmt::format("data_offsets of tensor {} are not two whole numbers", Quoted(entry_.name)));
  };
  if (!cursor_.Take('[')) return wrong();
  const auto begin = cursor_.Unsigned();
  if (!begin || !cursor_.Take(',')) return wrong();
  const auto end = cursor_.Unsigned();
  if (!end || !cursor_.Take(']')) return wrong();
  entry_.begin = *begin;
  entry_.end = *end;
  return Status::Ok();
}

// Checks the entry as a whole and adds it to the file.
Status SafetensorsParser::AddTensor() {
  const std::string name = Quoted(entry_.name);
  const auto type = std::find_if(kTypes.begin(), kTypes.end(),
                                 [this](const SafetensorsType& row) { return row.name == entry_.dtype; });
  if (type == kTypes.end()) {
    return Unsupported(
        fmt::format("{}: tensor {} has dtype {}, which the safetensors format does not have: the file is "
                    "broken or newer than this build; take a checkpoint in F32, F16 or BF16",
                    file_.name_, name, Quoted(entry_.dtype)));
  }
  if (entry_.begin > entry_.end || entry_.end > data_.size()) {
    return DataLoss(fmt::format(
        "{}: tensor {} has bytes {}..{} of data but the file has {}: the file is cut off or broken; fetch it "
        "again",
        file_.name_, name, entry_.begin, entry_.end, data_.size()));
  }
  base::SafeSize elements = 1;
  for (const std::uint64_t dim : entry_.shape) elements = elements * base::SafeSize(dim);
  const auto bits = elements * base::SafeSize(type->bits);
  if (!bits.AtMost(std::numeric_limits<std::int64_t>::max())) {
    return Broken(fmt::format("the shape of tensor {} has more elements than any file", name));
  }
  if (*bits.value() % 8 != 0 || *bits.value() / 8 != entry_.end - entry_.begin) {
    return Broken(fmt::format("tensor {} has {} bytes of data, its shape needs {} bits of {}", name,
                              entry_.end - entry_.begin, *bits.value(), type->name));
  }
  ranges_.push_back({entry_.begin, entry_.end, entry_.name});
  const auto count = static_cast<std::int64_t>(*elements.value());
  const auto readable = tensor::DTypeFromName(type->readable_as);
  if (!readable) return AddForeign(Lower(type->name), count);
  if (count == 0) return AddForeign(Lower(type->name) + " without elements", count);
  if (entry_.shape.size() > TensorView::kMaxDims) {
    return AddForeign(fmt::format("{} of {} dimensions", Lower(type->name), entry_.shape.size()), count);
  }
  return AddReadable(*readable);
}

Status SafetensorsParser::AddReadable(tensor::DType type) {
  TensorView tensor;
  tensor.name = entry_.name;
  tensor.type = type;
  tensor.dim_count = std::max(1, static_cast<int>(entry_.shape.size()));  // a scalar is a vector of one
  tensor.dims.fill(1);
  for (std::size_t i = 0; i < entry_.shape.size(); ++i) {
    tensor.dims[i] = static_cast<std::int64_t>(entry_.shape[entry_.shape.size() - 1 - i]);
  }
  tensor.data = data_.subspan(entry_.begin, entry_.end - entry_.begin);
  file_.tensors_.push_back(tensor);
  return Status::Ok();
}

Status SafetensorsParser::AddForeign(std::string type, std::int64_t elements) {
  if (foreign_ == ForeignTensors::kList) {
    const auto bytes = static_cast<std::int64_t>(entry_.end - entry_.begin);
    file_.foreign_.push_back({std::string(entry_.name), std::move(type), elements, bytes});
    return Status::Ok();
  }
  return Unsupported(
      fmt::format("{}: tensor {} is {}; this build reads f32, f16 and bf16 of up to {} dimensions in "
                  "safetensors: take a checkpoint in one of these types",
                  file_.name_, Quoted(entry_.name), type, TensorView::kMaxDims));
}

Status SafetensorsParser::CheckNames() {
  std::vector<std::string_view> names;
  names.reserve(ranges_.size());
  for (const Range& range : ranges_) names.push_back(range.name);
  std::sort(names.begin(), names.end());
  const auto twice = std::adjacent_find(names.begin(), names.end());
  if (twice != names.end()) return Broken(fmt::format("tensor {} is there twice", Quoted(*twice)));
  return Status::Ok();
}

// The ranges must cover the data from its first to its last byte, so that nothing can hide between them.
Status SafetensorsParser::CheckRanges() {
  std::sort(ranges_.begin(), ranges_.end(), [](const Range& a, const Range& b) {
    return a.begin != b.begin ? a.begin < b.begin : a.end < b.end;
  });
  std::uint64_t covered = 0;
  for (const Range& range : ranges_) {
    if (range.begin != covered) {
      return Broken(fmt::format("tensor {} begins at byte {} of the data instead of {}: tensors {}",
                                Quoted(range.name), range.begin, covered,
                                range.begin < covered ? "overlap" : "leave a hole"));
    }
    covered = range.end;
  }
  if (covered != data_.size()) {
    return Broken(fmt::format("its tensors end at byte {} of {} bytes of data", covered, data_.size()));
  }
  return Status::Ok();
}

}  // namespace vivace::checkpoint
