// The version of Vivace, as --version and the server give it. CMakeLists.txt has the same in project().
#pragma once

#include <string_view>

namespace vivace::base {

inline constexpr std::string_view kVersion = "0.1.0";

}  // namespace vivace::base
