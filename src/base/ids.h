// Distinct integer id types, so that a BlockId cannot be passed for a SequenceId.
#pragma once

#include <compare>
#include <cstdint>
#include <functional>

namespace vivace::base {

/// An index with a type of its own. Tag is an empty struct.
template <class Tag>
struct Id {
  std::int32_t value = 0;
  auto operator<=>(const Id&) const = default;
};

}  // namespace vivace::base

template <class Tag>
struct std::hash<vivace::base::Id<Tag>> {
  std::size_t operator()(vivace::base::Id<Tag> id) const noexcept {
    return std::hash<std::int32_t>()(id.value);
  }
};
