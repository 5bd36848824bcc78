// The plans of contractions for rows that are known before a step: the rule, and what is worth measuring
// beside it. Pure functions. All plans give the same bits.
#include <algorithm>

#include "kernels/float_tile.h"
#include "kernels/float_tile_expand.h"
#include "kernels/gemm_tile.h"
#include "kernels/panel_finish.h"
#include "kernels/tile_rules.h"

namespace vivace::kernels {
namespace {

// Up to so many direct tiles read packed weights; with more rows a unit is expanded first. Codes of one plane
// take few instructions to read, which large tiles hide behind their products.
constexpr int kDirectTiles = 2;
constexpr int kDirectTilesOfOnePlane = 8;
constexpr int kLargeTile = 6;  // rows
// So that threads that run at different speeds end together. With few rows a unit is less than a microsecond
// of work, and taking a task costs more than waiting for the slower thread: measured with 1 and 4 rows.
constexpr int kTasksPerThread = 16;
constexpr int kTasksPerThreadOfFewRows = 3;
constexpr int kFewRows = 4;
constexpr int kMostUnits = 32;  // of a task that is worth measuring

// Rows of the largest tiles of both kinds; 0: there are none.
struct Heights {
  int direct = 0, expanded = 0;
};

Heights HeightsOf(const PanelGemmSpec& spec, const codegen::Target& target) {
  const bool is_float = UsesPacked(spec), is_expanded = ExpandsToFloat(spec);
  const int float_rows = is_float || is_expanded ? FloatTileRows(target) : 0;
  return {is_expanded ? 0
          : is_float  ? float_rows
                      : DirectRows(spec.type, spec.activation, target),
          float_rows > 0 ? float_rows : ExpandedRows(spec.type, spec.activation, target)};
}

// Of so few tiles as can be when each has `largest` rows at most.
int BalancedHeight(int rows, int largest) {
  const int tiles = std::max(1, (rows + largest - 1) / largest);
  return std::max(1, (rows + tiles - 1) / tiles);
}

void AddNew(const TilePlan& plan, std::vector<TilePlan>& plans) {
  if (std::find(plans.begin(), plans.end(), plan) == plans.end()) plans.push_back(plan);
}

// Powers of two of a tile's units that leave each thread a task.
std::vector<int> TaskSizes(const PanelGemmSpec& spec, int threads) {
  std::vector<int> sizes;
  const int least = spec.epilogue.units,
            most = std::min(kMostUnits, UnitCount(spec.epilogue) / std::max(1, threads));
  for (int units = least; units <= std::max(least, most); units *= 2) sizes.push_back(units);
  return sizes;
}

// Every height that splits the rows into another number of tiles, three at most: lower tiles read weights
// more often.
void AddHeights(int rows, int largest, bool expand, int task_units, std::vector<TilePlan>& plans) {
  constexpr int kHeights = 3;
  if (largest == 0) return;
  int height = BalancedHeight(rows, largest);
  for (int i = 0; i < kHeights && height > 0; ++i) {
    AddNew({.direct_rows = height, .expand = expand, .task_units = task_units}, plans);
    const int tiles = (rows + height - 1) / height + 1;
    height = tiles > rows ? 0 : (rows + tiles - 1) / tiles;
  }
}

}  // namespace

bool UsesPacked(const PanelGemmSpec& spec) {
  return HasFloatTiles(spec.type, spec.activation);
}

bool ExpandsToFloat(const PanelGemmSpec& spec) {
  return ContractionOf(spec.type, spec.activation) == ContractionKind::kExpandedFloat;
}

int MostDirectRows(const PanelGemmSpec& spec, int direct_rows) {
  const tensor::WeightCoding coding = tensor::Row(spec.type).coding;
  const bool one_plane =
      coding == tensor::WeightCoding::kNibble || coding == tensor::WeightCoding::kSignedByte;
  return direct_rows * (one_plane && direct_rows >= kLargeTile ? kDirectTilesOfOnePlane : kDirectTiles);
}

TilePlan PlanTiles(const PanelGemmSpec& spec, int rows, int threads, const codegen::Target& target) {
  const auto [direct, expanded] = HeightsOf(spec, target);
  TilePlan plan;
  plan.expand = expanded > 0 && rows > MostDirectRows(spec, direct);
  plan.direct_rows = BalancedHeight(rows, plan.expand ? expanded : direct);
  // Several tasks for every thread, each of as many units as still leave so many.
  const int tasks = rows <= kFewRows ? kTasksPerThreadOfFewRows : kTasksPerThread;
  const int units = UnitCount(spec.epilogue), shared = units / (std::max(1, threads) * tasks);
  plan.task_units = std::clamp(shared, spec.epilogue.units, std::max(spec.epilogue.units, kUnitsPerTask)) /
                    spec.epilogue.units * spec.epilogue.units;
  return plan;
}

std::vector<TilePlan> TileCandidates(const PanelGemmSpec& spec, int rows, int threads,
                                     const codegen::Target& target, bool all) {
  const TilePlan rule = PlanTiles(spec, rows, threads, target);
  std::vector<TilePlan> plans{rule};
  const auto [direct, expanded] = HeightsOf(spec, target);
  for (const int units : TaskSizes(spec, threads)) {
    AddNew({.direct_rows = rule.direct_rows, .expand = rule.expand, .task_units = units}, plans);
  }
  // The other kind of tile, at the height that it would have by itself.
  const int other = rule.expand ? direct : expanded;
  if (other > 0) {
    AddNew(
        {.direct_rows = BalancedHeight(rows, other), .expand = !rule.expand, .task_units = rule.task_units},
        plans);
  }
  if (!all) return plans;
  for (const int units : TaskSizes(spec, threads)) {
    AddHeights(rows, direct, false, units, plans);
    AddHeights(rows, expanded, true, units, plans);
  }
  return plans;
}

std::vector<TilePlan> TaskCandidates(const PanelGemmSpec& spec, int threads) {
  std::vector<TilePlan> plans{TilePlan()};
  const int rule = spec.epilogue.n >= kManyColumns ? kUnitsPerTask : spec.epilogue.units;
  for (const int units : TaskSizes(spec, threads)) {
    if (units != rule) plans.push_back({.task_units = units});
  }
  return plans;
}

}  // namespace vivace::kernels
