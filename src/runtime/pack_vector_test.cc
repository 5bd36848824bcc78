// Vectors of weights as tile kernels want them: widened, in the order of packed columns, with zeros behind.
#include "runtime/pack_vector.h"

#include <gtest/gtest.h>

#include <cstring>
#include <fstream>

#include "runtime/tiny_model.h"
#include "runtime/weight_store.h"
#include "tensor/float16.h"

namespace vivace::runtime {
namespace {

using checkpoint::TensorView;
using tensor::ColumnOrder;
using tensor::DType;

/// A vector 0, 1, 2, ... times `step`, in memory of a type.
struct Vector {
  std::vector<std::byte> bytes;
  TensorView view;

  Vector(DType type, int entries, float first = 0) : bytes(tensor::RowBytes(type, entries)) {
    for (int i = 0; i < entries; ++i) {
      const float value = first + static_cast<float>(i);
      std::uint16_t half = tensor::F32ToF16(value);
      if (type == DType::kBF16) half = static_cast<std::uint16_t>(std::bit_cast<std::uint32_t>(value) >> 16);
      if (type == DType::kF32) std::memcpy(&bytes[static_cast<std::size_t>(i) * 4], &value, 4);
      if (type != DType::kF32) std::memcpy(&bytes[static_cast<std::size_t>(i) * 2], &half, 2);
    }
    view.name = "vector";
    view.type = type;
    view.dim_count = 1;
    view.dims = {entries, 1, 1, 1};
    view.data = bytes;
  }
};

program::Weight VectorOf(int entries, ColumnOrder order = ColumnOrder::kPlain, int rope_rows = 0,
                         int head_dim = 0) {
  program::Weight weight{.name = "bias", .sources = {"a", "b"}, .form = program::WeightForm::kVector};
  weight.layout.n = entries;
  weight.order = order;
  weight.rope_rows = rope_rows;
  weight.head_dim = head_dim;
  return weight;
}

std::vector<float> Packed(const program::Weight& weight, const std::vector<const TensorView*>& tensors) {
  EXPECT_EQ(CheckVector(weight, tensors).message(), "");
  std::vector<float> out(VectorFloats(weight), -1);
  PackVector(weight, tensors, out.data());
  return out;
}

TEST(PackVector, WidensAndJoinsVectorsAndFillsThePanelWithZeros) {
  const Vector a(DType::kF16, 40), b(DType::kBF16, 30, 40), c(DType::kF32, 10, 70);
  const std::vector<float> out = Packed(VectorOf(80), {&a.view, &b.view, &c.view});
  ASSERT_EQ(out.size(), 128u);
  for (std::size_t i = 0; i < 80; ++i) EXPECT_EQ(out[i], static_cast<float>(i));
  for (std::size_t i = 80; i < 128; ++i) EXPECT_EQ(out[i], 0.0f);
}

TEST(PackVector, TheOffsetIsAddedToEntriesOnly) {
  const Vector a(DType::kF32, 33);
  program::Weight weight = VectorOf(33);
  weight.offset = 1;
  const std::vector<float> out = Packed(weight, {&a.view});
  EXPECT_EQ(out[0], 1.0f);
  EXPECT_EQ(out[32], 33.0f);
  EXPECT_EQ(out[33], 0.0f);
}

/// Entry of the vector at a packed column, by the definition of the orders.
int EntryAt(ColumnOrder order, int column, int head_dim) {
  const int lane = column % 32, head = column / head_dim * head_dim, unit = column % head_dim / 32;
  if (order == ColumnOrder::kRopePairs) return column / 32 * 32 + lane % 16 * 2 + lane / 16;
  return head + lane / 16 * head_dim / 2 + unit * 16 + lane % 16;
}

TEST(PackVector, EntriesTakeTheOrderOfThePackedColumns) {
  const Vector q(DType::kF32, 128), k(DType::kF32, 64, 128), v(DType::kF32, 64, 192);
  for (const ColumnOrder order : {ColumnOrder::kRopePairs, ColumnOrder::kRopeHalves}) {
    const std::vector<float> out = Packed(VectorOf(256, order, 192, 64), {&q.view, &k.view, &v.view});
    for (int c = 0; c < 256; ++c) {
      EXPECT_EQ(out[static_cast<std::size_t>(c)], static_cast<float>(c < 192 ? EntryAt(order, c, 64) : c))
          << c;
    }
  }
  const Vector gate(DType::kF32, 64), up(DType::kF32, 64, 1000);
  const std::vector<float> pairs = Packed(VectorOf(128, ColumnOrder::kGateUpPairs), {&gate.view, &up.view});
  EXPECT_EQ(pairs[31], 31.0f);
  EXPECT_EQ(pairs[32], 1000.0f);
  EXPECT_EQ(pairs[64], 32.0f);
  EXPECT_EQ(pairs[127], 1063.0f);
}

TEST(PackVector, WhatIsNoVectorOfFloatsIsRefusedByName) {
  const Vector a(DType::kF32, 32);
  EXPECT_EQ(CheckVector(VectorOf(64), {&a.view}).message(),
            "the tensors of bias (a, b) have 32 elements together instead of 64");
  TensorView codes = a.view;
  codes.type = DType::kQ8_0;
  codes.name = "blk.0.codes";
  const Status refused = CheckVector(VectorOf(32), {&codes});
  EXPECT_EQ(refused.code(), StatusCode::kDataLoss);
  EXPECT_EQ(refused.message(), "tensor blk.0.codes is q8_0, but bias needs a vector of f32, f16 or bf16");
}

TEST(WeightStore, OneTensorCanBePlainAndAVector) {
  const std::string path = testing::TempDir() + "pack_vector_test.gguf";
  ASSERT_TRUE(TinyModel({}).Write(path));
  const auto file = checkpoint::Checkpoint::Open(path);
  ASSERT_TRUE(file.ok()) << file.status().message();
  program::Program program;
  program.weights = {VectorOf(64)};
  program.weights[0].sources = {"output_norm.weight"};
  program.weights[0].offset = 1;
  program.weights.push_back({.name = "output_norm.weight", .sources = {"output_norm.weight"}});
  base::WorkerTeam team(1);
  const auto weights = WeightStore::Create(program, **file, team);
  ASSERT_TRUE(weights.ok()) << weights.status().message();
  const WeightView& vector = weights->view(program::WeightId{0});
  const WeightView& plain = weights->view(program::WeightId{1});
  EXPECT_EQ(vector.form, program::WeightForm::kVector);
  EXPECT_EQ(vector.bytes, 64 * sizeof(float));
  EXPECT_EQ(reinterpret_cast<std::uintptr_t>(vector.data) % 64, 0u);
  for (std::size_t i = 0; i < 64; ++i) {
    EXPECT_EQ(reinterpret_cast<const float*>(vector.data)[i],
              reinterpret_cast<const float*>(plain.data)[i] + 1);
  }
  program.weights[0].sources = {"token_embd.weight"};
  EXPECT_NE(WeightStore::Create(program, **file, team).status().message().find("token_embd.weight is q8_0"),
            std::string::npos);
  std::remove(path.c_str());
}

}  // namespace
}  // namespace vivace::runtime
