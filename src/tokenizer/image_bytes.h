// The bytes of an image: a header, arrays that a reader uses in place, and a stream of small fields that say
// where the arrays lie. A type writes and reads itself by one list of Field calls, which both classes have.
// Nothing that is read is trusted: numbers are checked against their type, arrays against the image; what the
// values mean is for the reader to check. Numbers are little-endian. Thread safety: one object, one thread.
// Ownership: a reader and what it gives are views of the image.
#pragma once

#include <array>
#include <bit>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <limits>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

#include "tokenizer/flat_table.h"
#include "vivace/status.h"

namespace vivace::tokenizer {

static_assert(std::endian::native == std::endian::little, "images are little-endian and used in place");

/// The form of a tokenizer's image. It grows with every change of a field, a table or a hash.
inline constexpr std::uint32_t kTokenizerImageVersion = 1;

/// What an image is of, and the version of its form. Another one is another kind of image.
struct ImageKind {
  std::string_view magic;  // 8 characters
  std::uint32_t version;
  std::string_view name;  // for errors: "a tokenizer image"
};

/// The least alignment of an image's first byte.
inline constexpr std::size_t kImageAlignment = 8;

/// Tables that are written, and bytes given as views, must live until Finish.
class ImageWriter {
 public:
  explicit ImageWriter(const ImageKind& kind) : kind_(kind) {}

  template <class T>
  requires std::integral<T>
  void Field(const T& value) { Number(static_cast<std::uint64_t>(static_cast<std::int64_t>(value))); }
  void Field(const double& value) { Number(std::bit_cast<std::uint64_t>(value)); }
  void Field(const std::string& text);
  template <class T>
  void Field(const std::optional<T>& value) {
    Field(value.has_value());
    if (value) Field(*value);
  }
  template <class T>
  void Field(const FlatTable<T>& table) {
    Array(std::as_bytes(table.view()), table.size());
  }
  template <class T>
  void Field(const std::vector<T>& values) {
    Copy(std::as_bytes(std::span(values)), values.size());
  }
  template <class T, std::size_t kCount>
  void Field(const std::array<T, kCount>& values) {
    Copy(std::as_bytes(std::span(values)), kCount);
  }
  /// A value of an enum whose values are 0 to `last`.
  template <class T>
  void Choice(const T& value, T /*last*/) {
    Number(static_cast<std::uint64_t>(value));
  }
  /// A list of values, each by `fields(image, value)`.
  template <class T, class Fields>
  void List(const std::vector<T>& values, const Fields& fields) {
    Number(values.size());
    for (const T& value : values) fields(*this, value);
  }
  /// Bytes that begin on a boundary of 64, as an array of `count` elements.
  void Array(std::span<const std::byte> bytes, std::size_t count);

  std::string Finish() &&;

 private:
  void Number(std::uint64_t value);
  void Copy(std::span<const std::byte> bytes, std::size_t count);

  ImageKind kind_;
  std::vector<std::span<const std::byte>> arrays_;  // megabytes: copied once, by Finish
  std::size_t array_bytes_ = 0;                     // with what aligns them
  std::deque<std::vector<std::byte>> copies_;
  std::string fields_;
};

/// kDataLoss unless all ids are at least `least` (-1: none) and below `tokens`.
Status CheckImageIds(std::span<const std::int32_t> ids, std::int32_t least, std::size_t tokens);

/// After an error all reading gives zeros and empty values, and status() says what was wrong first.
class ImageReader {
 public:
  /// Errors: kDataLoss for bytes that are no image of the kind, or were cut off or moved off the alignment.
  ImageReader(const ImageKind& kind, std::span<const std::byte> image);

  bool ok() const { return status_.ok(); }
  const Status& status() const { return status_; }
  /// Reading is over; an error where something is left.
  Status Finish();
  /// Notes what a field may not be.
  void Fail(std::string_view what);
  void Check(bool holds, std::string_view what) {
    if (!holds) Fail(what);
  }

  template <class T>
  requires std::integral<T>
  void Field(T& value) {
    const auto number = static_cast<std::int64_t>(Number());
    if constexpr (std::is_same_v<T, bool>) {
      Check(number == 0 || number == 1, "a flag is neither 0 nor 1");
      value = number == 1;
    } else {
      const bool fits = std::in_range<T>(number);
      Check(fits, "a number is out of its range");
      value = fits ? static_cast<T>(number) : T{0};
    }
  }
  void Field(double& value) { value = std::bit_cast<double>(Number()); }
  void Field(std::string& text);
  template <class T>
  void Field(std::optional<T>& value) {
    bool has = false;
    Field(has);
    if (has) Field(value.emplace());
  }
  template <class T>
  void Field(FlatTable<T>& table) {
    table = FlatTable<T>(Elements<T>());
  }
  template <class T>
  void Field(std::vector<T>& values) {
    const std::span<const T> elements = Elements<T>();
    values.assign(elements.begin(), elements.end());
  }
  template <class T, std::size_t kCount>
  void Field(std::array<T, kCount>& values) {
    const std::span<const T> elements = Elements<T>();
    Check(elements.size() == kCount, "an array has another size than it must have");
    for (std::size_t i = 0; i < kCount; ++i) values[i] = i < elements.size() ? elements[i] : T{};
  }
  template <class T>
  void Choice(T& value, T last) {
    const std::uint64_t number = Number();
    const bool known = number <= static_cast<std::uint64_t>(last);
    Check(known, "a choice is not known");
    value = known ? static_cast<T>(number) : T{};
  }
  template <class T, class Fields>
  void List(std::vector<T>& values, const Fields& fields) {
    const std::uint64_t count = Number();
    Check(count <= fields_.size() / sizeof(std::uint64_t), "a list is longer than the image");
    for (std::uint64_t i = 0; ok() && i < count; ++i) fields(*this, values.emplace_back());
  }

 private:
  void Open(const ImageKind& kind, std::span<const std::byte> image);
  std::uint64_t Number();
  std::span<const std::byte> ArrayBytes(std::size_t element);
  template <class T>
  std::span<const T> Elements() {
    static_assert(std::is_trivially_copyable_v<T> && alignof(T) <= kImageAlignment);
    const std::span<const std::byte> bytes = ArrayBytes(sizeof(T));
    return {reinterpret_cast<const T*>(bytes.data()), bytes.size() / sizeof(T)};
  }

  std::string_view name_;
  Status status_;
  std::span<const std::byte> arrays_;
  std::span<const std::byte> fields_;  // what is not read yet
};

}  // namespace vivace::tokenizer
