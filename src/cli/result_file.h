// The file that a benchmark's results go to. Plain functions.
#pragma once

#include <string>
#include <string_view>

#include "vivace/status.h"

namespace vivace::cli {

/// Ok when `path` is empty or can be written; leaves no file behind. For the start, before minutes of
/// measuring. kInvalidArgument names the option and the path.
Status CheckWritable(std::string_view option, const std::string& path);
/// Replaces the file by `text`; does nothing when `path` is empty.
Status WriteResult(std::string_view option, const std::string& path, std::string_view text);

}  // namespace vivace::cli
