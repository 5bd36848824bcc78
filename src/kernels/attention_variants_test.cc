// Every kind of paged attention (cache types, windows, soft-caps, head sizes, groups, targets) against
// softmax in double, bit for bit over all ways to cut a sequence into steps, tiles and tasks, and the
// interpreter against machine code. VIVACE_LONG=1 runs over a thousand random shapes.
#include <gtest/gtest.h>

#include <cstdlib>
#include <memory>
#include <optional>
#include <random>
#include <sstream>
#include <vector>

#include "codegen/differential.h"
#include "codegen/interpreter.h"
#include "codegen/target_fixture.h"
#include "kernels/attention_builder.h"
#include "kernels/attention_fixture.h"

namespace vivace::kernels {
namespace {

using codegen::Target;
using tensor::DType;

constexpr DType kTypes[] = {DType::kF32, DType::kF16, DType::kBF16, DType::kI8};
constexpr int kDims[] = {16, 32, 64, 80, 96, 112, 128, 256};

struct Variant {
  int kv_heads, group, dim;
  DType type;
  int window;
  float softcap;
  int length;
};

std::ostream& operator<<(std::ostream& out, const Variant& v) {
  return out << v.kv_heads << " x " << v.group << " heads of " << v.dim << ", " << Row(v.type).name
             << ", window " << v.window << ", soft-cap " << v.softcap << ", length " << v.length;
}

Variant RandomVariant(std::mt19937& random) {
  const auto below = [&](int n) { return static_cast<int>(random() % static_cast<unsigned>(n)); };
  Variant v = {.kv_heads = 1 + below(3),
               .group = below(4) == 0 ? 1 + below(16) : 1 + below(5),
               .dim = kDims[below(std::size(kDims))],
               .type = kTypes[below(std::size(kTypes))],
               .window = 0,
               .softcap = below(3) == 0 ? 5.0f : 0.0f,
               .length = 1 + below(below(4) == 0 ? 800 : 60)};
  if (v.dim > 128) v.length = std::min(v.length, 40);
  if (below(2) == 0) v.window = 1 + below(below(2) == 0 ? 5 : v.length + 10);
  return v;
}

AttentionFixture FixtureOf(const Variant& v, unsigned seed) {
  return AttentionFixture(v.kv_heads * v.group, v.kv_heads, v.dim, v.type, {v.length}, seed);
}

PagedAttentionSpec SpecOf(const Variant& v, const AttentionFixture& fixture) {
  return {.heads = fixture.heads(),
          .kv = fixture.layout(),
          .scale = 0.125f,
          .window = v.window,
          .softcap = v.softcap};
}

constexpr int kMerge = kAttentionRowSizes, kFinish = kMerge + 1, kKernels = kFinish + 1;
codegen::Function interpreted[kKernels];
template <int kIndex>
void Interpreted(const std::int64_t* arguments) {
  constexpr std::size_t kCounts[] = {kChunkArguments, kMergeArguments, kFinishArguments};
  codegen::Interpret(interpreted[kIndex], {arguments, kCounts[std::max(0, kIndex - kMerge + 1)]});
}

/// Runs the functions of one specification in the interpreter; one specification at a time.
PagedAttentionCode Interpreting(const PagedAttentionSpec& spec, const Target& target) {
  for (int i = 0; i < kAttentionRowSizes; ++i)
    interpreted[i] = BuildAttentionChunk(spec, std::max(1, AttentionKernelRows(spec, i)), target);
  interpreted[kMerge] = BuildAttentionMerge(spec);
  interpreted[kFinish] = BuildAttentionFinish(spec);
  return {{Interpreted<0>, Interpreted<1>, Interpreted<2>, Interpreted<3>},
          Interpreted<kMerge>,
          Interpreted<kFinish>};
}

struct Compiled {
  Compiled(const PagedAttentionSpec& spec, const Target& target) : library(target) {
    const Result<PagedAttentionKernels> kernels = CompilePagedAttention(spec, library);
    EXPECT_TRUE(kernels.ok()) << kernels.status().message();
    if (kernels.ok() && library.Seal().ok()) code = Resolve(*kernels, library);
  }
  codegen::KernelLibrary library;
  PagedAttentionCode code = {};
};

/// Output rows of a step. threads > 1: with memory for splits, which must be left as it was found. Queries,
/// cache, page tables and output end at pages that must not be touched.
std::vector<float> Attend(const AttentionFixture& fixture, const PagedAttentionSpec& spec,
                          const PagedAttentionCode& code, const std::vector<SequencePart>& parts,
                          int tile_rows, int threads = 1) {
  AttentionStep step = fixture.Step(parts, tile_rows);
  const auto guarded = [](const void* data, std::size_t bytes) {
    auto buffer = std::make_unique<codegen::GuardedBuffer>(bytes);
    std::memcpy(buffer->bytes().data(), data, bytes);
    return buffer;
  };
  const auto q = guarded(step.q.data(), step.q.size() * 4);
  const auto cache = guarded(fixture.layer(), fixture.layout().bytes());
  std::vector<std::unique_ptr<codegen::GuardedBuffer>> tables;
  for (tensor::SequenceView& view : step.sequences) {
    const int blocks = (view.first_position + view.rows + 15) / 16;
    tables.push_back(guarded(view.blocks, static_cast<std::size_t>(blocks) * 4));
    view.blocks = tables.back()->as<std::int32_t>().data();
  }
  codegen::GuardedBuffer out(step.q.size() * 4);
  const std::size_t split_bytes = AttentionSplitBytes(spec, threads, 4096);
  std::vector<std::byte> memory(threads > 1 ? split_bytes + 64 : 0);
  PagedAttentionArgs args = {spec, code, q->as<float>().data(), cache->bytes().data(), out.bytes().data()};
  if (threads > 1) {
    void* aligned = memory.data();
    std::size_t space = memory.size();
    args.splits = {static_cast<std::byte*>(std::align(64, split_bytes, aligned, space)), split_bytes,
                   threads};
  }
  const codegen::FlushDenormals flush;
  RunPhase(PagedAttentionKernel(), &args, step.view);
  for (int i = 0; threads > 1 && i < 64; ++i) EXPECT_EQ(args.splits.memory[i], std::byte{0});
  return {out.as<float>().begin(), out.as<float>().end()};
}

/// Normalised mean square error of rows [first, length) in one step.
double Error(const AttentionFixture& fixture, const PagedAttentionSpec& spec, const PagedAttentionCode& code,
             int first, const Variant& exact) {
  const std::vector<float> out =
      Attend(fixture, spec, code, {{0, first, exact.length - first}}, AttentionTileRows(spec));
  double error = 0, norm = 0;
  for (int position = first; position < exact.length; ++position) {
    const std::vector<double> want = fixture.Exact(0, position, 0.125f, exact.window, exact.softcap);
    for (int i = 0; i < fixture.width(); ++i) {
      const double difference =
          out[static_cast<std::size_t>((position - first) * fixture.width() + i)] - want[i];
      error += difference * difference;
      norm += want[i] * want[i];
    }
  }
  return error / norm;
}

constexpr double kErrorBar = 1e-11;  // of arithmetic on the stored elements, float32 throughout

TEST(AttentionVariants, MatchSoftmaxInDouble) {
  std::mt19937 random(1);
  for (const Target& target : codegen::TargetsUnderTest()) {
    if (!codegen::KernelLibrary::Supported(target)) continue;
    for (int round = 0; round < 24; ++round) {
      Variant v = RandomVariant(random);
      if (round < 8) v.type = kTypes[round % 4], v.dim = kDims[round];
      const AttentionFixture fixture = FixtureOf(v, static_cast<unsigned>(round));
      const PagedAttentionSpec spec = SpecOf(v, fixture);
      const Compiled compiled(spec, target);
      EXPECT_LE(Error(fixture, spec, compiled.code, std::max(0, v.length - 20), v), kErrorBar)
          << v << " on " << target.name;
    }
  }
}

TEST(AttentionVariants, WrongScaleWindowOrCapWouldShow) {
  const Variant v = {1, 2, 32, DType::kF16, 40, 5.0f, 120};
  const AttentionFixture fixture = FixtureOf(v, 3);
  const PagedAttentionSpec spec = SpecOf(v, fixture);
  const Target target = codegen::PlainAvx512();
  const auto error = [&](const PagedAttentionSpec& changed) {
    return Error(fixture, changed, Interpreting(changed, target), 100, v);
  };
  EXPECT_LE(error(spec), kErrorBar);
  PagedAttentionSpec wrong = spec;
  wrong.scale *= 1.01f;
  EXPECT_GT(error(wrong), 100 * kErrorBar);
  for (const int window : {39, 41, 0}) {
    wrong = spec;
    wrong.window = window;
    EXPECT_GT(error(wrong), 100 * kErrorBar) << window;
  }
  wrong = spec;
  wrong.softcap = 0;
  EXPECT_GT(error(wrong), 100 * kErrorBar);
}

/// One step with all rows against single rows, other tiles, other chunks of the prompt, and splits.
void ExpectSameBits(const AttentionFixture& fixture, const PagedAttentionSpec& spec,
                    const PagedAttentionCode& code, int first) {
  const int length = fixture.length(0), width = fixture.width();
  const std::vector<float> whole =
      Attend(fixture, spec, code, {{0, first, length - first}}, AttentionTileRows(spec));
  const auto expect = [&](int position, int rows, int tile_rows, int threads) {
    const std::vector<float> part = Attend(fixture, spec, code, {{0, position, rows}}, tile_rows, threads);
    ASSERT_EQ(0, std::memcmp(part.data(), whole.data() + (position - first) * width, part.size() * 4))
        << rows << " rows at " << position << " in tiles of " << tile_rows << ", threads " << threads;
  };
  for (int position = first; position < length; ++position) expect(position, 1, 1, 1);
  for (const int chunk : {2, 7, 13}) {
    for (int position = first; position < length; position += chunk)
      expect(position, std::min(chunk, length - position), 5, 1);
  }
  for (const int threads : {2, 3, 8}) {
    expect(length - 1, 1, 1, threads);
    expect(first, length - first, AttentionTileRows(spec), threads);
    expect(length - 5, 5, 5, threads);
  }
}

TEST(AttentionVariants, BitsDoNotDependOnTilesChunksOrSplits) {
  const Variant variants[] = {{2, 3, 64, DType::kF16, 0, 0, 1300},   {1, 1, 80, DType::kBF16, 0, 5, 780},
                              {1, 4, 32, DType::kI8, 0, 0, 1040},    {1, 3, 32, DType::kF16, 700, 0, 1560},
                              {2, 1, 16, DType::kF32, 3, 5, 530},    {1, 2, 112, DType::kI8, 300, 0, 800},
                              {1, 16, 16, DType::kF16, 520, 5, 1100}};
  for (const Target& target : codegen::TargetsUnderTest()) {
    if (!codegen::KernelLibrary::Supported(target)) continue;
    for (const Variant& v : variants) {
      const AttentionFixture fixture = FixtureOf(v, 5);
      const PagedAttentionSpec spec = SpecOf(v, fixture);
      const Compiled compiled(spec, target);
      // Around a chunk's end, too.
      const int first = v.length / 256 * 256 - 4;
      const AttentionFixture cut(v.kv_heads * v.group, v.kv_heads, v.dim, v.type,
                                 {std::min(v.length, first + 20)}, 5);
      ExpectSameBits(cut, spec, compiled.code, first);
      if (testing::Test::HasFatalFailure()) FAIL() << v << " on " << target.name;
    }
  }
}

TEST(AttentionVariants, MachineCodeEqualsTheInterpreterAndTargetsAgree) {
  const int rounds = std::getenv("VIVACE_LONG") != nullptr ? 1000 : 24;
  std::mt19937 random(9);
  for (int round = 0; round < rounds; ++round) {
    const Variant v = RandomVariant(random);
    const AttentionFixture fixture = FixtureOf(v, static_cast<unsigned>(round));
    const PagedAttentionSpec spec = SpecOf(v, fixture);
    const int rows = 1 + static_cast<int>(random() % static_cast<unsigned>(std::min(v.length, 6)));
    const int threads = 1 + static_cast<int>(random() % 2);
    const std::vector<SequencePart> parts = {{0, v.length - rows, rows}};
    std::optional<std::vector<float>> first;
    for (const Target& target : codegen::TargetsUnderTest()) {
      const std::vector<float> oracle =
          Attend(fixture, spec, Interpreting(spec, target), parts, rows, threads);
      if (!first) first = oracle;
      ASSERT_EQ(0, std::memcmp(oracle.data(), first->data(), oracle.size() * 4)) << v << ", " << target.name;
      if (!codegen::KernelLibrary::Supported(target)) continue;
      const Compiled compiled(spec, target);
      const std::vector<float> out = Attend(fixture, spec, compiled.code, parts, rows, threads);
      ASSERT_EQ(0, std::memcmp(out.data(), oracle.data(), out.size() * 4)) << v << ", " << target.name;
    }
  }
}

}  // namespace
}  // namespace vivace::kernels
