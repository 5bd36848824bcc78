// What a file that is offered as a model is, told by its first bytes. Free functions; any thread.
#pragma once

#include <cstddef>
#include <span>
#include <string_view>

namespace vivace::checkpoint {

enum class FileKind { kGguf, kSafetensors, kGitLfsPointer, kPickle, kZip, kWebPage, kJson, kUnknown };

/// By content alone; kSafetensors when a header could begin here.
FileKind KindOf(std::span<const std::byte> bytes);
/// The kind in words with the remedy, to follow "it is".
std::string_view Describe(FileKind kind);

}  // namespace vivace::checkpoint
