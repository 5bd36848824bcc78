// An array of plain values that was built here, or that lies in the bytes of an image: reading is the same
// for both. Thread safety: reading from any thread. Ownership: owns what was built; an image outlives it.
#pragma once

#include <cstddef>
#include <span>
#include <type_traits>
#include <utility>
#include <vector>

namespace vivace::tokenizer {

template <class T>
class FlatTable {
 public:
  static_assert(std::is_trivially_copyable_v<T> && !std::is_same_v<T, bool>);

  FlatTable() = default;
  explicit FlatTable(std::vector<T> values) : own_(std::move(values)), view_(own_) {}
  explicit FlatTable(std::span<const T> view) : view_(view) {}
  FlatTable(FlatTable&& other) noexcept
      : own_(std::move(other.own_)), view_(std::exchange(other.view_, std::span<const T>())) {}
  FlatTable& operator=(FlatTable&& other) noexcept {
    own_ = std::move(other.own_);
    view_ = std::exchange(other.view_, std::span<const T>());
    return *this;
  }

  const T& operator[](std::size_t index) const { return view_[index]; }
  const T* data() const { return view_.data(); }
  std::size_t size() const { return view_.size(); }
  std::span<const T> view() const { return view_; }
  auto begin() const { return view_.begin(); }
  auto end() const { return view_.end(); }

  /// Changes a table that was built here: `change` takes its vector.
  template <class Change>
  void Edit(Change&& change) {
    change(own_);
    view_ = own_;
  }

 private:
  std::vector<T> own_;
  std::span<const T> view_;
};

}  // namespace vivace::tokenizer
