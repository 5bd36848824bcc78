// PackPanels: which source row each column takes, and the packer of a unit by class.
#include "kernels/pack_panels.h"

#include <algorithm>
#include <cstring>
#include <optional>

#include "base/check.h"
#include "kernels/pack_units.h"
#include "tensor/dequantize.h"

namespace vivace::kernels {

using tensor::ColumnOrder;
using tensor::PanelLayout;

namespace {

constexpr PackUnit* kPackers[] = {
#define VIVACE_X(id, ...) PackUnit##id,
    VIVACE_WEIGHT_CLASSES(VIVACE_X)
#undef VIVACE_X
};

struct Columns {
  const PanelLayout& layout;
  ColumnOrder order;
  const std::vector<PackSource>& sources;
  int rope_rows, head_dim;
};

void Check(const Columns& columns) {
  const auto& [layout, order, sources, rope_rows, head_dim] = columns;
  const bool rope = order == ColumnOrder::kRopePairs || order == ColumnOrder::kRopeHalves;
  VIVACE_CHECK(layout.k % 32 == 0 && layout.k % layout.row().block_k == 0);
  VIVACE_CHECK(layout.width() == layout.k ||
               (layout.width() < layout.k && layout.row().scales == tensor::WeightScale::kNone));
  VIVACE_CHECK(!rope || (head_dim % kUnitColumns == 0 && rope_rows % head_dim == 0));
  VIVACE_CHECK(
      order != ColumnOrder::kGateUpPairs ||
      (sources.size() == 2 && sources[0].rows == sources[1].rows && sources[0].rows % kUnitColumns == 0));
  for (const PackSource& source : sources) {
    VIVACE_CHECK(tensor::DTypeOf(layout.type) || source.scales != nullptr);
    VIVACE_CHECK(layout.type < tensor::WeightClass::kInt4Group64 ||
                 layout.row().scales != tensor::WeightScale::kF16Minimum || source.minimums != nullptr);
  }
}

// Which row, counted over all sources, a column takes.
int RowOf(const Columns& columns, int column) {
  const int unit = column / kUnitColumns, lane = column % kUnitColumns;
  if (columns.order == ColumnOrder::kGateUpPairs)
    return unit / 2 * kUnitColumns + lane + (unit % 2 == 0 ? 0 : columns.sources[0].rows);
  if (column >= columns.rope_rows) return column;
  if (columns.order == ColumnOrder::kRopePairs) return unit * kUnitColumns + lane % 16 * 2 + lane / 16;
  if (columns.order == ColumnOrder::kRopeHalves) {
    const int head = column / columns.head_dim, unit_of_head = column % columns.head_dim / kUnitColumns;
    return head * columns.head_dim + lane / 16 * (columns.head_dim / 2) + unit_of_head * 16 + lane % 16;
  }
  return column;
}

struct Found {
  std::size_t source;
  int row;
};
Found Find(const Columns& columns, int column) {
  int row = RowOf(columns, column);
  for (std::size_t i = 0; i < columns.sources.size(); ++i) {
    if (row < columns.sources[i].rows) return {i, row};
    row -= columns.sources[i].rows;
  }
  VIVACE_CHECK(false);
  return {};
}

// Rows of a unit that are shorter than k, with zeros behind them.
class PaddedRows {
 public:
  explicit PaddedRows(const PanelLayout& layout)
      : row_bytes_(SourceRowBytes(layout)),
        stride_(tensor::RowBytes(*tensor::DTypeOf(layout.type), layout.k)),
        rows_(kUnitColumns * stride_) {}
  // The rows are padded copies afterwards, until the next call.
  void Pad(UnitRows& rows) {
    for (std::size_t lane = 0; lane < kUnitColumns; ++lane) {
      std::byte* copy = rows_.data() + lane * stride_;
      std::memcpy(copy, rows.data[lane], row_bytes_);
      rows.data[lane] = copy;
    }
  }

 private:
  std::size_t row_bytes_, stride_;
  std::vector<std::byte> rows_;
};

// Bytes of a row of scales or minimums.
std::size_t ScaleRowBytes(const PanelLayout& layout) {
  if (layout.row().scale_group == 0) return sizeof(float);
  return static_cast<std::size_t>(layout.k / layout.row().scale_group) * 2;
}

}  // namespace

std::size_t SourceRowBytes(const PanelLayout& layout) {
  const auto type = tensor::DTypeOf(layout.type);
  return type ? tensor::RowBytes(*type, layout.width()) : static_cast<std::size_t>(layout.k);
}

void PackPanels(const PanelLayout& layout, ColumnOrder order, const std::vector<PackSource>& sources,
                int rope_rows, int head_dim, int first_panel, int last_panel, std::byte* panels) {
  const Columns columns{layout, order, sources, rope_rows, head_dim};
  Check(columns);
  const std::size_t row_bytes = SourceRowBytes(layout), scale_bytes = ScaleRowBytes(layout);
  // Columns past N read a row of zeros.
  const bool padded = last_panel == layout.panels() && layout.n % PanelLayout::kColumns != 0;
  const std::vector<std::byte> zeros(padded ? std::max(row_bytes, scale_bytes) : 0);
  std::optional<PaddedRows> padding;
  if (layout.width() != layout.k) padding.emplace(layout);
  PackUnit* const pack = kPackers[static_cast<std::size_t>(layout.type)];
  for (int u = 2 * first_panel; u < 2 * last_panel; ++u) {
    UnitRows rows{};
    for (std::size_t lane = 0; lane < kUnitColumns; ++lane) {
      const int column = u * kUnitColumns + static_cast<int>(lane);
      rows.data[lane] = rows.scales[lane] = rows.minimums[lane] = zeros.data();
      if (column >= layout.n) continue;
      const Found found = Find(columns, column);
      const PackSource& source = sources[found.source];
      const auto row = static_cast<std::size_t>(found.row);
      rows.data[lane] = source.data + row * row_bytes;
      if (source.scales != nullptr) rows.scales[lane] = source.scales + row * scale_bytes;
      if (source.minimums != nullptr) rows.minimums[lane] = source.minimums + row * scale_bytes;
    }
    if (padding) padding->Pad(rows);
    pack(rows, layout.k, panels + static_cast<std::size_t>(u) * layout.unit_bytes());
  }
}

std::vector<SourceRows> RowsOfPanels(const PanelLayout& layout, ColumnOrder order,
                                     const std::vector<PackSource>& sources, int rope_rows, int head_dim,
                                     int first_panel, int last_panel) {
  const Columns columns{layout, order, sources, rope_rows, head_dim};
  std::vector<SourceRows> all(sources.size());
  for (std::size_t i = 0; i < all.size(); ++i) all[i] = {i, sources[i].rows, 0};
  const int end = std::min(last_panel * PanelLayout::kColumns, layout.n);
  for (int column = first_panel * PanelLayout::kColumns; column < end; ++column) {
    const Found found = Find(columns, column);
    all[found.source].first = std::min(all[found.source].first, found.row);
    all[found.source].last = std::max(all[found.source].last, found.row + 1);
  }
  std::erase_if(all, [](const SourceRows& rows) { return rows.first >= rows.last; });
  return all;
}

}  // namespace vivace::kernels
