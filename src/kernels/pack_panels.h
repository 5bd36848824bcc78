// Packing of weights into panels (tensor/packed_panel.h), exactly: a packed value is the source's. Pure; any
// ranges of panels may be packed at once on several threads.
#pragma once

#include <cstddef>
#include <vector>

#include "tensor/packed_panel.h"

namespace vivace::kernels {

/// Rows [rows, layout.width()] of one weight. For a class with a checkpoint type, `data` has rows of that
/// type and the rest is null. The others come as planes, each row after the other:
///   data      codes, a byte each [rows, k]: 0 .. 15 (kNibble) or signed (kSignedByte)
///   scales    f16 [rows, groups]; kChannel: f32 [rows]
///   minimums  f16 [rows, groups]; only for kF16Minimum
struct PackSource {
  const std::byte* data = nullptr;
  int rows = 0;
  const std::byte* scales = nullptr;
  const std::byte* minimums = nullptr;
};

/// Bytes of one row of PackSource::data.
std::size_t SourceRowBytes(const tensor::PanelLayout& layout);

/// Packs `sources` (rows of layout.width(), together layout.n) into `panels` (layout.bytes(), 64-byte
/// aligned), panels [first_panel, last_panel) only. kRopePairs and kRopeHalves apply to the first rope_rows
/// rows (Q and K), heads of head_dim, a multiple of 32; the rows after them are plain. Sources that share
/// a panel must each have a multiple of 32 rows unless the order is kPlain.
void PackPanels(const tensor::PanelLayout& layout, tensor::ColumnOrder order,
                const std::vector<PackSource>& sources, int rope_rows, int head_dim, int first_panel,
                int last_panel, std::byte* panels);

/// Rows [first, last) of one source.
struct SourceRows {
  std::size_t source = 0;
  int first = 0, last = 0;
};
/// What PackPanels reads for panels [first_panel, last_panel): per source one range that spans the rows, by
/// source; sources that are not read are left out.
std::vector<SourceRows> RowsOfPanels(const tensor::PanelLayout& layout, tensor::ColumnOrder order,
                                     const std::vector<PackSource>& sources, int rope_rows, int head_dim,
                                     int first_panel, int last_panel);

}  // namespace vivace::kernels
