#include "kernels/panel_finish.h"

#include <algorithm>
#include <array>
#include <cstring>

#include "kernels/gemm_epilogue.h"

namespace vivace::kernels {

using tensor::QuantizedRows;

namespace {

constexpr int kUnit = tensor::PanelLayout::kUnitColumns;

std::int64_t Address(const void* pointer) {
  return reinterpret_cast<std::int64_t>(pointer);
}

using EpilogueArguments = std::array<std::int64_t, kEpilogueArguments>;

EpilogueArguments CommonArguments(const TileResult& tile) {
  EpilogueArguments a{};
  a[kResult] = Address(tile.values);
  a[kRows] = tile.rows;
  a[kRowScale] = Address(tile.row_scale);
  a[kLaneScratch] = Address(tile.lanes);
  return a;
}

void FinishQkv(const TileResult& tile, int unit) {
  const PanelGemmArgs& args = tile.args;
  const tensor::KvLayout& kv = args.kv;
  const int head_units = kv.head_dim / kUnit;
  const int query_units = args.spec.heads * head_units, key_units = kv.kv_heads * head_units;
  const std::ptrdiff_t row = tile.first_row;
  const int part = unit < query_units ? 0 : unit < query_units + key_units ? 1 : 2;
  const int local = part == 0 ? unit : part == 1 ? unit - query_units : unit - query_units - key_units;
  const int head = local / head_units, half = local % head_units;
  EpilogueArguments a = CommonArguments(tile);
  a[kPositions] = Address(tile.context.step.positions + row);
  a[kRopeTable] = Address(args.rope_table + half * (kUnit / 2));
  a[kSlots] = Address(tile.context.step.kv_slots + row);
  if (part == 0) a[kOutput] = Address(args.q + row * args.spec.heads * kv.head_dim + local * kUnit);
  if (part == 1) a[kCache] = Address(args.kv_layer + kv.k_offset(head, half * kUnit, 0));
  if (part == 2) a[kCache] = Address(args.kv_layer + kv.v_element_offset(head, 0, half * kUnit));
  args.code.epilogue[part](a.data());
}

void FinishResidual(const TileResult& tile, int unit) {
  const PanelGemmArgs& args = tile.args;
  const int hidden = args.spec.hidden;
  const QuantizedRows rows{hidden};
  const std::ptrdiff_t row = tile.first_row;
  std::byte* output = args.output + row * rows.row_stride();
  EpilogueArguments a = CommonArguments(tile);
  a[kOutput] = Address(args.residual + row * hidden + unit * kUnit);
  a[kNormWeight] = Address(args.norm_weight + unit * kUnit);
  a[kSquares] = Address(args.squares_out + row * SquareStride(hidden) + unit);
  a[kQuantized] = Address(output + unit * kUnit);
  a[kParameters] = Address(output + rows.scale_offset() + unit * sizeof(float));
  args.code.epilogue[0](a.data());
}

void FinishSiluMul(const TileResult& tile, int unit) {
  const PanelGemmArgs& args = tile.args;
  const QuantizedRows rows{args.spec.output_k};
  const int group = unit / 2;  // gate and up units alternate
  std::byte* output = args.output + static_cast<std::ptrdiff_t>(tile.first_row) * rows.row_stride();
  EpilogueArguments a = CommonArguments(tile);
  a[kOutput] = Address(output + group * kUnit);
  a[kParameters] = Address(output + rows.scale_offset() + group * sizeof(float));
  args.code.epilogue[0](a.data());
}

void FinishLogits(const TileResult& tile, int unit) {
  const PanelGemmArgs& args = tile.args;
  const std::ptrdiff_t n = args.spec.n;
  float* out = args.logits + static_cast<std::ptrdiff_t>(tile.first_row) * n + unit * kUnit;
  EpilogueArguments a = CommonArguments(tile);
  const std::ptrdiff_t columns = std::min<std::ptrdiff_t>(kUnit, n - unit * kUnit);
  if (columns == kUnit) {
    a[kOutput] = Address(out);
    args.code.epilogue[0](a.data());
    return;
  }
  // The last unit is cut off: finish a row in scratch and copy what exists.
  a[kRows] = 1;
  a[kOutput] = a[kLaneScratch];
  for (int r = 0; r < tile.rows; ++r) {
    args.code.epilogue[0](a.data());
    std::memcpy(out + r * n, tile.lanes, columns * sizeof(float));
    a[kResult] += ResultStride(Epilogue::kLogits);
    a[kRowScale] += sizeof(float);
  }
}

}  // namespace

void FinishTile(const TileResult& tile, int unit) {
  switch (tile.args.spec.epilogue) {
    case Epilogue::kQkvRopeAppend:
      return FinishQkv(tile, unit);
    case Epilogue::kResidualQuant:
      return FinishResidual(tile, unit);
    case Epilogue::kSiluMulQuant:
      return FinishSiluMul(tile, unit);
    case Epilogue::kLogits:
      return FinishLogits(tile, unit);
  }
}

}  // namespace vivace::kernels
