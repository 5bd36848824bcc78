// Tile operations: a whole product in the interpreter against a plain loop, and the encodings, which few CPUs
// can run, against a disassembler.
#include <gtest/gtest.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <array>
#include <bit>
#include <cstring>
#include <random>

#include "codegen/differential.h"
#include "codegen/disassembly.h"
#include "codegen/kernel_library.h"
#include "codegen/tile_unit.h"

namespace vivace::codegen {
namespace {

constexpr std::size_t kM = 16;  // rows of a, at most 16
constexpr std::size_t kN = 16;
constexpr std::size_t kK = 64;  // bytes of a's rows
constexpr int kProductBytes = kM * kN * 4;

Target Amx() {
  Target target;
  target.isa = InstructionSet::kAvx512;
  target.name = "avx512-vnni-bf16-amx";
  target.vnni = target.bf16 = target.amx_int8 = target.amx_bf16 = true;
  target.vectors = 30;
  return target;
}

// arguments: config, a [m, 64 bytes], b [16, 16 words], c [m, 16 words]; c += a * b, `times` times.
Function Product(Op dot, int times) {
  Builder builder("tile_product");
  const Scalar config = builder.Arg(0);
  const Scalar a = builder.Arg(1);
  const Scalar b = builder.Arg(2);
  const Scalar c = builder.Arg(3);
  const Scalar stride = builder.ScalarConst(64);
  builder.TileConfigure({config});
  builder.TileLoad({0}, {c}, stride);
  builder.TileLoad({1}, {a}, stride);
  builder.TileLoad({2}, {b}, stride);
  builder.Loop(times);
  if (dot == Op::kTileDot4) builder.TileDot4({0}, {1}, {2});
  if (dot == Op::kTileDotBf16) builder.TileDotBf16({0}, {1}, {2});
  builder.End();
  builder.TileStore({c}, {0}, stride);
  builder.TileRelease();
  return builder.Take();
}

struct Operands {
  GuardedBuffer config{64}, a{kM * kK}, b{kN * kK}, c{kProductBytes};

  explicit Operands(std::size_t rows) {
    TileConfig shape;
    shape.rows[0] = shape.rows[1] = static_cast<std::uint8_t>(rows);
    shape.rows[2] = kK / 4;
    shape.row_bytes[0] = shape.row_bytes[2] = 4 * kN;
    shape.row_bytes[1] = kK;
    std::memcpy(config.bytes().data(), &shape, sizeof(shape));
  }
  // Interpreted; where the CPU and the system have tiles, also run.
  Status Run(const Function& function) const {
    Target target;
    if (HostTarget().amx_int8 && HostTarget().amx_bf16) {
      constexpr long kRequestPermission = 0x1023;
      constexpr long kTileData = 18;
      if (syscall(SYS_arch_prctl, kRequestPermission, kTileData) == 0) target = HostTarget();
    }
    const std::array<std::span<std::byte>, 1> buffers = {c.bytes()};
    const std::array<std::int64_t, 4> arguments = {config.address(), a.address(), b.address(), c.address()};
    return CompareWithInterpreter(function, arguments, buffers, target);
  }
};

TEST(Tiles, ByteProductEqualsAPlainLoop) {
  std::mt19937 random(1);
  for (const std::size_t rows : {std::size_t{16}, std::size_t{1}, std::size_t{7}}) {
    const Operands operands(rows);
    for (const GuardedBuffer* buffer : {&operands.a, &operands.b, &operands.c}) {
      for (std::uint32_t& word : buffer->as<std::uint32_t>()) word = static_cast<std::uint32_t>(random());
    }
    const auto a = operands.a.as<std::uint8_t>();
    const auto b = operands.b.as<std::int8_t>();
    std::vector<std::uint32_t> expected(operands.c.as<std::uint32_t>().begin(),
                                        operands.c.as<std::uint32_t>().end());
    for (std::size_t m = 0; m < rows; ++m) {
      for (std::size_t n = 0; n < kN; ++n) {
        int sum = 0;
        for (std::size_t k = 0; k < kK; ++k) sum += a[m * kK + k] * b[(k / 4 * kN + n) * 4 + k % 4];
        expected[m * kN + n] += 3u * static_cast<std::uint32_t>(sum);
      }
    }
    const Status status = operands.Run(Product(Op::kTileDot4, 3));
    ASSERT_TRUE(status.ok()) << status.message();
    for (std::size_t i = 0; i < expected.size(); ++i) {
      ASSERT_EQ(operands.c.as<std::uint32_t>()[i], expected[i]) << i;
    }
  }
}

TEST(Tiles, Bf16ProductSumsEvenAndOddPairsApart) {
  std::mt19937 random(2);
  const Operands operands(kM);
  const auto bf16 = [&random] {
    return static_cast<std::uint16_t>(0x3f00 + random() % 0x180 + (random() % 2 << 15));
  };
  for (std::uint16_t& value : operands.a.as<std::uint16_t>()) value = bf16();
  for (std::uint16_t& value : operands.b.as<std::uint16_t>()) value = bf16();
  for (float& value : operands.c.as<float>()) value = static_cast<float>(random() % 1000) * 0.37f;
  const auto a = operands.a.as<std::uint16_t>();
  const auto b = operands.b.as<std::uint16_t>();
  const auto value = [](std::uint16_t bits) { return std::bit_cast<float>(std::uint32_t{bits} << 16); };
  std::vector<float> expected(operands.c.as<float>().begin(), operands.c.as<float>().end());
  for (std::size_t m = 0; m < kM; ++m) {
    for (std::size_t n = 0; n < kN; ++n) {
      std::array<float, 2> sums = {0, 0};
      for (std::size_t k = 0; k < kK / 2; ++k) {  // products of 8 bits each are exact in float
        sums[k % 2] += value(a[m * kK / 2 + k]) * value(b[(k / 2 * kN + n) * 2 + k % 2]);
      }
      expected[m * kN + n] += sums[0] + sums[1];
    }
  }
  const Status status = operands.Run(Product(Op::kTileDotBf16, 1));
  ASSERT_TRUE(status.ok()) << status.message();
  for (std::size_t i = 0; i < expected.size(); ++i) ASSERT_EQ(operands.c.as<float>()[i], expected[i]) << i;
}

TEST(Tiles, ShapesLimitWhatIsTouched) {
  TileUnit unit;
  TileConfig config;
  config.rows[3] = 2;
  config.row_bytes[3] = 12;
  unit.Configure(reinterpret_cast<const std::byte*>(&config));
  std::array<std::uint32_t, 8> memory = {1, 2, 3, 4, 5, 6, 7, 8};
  unit.Load(3, reinterpret_cast<const std::byte*>(memory.data()), 16);
  memory.fill(0);
  unit.Store(reinterpret_cast<std::byte*>(memory.data()), 16, 3);
  EXPECT_EQ(memory, (std::array<std::uint32_t, 8>{1, 2, 3, 0, 5, 6, 7, 0}));
  EXPECT_DEATH(unit.Zero(0), "");        // no rows
  EXPECT_DEATH(unit.Dot4(3, 3, 3), "");  // one tile thrice
  unit.Release();
  EXPECT_DEATH(unit.Zero(3), "");
}

TEST(Tiles, EncodingsAreTheDisassemblers) {
  KernelLibrary library(Amx());
  Builder builder("tiles");
  const Scalar a = builder.Arg(0);
  const Scalar b = builder.Arg(1);
  builder.TileConfigure({a, 64});
  for (std::uint16_t i = 0; i < kTiles; ++i) builder.TileZero({i});
  builder.TileLoad({1}, {a, -128}, b);
  builder.TileLoad({7}, {b, 4096}, a);
  builder.TileDot4({0}, {1}, {7});
  builder.TileDotBf16({5}, {7}, {2});
  builder.TileStore({b, 8}, {0}, a);
  builder.TileRelease();
  const Result<KernelId> id = library.Compile(builder.Take());
  ASSERT_TRUE(id.ok()) << id.status().message();
  std::string text;
  for (const AssemblyLine& line : Disassemble(library.CodeBytes(*id))) text += line.text + "\n";
  EXPECT_EQ(text, R"(mov rax, [rdi]
mov rcx, [rdi+0x8]
ldtilecfg [rax+0x40]
tilezero tmm0
tilezero tmm1
tilezero tmm2
tilezero tmm3
tilezero tmm4
tilezero tmm5
tilezero tmm6
tilezero tmm7
tileloadd tmm1, [rax+rcx*1-0x80]
tileloadd tmm7, [rcx+rax*1+0x1000]
tdpbusd tmm0, tmm1, tmm7
tdpbf16ps tmm5, tmm7, tmm2
tilestored [rcx+rax*1+0x8], tmm0
tilerelease
vzeroupper
ret
)");
}

TEST(Tiles, ATargetWithoutThemRefusesByName) {
  Target target = Amx();
  target.amx_bf16 = false;
  EXPECT_TRUE(KernelLibrary(target).Compile(Product(Op::kTileDot4, 1)).ok());
  target.name = "avx512-vnni";
  EXPECT_EQ(KernelLibrary(target).Compile(Product(Op::kTileDotBf16, 1)).status().message(),
            "kernel 'tile_product': instruction 12 't0 = t.dpb t1, t2' has no code on target avx512-vnni");
  target.amx_int8 = false;
  EXPECT_EQ(KernelLibrary(target).Compile(Product(Op::kTileDot4, 1)).status().message(),
            "kernel 'tile_product': instruction 6 't.cfg [s0]' has no code on target avx512-vnni");
}

}  // namespace
}  // namespace vivace::codegen
