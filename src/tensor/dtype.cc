#include "tensor/dtype.h"

#include <algorithm>
#include <iterator>

#include "base/check.h"

namespace vivace::tensor {
namespace {

constexpr DTypeRow kRows[] = {
#define VIVACE_X(id, name, gguf_id, elements, bytes) {DType::k##id, name, gguf_id, elements, bytes},
    VIVACE_DTYPES(VIVACE_X)
#undef VIVACE_X
};

// By ActivationType.
constexpr DType kRowTypes[] = {DType::kU8Group32,  DType::kU8Group64, DType::kU8Token,
                               DType::kI16Group32, DType::kBF16Rows,  DType::kF32Rows};
static_assert(std::size(kRowTypes) == std::size(kActivationRows));

}  // namespace

const DTypeRow& Row(DType type) {
  const auto index = static_cast<std::size_t>(type);
  VIVACE_CHECK(index < std::size(kRows));
  return kRows[index];
}

std::optional<DType> DTypeFromGguf(std::uint32_t gguf_id) {
  for (const DTypeRow& row : kRows) {
    if (row.gguf_id >= 0 && static_cast<std::uint32_t>(row.gguf_id) == gguf_id) return row.id;
  }
  return std::nullopt;
}

std::optional<DType> DTypeFromName(std::string_view name) {
  for (const DTypeRow& row : kRows) {
    if (row.name == name) return row.id;
  }
  return std::nullopt;
}

std::optional<ActivationType> ActivationOf(DType type) {
  const auto* found = std::find(std::begin(kRowTypes), std::end(kRowTypes), type);
  if (found == std::end(kRowTypes)) return std::nullopt;
  return static_cast<ActivationType>(found - std::begin(kRowTypes));
}

DType DTypeOf(ActivationType type) {
  return kRowTypes[static_cast<std::size_t>(type)];
}

}  // namespace vivace::tensor
