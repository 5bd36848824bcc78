// Tiles and expansions as machine code against the interpreter, bit for bit, over random shapes, for every
// target that this CPU runs. VIVACE_LONG=1 walks 1,500 shapes instead of 150.
#include <cstdlib>

#include "codegen/differential.h"
#include "kernels/gemm_tile_fixture.h"

namespace vivace::kernels {
namespace {

using codegen::GuardedBuffer;
using codegen::Target;
using tensor::ActivationType;
using tensor::WeightClass;

constexpr int kUnit = tensor::PanelLayout::kUnitColumns;

struct RandomShape {
  TileShape shape;
  int slice_k;
};

// Any pairing that has tiles, with one to four of its longest blocks or groups.
RandomShape Draw(Random& random, const Target& target) {
  while (true) {
    const auto type = static_cast<WeightClass>(UniformInt(random, 0, tensor::kWeightClasses - 1));
    const auto activation = static_cast<ActivationType>(UniformInt(random, 0, 3));
    if (!HasIntegerTiles(type, activation)) continue;
    const int unit = std::max({tensor::Row(type).block_k, tensor::Row(activation).group, 32});
    const int rows = std::max(DirectRows(type, activation, target), ExpandedRows(type, activation, target));
    const int blocks = UniformInt(random, 1, 4);
    return {{type, activation, blocks * unit, UniformInt(random, 1, rows), random() % 2 == 0 ? 128 : 256},
            UniformInt(random, 1, blocks) * unit};
  }
}

// A copy that ends before a page that must not be touched.
struct Placed {
  GuardedBuffer buffer;
  explicit Placed(const Guarded<std::byte>& from) : buffer(from.bytes()) {
    std::memcpy(buffer.bytes().data(), from.data(), from.bytes());
  }
};

std::array<std::span<std::byte>, 1> Only(const GuardedBuffer& buffer) {
  return {buffer.bytes()};
}

void CompareTiles(Random& random, const Target& target) {
  const auto [shape, slice_k] = Draw(random, target);
  SCOPED_TRACE(testing::Message() << tensor::Row(shape.type).name << ' ' << tensor::Row(shape.activation).name
                                  << " k " << shape.k << " rows " << shape.rows << " on " << target.name);
  const RandomRows rows(random, shape.activation, shape.k, shape.rows);
  // A row's padding is the next row's business: the last one ends with its parameters.
  const Placed unit(RandomUnit(random, shape.type, shape.k).bytes), input(rows.bytes);
  const GuardedBuffer result(static_cast<std::size_t>(shape.rows - 1) * shape.c_stride + kUnit * 4);
  if (shape.rows <= DirectRows(shape.type, shape.activation, target)) {
    TileShape direct = shape;
    direct.prefetch = target.prefetch_rows;
    const std::int64_t a[] = {input.buffer.address(), unit.buffer.address(), result.address()};
    const Status same = CompareWithInterpreter(BuildDirectTile(direct, target), a, Only(result), target);
    EXPECT_TRUE(same.ok()) << same.message();
  }
  if (shape.rows > ExpandedRows(shape.type, shape.activation, target)) return;
  const tensor::WeightClassRow& row = tensor::Row(shape.type);
  const GuardedBuffer expanded(ExpandedUnit{shape.type, shape.activation}.bytes(slice_k));
  const std::int64_t e[] = {unit.buffer.address(), expanded.address(), slice_k / row.block_k};
  Status same =
      CompareWithInterpreter(BuildExpand(shape.type, shape.activation, target), e, Only(expanded), target);
  EXPECT_TRUE(same.ok()) << same.message();
  const std::int64_t a[] = {input.buffer.address(), expanded.address(), result.address(),
                            input.buffer.address() + rows.layout.scale_offset(),
                            slice_k / rows.layout.group()};
  same = CompareWithInterpreter(BuildExpandedTile(shape, target), a, Only(result), target);
  EXPECT_TRUE(same.ok()) << same.message();
}

TEST(GemmTileMachineCode, HasTheBitsOfTheInterpreterOverRandomShapesOnEveryTarget) {
  const int shapes = std::getenv("VIVACE_LONG") != nullptr ? 1500 : 150;
  const std::vector<Target> targets = codegen::RunnableTargets();
  Random random(7);
  for (int i = 0; i < shapes && !targets.empty(); ++i) CompareTiles(random, targets[i % targets.size()]);
}

TEST(GemmTileMachineCode, TheLargestTilesFitTheRegisters) {
  for (const Target& target : codegen::RunnableTargets()) {
    codegen::KernelLibrary library(target);
    for (const tensor::WeightClassRow& row : tensor::kWeightClassRows) {
      for (const auto activation : {ActivationType::kU8Group32, ActivationType::kU8Group64,
                                    ActivationType::kU8Token, ActivationType::kI16Group32}) {
        if (!HasIntegerTiles(row.id, activation)) continue;
        TileShape shape{row.id, activation, 256, DirectRows(row.id, activation, target), 128};
        EXPECT_GE(shape.rows, 1);
        const auto direct = library.Compile(BuildDirectTile(shape, target));
        EXPECT_TRUE(direct.ok()) << direct.status().message();
        shape.rows = ExpandedRows(row.id, activation, target);
        if (shape.rows == 0) continue;
        const auto expanded = library.Compile(BuildExpandedTile(shape, target));
        EXPECT_TRUE(expanded.ok()) << expanded.status().message();
      }
    }
  }
}

}  // namespace
}  // namespace vivace::kernels
