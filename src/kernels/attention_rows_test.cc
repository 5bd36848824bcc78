// The rows that paged attention writes, of every type, against its floats put through the Activations step of
// an epilogue: the same bits, so that a program with the quantisation apart computes the same.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstring>
#include <optional>
#include <vector>

#include "codegen/differential.h"
#include "codegen/target_fixture.h"
#include "kernels/attention_fixture.h"
#include "kernels/gemm_epilogue.h"
#include "kernels/paged_attention.h"

namespace vivace::kernels {
namespace {

using codegen::Target;
using tensor::ActivationType;
using tensor::DType;
using tensor::QuantizedRows;

constexpr ActivationType kTypes[] = {ActivationType::kU8Group32, ActivationType::kU8Group64,
                                     ActivationType::kI16Group32, ActivationType::kBF16,
                                     ActivationType::kF32};

/// All rows of the fixture's sequence in one step, as bytes.
std::vector<std::byte> Attend(const AttentionFixture& fixture, const Target& target,
                              std::optional<ActivationType> rows) {
  const PagedAttentionSpec spec = {
      .heads = fixture.heads(), .kv = fixture.layout(), .scale = 0.125f, .rows = rows};
  codegen::KernelLibrary library(target);
  const Result<PagedAttentionKernels> kernels = CompilePagedAttention(spec, library);
  EXPECT_TRUE(kernels.ok()) << kernels.status().message();
  if (!kernels.ok() || !library.Seal().ok()) return {};
  AttentionStep step = fixture.Step({{0, 0, fixture.length(0)}}, AttentionTileRows(spec));
  const int stride = rows ? QuantizedRows{fixture.width(), *rows}.row_stride() : 4 * fixture.width();
  codegen::GuardedBuffer out(static_cast<std::size_t>(step.view.rows) * stride);
  const PagedAttentionArgs args = {spec, Resolve(*kernels, library), step.q.data(), fixture.layer(),
                                   out.bytes().data()};
  const codegen::FlushDenormals flush;
  RunPhase(PagedAttentionKernel(), &args, step.view);
  return {out.bytes().begin(), out.bytes().end()};
}

/// Rows of floats [rows][output.k] -> rows, by an epilogue of nothing but that.
std::vector<std::byte> Quantize(std::vector<std::byte> floats, const QuantizedRows& output,
                                const Target& target) {
  const int units = output.type == ActivationType::kU8Group64 ? 2 : 1, columns = 32 * units;
  const EpilogueSteps steps = {{StepKind::kActivations}};
  codegen::KernelLibrary library(target);
  const Result<codegen::KernelId> id =
      library.Compile(BuildEpilogue(steps, {.units = units, .output = output}));
  EXPECT_TRUE(id.ok() && library.Seal().ok());
  const std::size_t rows = floats.size() / 4 / static_cast<std::size_t>(output.k);
  std::vector<std::byte> out(rows * output.row_stride());
  alignas(64) std::byte scratch[kLaneBytes];
  const codegen::FlushDenormals flush;
  for (std::size_t r = 0; r < rows; ++r) {
    std::byte* row = out.data() + r * output.row_stride();
    for (int c = 0; c < output.k; c += columns) {
      std::int64_t arguments[kEpilogueArguments] = {};
      const auto set = [&](int argument, const std::byte* p) {
        arguments[argument] = reinterpret_cast<std::int64_t>(p);
      };
      set(kResult, floats.data() + (r * output.k + c) * 4);
      set(kLaneScratch, scratch);
      set(kBytes, row + c * Row(output.type).element_bytes);
      set(kParameters, row + output.scale_offset() + (output.is_float() ? 0 : c / output.group() * 4));
      arguments[kRows] = 1;
      library.Get (*id)(arguments);
    }
  }
  return out;
}

void ExpectRowsOfFloats(const AttentionFixture& fixture, const Target& target) {
  const std::vector<std::byte> floats = Attend(fixture, target, std::nullopt);
  for (const ActivationType type : kTypes) {
    const QuantizedRows output = {fixture.width(), type};
    EXPECT_EQ(Attend(fixture, target, type), Quantize(floats, output, target))
        << Row(type).name << " on " << target.name << ", " << fixture.heads() << " heads";
  }
}

TEST(AttentionRows, HaveTheBitsOfQuantisedFloats) {
  const AttentionFixture fixtures[] = {
      {6, 3, 64, DType::kF16, {37}, 1},    // two heads of 64 a KV head
      {3, 3, 64, DType::kBF16, {270}, 2},  // one
      {8, 2, 80, DType::kI8, {19}, 3},     // four of 80: groups go over heads
      {4, 1, 16, DType::kF32, {21}, 4},    // and hold two of them
  };
  for (const Target& target : codegen::TargetsUnderTest()) {
    if (!codegen::KernelLibrary::Supported(target)) continue;
    for (const AttentionFixture& fixture : fixtures) ExpectRowsOfFloats(fixture, target);
  }
}

TEST(AttentionRows, WhatIsNoNumberIsSeenByTheReader) {
  AttentionFixture fixture(2, 2, 64, DType::kF16, {20}, 5);
  fixture.PoisonValues(0, 18);
  for (const Target& target : codegen::TargetsUnderTest()) {
    if (!codegen::KernelLibrary::Supported(target)) continue;
    ExpectRowsOfFloats(fixture, target);
    const QuantizedRows rows = {fixture.width(), ActivationType::kI16Group32};
    const std::vector<std::byte> out = Attend(fixture, target, rows.type);
    float scale;
    std::memcpy(&scale, out.data() + 19 * rows.row_stride() + rows.scale_offset(), sizeof(scale));
    EXPECT_NE(scale, scale);
    std::memcpy(&scale, out.data() + 17 * rows.row_stride() + rows.scale_offset(), sizeof(scale));
    EXPECT_EQ(scale, scale);
  }
}

TEST(AttentionRows, ARefusalNamesTypeAndWidth) {
  const auto refusal = [](int head_dim, ActivationType type) {
    const tensor::KvLayout kv = {
        .layers = 1, .kv_heads = 2, .head_dim = head_dim, .type = DType::kF16, .blocks = 1};
    return CheckPagedAttention({.heads = 2, .kv = kv, .scale = 1, .rows = type}).message();
  };
  EXPECT_THAT(refusal(80, ActivationType::kI16Group32), testing::HasSubstr("groups of 32"));
  EXPECT_THAT(refusal(96, ActivationType::kU8Group64), testing::HasSubstr("1 heads of 96"));
  EXPECT_THAT(refusal(64, ActivationType::kU8Token), testing::HasSubstr("u8token"));
  EXPECT_EQ(refusal(80, ActivationType::kBF16), "");
  EXPECT_EQ(refusal(96, ActivationType::kI16Group32), "");
}

}  // namespace
}  // namespace vivace::kernels
