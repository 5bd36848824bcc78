// Row-wise portable kernels: each task takes kPortableTaskRows rows. Included only by portable_kernels.h (see
// there).
#pragma once

#include <cstddef>
#include <cstdint>

#include "kernels/portable.h"
#include "kernels/portable_tables.h"
#include "kernels/portable_vector.h"

namespace vivace::kernels {
namespace {

struct RowRange {
  int first, last;
};
VIVACE_INLINE RowRange RowsOfTask(int task, int rows) {
  const int first = task * kPortableTaskRows;
  return {first, rows - first < kPortableTaskRows ? rows : first + kPortableTaskRows};
}

/// The first `count` (< kLanes) floats at p, zeros above.
VIVACE_INLINE V LoadSome(const float* p, int count) {
  V v = {};
  __builtin_memcpy(&v, p, static_cast<std::size_t>(count) * sizeof(float));
  return v;
}
VIVACE_INLINE void StoreSome(float* p, V v, int count) {
  __builtin_memcpy(p, &v, static_cast<std::size_t>(count) * sizeof(float));
}

/// out[i] = op(a[i], b[i]) over [0, n).
template <class Operation>
VIVACE_INLINE void Map(const float* a, const float* b, float* out, std::size_t n, Operation op) {
  std::size_t i = 0;
  for (; i + kLanes <= n; i += kLanes) Store(out + i, op(Load(a + i), Load(b + i)));
  const int left = static_cast<int>(n - i);
  if (left != 0) StoreSome(out + i, op(LoadSome(a + i, left), LoadSome(b + i, left)), left);
}

void Add(const void* arguments, int task, const TaskContext& context) {
  const AddArgs& args = *static_cast<const AddArgs*>(arguments);
  const RowRange rows = RowsOfTask(task, context.step.rows);
  const std::size_t begin = static_cast<std::size_t>(rows.first) * args.width;
  const std::size_t count = static_cast<std::size_t>(rows.last - rows.first) * args.width;
  Map(args.a + begin, args.b + begin, args.out + begin, count, [](V a, V b) { return a + b; });
}

/// A stretch of whole rows, as an elementwise kernel takes it.
struct Stretch {
  std::size_t begin, count;
};
VIVACE_INLINE Stretch StretchOf(int task, int rows, int width) {
  const RowRange range = RowsOfTask(task, rows);
  return {static_cast<std::size_t>(range.first) * width,
          static_cast<std::size_t>(range.last - range.first) * width};
}

void AddBias(const void* arguments, int task, const TaskContext& context) {
  const AddBiasArgs& args = *static_cast<const AddBiasArgs*>(arguments);
  const RowRange rows = RowsOfTask(task, context.step.rows);
  for (int r = rows.first; r < rows.last; ++r) {
    const std::size_t begin = static_cast<std::size_t>(r) * args.width;
    Map(args.x + begin, args.bias, args.out + begin, static_cast<std::size_t>(args.width),
        [](V x, V bias) { return x + bias; });
  }
}

void Scale(const void* arguments, int task, const TaskContext& context) {
  const ScaleArgs& args = *static_cast<const ScaleArgs*>(arguments);
  const Stretch part = StretchOf(task, context.step.rows, args.width);
  const V scale = Splat(args.scale);
  Map(args.x + part.begin, args.x + part.begin, args.out + part.begin, part.count,
      [scale](V x, V) { return x * scale; });
}

void Softcap(const void* arguments, int task, const TaskContext& context) {
  const SoftcapArgs& args = *static_cast<const SoftcapArgs*>(arguments);
  const int rows = args.logit_rows_only ? context.step.logit_count : context.step.rows;
  const Stretch part = StretchOf(task, rows, args.width);
  const V cap = Splat(args.softcap);
  Map(args.x + part.begin, args.x + part.begin, args.out + part.begin, part.count,
      [cap](V x, V) { return SoftCapped(x, cap); });
}

void SiluMul(const void* arguments, int task, const TaskContext& context) {
  const SiluMulArgs& args = *static_cast<const SiluMulArgs*>(arguments);
  const Stretch part = StretchOf(task, context.step.rows, args.width);
  Map(args.gate + part.begin, args.up + part.begin, args.out + part.begin, part.count,
      [](V gate, V up) { return gate / (Splat(1.0f) + Exp(-gate)) * up; });
}

/// 0.5 x (1 + tanh(sqrt(2 / pi) (x + 0.044715 x^3))).
void GeluMul(const void* arguments, int task, const TaskContext& context) {
  const SiluMulArgs& args = *static_cast<const SiluMulArgs*>(arguments);
  const Stretch part = StretchOf(task, context.step.rows, args.width);
  Map(args.gate + part.begin, args.up + part.begin, args.out + part.begin, part.count, [](V gate, V up) {
    const V inner = Fma(gate * gate * gate, Splat(0.044715f), gate) * Splat(0.7978845608f);
    return Splat(0.5f) * gate * (Splat(1.0f) + Tanh(inner)) * up;
  });
}

/// One stretch of `width` values.
VIVACE_INLINE void NormStretch(const RmsNormArgs& args, const float* x, float* out) {
  V squares = {};
  int i = 0;
  for (; i + kLanes <= args.width; i += kLanes) squares = Fma(Load(x + i), Load(x + i), squares);
  if (i < args.width) {
    const V rest = LoadSome(x + i, args.width - i);
    squares = Fma(rest, rest, squares);
  }
  const float mean = SumLanes(squares) / static_cast<float>(args.width);
  const V inverse = Splat(1.0f / __builtin_sqrtf(mean + args.eps)), offset = Splat(args.offset);
  Map(x, args.weight, out, static_cast<std::size_t>(args.width),
      [inverse, offset](V value, V weight) { return value * inverse * (weight + offset); });
}

void RmsNorm(const void* arguments, int task, const TaskContext& context) {
  const RmsNormArgs& args = *static_cast<const RmsNormArgs*>(arguments);
  const RowRange rows = RowsOfTask(task, context.step.rows);
  for (int i = rows.first * args.groups; i < rows.last * args.groups; ++i) {
    const std::size_t begin = static_cast<std::size_t>(i) * args.width;
    NormStretch(args, args.x + begin, args.out + begin);
  }
}

void Rope(const void* arguments, int task, const TaskContext& context) {
  const RopeArgs& args = *static_cast<const RopeArgs*>(arguments);
  const RowRange rows = RowsOfTask(task, context.step.rows);
  const int half = args.head_dim / 2;
  for (int r = rows.first; r < rows.last; ++r) {
    const float* cosines = args.table + static_cast<std::size_t>(context.step.positions[r]) * args.head_dim;
    const float* sines = cosines + half;
    for (int head = 0; head < args.heads; ++head) {
      float* x = args.x + (static_cast<std::size_t>(r) * args.heads + head) * args.head_dim;
      for (int i = 0; i < half; ++i) {
        float& first = args.half ? x[i] : x[2 * i];
        float& second = args.half ? x[half + i] : x[2 * i + 1];
        const float a = first, b = second;
        first = FmaScalar(a, cosines[i], -(b * sines[i]));
        second = FmaScalar(a, sines[i], b * cosines[i]);
      }
    }
  }
}

void GatherRows(const void* arguments, int task, const TaskContext& context) {
  const GatherRowsArgs& args = *static_cast<const GatherRowsArgs*>(arguments);
  const RowRange rows = RowsOfTask(task, context.step.logit_count);
  for (int r = rows.first; r < rows.last; ++r) {
    const float* source = args.x + static_cast<std::size_t>(context.step.logit_rows[r]) * args.width;
    __builtin_memcpy(args.out + static_cast<std::size_t>(r) * args.width, source,
                     static_cast<std::size_t>(args.width) * sizeof(float));
  }
}

/// The strides of tensor::KvLayout, in elements of the cache; see tensor/kv_layout.h.
struct CacheShape {
  std::size_t head, block, v_offset;
};
VIVACE_INLINE CacheShape ShapeOf(const tensor::KvLayout& layout) {
  const std::size_t keys = static_cast<std::size_t>(layout.head_dim) * tensor::KvLayout::kBlockTokens;
  return {2 * keys, 2 * keys * layout.kv_heads, keys};
}

VIVACE_INLINE void StoreElement(float* p, float value) {
  *p = value;
}
VIVACE_INLINE void StoreElement(std::uint16_t* p, float value) {
  *p = FloatToHalf(value);
}

template <class Element>
void AppendRow(const KvAppendArgs& args, int row, int slot_of_pool) {
  constexpr int kSlots = tensor::KvLayout::kBlockTokens;
  const CacheShape shape = ShapeOf(args.layout);
  Element* block =
      reinterpret_cast<Element*>(args.layer) + static_cast<std::size_t>(slot_of_pool / kSlots) * shape.block;
  const int slot = slot_of_pool % kSlots;
  const int dim = args.layout.head_dim;
  const std::size_t width = static_cast<std::size_t>(args.layout.kv_heads) * dim;
  for (int head = 0; head < args.layout.kv_heads; ++head) {
    const float* k = args.k + row * width + static_cast<std::size_t>(head) * dim;
    const float* v = args.v + row * width + static_cast<std::size_t>(head) * dim;
    Element* keys = block + head * shape.head + slot;
    Element* values = block + shape.v_offset + head * shape.head + static_cast<std::size_t>(slot) * dim;
    for (int d = 0; d < dim; ++d) {
      StoreElement(keys + d * kSlots, k[d]);
      StoreElement(values + d, v[d]);
    }
  }
}

void KvAppend(const void* arguments, int task, const TaskContext& context) {
  const KvAppendArgs& args = *static_cast<const KvAppendArgs*>(arguments);
  const RowRange rows = RowsOfTask(task, context.step.rows);
  for (int r = rows.first; r < rows.last; ++r) {
    if (args.layout.type == tensor::DType::kF32) {
      AppendRow<float>(args, r, context.step.kv_slots[r]);
    } else {
      AppendRow<std::uint16_t>(args, r, context.step.kv_slots[r]);
    }
  }
}

}  // namespace
}  // namespace vivace::kernels
