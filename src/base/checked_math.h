// SafeSize: sizes that come from outside. Arithmetic that would wrap makes the value invalid for good.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>

namespace vivace::base {

class SafeSize {
 public:
  constexpr SafeSize(std::uint64_t value) : value_(value) {}  // NOLINT: implicit on purpose

  constexpr SafeSize operator+(SafeSize other) const {
    SafeSize out(0);
    out.valid_ = valid_ && other.valid_ && !__builtin_add_overflow(value_, other.value_, &out.value_);
    return out;
  }
  constexpr SafeSize operator*(SafeSize other) const {
    SafeSize out(0);
    out.valid_ = valid_ && other.valid_ && !__builtin_mul_overflow(value_, other.value_, &out.value_);
    return out;
  }
  /// The value rounded up to a multiple of alignment (a power of two).
  constexpr SafeSize AlignedUp(std::uint64_t alignment) const {
    SafeSize out = *this + SafeSize(alignment - 1);
    out.value_ &= ~(alignment - 1);
    return out;
  }
  constexpr bool valid() const { return valid_; }
  /// Nothing when any step so far has wrapped.
  constexpr std::optional<std::uint64_t> value() const {
    return valid_ ? std::optional<std::uint64_t>(value_) : std::nullopt;
  }
  /// True when the value is known and at most limit.
  constexpr bool AtMost(std::uint64_t limit) const { return valid_ && value_ <= limit; }

 private:
  std::uint64_t value_;
  bool valid_ = true;
};

}  // namespace vivace::base
