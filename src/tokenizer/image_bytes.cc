#include "tokenizer/image_bytes.h"

#include <cstring>

namespace vivace::tokenizer {
namespace {

constexpr std::size_t kMagicBytes = 8, kArrayAlignment = 64;

/// The first bytes of an image. Arrays lie between the header and the fields, which end the image.
struct Header {
  char magic[kMagicBytes];
  std::uint32_t version;
  std::uint32_t reserved;
  std::uint64_t bytes;        // of the image
  std::uint64_t field_bytes;  // of the fields at its end
  char padding[32];
};
static_assert(sizeof(Header) == kArrayAlignment);

std::size_t AlignedSize(std::size_t bytes) {
  return (bytes + kArrayAlignment - 1) / kArrayAlignment * kArrayAlignment;
}

}  // namespace

void ImageWriter::Number(std::uint64_t value) {
  fields_.append(reinterpret_cast<const char*>(&value), sizeof(value));
}

void ImageWriter::Field(const std::string& text) {
  Number(text.size());
  fields_.append(text);
  fields_.append((sizeof(std::uint64_t) - text.size() % sizeof(std::uint64_t)) % sizeof(std::uint64_t), '\0');
}

void ImageWriter::Array(std::span<const std::byte> bytes, std::size_t count) {
  Number(array_bytes_);
  Number(count);
  arrays_.push_back(bytes);
  array_bytes_ += AlignedSize(bytes.size());
}

void ImageWriter::Copy(std::span<const std::byte> bytes, std::size_t count) {
  Array(copies_.emplace_back(bytes.begin(), bytes.end()), count);
}

std::string ImageWriter::Finish() && {
  Header header{};
  std::memcpy(header.magic, kind_.magic.data(), kMagicBytes);
  header.version = kind_.version;
  header.bytes = sizeof(header) + array_bytes_ + fields_.size();
  header.field_bytes = fields_.size();
  std::string image;
  image.reserve(header.bytes);
  image.append(reinterpret_cast<const char*>(&header), sizeof(header));
  for (const std::span<const std::byte> array : arrays_) {
    if (!array.empty()) image.append(reinterpret_cast<const char*>(array.data()), array.size());
    image.append(AlignedSize(array.size()) - array.size(), '\0');
  }
  return image.append(fields_);
}

Status CheckImageIds(std::span<const std::int32_t> ids, std::int32_t least, std::size_t tokens) {
  for (const std::int32_t id : ids) {
    if (id >= least && (id < 0 || static_cast<std::size_t>(id) < tokens)) continue;
    return DataLoss("id " + std::to_string(id) + " is none of the " + std::to_string(tokens) + " tokens");
  }
  return Status::Ok();
}

ImageReader::ImageReader(const ImageKind& kind, std::span<const std::byte> image) : name_(kind.name) {
  Open(kind, image);
}

void ImageReader::Open(const ImageKind& kind, std::span<const std::byte> image) {
  Header header;
  if (image.size() < sizeof(header)) return Fail("it is shorter than a header");
  if (reinterpret_cast<std::uintptr_t>(image.data()) % kImageAlignment != 0) {
    return Fail("it does not lie on a boundary of " + std::to_string(kImageAlignment) + " bytes");
  }
  std::memcpy(&header, image.data(), sizeof(header));
  if (std::string_view(header.magic, kMagicBytes) != kind.magic)
    return Fail("it begins as another kind of file");
  if (header.version != kind.version) {
    return Fail("it has version " + std::to_string(header.version) + ", and this program reads version " +
                std::to_string(kind.version));
  }
  if (header.bytes != image.size()) {
    return Fail("it has " + std::to_string(image.size()) + " bytes, and its header says " +
                std::to_string(header.bytes));
  }
  const std::size_t rest = image.size() - sizeof(header);
  if (header.field_bytes > rest || (rest - header.field_bytes) % kArrayAlignment != 0)
    return Fail("its fields are not inside");
  arrays_ = image.subspan(sizeof(header), rest - header.field_bytes);
  fields_ = image.last(header.field_bytes);
}

void ImageReader::Fail(std::string_view what) {
  if (ok()) status_ = DataLoss("not " + std::string(name_) + ": " + std::string(what));
  fields_ = {};
}

Status ImageReader::Finish() {
  Check(fields_.empty(), "more fields are there than it has");
  return status_;
}

std::uint64_t ImageReader::Number() {
  std::uint64_t value = 0;
  if (fields_.size() < sizeof(value)) {
    Fail("its fields are cut off");
    return 0;
  }
  std::memcpy(&value, fields_.data(), sizeof(value));
  fields_ = fields_.subspan(sizeof(value));
  return value;
}

void ImageReader::Field(std::string& text) {
  const std::uint64_t size = Number();
  if (size > fields_.size()) return Fail("a text is cut off");
  text.assign(reinterpret_cast<const char*>(fields_.data()), size);
  const std::size_t padding = (sizeof(std::uint64_t) - size % sizeof(std::uint64_t)) % sizeof(std::uint64_t);
  if (padding > fields_.size() - size) return Fail("a text is cut off");
  fields_ = fields_.subspan(size + padding);
}

std::span<const std::byte> ImageReader::ArrayBytes(std::size_t element) {
  const std::uint64_t offset = Number(), count = Number();
  if (!ok()) return {};
  if (offset > arrays_.size() || offset % kArrayAlignment != 0 ||
      count > (arrays_.size() - offset) / element) {
    Fail("an array is not inside");
    return {};
  }
  return arrays_.subspan(offset, count * element);
}

}  // namespace vivace::tokenizer
