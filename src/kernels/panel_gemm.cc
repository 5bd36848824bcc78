// Drivers of the fused GEMM phases: split a phase into tasks of columns x rows, and run tiles and epilogues
// of one task. See panel.h. Pure functions; a task writes what its arguments say and its worker's scratch, so
// tasks run on any worker at the same time.
#include <algorithm>
#include <array>
#include <cstring>

#include "kernels/float_tile.h"
#include "kernels/float_tile_expand.h"
#include "kernels/gemm_epilogue.h"
#include "kernels/gemm_tile.h"
#include "kernels/panel.h"
#include "kernels/panel_finish.h"
#include "kernels/panel_functions.h"
#include "kernels/tile_rules.h"

namespace vivace::kernels {

using tensor::PanelLayout;
using tensor::QuantizedRows;
using tensor::StepView;

namespace {

constexpr int kUnit = PanelLayout::kUnitColumns;
// Rows of one task at most: they should stay in the second cache level.
constexpr int kRowBlock = 258;
// k of a slice of an expanded unit (kSliceK) where there are few rows: while they are multiplied with it, the
// prefetch of its expansion brings the next one. A multiple of every class's block.
constexpr int kShortSliceK = 256;
constexpr int kShortSliceRows = 64;

std::int64_t Address(const void* pointer) {
  return reinterpret_cast<std::int64_t>(pointer);
}

PanelLayout Layout(const PanelGemmSpec& spec) {
  return {spec.type, spec.k, spec.epilogue.n};
}

int TileUnits(const PanelGemmSpec& spec) {
  return spec.epilogue.units;
}

// Of one task, a multiple of a tile's.
int TaskUnits(const PanelGemmArgs& args) {
  const int units = TileUnits(args.spec);
  const int rule = args.spec.epilogue.n >= kManyColumns ? kUnitsPerTask : units;
  const int wanted = args.plan.task_units > 0 ? args.plan.task_units : rule;
  return std::max(1, wanted / units) * units;
}

int ColumnTasks(const PanelGemmArgs& args) {
  return (UnitCount(args.spec.epilogue) + TaskUnits(args) - 1) / TaskUnits(args);
}

int SliceK(const PanelGemmSpec& spec, int rows) {
  if (UsesPacked(spec)) return kFloatSliceK;
  if (ExpandsToFloat(spec)) return kFloatExpandSliceK;
  if (spec.k <= kSliceK) return spec.k;
  return rows <= kShortSliceRows ? kShortSliceK : kSliceK;
}

// Of one expanded unit, so many k of it.
std::size_t ExpandedBytes(const PanelGemmSpec& spec, int slice_k) {
  if (UsesPacked(spec)) return 0;
  return ExpandsToFloat(spec) ? FloatExpandBytes(slice_k)
                              : ExpandedUnit{spec.type, spec.activation}.bytes(slice_k);
}

constexpr std::size_t Lines(std::size_t bytes) {
  return (bytes + 63) / 64 * 64;
}

// Scratch of a task: lanes | row scales | results of a tile, of all rows where k may be cut into slices | a
// slice of the expanded units | gathered rows and squares.
constexpr std::size_t kRowScaleOffset = Lines(kLaneBytes);
constexpr std::size_t kResultOffset = kRowScaleOffset + Lines((kRowBlock + 16) * sizeof(float));

// Fewer rows where a tile has many units: their slices take room of the scratch, too.
int BlockRows(const PanelGemmSpec& spec) {
  return kRowBlock * 2 / std::max(2, TileUnits(spec));
}

std::size_t ResultBytes(const PanelGemmSpec& spec) {
  const int rows = spec.k > SliceK(spec, kRowBlock) ? BlockRows(spec) : kShortSliceRows;
  return static_cast<std::size_t>(rows) * ResultStride(spec.epilogue);
}

std::size_t ExpandedOffset(const PanelGemmSpec& spec) {
  return kResultOffset + ResultBytes(spec);
}

QuantizedRows InputLayout(const PanelGemmSpec& spec) {
  return {spec.k, spec.activation};
}

// Bytes of one row of partial squares, if the phase reads any.
std::size_t SquareBytes(const PanelGemmSpec& spec) {
  return NeedsRowScale(spec.epilogue) ? SquareStride(spec.epilogue.hidden) * sizeof(float) : 0;
}

// Bytes of one gathered row: its activations and its partial squares.
std::size_t GatheredRowBytes(const PanelGemmSpec& spec) {
  return static_cast<std::size_t>(InputLayout(spec).row_stride()) + SquareBytes(spec);
}

std::size_t GatherOffset(const PanelGemmArgs& args) {
  const PanelGemmSpec& spec = args.spec;
  if (args.code.expanded_rows == 0) return ExpandedOffset(spec);
  return ExpandedOffset(spec) +
         TileUnits(spec) * ExpandedBytes(spec, std::min(spec.k, SliceK(spec, kRowBlock)));
}

int MaximumBlockRows(const PanelGemmArgs& args) {
  if (!args.spec.gathered) return BlockRows(args.spec);
  const std::size_t room = (kScratchBytes - GatherOffset(args)) / GatheredRowBytes(args.spec);
  return static_cast<int>(std::clamp<std::size_t>(room, 1, BlockRows(args.spec)));
}

int InputRows(const PanelGemmSpec& spec, const StepView& step) {
  return spec.gathered ? step.logit_count : step.rows;
}

int RowBlocks(const PanelGemmArgs& args, int rows) {
  const int maximum = MaximumBlockRows(args);
  return (rows + maximum - 1) / maximum;
}

// Rows that a task works on: consecutive in memory from `input`, numbered from `first` in the outputs.
struct RowBlock {
  const std::byte* input;
  const float* squares;
  int first;
  int rows;
};

// What every tile of a task needs, worked out once: tiles of a short k are done in less than a microsecond.
struct Task {
  Task(const PanelGemmArgs& arguments, const TaskContext& where, const RowBlock& rows)
      : args(arguments),
        context(where),
        block(rows),
        uses_packed(UsesPacked(args.spec)),
        needs_row_scale(NeedsRowScale(args.spec.epilogue)),
        one_slice(IsOneSlice(args.spec)),
        units(TileUnits(args.spec)),
        group(InputLayout(args.spec).is_float() ? kFloatGroupK : InputLayout(args.spec).group()),
        element_bytes(tensor::Row(args.spec.activation).element_bytes),
        slice_k(SliceK(args.spec, rows.rows)),
        result_stride(ResultStride(args.spec.epilogue)),
        row_stride(InputLayout(args.spec).row_stride()),
        scale_offset(InputLayout(args.spec).scale_offset()),
        unit_bytes(Layout(args.spec).unit_bytes()),
        values(where.scratch + kResultOffset),
        expanded(where.scratch + ExpandedOffset(args.spec)) {}

  const PanelGemmArgs& args;
  const TaskContext& context;
  const RowBlock block;
  const bool uses_packed, needs_row_scale, one_slice;
  const int units;  // of a tile
  const int group, element_bytes;
  const int slice_k, result_stride;
  const std::ptrdiff_t row_stride, scale_offset;  // of the activations
  const std::size_t unit_bytes;
  std::byte* const values;    // results of tiles
  std::byte* const expanded;  // a slice of each of the tile's units
};

// Rows of one tile of a task.
struct TileRows {
  int first;  // in the block
  int rows;
};

// Splits `rows` into as few tiles as can be, of sizes that differ by one at most.
template <class Body>
void ForEachTile(int rows, int largest, Body body) {
  const int tiles = (rows + largest - 1) / largest;
  for (int i = 0, first = 0; i < tiles; ++i) {
    const int count = rows / tiles + (i < rows % tiles ? 1 : 0);
    body(TileRows{first, count});
    first += count;
  }
}

void Finish(const Task& task, int unit, const TileRows& tile, const std::byte* values) {
  std::byte* scratch = task.context.scratch;
  FinishTile({.epilogue = task.args.spec.epilogue,
              .out = task.args.out,
              .code = task.args.code.finish,
              .step = task.context.step,
              .first_row = task.block.first + tile.first,
              .rows = tile.rows,
              .values = reinterpret_cast<const float*>(values),
              .row_scale = reinterpret_cast<const float*>(scratch + kRowScaleOffset) + tile.first,
              .lanes = scratch},
             unit);
}

// Rows of a tile at most, of a kind that has tiles of up to `largest`.
int Height(const PanelGemmArgs& args, int largest) {
  return args.plan.direct_rows > 0 ? std::min(args.plan.direct_rows, largest) : largest;
}

// The task's rows times units unit .. unit + TileUnits - 1, tile by tile.
void RunDirect(const Task& task, int unit) {
  const PanelGemmArgs& args = task.args;
  ForEachTile(task.block.rows, Height(args, args.code.direct_rows), [&](const TileRows& tile) {
    for (int i = 0; i < task.units; ++i) {
      const std::int64_t a[kTileArguments] = {Address(task.block.input + tile.first * task.row_stride),
                                              Address(args.weights + (unit + i) * task.unit_bytes),
                                              Address(task.values + i * kUnit * sizeof(float))};
      args.code.tile[tile.rows - 1](a);
    }
    Finish(task, unit, tile, task.values);
  });
}

// A slice of k of the units from `unit` on: of unit unit + i, `bytes` * i behind `weights`.
struct Slice {
  int unit;
  int first_k;
  int k;
  const std::byte* weights;
  std::size_t bytes;
};

// The slice as it is packed.
Slice PackedSlice(const Task& task, int unit, int first_k, int k) {
  const tensor::WeightClassRow& row = tensor::Row(task.args.spec.type);
  const std::byte* blocks = task.args.weights + unit * task.unit_bytes +
                            static_cast<std::ptrdiff_t>(first_k / row.block_k) * row.block_bytes;
  return {unit, first_k, k, blocks, task.unit_bytes};
}

// The slice in the task's scratch, its codes expanded.
Slice Expand(const Task& task, const Slice& packed) {
  const PanelGemmSpec& spec = task.args.spec;
  const std::size_t bytes = ExpandedBytes(spec, packed.k);
  const std::byte* trailers =
      task.args.weights + (packed.unit + 1) * task.unit_bytes - Layout(spec).trailer_bytes();
  for (int i = 0; i < task.units; ++i) {
    const std::int64_t a[kExpandArguments] = {
        Address(packed.weights + i * packed.bytes), Address(task.expanded + i * bytes),
        packed.k / tensor::Row(spec.type).block_k, Address(trailers + i * task.unit_bytes)};
    task.args.code.expand(a);
  }
  return {packed.unit, packed.first_k, packed.k, task.expanded, bytes};
}

// Adds a tile's products with the slice to its values.
void RunSliceTile(const Task& task, const TileRows& tile, const Slice& slice, int groups, std::byte* values) {
  const std::byte* input = task.block.input + tile.first * task.row_stride;
  for (int i = 0; i < task.units; ++i) {
    const std::int64_t a[kTileArguments] = {
        Address(input + slice.first_k * task.element_bytes), Address(slice.weights + i * slice.bytes),
        Address(values + i * kUnit * sizeof(float)),
        Address(input + task.scale_offset + slice.first_k / task.group * sizeof(float)), groups};
    task.args.code.expanded[tile.rows - 1](a);
  }
}

// As RunDirect, in slices of k that are expanded once for all rows.
void RunSlices(const Task& task, int unit) {
  const int k = task.args.spec.k, stride = task.result_stride;
  for (int first_k = 0; first_k < k; first_k += task.slice_k) {
    Slice slice = PackedSlice(task, unit, first_k, std::min(k - first_k, task.slice_k));
    if (!task.uses_packed) slice = Expand(task, slice);
    const int groups = slice.k / task.group;
    ForEachTile(task.block.rows, Height(task.args, task.args.code.expanded_rows), [&](const TileRows& tile) {
      std::byte* values = task.values;
      if (k > task.slice_k) values += static_cast<std::ptrdiff_t>(tile.first) * stride;
      if (first_k == 0 && !task.one_slice)
        std::memset(values, 0, static_cast<std::size_t>(tile.rows) * stride);
      const bool is_last = first_k + slice.k == k;
      if (is_last) {
        PrefetchTile(task.args.spec.epilogue, task.args.out, task.block.first + tile.first, tile.rows, unit);
      }
      RunSliceTile(task, tile, slice, groups, values);
      if (is_last) Finish(task, unit, tile, values);
    });
  }
}

void RunUnit(const Task& task, int unit) {
  const PanelGemmCode& code = task.args.code;
  const TilePlan& plan = task.args.plan;
  const bool many =
      plan.direct_rows > 0 ? plan.expand : task.block.rows > MostDirectRows(task.args.spec, code.direct_rows);
  code.direct_rows == 0 || (code.expanded_rows > 0 && many) ? RunSlices(task, unit) : RunDirect(task, unit);
}

// Gathered rows need not be neighbours: copies them together, unless they are.
RowBlock GatheredBlock(const PanelGemmArgs& args, const TaskContext& context, int first, int rows) {
  const std::ptrdiff_t row_stride = InputLayout(args.spec).row_stride();
  const std::ptrdiff_t square_bytes = static_cast<std::ptrdiff_t>(SquareBytes(args.spec));
  const auto* from_squares = reinterpret_cast<const std::byte*>(args.out.squares_in);
  const std::int32_t* wanted = context.step.logit_rows + first;
  const std::ptrdiff_t start = wanted[0];
  if (wanted[rows - 1] - start == rows - 1) {
    return {args.input + start * row_stride,
            reinterpret_cast<const float*>(square_bytes == 0 ? nullptr : from_squares + start * square_bytes),
            first, rows};
  }
  std::byte* input = context.scratch + GatherOffset(args);
  std::byte* squares = input + rows * row_stride;
  for (int r = 0; r < rows; ++r) {
    std::memcpy(input + r * row_stride, args.input + wanted[r] * row_stride, row_stride);
    if (square_bytes != 0)
      std::memcpy(squares + r * square_bytes, from_squares + wanted[r] * square_bytes, square_bytes);
  }
  return {input, reinterpret_cast<const float*>(squares), first, rows};
}

RowBlock BlockOf(const PanelGemmArgs& args, const TaskContext& context, int index) {
  const int rows = InputRows(args.spec, context.step);
  const int blocks = RowBlocks(args, rows);
  const int first = static_cast<int>(static_cast<std::int64_t>(rows) * index / blocks);
  const int end = static_cast<int>(static_cast<std::int64_t>(rows) * (index + 1) / blocks);
  if (args.spec.gathered) return GatheredBlock(args, context, first, end - first);
  const std::ptrdiff_t row_stride = InputLayout(args.spec).row_stride();
  const float* squares = args.out.squares_in;
  if (squares != nullptr)
    squares += static_cast<std::ptrdiff_t>(first) * SquareStride(args.spec.epilogue.hidden);
  return {args.input + first * row_stride, squares, first, end - first};
}

int Grid(const void* arguments, const StepView& step) {
  const auto& args = *static_cast<const PanelGemmArgs*>(arguments);
  return ColumnTasks(args) * RowBlocks(args, InputRows(args.spec, step));
}

void Run(const void* arguments, int index, const TaskContext& context) {
  const auto& args = *static_cast<const PanelGemmArgs*>(arguments);
  const int column_tasks = ColumnTasks(args);
  const Task task(args, context, BlockOf(args, context, index / column_tasks));
  if (task.needs_row_scale) {
    MakeRowScales(args.code.finish, task.block.squares, task.block.rows,
                  reinterpret_cast<float*>(context.scratch + kRowScaleOffset));
  }
  const int first = index % column_tasks * TaskUnits(args);
  const int end = std::min(first + TaskUnits(args), UnitCount(args.spec.epilogue));
  for (int unit = first; unit < end; unit += task.units) RunUnit(task, unit);
}

}  // namespace

TaskKernel PanelGemmKernel() {
  return {Grid, Run};
}

}  // namespace vivace::kernels
