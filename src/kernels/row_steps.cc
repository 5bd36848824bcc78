// row_steps: the steps of a phase on f32 rows of buffers. One plain input is read where it lies, a row at a
// time; gates, parts and other column orders are gathered into tiles as a contraction would leave them. See
// panel.h. Pure functions; tasks write what the arguments say and their worker's scratch.
#include <immintrin.h>

#include <algorithm>
#include <cstring>
#include <string>

#include "base/status_macros.h"
#include "kernels/panel.h"
#include "kernels/panel_finish.h"
#include "kernels/panel_functions.h"
#include "kernels/row_builders.h"

namespace vivace::kernels {

using tensor::ColumnOrder;
using tensor::StepView;

namespace {

constexpr int kUnit = tensor::PanelLayout::kUnitColumns;
constexpr int kHalf = kUnit / 2;
// Values of a task: enough to be worth handing out, few enough for both workers to share.
constexpr int kTaskValues = 8192;
// Rows of a gathered tile, and of a task.
constexpr int kTileRows = 16;
constexpr int kMostRows = 64;

// Scratch of a task: lanes | rs of its rows | a gathered tile.
constexpr std::size_t kScaleOffset = (kLaneBytes + 63) / 64 * 64;
constexpr std::size_t kTileOffset = kScaleOffset + (kMostRows + 16) * sizeof(float);
static_assert(kTileOffset % 64 == 0 && kTileOffset + kTileRows * kMaximumUnits * 128 <= kScratchBytes);

bool ReadsInPlace(const RowStepsSpec& spec) {
  const EpilogueSteps& steps = spec.epilogue.steps[0];
  return spec.inputs == 1 && !steps.gated() && spec.rope_rows == 0 && RunsAlongRows(spec.epilogue);
}

// Rows with a scale per token are made of whole rows, by a kernel of their own.
bool QuantisesTokens(const RowStepsSpec& spec) {
  const TileEpilogue& epilogue = spec.epilogue;
  return epilogue.output == tensor::ActivationType::kU8Token && epilogue.steps[0].size() == 1 &&
         epilogue.steps[0].Has(StepKind::kActivations) && epilogue.n % kUnit == 0 &&
         epilogue.output_k == epilogue.n && ReadsInPlace(spec);
}

// How the phase is cut: blocks of rows times ranges of tiles.
struct Cut {
  int rows, tiles;            // of the phase
  int task_rows, task_tiles;  // of a task

  Cut(const RowStepsSpec& spec, int row_count)
      : rows(row_count), tiles(UnitCount(spec.epilogue) / spec.epilogue.units) {
    const int row_values = std::max(1, UnitCount(spec.epilogue) * kUnit);
    task_rows = std::clamp(kTaskValues / row_values, 1, kMostRows);
    // Few rows are shared out evenly, single ones by columns.
    task_rows = std::min(task_rows, std::max(1, (rows + 3) / 4));
    task_tiles = tiles;
    if (rows < 4 && !QuantisesTokens(spec))
      task_tiles = std::clamp(kTaskValues / 4 / (spec.epilogue.units * kUnit), 1, tiles);
  }
  int row_tasks() const { return (rows + task_rows - 1) / task_rows; }
  int column_tasks() const { return (tiles + task_tiles - 1) / task_tiles; }
};

// 32 columns of a row as a packed unit has them: `from` is the part's row, `unit` its unit.
class Gatherer {
 public:
  Gatherer(const RowStepsArgs& args, int packed_unit)
      : place_(PlaceOf(args.spec.epilogue, packed_unit)), order_(ColumnOrder::kPlain) {
    const TileEpilogue& epilogue = args.spec.epilogue;
    input_ = place_.part;
    column_ = place_.unit * kUnit;
    width_ = PartColumns(epilogue, place_.part);
    if (epilogue.steps[0].gated() && !epilogue.has_parts()) {
      input_ = place_.unit % 2;
      column_ = place_.unit / 2 * kUnit;
      width_ = epilogue.n / 2;
    }
    buffer_ = args.inputs[static_cast<std::size_t>(input_)];
    if (packed_unit * kUnit >= args.spec.rope_rows) return;
    order_ = args.spec.order;
    head_dim_ = args.spec.head_dim;
  }

  void Gather(std::ptrdiff_t row, float* to) const {
    const float* from = buffer_ + row * width_;
    if (order_ == ColumnOrder::kRopeHalves) return Halves(from, to);
    if (order_ == ColumnOrder::kRopePairs) return Pairs(from + column_, to);
    const int count = std::clamp(width_ - column_, 0, kUnit);
    if (count == kUnit) {
      std::memcpy(to, from + column_, kUnit * sizeof(float));
      return;
    }
    std::memset(to, 0, kUnit * sizeof(float));
    if (count > 0) std::memcpy(to, from + column_, static_cast<std::size_t>(count) * sizeof(float));
  }

 private:
  void Halves(const float* from, float* to) const {
    const int head = column_ / head_dim_ * head_dim_, pair = (column_ - head) / 2;
    std::memcpy(to, from + head + pair, kHalf * sizeof(float));
    std::memcpy(to + kHalf, from + head + head_dim_ / 2 + pair, kHalf * sizeof(float));
  }
  static void Pairs(const float* from, float* to) {
    for (int i = 0; i < kHalf; i += 4) {
      const __m128 low = _mm_loadu_ps(from + 2 * i), high = _mm_loadu_ps(from + 2 * i + 4);
      _mm_storeu_ps(to + i, _mm_shuffle_ps(low, high, _MM_SHUFFLE(2, 0, 2, 0)));
      _mm_storeu_ps(to + kHalf + i, _mm_shuffle_ps(low, high, _MM_SHUFFLE(3, 1, 3, 1)));
    }
  }

  UnitPlace place_;
  ColumnOrder order_;
  int input_ = 0, column_ = 0, width_ = 0, head_dim_ = 0;
  const float* buffer_ = nullptr;
};

// Rows and tiles of one task.
struct Task {
  const RowStepsArgs& args;
  const TaskContext& context;
  int first_row, rows;
  int first_tile, tiles;

  float* scales() const { return reinterpret_cast<float*>(context.scratch + kScaleOffset); }
  float* gathered() const { return reinterpret_cast<float*>(context.scratch + kTileOffset); }
  int units() const { return args.spec.epilogue.units; }
  // `rows` of the result are rows of a tile, or tiles of a row.
  TileResult Result(int row, int count, const float* values) const {
    return {.epilogue = args.spec.epilogue,
            .out = args.out,
            .code = args.code,
            .step = context.step,
            .first_row = row,
            .rows = count,
            .values = values,
            .row_scale = scales() + (row - first_row),
            .lanes = context.scratch};
  }
};

void MakeScales(const Task& task) {
  const TileEpilogue& epilogue = task.args.spec.epilogue;
  if (!NeedsRowScale(epilogue)) return;
  const int stride = SquareStride(epilogue.hidden);
  const float* squares = task.args.out.squares_in;
  const std::ptrdiff_t first = task.first_row;
  if (!task.args.spec.logit_rows)
    return MakeRowScales(task.args.code, squares + first * stride, task.rows, task.scales());
  for (int r = 0; r < task.rows; ++r) {
    const std::ptrdiff_t row = task.context.step.logit_rows[first + r];
    MakeRowScales(task.args.code, squares + row * stride, 1, task.scales() + r);
  }
}

// Whole tiles from where they lie; a last one that is cut off from scratch, with zeros.
void RunInPlace(const Task& task) {
  const TileEpilogue& epilogue = task.args.spec.epilogue;
  const int columns = task.units() * kUnit, width = epilogue.n;
  const int whole = std::clamp(width / columns - task.first_tile, 0, task.tiles);
  for (int r = task.first_row; r < task.first_row + task.rows; ++r) {
    const float* row = task.args.inputs[0] + static_cast<std::ptrdiff_t>(r) * width;
    if (whole > 0) {
      FinishTile(task.Result(r, whole, row + static_cast<std::ptrdiff_t>(task.first_tile) * columns),
                 task.first_tile * task.units());
    }
    for (int tile = task.first_tile + whole; tile < task.first_tile + task.tiles; ++tile) {
      for (int i = 0; i < task.units(); ++i)
        Gatherer(task.args, tile * task.units() + i).Gather(r, task.gathered() + i * kUnit);
      FinishTile(task.Result(r, 1, task.gathered()), tile * task.units());
    }
  }
}

void RunGathered(const Task& task) {
  const int columns = task.units() * kUnit;
  for (int tile = task.first_tile; tile < task.first_tile + task.tiles; ++tile) {
    const int unit = tile * task.units(), end = task.first_row + task.rows;
    for (int first = task.first_row; first < end; first += kTileRows) {
      const int rows = std::min(kTileRows, end - first);
      for (int i = 0; i < task.units(); ++i) {
        const Gatherer gatherer(task.args, unit + i);
        for (int r = 0; r < rows; ++r) gatherer.Gather(first + r, task.gathered() + r * columns + i * kUnit);
      }
      FinishTile(task.Result(first, rows, task.gathered()), unit);
    }
  }
}

void RunTokens(const Task& task) {
  const TileEpilogue& epilogue = task.args.spec.epilogue;
  const std::ptrdiff_t row = task.first_row,
                       stride = tensor::QuantizedRows{epilogue.n, epilogue.output}.row_stride();
  std::int64_t a[kTokenArguments] = {};
  a[kTokenInput] = reinterpret_cast<std::int64_t>(task.args.inputs[0] + row * epilogue.n);
  a[kTokenOutput] = reinterpret_cast<std::int64_t>(task.args.out.output + row * stride);
  a[kTokenRows] = task.rows;
  task.args.code.epilogue[0](a);
}

int RowCount(const RowStepsSpec& spec, const StepView& step) {
  return spec.logit_rows ? step.logit_count : step.rows;
}

int Grid(const void* arguments, const StepView& step) {
  const RowStepsSpec& spec = static_cast<const RowStepsArgs*>(arguments)->spec;
  const Cut cut(spec, RowCount(spec, step));
  return cut.row_tasks() * cut.column_tasks();
}

void Run(const void* arguments, int index, const TaskContext& context) {
  const auto& args = *static_cast<const RowStepsArgs*>(arguments);
  const Cut cut(args.spec, RowCount(args.spec, context.step));
  const int row = index / cut.column_tasks() * cut.task_rows,
            tile = index % cut.column_tasks() * cut.task_tiles;
  const Task task{args, context,
                  row,  std::min(cut.task_rows, cut.rows - row),
                  tile, std::min(cut.task_tiles, cut.tiles - tile)};
  if (QuantisesTokens(args.spec)) return RunTokens(task);
  MakeScales(task);
  ReadsInPlace(args.spec) ? RunInPlace(task) : RunGathered(task);
}

// The inputs that the lists ask for.
int InputsOf(const TileEpilogue& epilogue) {
  if (!epilogue.has_parts()) return epilogue.steps[0].gated() ? 2 : 1;
  return static_cast<int>(std::count_if(epilogue.steps.begin(), epilogue.steps.end(),
                                        [](const EpilogueSteps& steps) { return steps.size() != 0; }));
}

Status CheckOrder(const RowStepsSpec& spec) {
  if (spec.inputs != InputsOf(spec.epilogue)) {
    return Unsupported("row_steps: " + std::to_string(spec.inputs) + " inputs where the steps need " +
                       std::to_string(InputsOf(spec.epilogue)));
  }
  if (spec.rope_rows == 0 || spec.order == ColumnOrder::kPlain) return Status::Ok();
  if (spec.order == ColumnOrder::kGateUpPairs || spec.head_dim <= 0 || spec.head_dim % kUnit != 0 ||
      spec.rope_rows % spec.head_dim != 0) {
    return Unsupported("row_steps: " + std::to_string(spec.rope_rows) +
                       " columns cannot be reordered by heads of " + std::to_string(spec.head_dim));
  }
  return Status::Ok();
}

}  // namespace

Result<FinishSet<codegen::Function>> BuildRowStepsPhase(const RowStepsSpec& spec) {
  if (QuantisesTokens(spec)) {
    const codegen::Function quantise = BuildQuantizeToken(spec.epilogue.n);
    return FinishSet<codegen::Function>{quantise, {quantise, quantise, quantise}};
  }
  VIVACE_RETURN_IF_ERROR(CheckSteps(spec.epilogue));
  VIVACE_RETURN_IF_ERROR(CheckOrder(spec));
  return BuildFinish(spec.epilogue, ReadsInPlace(spec));
}

Result<RowStepsKernels> CompileRowSteps(const RowStepsSpec& spec, codegen::KernelLibrary& library) {
  VIVACE_ASSIGN_OR_RETURN(const FinishSet<codegen::Function> functions, BuildRowStepsPhase(spec));
  VIVACE_ASSIGN_OR_RETURN(const FinishSet<codegen::KernelId> kernels, CompileFinish(functions, library));
  return RowStepsKernels{kernels};
}

TaskKernel RowStepsKernel() {
  return {Grid, Run};
}

}  // namespace vivace::kernels
