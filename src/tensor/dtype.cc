#include "tensor/dtype.h"

#include "base/check.h"

namespace vivace::tensor {
namespace {

constexpr DTypeRow kRows[] = {
#define VIVACE_X(id, name, gguf_id, elements, bytes) {DType::k##id, name, gguf_id, elements, bytes},
    VIVACE_DTYPES(VIVACE_X)
#undef VIVACE_X
};

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

}  // namespace vivace::tensor
