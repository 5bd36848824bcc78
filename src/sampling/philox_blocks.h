// Philox4x32-10 (philox.h) of four consecutive counters at once, the same words. Pure functions; any thread.
#pragma once

#include <array>
#include <cstdint>

#include "sampling/philox.h"

namespace vivace::sampling {

/// Words of counters first .. first + 3 (counter[0]) under one key.
struct PhiloxBlocks {
  std::array<std::uint32_t, 16> words;  // four of each counter, in order
  std::uint32_t largest;                // of them
};

/// counter[0] is the first of the four, modulo 2^32.
PhiloxBlocks PhiloxFour(const PhiloxCounter& counter, const PhiloxKey& key);

}  // namespace vivace::sampling
