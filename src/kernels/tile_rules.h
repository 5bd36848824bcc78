// How a contraction is tiled where no plan says it: shared by the driver (panel_gemm.cc), which looks at the
// rows at run time, and by plans (tile_plans.cc). Internal to this folder; pure functions.
#pragma once

#include "kernels/panel.h"

namespace vivace::kernels {

/// With many columns a task takes several units.
inline constexpr int kManyColumns = 8192;
inline constexpr int kUnitsPerTask = 8;

/// Float weights are used as they lie packed, in slices all the same.
bool UsesPacked(const PanelGemmSpec& spec);
/// Codes with float rows are dequantised, whatever the number of rows.
bool ExpandsToFloat(const PanelGemmSpec& spec);
/// Rows up to which direct tiles of so many rows are used.
int MostDirectRows(const PanelGemmSpec& spec, int direct_rows);

}  // namespace vivace::kernels
