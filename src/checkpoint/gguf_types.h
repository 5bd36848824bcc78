// Facts of the GGUF format that the parser and the lookups share: value types, their sizes and names, and
// text for messages.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace vivace::checkpoint {

/// Value types of metadata: id, number of the specification, name for messages, bytes (0: not of one size).
#define VIVACE_GGUF_TYPES(X)   \
  X(kUint8, 0, "uint8", 1)     \
  X(kInt8, 1, "int8", 1)       \
  X(kUint16, 2, "uint16", 2)   \
  X(kInt16, 3, "int16", 2)     \
  X(kUint32, 4, "uint32", 4)   \
  X(kInt32, 5, "int32", 4)     \
  X(kFloat32, 6, "float32", 4) \
  X(kBool, 7, "bool", 1)       \
  X(kString, 8, "string", 0)   \
  X(kArray, 9, "array", 0)     \
  X(kUint64, 10, "uint64", 8)  \
  X(kInt64, 11, "int64", 8)    \
  X(kFloat64, 12, "float64", 8)

enum class GgufType : std::uint32_t {
#define VIVACE_X(id, number, ...) id = number,
  VIVACE_GGUF_TYPES(VIVACE_X)
#undef VIVACE_X
};

/// Nothing for a number that the specification does not have.
std::optional<GgufType> GgufTypeFromNumber(std::uint32_t number);
std::string_view NameOf(GgufType type);
/// 0 for strings and arrays.
std::size_t BytesOf(GgufType type);

/// The value at `data` when the type is an integer type and the value fits.
std::optional<std::int64_t> IntegerAt(GgufType type, const std::byte* data);
/// The same for integers and floats; a value that is not finite gives nothing.
std::optional<double> NumberAt(GgufType type, const std::byte* data);

/// Text from the file for a message: in quotes, bytes that are not printable ASCII escaped, long text cut.
std::string Quoted(std::string_view text);
/// A GGUF tensor type whether this build reads it or not.
struct TensorTypeFacts {
  std::string_view name;  // e.g. "q4_k"; "unknown" when there is no such type
  int block_elements = 1;
  std::uint64_t block_bytes = 0;  // 0 when unknown
};
TensorTypeFacts FactsOfTensorType(std::uint32_t gguf_id);

}  // namespace vivace::checkpoint
