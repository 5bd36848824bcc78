// The one list of packed weight classes: how values are coded, over how many k they share a scale, and how
// many bytes that takes. Each type of a checkpoint is packed to the class of its name, which keeps its exact
// values; the classes after them are of checkpoints that were quantised by other tools. The layout itself is
// in packed_panel.h.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

#include "tensor/dtype.h"
#include "tensor/quantized_rows.h"

namespace vivace::tensor {

/// How one weight is coded.
enum class WeightCoding : std::uint8_t {
  kF32,
  kF16,
  kBF16,
  kNibble,      // 0..15
  kNibbleBit,   // 0..31: a nibble plane and a plane of the highest bits
  kSixBits,     // -32..31: a nibble plane of the upper four bits and a plane of the lower two
  kSignedByte,  // -128..127
};

/// How the weights of a group become values.
enum class WeightScale : std::uint8_t {
  kNone,
  kF16,           // value = scale * (code + offset)
  kF16Minimum,    // value = scale * code + minimum
  kSuper,         // f16 d per 256, s8 scale per 16: value = d * scale * code
  kSuperMinimum,  // f16 d, m per 256, u8 scale and minimum per 32: value = d * scale * code - m * minimum
  kChannel,       // f32 scale per column
};

//  id  name  k of a block  bytes of a block (32 columns)  k that share a scale  coding  scales  offset
//  activations
#define VIVACE_WEIGHT_CLASSES(X)                                                   \
  X(F32, "f32", 1, 128, 0, kF32, kNone, 0, kF32)                                   \
  X(F16, "f16", 1, 64, 0, kF16, kNone, 0, kF32)                                    \
  X(BF16, "bf16", 2, 128, 0, kBF16, kNone, 0, kF32)                                \
  X(Q4_0, "q4_0", 32, 576, 32, kNibble, kF16, -8, kU8Group32)                      \
  X(Q4_1, "q4_1", 32, 640, 32, kNibble, kF16Minimum, 0, kU8Group32)                \
  X(Q5_0, "q5_0", 32, 704, 32, kNibbleBit, kF16, -16, kU8Group32)                  \
  X(Q5_1, "q5_1", 32, 768, 32, kNibbleBit, kF16Minimum, 0, kU8Group32)             \
  X(Q8_0, "q8_0", 32, 1088, 32, kSignedByte, kF16, 0, kU8Group32)                  \
  X(Q4_K, "q4_k", 256, 4736, 32, kNibble, kSuperMinimum, 0, kU8Group32)            \
  X(Q5_K, "q5_k", 256, 5760, 32, kNibbleBit, kSuperMinimum, 0, kU8Group32)         \
  X(Q6_K, "q6_k", 256, 6720, 16, kSixBits, kSuper, 0, kU8Group32)                  \
  X(Int4Group64, "int4g64", 64, 1152, 64, kNibble, kF16Minimum, 0, kU8Group64)     \
  X(Int4Group128, "int4g128", 128, 2176, 128, kNibble, kF16Minimum, 0, kU8Group64) \
  X(Int8Group64, "int8g64", 64, 2112, 64, kSignedByte, kF16, 0, kU8Group64)        \
  X(Int8Group128, "int8g128", 128, 4160, 128, kSignedByte, kF16, 0, kU8Group64)    \
  X(Int8Channel, "int8", 32, 1024, 0, kSignedByte, kChannel, 0, kU8Group64)

enum class WeightClass : std::uint8_t {
#define VIVACE_X(id, ...) k##id,
  VIVACE_WEIGHT_CLASSES(VIVACE_X)
#undef VIVACE_X
};
#define VIVACE_X(...) +1
inline constexpr int kWeightClasses = 0 VIVACE_WEIGHT_CLASSES(VIVACE_X);
#undef VIVACE_X

struct WeightClassRow {
  WeightClass id;
  std::string_view name;
  int block_k;
  int block_bytes;
  int scale_group;
  WeightCoding coding;
  WeightScale scales;
  int offset;
  ActivationType activation;  // by default (design: activations by weight class); kF32 stands for bf16 too
                              // where the target says so
};
inline constexpr WeightClassRow kWeightClassRows[] = {
#define VIVACE_X(id, name, block_k, block_bytes, group, coding, scales, offset, activation) \
  {WeightClass::k##id,  name,   block_k,                                                    \
   block_bytes,         group,  WeightCoding::coding,                                       \
   WeightScale::scales, offset, ActivationType::activation},
    VIVACE_WEIGHT_CLASSES(VIVACE_X)
#undef VIVACE_X
};
constexpr const WeightClassRow& Row(WeightClass weights) {
  return kWeightClassRows[static_cast<std::size_t>(weights)];
}

/// The class of a checkpoint type; both lists begin with the same types in the same order.
constexpr WeightClass ClassOf(DType type) {
  return static_cast<WeightClass>(type);
}
/// The checkpoint type that packs to this class; none for those of other tools.
constexpr std::optional<DType> DTypeOf(WeightClass weights) {
  if (static_cast<int>(weights) >= kWeightTypes) return std::nullopt;
  return static_cast<DType>(weights);
}
static_assert(ClassOf(DType::kF32) == WeightClass::kF32 && ClassOf(DType::kQ6_K) == WeightClass::kQ6_K);

}  // namespace vivace::tensor
