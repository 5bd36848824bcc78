// The tile operations of the vector IR as the interpreter does them: eight tiles of up to 16 rows of 64
// bytes. Checks what the instructions would fault on. One thread per object.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

#include "codegen/vir.h"

namespace vivace::codegen {

class TileUnit {
 public:
  /// Reads a TileConfig; all tiles become zero.
  void Configure(const std::byte* config);
  void Release();
  void Zero(int tile);
  /// Row r of the tile from or to memory + r * stride; only what the configuration has is touched.
  void Load(int tile, const std::byte* memory, std::int64_t stride);
  void Store(std::byte* memory, std::int64_t stride, int tile) const;
  /// d [m, n] i32 += sum over k of a [m, k] u8 * b [k / 4, n, 4] s8
  void Dot4(int d, int a, int b);
  /// d [m, n] f32 += the product of a [m, k] and b [k / 2, n, 2] in bf16: even and odd k are summed apart
  /// from zero, each by fused steps in the order of k; their sum is added to d (TDPBF16PS in the instruction
  /// reference; not what dpb gives). Denormals are flushed in each step.
  void DotBf16(int d, int a, int b);

 private:
  static constexpr std::size_t kRows = 16;
  static constexpr std::size_t kRowBytes = 64;
  struct TileData {
    std::size_t rows = 0;
    std::size_t row_bytes = 0;
    std::array<std::array<std::uint32_t, kRowBytes / 4>, kRows> words{};
  };
  const TileData& At(int tile) const;
  TileData& At(int tile);
  // The shapes of d += a * b fit each other.
  void CheckShapes(const TileData& d, const TileData& a, const TileData& b) const;

  bool configured_ = false;
  std::array<TileData, kTiles> tiles_;
};

}  // namespace vivace::codegen
