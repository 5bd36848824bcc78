// Paged attention of -O2 in the interpreter and as machine code: against softmax in double, bit for bit over
// tiles, chunks of the prompt and batches, and the two against each other.
#include "kernels/paged_attention.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <xmmintrin.h>

#include <cstring>
#include <memory>
#include <random>
#include <vector>

#include "codegen/interpreter.h"
#include "kernels/attention_builder.h"
#include "kernels/attention_fixture.h"

namespace vivace::kernels {
namespace {

using tensor::DType;

constexpr unsigned kFlushDenormals = 0x8040;  // FTZ and DAZ, as the workers have them

constexpr int kTileRows = 4;

constexpr int kMerge = kAttentionRowSizes, kFinish = kMerge + 1, kKernels = kFinish + 1;

/// The functions that the interpreted kernels run; set by InterpretedCode.
codegen::Function interpreted[kKernels];
template <int kIndex>
void Interpreted(const std::int64_t* arguments) {
  constexpr int kArguments[] = {kChunkArguments, kMergeArguments, kFinishArguments};
  codegen::Interpret(interpreted[kIndex],
                     {arguments, static_cast<std::size_t>(kArguments[std::max(0, kIndex - kMerge + 1)])});
}

PagedAttentionSpec SpecOf(const AttentionFixture& fixture) {
  return {.heads = fixture.heads(),
          .kv = fixture.layout(),
          .scale = 0.125f,
          .rows = tensor::ActivationType::kU8Group32};
}

PagedAttentionCode InterpretedCode(const PagedAttentionSpec& spec,
                                   const codegen::Target& target = codegen::HostTarget()) {
  for (int i = 0; i < kAttentionRowSizes; ++i) {
    interpreted[i] = BuildAttentionChunk(spec, std::max(1, AttentionKernelRows(spec, i)), target);
  }
  interpreted[kMerge] = BuildAttentionMerge(spec);
  interpreted[kFinish] = BuildAttentionFinish(spec);
  for (const codegen::Function& function : interpreted) {
    const Status status = codegen::Verify(function);
    EXPECT_TRUE(status.ok()) << status.message();
  }
  return {{Interpreted<0>, Interpreted<1>, Interpreted<2>, Interpreted<3>},
          Interpreted<kMerge>,
          Interpreted<kFinish>};
}

/// Output rows of a step, as bytes.
std::vector<std::byte> Attend(const AttentionFixture& fixture, const PagedAttentionCode& code,
                              const std::vector<SequencePart>& parts, int tile_rows) {
  const AttentionStep step = fixture.Step(parts, tile_rows);
  const tensor::QuantizedRows rows = {fixture.width()};
  std::vector<std::byte> out(static_cast<std::size_t>(step.view.rows) * rows.row_stride());
  const PagedAttentionArgs args = {SpecOf(fixture), code, step.q.data(), fixture.layer(), out.data()};
  RunPhase(PagedAttentionKernel(), &args, step.view);
  return out;
}

struct Shape {
  int heads, kv_heads, dim;
  DType type;
  std::vector<int> lengths;
};

class PagedAttention : public testing::Test {
 protected:
  void SetUp() override { _mm_setcsr(_mm_getcsr() | kFlushDenormals); }
  void TearDown() override { _mm_setcsr(_mm_getcsr() & ~kFlushDenormals); }
};

/// Checks one output row against the exact values: within half a quantisation step, and the group's
/// parameters fit its bytes.
void ExpectRow(const std::byte* row, const tensor::QuantizedRows& layout, const std::vector<double>& exact) {
  for (int g = 0; g < layout.groups(); ++g) {
    float scale, sum;
    std::int32_t word;
    std::memcpy(&scale, row + layout.scale_offset() + 4 * g, 4);
    std::memcpy(&word, row + layout.word_offset() + 4 * g, 4);
    std::memcpy(&sum, row + layout.sum_offset() + 4 * g, 4);
    const int zero = -static_cast<std::int16_t>(word & 0xffff);
    ASSERT_GT(scale, 0);
    int total = 0;
    for (int i = 0; i < 32; ++i) {
      const int u8 = std::to_integer<int>(row[32 * g + i]);
      total += u8 - zero;
      ASSERT_NEAR(scale * static_cast<float>(u8 - zero), exact[32 * g + i], 0.51 * scale + 1e-5)
          << "group " << g << " element " << i;
    }
    ASSERT_EQ(word >> 16, total);
    ASSERT_FLOAT_EQ(sum, scale * static_cast<float>(total));
  }
}

void ExpectMatchesSoftmax(const Shape& shape, const PagedAttentionCode& code, const AttentionFixture& fixture,
                          int step) {
  const tensor::QuantizedRows rows = {fixture.width()};
  for (int s = 0; s < static_cast<int>(shape.lengths.size()); ++s) {
    for (int position = 0; position < shape.lengths[s]; position += 1 + position / 8 * step) {
      const int tile = std::min(2, shape.lengths[s] - position);
      const std::vector<std::byte> out = Attend(fixture, code, {{s, position, tile}}, tile);
      for (int r = 0; r < tile; ++r) {
        ExpectRow(out.data() + r * rows.row_stride(), rows, fixture.Exact(s, position + r, 0.125f));
        ASSERT_FALSE(testing::Test::HasFatalFailure())
            << "heads " << shape.heads << " dim " << shape.dim << " position " << position + r;
      }
    }
  }
}

const Shape kShapes[] = {
    {9, 3, 64, DType::kF16, {300}}, {9, 3, 64, DType::kF32, {33, 1}},     {8, 1, 96, DType::kF16, {40, 17}},
    {2, 2, 32, DType::kF32, {258}}, {4, 2, 128, DType::kF16, {16, 5, 2}}, {7, 1, 32, DType::kF16, {520}},
};

TEST_F(PagedAttention, InterpretedMatchesSoftmaxInDouble) {
  for (const Shape& shape : kShapes) {
    const AttentionFixture fixture(shape.heads, shape.kv_heads, shape.dim, shape.type, shape.lengths, 11);
    ExpectMatchesSoftmax(shape, InterpretedCode(SpecOf(fixture)), fixture, 2);
  }
}

/// Rows of floats, for a portable phase that follows.
void ExpectFloatsMatchSoftmax(const AttentionFixture& fixture, PagedAttentionSpec spec,
                              const PagedAttentionCode& code) {
  const AttentionStep step = fixture.Step({{0, 0, fixture.length(0)}}, kTileRows);
  std::vector<float> out(static_cast<std::size_t>(step.view.rows * fixture.width()));
  const PagedAttentionArgs args = {spec, code, step.q.data(), fixture.layer(),
                                   reinterpret_cast<std::byte*>(out.data())};
  RunPhase(PagedAttentionKernel(), &args, step.view);
  for (int position = 0; position < step.view.rows; ++position) {
    const std::vector<double> exact = fixture.Exact(0, position, spec.scale);
    for (int i = 0; i < fixture.width(); ++i) {
      ASSERT_NEAR(out[static_cast<std::size_t>(position * fixture.width() + i)], exact[i], 2e-5)
          << "position " << position << " column " << i;
    }
  }
}

TEST_F(PagedAttention, InterpretedFloatsMatchSoftmaxInDouble) {
  const AttentionFixture fixture(6, 3, 64, DType::kF16, {21}, 16);
  PagedAttentionSpec spec = SpecOf(fixture);
  spec.rows = std::nullopt;
  ExpectFloatsMatchSoftmax(fixture, spec, InterpretedCode(spec));
}

/// Whole sequences against parts of them, for the rows from `first` on.
void ExpectSameBits(const AttentionFixture& fixture, const PagedAttentionCode& code, int first,
                    const std::vector<int>& chunks) {
  const std::size_t stride = tensor::QuantizedRows{fixture.width()}.row_stride();
  const int length = fixture.length(0);
  const std::vector<std::byte> whole = Attend(fixture, code, {{0, first, length - first}}, kTileRows);
  for (const int chunk : chunks) {
    for (int position = first; position < length; position += chunk) {
      const int rows = std::min(chunk, length - position);
      const std::vector<std::byte> part = Attend(fixture, code, {{0, position, rows}}, 1 + chunk % kTileRows);
      ASSERT_EQ(0, std::memcmp(part.data(), whole.data() + (position - first) * stride, part.size()))
          << "heads " << fixture.heads() << " chunk " << chunk << " at " << position;
    }
  }
}

void ExpectSameBitsInABatch(const PagedAttentionCode& code, const AttentionFixture& fixture) {
  const std::vector<SequencePart> parts = {{2, 252, 18}, {0, 29, 1}, {3, 0, 1}, {1, 0, 3}, {2, 0, 7}};
  const std::vector<std::byte> together = Attend(fixture, code, parts, kTileRows);
  std::vector<std::byte> alone;
  for (const SequencePart& part : parts) {
    const std::vector<std::byte> out = Attend(fixture, code, {part}, 1);
    alone.insert(alone.end(), out.begin(), out.end());
  }
  EXPECT_EQ(alone, together);
}

TEST_F(PagedAttention, InterpretedBitsDoNotDependOnTilesChunksOrBatch) {
  const AttentionFixture odd(5, 1, 32, DType::kF16, {270}, 12);
  ExpectSameBits(odd, InterpretedCode(SpecOf(odd)), 240, {1, 2, 3, 7});
  const AttentionFixture batch(9, 3, 64, DType::kF16, {30, 3, 270, 1}, 13);
  ExpectSameBitsInABatch(InterpretedCode(SpecOf(batch)), batch);
}

TEST_F(PagedAttention, LaterPositionsOfATileAreNeverTouched) {
  for (const int position : {5, 16, 256}) {
    AttentionFixture fixture(3, 1, 32, DType::kF16, {position + 1}, 13);
    const PagedAttentionCode code = InterpretedCode(SpecOf(fixture));
    fixture.PoisonValues(0, position);
    std::vector<std::byte> tile = Attend(fixture, code, {{0, position - 1, 2}}, 2);
    tile.resize(tile.size() / 2);
    EXPECT_EQ(tile, Attend(fixture, code, {{0, position - 1, 1}}, 1)) << position;
  }
}

/// Machine code of one specification.
struct Compiled {
  explicit Compiled(const PagedAttentionSpec& spec) {
    const Result<PagedAttentionKernels> kernels = CompilePagedAttention(spec, library);
    EXPECT_TRUE(kernels.ok()) << kernels.status().message();
    const Status sealed = library.Seal();
    EXPECT_TRUE(sealed.ok()) << sealed.message();
    if (kernels.ok()) code = Resolve(*kernels, library);
  }
  codegen::KernelLibrary library;
  PagedAttentionCode code = {};
};

class PagedAttentionCompiled : public PagedAttention {
 protected:
  void SetUp() override {
    PagedAttention::SetUp();
    if (!codegen::KernelLibrary::Supported()) GTEST_SKIP() << "this machine cannot run the machine code";
  }
};

TEST_F(PagedAttentionCompiled, MatchesSoftmaxInDouble) {
  for (const Shape& shape : kShapes) {
    const AttentionFixture fixture(shape.heads, shape.kv_heads, shape.dim, shape.type, shape.lengths, 14);
    const Compiled compiled(SpecOf(fixture));
    ExpectMatchesSoftmax(shape, compiled.code, fixture, 1);
  }
}

TEST_F(PagedAttentionCompiled, FloatsMatchSoftmaxInDouble) {
  const AttentionFixture fixture(9, 3, 64, DType::kF16, {300}, 17);
  PagedAttentionSpec spec = SpecOf(fixture);
  spec.rows = std::nullopt;
  const Compiled compiled(spec);
  ExpectFloatsMatchSoftmax(fixture, spec, compiled.code);
}

TEST_F(PagedAttentionCompiled, BitsDoNotDependOnTilesChunksOrBatch) {
  for (const Shape& shape : kShapes) {
    const AttentionFixture fixture(shape.heads, shape.kv_heads, shape.dim, shape.type, shape.lengths, 15);
    const Compiled compiled(SpecOf(fixture));
    ExpectSameBits(fixture, compiled.code, 0, {1, 2, 3, 31, 256});
  }
  const AttentionFixture batch(9, 3, 64, DType::kF16, {30, 3, 270, 1}, 16);
  const Compiled compiled(SpecOf(batch));
  ExpectSameBitsInABatch(compiled.code, batch);
}

TEST_F(PagedAttentionCompiled, EqualsTheInterpreterOverRandomShapes) {
  std::mt19937 random(18);
  const int dims[] = {32, 64, 96, 128};
  for (int round = 0; round < 30; ++round) {
    const int kv_heads = 1 + static_cast<int>(random() % 3), group = 1 + static_cast<int>(random() % 8);
    const DType type = random() % 2 == 0 ? DType::kF16 : DType::kF32;
    const int dim = dims[random() % 4], length = 1 + static_cast<int>(random() % (round % 4 == 0 ? 700 : 40));
    const AttentionFixture fixture(group * kv_heads, kv_heads, dim, type, {length},
                                   static_cast<unsigned>(random()));
    const PagedAttentionSpec spec = SpecOf(fixture);
    const Compiled compiled(spec);
    const int rows = 1 + static_cast<int>(random() % std::min(length, 3));
    const std::vector<SequencePart> parts = {{0, length - rows, rows}};
    ASSERT_EQ(Attend(fixture, compiled.code, parts, 2), Attend(fixture, InterpretedCode(spec), parts, 2))
        << "group " << group << " dim " << dim << " length " << length << " rows " << rows;
  }
}

TEST(PagedAttentionSpec, RefusesShapesThatItDoesNotKnow) {
  codegen::KernelLibrary library;
  const tensor::KvLayout kv = {.layers = 1, .kv_heads = 2, .head_dim = 64, .type = DType::kF16, .blocks = 1};
  tensor::KvLayout narrow = kv, bytes = kv;
  narrow.head_dim = 40;
  bytes.type = DType::kQ8_0;
  EXPECT_THAT(CompilePagedAttention({4, narrow, 1}, library).status().message(),
              testing::HasSubstr("head_dim 40"));
  EXPECT_THAT(CompilePagedAttention({3, kv, 1}, library).status().message(),
              testing::HasSubstr("3 heads over 2 KV heads"));
  EXPECT_THAT(CompilePagedAttention({4, bytes, 1}, library).status().message(), testing::HasSubstr("q8_0"));
}

}  // namespace
}  // namespace vivace::kernels
