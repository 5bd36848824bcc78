// K and V that an epilogue appends to a cache of 8-bit elements: codes, scales and places against arithmetic
// in double, and attention over them. Through the kernels and arguments of a whole phase (FinishTile).
#include <gtest/gtest.h>

#include <cmath>
#include <cstring>
#include <limits>
#include <random>
#include <span>
#include <vector>

#include "codegen/differential.h"
#include "codegen/target_fixture.h"
#include "kernels/attention_fixture.h"
#include "kernels/paged_attention.h"
#include "kernels/panel_finish.h"

namespace vivace::kernels {
namespace {

using codegen::Target;
using tensor::KvLayout;

// Rows of K and V, [rows][kv_heads * head_dim] each, and their slots.
struct Rows {
  std::vector<float> k, v;
  std::vector<std::int32_t> slots;
};

Rows RandomRows(const KvLayout& kv, const std::vector<std::int32_t>& slots, std::mt19937& random) {
  std::normal_distribution<float> normal(0, 1);
  Rows rows{.k = {}, .v = {}, .slots = slots};
  const std::size_t heads = slots.size() * static_cast<std::size_t>(kv.kv_heads);
  for (std::vector<float>* values : {&rows.k, &rows.v}) {
    for (std::size_t head = 0; head < heads; ++head) {
      const float size = std::exp2(3 * normal(random));
      for (int d = 0; d < kv.head_dim; ++d) values->push_back(size * normal(random));
    }
  }
  return rows;
}

// The kernels of a phase of q, k and v with one query head, that appends.
class Appender {
 public:
  Appender(const KvLayout& kv, const Target& target) : library_(target) {
    out_.kv = kv;
    epilogue_ = {.n = (1 + 2 * kv.kv_heads) * kv.head_dim,
                 .units = kv.head_dim / 32,
                 .steps = {EpilogueSteps{{StepKind::kFloats}}, EpilogueSteps{{StepKind::kKey}},
                           EpilogueSteps{{StepKind::kValue}}},
                 .heads = 1,
                 .kv = kv};
    EXPECT_TRUE(CheckSteps(epilogue_).ok());
    const auto kernels = CompileFinish(BuildFinish(epilogue_, false), library_);
    EXPECT_TRUE(kernels.ok()) << kernels.status().message();
    if (kernels.ok() && library_.Seal().ok()) code_ = Resolve(*kernels, library_);
  }

  // Rows [first, end) in one step.
  void Append(const Rows& rows, int first, int end, std::byte* layer) {
    const codegen::FlushDenormals flush;
    const KvLayout& kv = out_.kv;
    out_.kv_layer = layer;
    tensor::StepView step;
    step.rows = end - first;
    step.kv_slots = rows.slots.data() + first;
    const std::size_t head_bytes = static_cast<std::size_t>(kv.head_dim) * 4;
    codegen::GuardedBuffer values(static_cast<std::size_t>(end - first) * head_bytes), lanes(kLaneBytes);
    const int units = kv.head_dim / 32;
    for (int head = 0; head < 2 * kv.kv_heads; ++head) {
      const std::vector<float>& from = head < kv.kv_heads ? rows.k : rows.v;
      for (int r = first; r < end; ++r) {
        const int at = (r * kv.kv_heads + head % kv.kv_heads) * kv.head_dim;
        std::memcpy(values.bytes().data() + static_cast<std::size_t>(r - first) * head_bytes, &from[at],
                    head_bytes);
      }
      FinishTile({epilogue_, out_, code_, step, 0, end - first, values.as<float>().data(), nullptr,
                  lanes.bytes().data()},
                 (1 + head) * units);
    }
  }

 private:
  codegen::KernelLibrary library_;
  TileEpilogue epilogue_{};
  TileOutputs out_{};
  FinishCode code_{};
};

// What a head's values must leave in a block of bytes, element d at `codes` + d * distance.
void ExpectHead(std::span<const float> x, std::byte* block, std::size_t codes, int distance,
                std::size_t scale_at) {
  float scale = 0;
  for (const float value : x) scale = std::max(scale, std::abs(value));
  scale /= 127;
  std::memcpy(block + scale_at, &scale, sizeof(scale));
  for (std::size_t d = 0; d < x.size(); ++d) {
    const double code = scale == 0 ? 0 : std::nearbyint(static_cast<double>(x[d] / scale));
    ASSERT_LE(std::abs(code), 127);
    ASSERT_LE(std::abs(code * scale - x[d]), 0.50001 * scale);
    block[codes + d * static_cast<std::size_t>(distance)] =
        static_cast<std::byte>(static_cast<int>(code) & 0xff);
  }
}

// The whole cache after the rows, starting from bytes of 0x5a.
std::vector<std::byte> Expected(const KvLayout& kv, const Rows& rows) {
  std::vector<std::byte> cache(kv.bytes(), std::byte{0x5a});
  for (std::size_t r = 0; r < rows.slots.size(); ++r) {
    std::byte* block = cache.data() + static_cast<std::size_t>(rows.slots[r] / 16) * kv.block_stride();
    const int slot = rows.slots[r] % 16;
    for (int head = 0; head < kv.kv_heads; ++head) {
      const std::size_t at = (r * static_cast<std::size_t>(kv.kv_heads) + static_cast<std::size_t>(head)) *
                             static_cast<std::size_t>(kv.head_dim);
      const auto dim = static_cast<std::size_t>(kv.head_dim);
      ExpectHead({&rows.k[at], dim}, block, kv.k_offset(head, 0, slot), 16, kv.k_scale_offset(head, slot));
      ExpectHead({&rows.v[at], dim}, block, kv.v_element_offset(head, slot, 0), 1,
                 kv.v_scale_offset(head, slot));
    }
  }
  return cache;
}

std::vector<Target> Targets() {
  std::vector<Target> targets;
  for (const Target& target : codegen::TargetsUnderTest()) {
    if (codegen::KernelLibrary::Supported(target)) targets.push_back(target);
  }
  return targets;
}

KvLayout Cache(int head_dim) {
  return {.layers = 1, .kv_heads = 2, .head_dim = head_dim, .type = tensor::DType::kI8, .blocks = 4};
}

TEST(CacheAppend, CodesAndScalesLieInTheirPlacesWithinHalfAStepAndNothingElseChanges) {
  std::mt19937 random(1);
  for (const Target& target : Targets()) {
    for (const int dim : {32, 64, 96, 128, 256}) {
      const KvLayout kv = Cache(dim);
      Rows rows = RandomRows(kv, {17, 0, 63, 18, 15, 16, 40}, random);
      // A head of zeros, one of a single value, and halves of a step, which go to the even code.
      std::fill_n(rows.k.begin(), dim, 0.0f);
      std::fill_n(rows.v.begin(), dim, 0.0f);
      rows.v[static_cast<std::size_t>(dim) - 1] = -3.0f;
      const std::span<float> halves(&rows.k[static_cast<std::size_t>(dim)], static_cast<std::size_t>(dim));
      for (std::size_t d = 0; d < halves.size(); ++d) halves[d] = static_cast<float>(d % 126) + 0.5f;
      halves[0] = -127;
      std::vector<std::byte> cache(kv.bytes(), std::byte{0x5a});
      Appender(kv, target).Append(rows, 0, 7, cache.data());
      EXPECT_EQ(cache, Expected(kv, rows)) << "head of " << dim << " on " << target.name;
    }
  }
}

TEST(CacheAppend, WhatIsNoNumberMakesTheScaleNanAndTouchesNoOtherHead) {
  std::mt19937 random(2);
  const KvLayout kv = Cache(64);
  for (const Target& target : Targets()) {
    Appender appender(kv, target);
    for (const float bad :
         {std::numeric_limits<float>::quiet_NaN(), -std::numeric_limits<float>::infinity()}) {
      for (std::size_t place = 0; place < 64; place += 7) {
        Rows rows = RandomRows(kv, {3, 20}, random);
        std::vector<std::byte> cache(kv.bytes(), std::byte{0x5a}), expected = Expected(kv, rows);
        rows.k[place] = rows.v[place] = bad;
        appender.Append(rows, 0, 2, cache.data());
        for (const std::size_t at : {kv.k_scale_offset(0, 3), kv.v_scale_offset(0, 3)}) {
          float scale;
          std::memcpy(&scale, &cache[at], sizeof(scale));
          EXPECT_TRUE(std::isnan(scale)) << bad << " at " << place << " on " << target.name;
          std::memcpy(&expected[at], &scale, sizeof(scale));
        }
        for (int d = 0; d < 64; ++d) {
          expected[kv.k_offset(0, d, 3)] = expected[kv.v_element_offset(0, 3, d)] = std::byte{0};
        }
        EXPECT_EQ(cache, expected) << bad << " at " << place << " on " << target.name;
      }
    }
  }
}

TEST(CacheAppend, AttentionOverAppendedRowsIsSoftmaxOverTheirCodes) {
  constexpr int kLength = 45, kHeads = 4;
  std::mt19937 random(3);
  for (const Target& target : Targets()) {
    for (const int dim : {64, 128}) {
      AttentionFixture fixture(kHeads, 2, dim, tensor::DType::kI8, {kLength}, 5);
      const KvLayout& kv = fixture.layout();
      std::memset(fixture.layer(), 0xff, kv.bytes());  // NaN scales until a position is there
      std::vector<std::int32_t> slots;
      for (int i = 0; i < kLength; ++i) slots.push_back(fixture.slot(0, i));
      const Rows rows = RandomRows(kv, slots, random);
      AttentionFixture exact = fixture;
      std::memcpy(exact.layer(), Expected(kv, rows).data(), kv.bytes());
      Appender appender(kv, target);
      for (int i = 0; i < kLength; i += 20)
        appender.Append(rows, i, std::min(i + 20, kLength), fixture.layer());

      const PagedAttentionSpec spec = {.heads = kHeads, .kv = kv, .scale = 0.02f};
      codegen::KernelLibrary library(target);
      const Result<PagedAttentionKernels> kernels = CompilePagedAttention(spec, library);
      ASSERT_TRUE(kernels.ok() && library.Seal().ok());
      const AttentionStep step = fixture.Step({{0, 0, kLength}}, AttentionTileRows(spec));
      std::vector<float> out(step.q.size());
      const PagedAttentionArgs args = {spec, Resolve(*kernels, library), step.q.data(), fixture.layer(),
                                       reinterpret_cast<std::byte*>(out.data())};
      {
        const codegen::FlushDenormals flush;
        RunPhase(PagedAttentionKernel(), &args, step.view);
      }
      double error = 0, norm = 0;
      for (int position = 0; position < kLength; ++position) {
        const std::vector<double> want = exact.Exact(0, position, spec.scale);
        for (int i = 0; i < fixture.width(); ++i) {
          const double difference = out[static_cast<std::size_t>(position * fixture.width() + i)] - want[i];
          error += difference * difference;
          norm += want[i] * want[i];
        }
      }
      EXPECT_GT(norm, 1);
      EXPECT_LE(error / norm, 1e-10) << "heads of " << dim << " on " << target.name;
    }
  }
}

}  // namespace
}  // namespace vivace::kernels
