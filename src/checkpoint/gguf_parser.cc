#include "checkpoint/gguf_parser.h"

#include <fmt/core.h>

#include <algorithm>
#include <bit>
#include <numeric>

#include "base/checked_math.h"
#include "base/status_macros.h"
#include "checkpoint/file_kind.h"

namespace vivace::checkpoint {
namespace {

std::string_view AsText(std::span<const std::byte> bytes) {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

}  // namespace

Status GgufParser::Broken(std::string_view what) const {
  return DataLoss(fmt::format("{}: {}: the file is broken; fetch it again", file_.name_, what));
}

Status GgufParser::CutOff(std::string_view where) const {
  return DataLoss(fmt::format("{}: ends at byte {} within {}: the file is cut off; fetch it again",
                              file_.name_, bytes_.size(), where));
}

Status GgufParser::Run() {
  VIVACE_RETURN_IF_ERROR(ReadHeader());
  file_.entries_.reserve(key_count_);
  for (std::uint64_t i = 0; i < key_count_; ++i) VIVACE_RETURN_IF_ERROR(ReadEntry(i));
  VIVACE_RETURN_IF_ERROR(SortKeys());
  VIVACE_RETURN_IF_ERROR(FindAlignment());
  file_.tensors_.reserve(tensor_count_);
  offsets_.reserve(tensor_count_);
  for (std::uint64_t i = 0; i < tensor_count_; ++i) VIVACE_RETURN_IF_ERROR(ReadTensor(i));
  VIVACE_RETURN_IF_ERROR(SortTensors());
  return PlaceTensors();
}

Status GgufParser::ExplainMagic() const {
  const FileKind kind = KindOf(bytes_);
  const std::string_view text = AsText(bytes_.first(std::min<std::size_t>(bytes_.size(), 4)));
  return Unsupported(fmt::format("{}: starts with {} instead of 'GGUF': it is {}", file_.name_, Quoted(text),
                                 kind == FileKind::kGguf ? "cut off" : Describe(kind)));
}

Status GgufParser::ReadHeader() {
  const auto magic = cursor_.Take(4);
  if (!magic || AsText(*magic) != "GGUF") return ExplainMagic();
  const auto version = cursor_.Read<std::uint32_t>();
  if (!version) return CutOff("its header");
  if (*version != 2 && *version != 3) {
    const bool swapped = *version == 0x02000000 || *version == 0x03000000;
    return Unsupported(
        fmt::format("{}: GGUF version {}{} is not readable: convert the model to version 3, little-endian",
                    file_.name_, *version, swapped ? " (a big-endian file)" : ""));
  }
  file_.version_ = *version;
  const auto tensors = cursor_.Read<std::uint64_t>();
  const auto keys = cursor_.Read<std::uint64_t>();
  if (!tensors || !keys) return CutOff("its header");
  constexpr std::uint64_t kSmallestKey = 8 + 1 + 4 + 1;  // length, name, type, value
  constexpr std::uint64_t kSmallestTensor =
      8 + 1 + 4 + 8 + 4 + 8;  // length, name, n_dims, one dim, type, offset
  if (*keys > kMaxKeys || *keys > cursor_.remaining() / kSmallestKey) {
    return Broken(
        fmt::format("its header says {} metadata keys, more than {} bytes can hold", *keys, bytes_.size()));
  }
  if (*tensors > kMaxTensors || *tensors > cursor_.remaining() / kSmallestTensor) {
    return Broken(
        fmt::format("its header says {} tensors, more than {} bytes can hold", *tensors, bytes_.size()));
  }
  tensor_count_ = *tensors;
  key_count_ = *keys;
  return Status::Ok();
}

Result<std::string_view> GgufParser::ReadString(std::string_view what, std::uint64_t limit) {
  const auto length = cursor_.Read<std::uint64_t>();
  if (!length) return CutOff(what);
  if (*length > limit)
    return Broken(fmt::format("{} is {} bytes long, the limit is {}", what, *length, limit));
  const auto text = cursor_.Take(*length);
  if (!text) {
    return DataLoss(fmt::format(
        "{}: {} should be {} bytes long but {} are left: the file is cut off or broken; fetch it again",
        file_.name_, what, *length, cursor_.remaining()));
  }
  return AsText(*text);
}

Status GgufParser::ReadEntry(std::uint64_t index) {
  GgufFile::Entry entry;
  VIVACE_ASSIGN_OR_RETURN(
      entry.key, ReadString(fmt::format("metadata key {} of {}", index + 1, key_count_), kMaxKeyBytes));
  if (entry.key.empty()) return Broken(fmt::format("metadata key {} of {} is empty", index + 1, key_count_));
  const auto number = cursor_.Read<std::uint32_t>();
  if (!number) return CutOff(fmt::format("key {}", Quoted(entry.key)));
  const auto type = GgufTypeFromNumber(*number);
  if (!type)
    return Broken(fmt::format("key {} has value type {}, which does not exist", Quoted(entry.key), *number));
  entry.type = *type;
  if (entry.type == GgufType::kArray) {
    VIVACE_RETURN_IF_ERROR(ReadArray(entry));
  } else if (entry.type == GgufType::kString) {
    VIVACE_ASSIGN_OR_RETURN(const std::string_view text,
                            ReadString(fmt::format("the value of key {}", Quoted(entry.key)), bytes_.size()));
    entry.bytes = std::as_bytes(std::span(text));
  } else {
    const auto value = cursor_.Take(BytesOf(entry.type));
    if (!value) return CutOff(fmt::format("the value of key {}", Quoted(entry.key)));
    entry.bytes = *value;
  }
  file_.entries_.push_back(entry);
  return Status::Ok();
}

Status GgufParser::ReadArray(GgufFile::Entry& entry) {
  entry.is_array = true;
  const auto number = cursor_.Read<std::uint32_t>();
  const auto count = cursor_.Read<std::uint64_t>();
  if (!number || !count) return CutOff(fmt::format("the array of key {}", Quoted(entry.key)));
  const auto type = GgufTypeFromNumber(*number);
  if (!type)
    return Broken(
        fmt::format("key {} is an array of type {}, which does not exist", Quoted(entry.key), *number));
  if (*type == GgufType::kArray) {
    return Unsupported(fmt::format(
        "{}: key {} is an array of arrays, which this build does not read: convert the model again",
        file_.name_, Quoted(entry.key)));
  }
  entry.type = *type;
  entry.count = *count;
  if (entry.type == GgufType::kString) return ReadStringArray(entry);
  const auto size = (base::SafeSize(*count) * base::SafeSize(BytesOf(*type))).value();
  const auto bytes = size ? cursor_.Take(*size) : std::nullopt;
  if (!bytes) {
    return DataLoss(fmt::format(
        "{}: key {} is an array of {} {} values but {} bytes are left: the file is cut off or broken; "
        "fetch it again",
        file_.name_, Quoted(entry.key), *count, NameOf(*type), cursor_.remaining()));
  }
  entry.bytes = *bytes;
  return Status::Ok();
}

Status GgufParser::ReadStringArray(GgufFile::Entry& entry) {
  constexpr std::uint64_t kSmallestString = 8;
  if (entry.count > cursor_.remaining() / kSmallestString) {
    return DataLoss(fmt::format(
        "{}: key {} is an array of {} strings but {} bytes are left: the file is cut off or broken; "
        "fetch it again",
        file_.name_, Quoted(entry.key), entry.count, cursor_.remaining()));
  }
  string_count_ += entry.count;  // both are bounded by the file's size
  if (string_count_ > kMaxStrings) {
    return Unsupported(fmt::format("{}: key {} brings the strings in arrays to {}, the limit is {}",
                                   file_.name_, Quoted(entry.key), string_count_, kMaxStrings));
  }
  std::vector<std::string_view> strings;
  strings.reserve(entry.count);
  for (std::uint64_t i = 0; i < entry.count; ++i) {
    const auto length = cursor_.Read<std::uint64_t>();
    const auto text = length ? cursor_.Take(*length) : std::nullopt;
    if (!text) {
      return DataLoss(fmt::format(
          "{}: string {} of {} in the array of key {} goes past the end of the file: the file is cut off "
          "or broken; fetch it again",
          file_.name_, i + 1, entry.count, Quoted(entry.key)));
    }
    strings.push_back(AsText(*text));
  }
  entry.strings = static_cast<std::int32_t>(file_.string_arrays_.size());
  file_.string_arrays_.push_back(std::move(strings));
  return Status::Ok();
}

Status GgufParser::SortKeys() {
  auto& order = file_.entries_by_key_;
  order.resize(file_.entries_.size());
  std::iota(order.begin(), order.end(), 0);
  const auto key = [this](std::int32_t i) { return file_.entries_[static_cast<std::size_t>(i)].key; };
  std::sort(order.begin(), order.end(), [&](std::int32_t a, std::int32_t b) { return key(a) < key(b); });
  const auto twice = std::adjacent_find(order.begin(), order.end(),
                                        [&](std::int32_t a, std::int32_t b) { return key(a) == key(b); });
  if (twice != order.end()) return Broken(fmt::format("key {} is there twice", Quoted(key(*twice))));
  return Status::Ok();
}

Status GgufParser::FindAlignment() {
  constexpr std::string_view kKey = "general.alignment";
  const GgufFile::Entry* entry = file_.Find(kKey);
  if (entry == nullptr) return Status::Ok();
  if (entry->is_array || entry->type != GgufType::kUint32) {
    return Broken(fmt::format("key {} is {}{}, it must be uint32", Quoted(kKey),
                              entry->is_array ? "an array of " : "", NameOf(entry->type)));
  }
  alignment_ = static_cast<std::uint64_t>(*IntegerAt(entry->type, entry->bytes.data()));
  if (!std::has_single_bit(alignment_) || alignment_ > kMaxAlignment) {
    return Broken(fmt::format("key {} is {}, it must be a power of two of at most {}", Quoted(kKey),
                              alignment_, kMaxAlignment));
  }
  return Status::Ok();
}

}  // namespace vivace::checkpoint
