// The bounds of templates that are not part of a Budget.
#pragma once

#include <cstddef>
#include <cstdint>

namespace vivace::chat {

inline constexpr std::size_t kMaxSourceBytes = std::size_t{1} << 20;
inline constexpr int kMaxExpressionDepth = 200;      // operators and brackets within each other
inline constexpr int kMaxBlockDepth = 60;            // blocks within blocks
inline constexpr int kMaxEvaluationDepth = 600;      // blocks, expressions and macro calls that are under way
inline constexpr int kMaxValueDepth = 100;           // lists and dicts within each other
inline constexpr std::int64_t kMaxRange = 100'000;   // items of one range(), as in Jinja's sandbox
inline constexpr std::size_t kMaxObjects = 100'000;  // namespaces and macros of one rendering

inline constexpr std::size_t kBytesPerStep = 64;     // reading or making this much counts as one step
inline constexpr std::size_t kBytesPerItem = 32;     // what an item of a list counts for
inline constexpr std::size_t kBytesPerString = 128;  // what a new small string counts for
inline constexpr std::int64_t kMadePerOutput = 16;   // bytes made on the way for each byte of output allowed

}  // namespace vivace::chat
