// Drivers of the fused GEMM phases: split a phase into tasks of columns x rows, and run tiles and epilogues
// of one task. See panel.h. Pure functions; a task writes what its arguments say and its worker's scratch, so
// tasks run on any worker at the same time.
#include <algorithm>
#include <array>
#include <cstring>

#include "kernels/gemm_epilogue.h"
#include "kernels/gemm_tile.h"
#include "kernels/panel.h"
#include "kernels/panel_finish.h"

namespace vivace::kernels {

using tensor::PanelLayout;
using tensor::QuantizedRows;
using tensor::StepView;

namespace {

constexpr int kUnit = PanelLayout::kUnitColumns;
// Up to here tiles read packed weights; with more rows a unit is expanded first (both measured: equal at
// about 50 rows).
constexpr int kDirectRows = 8 * kTileRows;
// Rows of one task at most: they should stay in the second cache level.
constexpr int kRowBlock = 86 * kTileRows;
// With many columns a task takes several units.
constexpr int kManyColumns = 8192;
constexpr int kUnitsPerTask = 8;

// Scratch of a task: results of a tile | lanes | row scales | expanded units | gathered rows and squares
// (logits).
constexpr std::size_t kLaneOffset = kTileRows * 2 * kUnit * sizeof(float);
constexpr std::size_t kRowScaleOffset = kLaneOffset + kLaneBytes;
constexpr std::size_t kExpandedOffset = (kRowScaleOffset + (kRowBlock + 16) * sizeof(float) + 63) / 64 * 64;

std::int64_t Address(const void* pointer) {
  return reinterpret_cast<std::int64_t>(pointer);
}

// A tile's units of 32 columns: gate and up go together.
int TileUnits(const PanelGemmSpec& spec) {
  return spec.epilogue == Epilogue::kSiluMulQuant ? 2 : 1;
}

PanelLayout Layout(const PanelGemmSpec& spec) {
  return {spec.type, spec.k, spec.n};
}

int UnitCount(const PanelGemmSpec& spec) {
  return (spec.n + kUnit - 1) / kUnit;
}

int TaskUnits(const PanelGemmSpec& spec) {
  return spec.n >= kManyColumns ? kUnitsPerTask : TileUnits(spec);
}

int ColumnTasks(const PanelGemmSpec& spec) {
  return (UnitCount(spec) + TaskUnits(spec) - 1) / TaskUnits(spec);
}

std::size_t ExpandedBytes(const PanelGemmSpec& spec) {
  return TileUnits(spec) * ExpandedUnit{spec.type, spec.k}.bytes();
}

bool ExpandedFits(const PanelGemmSpec& spec) {
  return kExpandedOffset + ExpandedBytes(spec) <= kScratchBytes;
}

// Bytes of one gathered row: its activations and its partial squares.
std::size_t GatheredRowBytes(const PanelGemmSpec& spec) {
  return static_cast<std::size_t>(QuantizedRows{spec.k}.row_stride()) +
         SquareStride(spec.hidden) * sizeof(float);
}

std::size_t GatherOffset(const PanelGemmSpec& spec) {
  return kExpandedOffset + (ExpandedFits(spec) ? ExpandedBytes(spec) : 0);
}

int MaximumBlockRows(const PanelGemmSpec& spec) {
  if (spec.epilogue != Epilogue::kLogits) return kRowBlock;
  const std::size_t room = (kScratchBytes - GatherOffset(spec)) / GatheredRowBytes(spec);
  return static_cast<int>(std::clamp<std::size_t>(room, 1, kRowBlock));
}

int InputRows(const PanelGemmSpec& spec, const StepView& step) {
  return spec.epilogue == Epilogue::kLogits ? step.logit_count : step.rows;
}

int RowBlocks(const PanelGemmSpec& spec, int rows) {
  const int maximum = MaximumBlockRows(spec);
  return (rows + maximum - 1) / maximum;
}

// Rows that a task works on: consecutive in memory from `input`, numbered from `first` in the outputs.
struct RowBlock {
  const std::byte* input;
  const float* squares;
  int first;
  int rows;
};

struct Task {
  const PanelGemmArgs& args;
  const TaskContext& context;
  RowBlock block;
};

// Rows of one tile of a task.
struct TileRows {
  int first;  // in the block
  int rows;
};

// Splits `rows` into as few tiles as can be, of sizes that differ by one at most.
template <class Body>
void ForEachTile(int rows, Body body) {
  const int tiles = (rows + kTileRows - 1) / kTileRows;
  for (int i = 0, first = 0; i < tiles; ++i) {
    const int count = rows / tiles + (i < rows % tiles ? 1 : 0);
    body(TileRows{first, count});
    first += count;
  }
}

void MakeRowScales(const Task& task) {
  std::array<std::int64_t, kRowScaleArguments> a{};
  a[kScaleSquares] = Address(task.block.squares);
  a[kScaleRows] = task.block.rows;
  a[kScaleResult] = Address(task.context.scratch + kRowScaleOffset);
  task.args.code.row_scale(a.data());
}

// The task's rows times units unit .. unit + TileUnits - 1, tile by tile.
void RunUnit(const Task& task, int unit) {
  const PanelGemmArgs& args = task.args;
  const PanelLayout layout = Layout(args.spec);
  const ExpandedUnit expanded_unit{args.spec.type, args.spec.k};
  const int tile_units = TileUnits(args.spec);
  const bool expands = task.block.rows > kDirectRows && ExpandedFits(args.spec);
  const std::byte* weights = args.weights + unit * layout.unit_bytes();
  std::size_t weight_stride = layout.unit_bytes();
  if (expands) {
    std::byte* expanded = task.context.scratch + kExpandedOffset;
    for (int i = 0; i < tile_units; ++i) {
      const std::int64_t a[kExpandArguments] = {Address(weights + i * weight_stride),
                                                Address(expanded + i * expanded_unit.bytes())};
      args.code.expand(a);
    }
    weights = expanded;
    weight_stride = expanded_unit.bytes();
  }
  const codegen::KernelFn* kernels = expands ? args.code.expanded : args.code.tile;
  const std::ptrdiff_t row_stride = QuantizedRows{args.spec.k}.row_stride();
  ForEachTile(task.block.rows, [&](const TileRows& tile) {
    for (int i = 0; i < tile_units; ++i) {
      const std::int64_t a[kTileArguments] = {Address(task.block.input + tile.first * row_stride),
                                              Address(weights + i * weight_stride),
                                              Address(task.context.scratch + i * kUnit * sizeof(float))};
      kernels[tile.rows - 1](a);
    }
    FinishTile(
        {.args = args,
         .context = task.context,
         .first_row = task.block.first + tile.first,
         .rows = tile.rows,
         .values = reinterpret_cast<const float*>(task.context.scratch),
         .row_scale = reinterpret_cast<const float*>(task.context.scratch + kRowScaleOffset) + tile.first,
         .lanes = task.context.scratch + kLaneOffset},
        unit);
  });
}

// Logit rows need not be neighbours: copies them together, unless they are.
RowBlock LogitBlock(const PanelGemmArgs& args, const TaskContext& context, int first, int rows) {
  const std::ptrdiff_t row_stride = QuantizedRows{args.spec.k}.row_stride();
  const std::ptrdiff_t square_stride = SquareStride(args.spec.hidden);
  const std::int32_t* wanted = context.step.logit_rows + first;
  const std::ptrdiff_t start = wanted[0];
  if (wanted[rows - 1] - start == rows - 1) {
    return {args.input + start * row_stride, args.squares_in + start * square_stride, first, rows};
  }
  std::byte* input = context.scratch + GatherOffset(args.spec);
  float* squares = reinterpret_cast<float*>(input + rows * row_stride);
  for (int r = 0; r < rows; ++r) {
    std::memcpy(input + r * row_stride, args.input + wanted[r] * row_stride, row_stride);
    std::memcpy(squares + r * square_stride, args.squares_in + wanted[r] * square_stride,
                square_stride * sizeof(float));
  }
  return {input, squares, first, rows};
}

RowBlock BlockOf(const PanelGemmArgs& args, const TaskContext& context, int index) {
  const int rows = InputRows(args.spec, context.step);
  const int blocks = RowBlocks(args.spec, rows);
  const int first = static_cast<int>(static_cast<std::int64_t>(rows) * index / blocks);
  const int end = static_cast<int>(static_cast<std::int64_t>(rows) * (index + 1) / blocks);
  if (args.spec.epilogue == Epilogue::kLogits) return LogitBlock(args, context, first, end - first);
  const std::ptrdiff_t row_stride = QuantizedRows{args.spec.k}.row_stride();
  const float* squares = args.squares_in;
  if (squares != nullptr) squares += static_cast<std::ptrdiff_t>(first) * SquareStride(args.spec.hidden);
  return {args.input + first * row_stride, squares, first, end - first};
}

int Grid(const void* arguments, const StepView& step) {
  const PanelGemmSpec& spec = static_cast<const PanelGemmArgs*>(arguments)->spec;
  return ColumnTasks(spec) * RowBlocks(spec, InputRows(spec, step));
}

void Run(const void* arguments, int index, const TaskContext& context) {
  const auto& args = *static_cast<const PanelGemmArgs*>(arguments);
  const int column_tasks = ColumnTasks(args.spec);
  const Task task{args, context, BlockOf(args, context, index / column_tasks)};
  if (args.spec.epilogue != Epilogue::kResidualQuant) MakeRowScales(task);
  const int first = index % column_tasks * TaskUnits(args.spec);
  const int end = std::min(first + TaskUnits(args.spec), UnitCount(args.spec));
  for (int unit = first; unit < end; unit += TileUnits(args.spec)) RunUnit(task, unit);
}

}  // namespace

TaskKernel PanelGemmKernel(Epilogue /*epilogue: one driver serves all*/) {
  return {Grid, Run};
}

}  // namespace vivace::kernels
