#include "tensor/dequantize.h"

#include "base/check.h"
#include "tensor/types/types.h"

#if defined(__FMA__)
#error "dequantize.cc must round products before sums: compile it for a machine without FMA"
#endif

namespace vivace::tensor {

std::size_t RowBytes(DType type, std::int64_t elements) {
  const DTypeRow& row = Row(type);
  VIVACE_DCHECK(elements >= 0 && elements % row.block_elements == 0);
  return static_cast<std::size_t>(elements / row.block_elements) * static_cast<std::size_t>(row.block_bytes);
}

bool CanDequantize(DType type) {
  return static_cast<int>(type) < kWeightTypes;
}

void DequantizeRow(DType type, const std::byte* src, std::int64_t elements, float* out) {
  VIVACE_DCHECK(elements % Row(type).block_elements == 0);
  using Reader = void (*)(const std::byte*, std::int64_t, float*);
  static constexpr Reader kReaders[] = {
#define VIVACE_X(id, ...) types::ReadRow<types::id>,
      VIVACE_WEIGHT_DTYPES(VIVACE_X)
#undef VIVACE_X
  };
  VIVACE_CHECK(CanDequantize(type));
  kReaders[static_cast<std::size_t>(type)](src, elements, out);
}

#define VIVACE_X(id, name, gguf_id, elements, bytes)                                \
  static_assert(types::id::kElements % (elements) == 0 &&                           \
                types::id::kBytes == types::id::kElements / (elements) * (bytes) && \
                types::id::kElementBytes == ((elements) == 1 ? (bytes) : 0));
VIVACE_WEIGHT_DTYPES(VIVACE_X)
#undef VIVACE_X

}  // namespace vivace::tensor
