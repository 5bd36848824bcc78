// See tile_unit.h.
#include "codegen/tile_unit.h"

#include <cstring>

#include "base/check.h"
#include "codegen/lane_arithmetic.h"

namespace vivace::codegen {

void TileUnit::Configure(const std::byte* config) {
  TileConfig shape;
  std::memcpy(&shape, config, sizeof(shape));
  VIVACE_CHECK(shape.palette == 1 && shape.start_row == 0);
  for (std::size_t i = 0; i < tiles_.size(); ++i) {
    VIVACE_CHECK(shape.rows[i] <= kRows && shape.row_bytes[i] <= kRowBytes);
    VIVACE_CHECK((shape.rows[i] == 0) == (shape.row_bytes[i] == 0));
    tiles_[i] = {.rows = shape.rows[i], .row_bytes = shape.row_bytes[i]};
  }
  configured_ = true;
}

void TileUnit::Release() {
  tiles_ = {};
  configured_ = false;
}

const TileUnit::TileData& TileUnit::At(int tile) const {
  const TileData& data = tiles_[static_cast<std::size_t>(tile)];
  VIVACE_CHECK(configured_ && data.rows > 0);
  return data;
}

TileUnit::TileData& TileUnit::At(int tile) {
  return const_cast<TileData&>(static_cast<const TileUnit*>(this)->At(tile));
}

void TileUnit::Zero(int tile) {
  At(tile).words = {};
}

void TileUnit::Load(int tile, const std::byte* memory, std::int64_t stride) {
  TileData& data = At(tile);
  data.words = {};
  for (std::size_t row = 0; row < data.rows; ++row) {
    std::memcpy(data.words[row].data(), memory + static_cast<std::int64_t>(row) * stride, data.row_bytes);
  }
}

void TileUnit::Store(std::byte* memory, std::int64_t stride, int tile) const {
  const TileData& data = At(tile);
  for (std::size_t row = 0; row < data.rows; ++row) {
    std::memcpy(memory + static_cast<std::int64_t>(row) * stride, data.words[row].data(), data.row_bytes);
  }
}

void TileUnit::CheckShapes(const TileData& d, const TileData& a, const TileData& b) const {
  VIVACE_CHECK(d.rows == a.rows && d.row_bytes == b.row_bytes && a.row_bytes == 4 * b.rows);
  VIVACE_CHECK(&d != &a && &d != &b && &a != &b);
}

void TileUnit::Dot4(int d, int a, int b) {
  TileData& sum = At(d);
  CheckShapes(sum, At(a), At(b));
  for (std::size_t row = 0; row < sum.rows; ++row) {
    for (std::size_t k = 0; k < At(b).rows; ++k) {
      for (std::size_t column = 0; column < sum.row_bytes / 4; ++column) {
        std::uint32_t& to = sum.words[row][column];
        to = lane::Dot4(to, At(a).words[row][k], At(b).words[k][column]);
      }
    }
  }
}

void TileUnit::DotBf16(int d, int a, int b) {
  TileData& sum = At(d);
  CheckShapes(sum, At(a), At(b));
  const auto step = [](std::uint32_t to, std::uint32_t x, std::uint32_t y) {
    return lane::Flush(lane::Fma(to, lane::Flush(x), lane::Flush(y)));
  };
  for (std::size_t row = 0; row < sum.rows; ++row) {
    for (std::size_t column = 0; column < sum.row_bytes / 4; ++column) {
      std::uint32_t even = 0;
      std::uint32_t odd = 0;
      for (std::size_t k = 0; k < At(b).rows; ++k) {
        const std::uint32_t x = At(a).words[row][k];
        const std::uint32_t y = At(b).words[k][column];
        even = step(even, x << 16, y << 16);
        odd = step(odd, x & 0xffff0000u, y & 0xffff0000u);
      }
      std::uint32_t& to = sum.words[row][column];
      to = lane::Flush(lane::Add(lane::Flush(to), lane::Flush(lane::Add(even, odd))));
    }
  }
}

}  // namespace vivace::codegen
